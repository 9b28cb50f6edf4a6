"""Modulations of a training: their contract, then one method a file; formulas in `functional`."""
