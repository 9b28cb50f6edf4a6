"""Spiking backbones and their ANN twins, one a file."""

from snn_mm.encoders.base import Encoder, ImageEncoder, InputKind
from snn_mm.encoders.convnet import ConvNet
from snn_mm.encoders.recurrent import RecurrentNet
from snn_mm.encoders.resnet import ResNet18

__all__ = [
    "ConvNet",
    "Encoder",
    "ImageEncoder",
    "InputKind",
    "RecurrentNet",
    "ResNet18",
]
