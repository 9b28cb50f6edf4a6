"""Networks that score sentiment from sequences of features: SGMT and its baselines."""
