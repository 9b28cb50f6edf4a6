"""What a config says: its keys and classes, its mistakes, and a run made again from it."""
