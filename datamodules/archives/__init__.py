"""Data sets that come as one `.npz` archive of recordings."""
