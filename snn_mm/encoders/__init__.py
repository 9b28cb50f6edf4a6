"""Spiking backbones and their ANN twins, one a file."""

from snn_mm.encoders.base import Encoder, ImageEncoder, InputKind
from snn_mm.encoders.convnet import ConvNet
from snn_mm.encoders.mlp import MLP
from snn_mm.encoders.recurrent import RecurrentNet
from snn_mm.encoders.resnet import ResNet18
from snn_mm.encoders.sequence import SequenceEncoder
from snn_mm.encoders.sequence_rnn import SequenceRNN
from snn_mm.encoders.sequence_tcn import SequenceTCN

__all__ = [
    "MLP",
    "ConvNet",
    "Encoder",
    "ImageEncoder",
    "InputKind",
    "RecurrentNet",
    "ResNet18",
    "SequenceEncoder",
    "SequenceRNN",
    "SequenceTCN",
]
