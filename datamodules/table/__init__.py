"""A person's own samples, listed in a table."""
