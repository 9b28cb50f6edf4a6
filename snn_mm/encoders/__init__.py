"""Spiking backbones and their ANN twins, one a file."""
