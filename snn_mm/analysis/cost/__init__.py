"""What it costs to reach an error: epochs times the operations of an epoch."""
