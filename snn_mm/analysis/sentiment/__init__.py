"""Studies of SGMT and other networks that score sentiment: clips, cases, attention, grids."""
