"""Waveforms, spectrograms and noise."""
