"""TAAF: attention over time steps, alignment of their numbers, adaptive balanced fusion loss."""
