"""Sentiment from sequences of features: distributed feature files, CSV and HDF5."""
