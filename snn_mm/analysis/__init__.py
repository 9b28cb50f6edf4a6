"""What reads finished runs: reports, figures, costs."""
