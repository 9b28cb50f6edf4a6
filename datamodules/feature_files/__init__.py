"""Distributed files of sentiment features: read without running anything, stored once, mapped."""
