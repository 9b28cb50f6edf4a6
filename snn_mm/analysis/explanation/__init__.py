"""What a trained network made of one sample, as a page; and whether its explanations hold."""
