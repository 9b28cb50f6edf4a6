"""IEMF: joint unimodal learning, and the theorem on its update as numbers (`theory`)."""
