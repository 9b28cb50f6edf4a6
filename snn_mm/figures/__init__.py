"""Figures that a run draws while it trains, and the style of all figures."""
