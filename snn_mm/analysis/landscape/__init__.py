"""The loss around a trained network: random directions, lines and grids, sharpness, figures."""
