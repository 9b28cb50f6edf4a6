"""What a trained network takes each class for, and how its features lie."""
