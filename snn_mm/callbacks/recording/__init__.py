"""What is kept of a run: its record and checkpoints, spikes, factors, energy, the task matrix."""
