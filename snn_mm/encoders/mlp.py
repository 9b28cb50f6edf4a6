"""A spiking multilayer perceptron for feature vectors and statistics of sequences; its ANN twin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from spikingjelly.activation_based import layer
from torch import Tensor, nn

from snn_mm.encoders.base import Encoder
from snn_mm.encoders.sequence import check_sequences, check_statistics, full, input_normalisation
from snn_mm.encoders.windows import Statistic, window_statistics
from snn_mm.errors import UserError, check_range
from snn_mm.neurons import (
    IEMFLIF,
    NeuronFactory,
    SpikingSequential,
    is_spiking,
    repeated,
)


class MLP(Encoder):
    """Layers of linear, batch norm, neurons and dropout, on a feature vector for T time steps.

    The vector is a constant current, signs and all: the first linear layer and its batch norm are
    computed once and shared by all steps. With `statistics` an input is a sequence of any length,
    which becomes a vector: the statistics of each of its `windows`, cut as `SequenceEncoder` does,
    side by side. That is what a linear model on pooled features sees.

    Args:
        in_features: D of the input.
        neuron: makes a neuron layer; `torch.nn.ReLU` gives the ANN twin.
        time_steps: T; 1 for the ANN twin.
        hidden: neurons of each layer but the last; few samples are best served by none.
        feature_dim: D of the features, the neurons of the last layer.
        dropout: share of the inputs of each layer but the first that training leaves out, the same
            at all time steps.
        statistics: of a sequence `[N, L, D]`: its `mean`, `std`, `min`, `max`, `delta`, or several
            of them; none if the input is a vector `[N, D]`.
        windows: how many parts of a sequence they are taken of.
        input_norm: normalise what goes in by batch norm without weights.
    """

    def __init__(
        self,
        in_features: int,
        neuron: NeuronFactory = IEMFLIF,
        time_steps: int = 4,
        hidden: Sequence[int] = (),
        feature_dim: int = 256,
        dropout: float = 0.0,
        statistics: Sequence[Statistic] = (),
        windows: int = 1,
        input_norm: bool = True,
    ) -> None:
        super().__init__()
        _check_options(statistics, windows, dropout, time_steps)
        self.in_features, self.statistics, self.windows = in_features, tuple(statistics), windows
        self.time_steps, self.feature_dim = time_steps, feature_dim
        self.takes_lengths = bool(statistics)
        width = in_features * max(1, len(statistics)) * windows
        widths = [width, *hidden, feature_dim]
        self.input_norm = input_normalisation(width, input_norm)
        self.linear = nn.Linear(width, widths[1], bias=False)
        self.norm = nn.BatchNorm1d(widths[1])
        self.neuron = neuron()
        self.layers = nn.ModuleList(
            SpikingSequential(
                layer.Dropout(dropout, step_mode="m"),
                layer.Linear(inputs, outputs, bias=False, step_mode="m"),
                layer.BatchNorm1d(outputs, step_mode="m"),
                neuron(),
            )
            for inputs, outputs in pairwise(widths[1:])
        )
        if time_steps > 1 and not is_spiking(self):
            raise UserError(
                f"MLP: without spiking neurons all {time_steps} time steps compute the same "
                "features; set time_steps: 1"
            )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode vectors `[N, D]`, or sequences `[N, L, D]` of lengths `[N]`, to `[T, N, D]`."""
        current = self.norm(self.linear(self.input_norm(self.vector(x, lengths))))  # [N, D]
        spikes: Tensor = self.neuron(repeated(current, self.time_steps))  # [T, N, D]
        for part in self.layers:
            spikes = part(spikes)
        return spikes

    def advance(self, x: Tensor) -> Tensor:
        """Features `[1, N, D]` of vectors `[N, D]`, shown for one time step."""
        current = self.norm(self.linear(self.input_norm(self.vector(x, None))))  # [N, D]
        spikes: Tensor = self.neuron(current.unsqueeze(0))  # [1, N, D]
        for part in self.layers:
            spikes = part(spikes)
        return spikes

    def cut(self, chunk: Tensor) -> None:
        """Vectors `[N, D]` have no time of their own; statistics of sequences are refused."""
        if self.statistics:
            raise UserError(self._timeless("statistics are those of a whole sequence"))
        self.vector(chunk, None)

    def vector(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What the first layer sees, `[N, D']`: the input, or statistics of sequences."""
        if self.statistics:
            check_sequences("MLP", x, self.in_features)
            pooled = window_statistics(x, full(x, lengths), self.windows, self.statistics)
            return pooled.flatten(1)  # [N, S, D'] -> [N, S*D']
        if x.dim() != 2 or x.shape[1] != self.in_features:
            more = "; of sequences it needs `statistics`" if x.dim() == 3 else ""
            raise UserError(
                f"MLP: an input must be [N, {self.in_features}], this one is {list(x.shape)}{more}"
                "\nSet in_features to what the data module delivers."
            )
        return x


def _check_options(
    statistics: Sequence[str], windows: int, dropout: float, time_steps: int
) -> None:
    check_range("MLP: time_steps", time_steps, 1)
    check_range("MLP: dropout", dropout, 0, 1)
    check_range("MLP: windows", windows, 1)
    if statistics:
        check_statistics("MLP", statistics)
    elif windows > 1:
        raise UserError(f"MLP: windows is {windows}, of what? accepted: statistics: [mean, ...]")
