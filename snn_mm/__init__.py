"""Train, compare and explain multimodal spiking neural networks.

Importing this package stays cheap: nothing here imports torch, so `snnmm --help` answers at once.

The alphabet of every shape in this project: T time steps, N batch, C channels, H W height and
width, F frequency bins, L frames or sequence length, D features, K classes, M modalities.
"""

__version__ = "0.1.0"
