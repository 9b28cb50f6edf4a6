"""Data sets as LightningDataModules; they know nothing of models."""
