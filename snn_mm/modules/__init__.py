"""LightningModules: the base, then one a paper or task."""
