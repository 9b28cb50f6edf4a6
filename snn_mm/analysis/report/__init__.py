"""From run directories to a page: tables, curves, energy, and where each number comes from."""
