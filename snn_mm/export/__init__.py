"""Trained networks as files that need no snn_mm, each with a card and a proof.

`graph` traces a module with torch.export, `nir_graph` writes its neurons as NIR, `formats` has
what reads and writes each format, `proof` compares a file with the module, `rounding` tells whether
only spikes at their threshold differ, `card` says what a file is.
"""
