"""What a run that goes on takes over from its checkpoint, and what its new settings change."""
