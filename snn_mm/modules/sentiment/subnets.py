"""What MMSA's late-fusion baselines share: a network for each modality, and heads that score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from snn_mm.contracts import FUSED, Presence
from snn_mm.errors import UserError
from snn_mm.modules.sentiment.absence import on_samples
from snn_mm.modules.sentiment.heads import HeadOutput
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.presence import present_rows
from snn_mm.sequences import masked_mean

TEXT = "text"
"""The modality that is read step by step; every other one is averaged over its steps."""


class PooledSubnet(nn.Module):
    """One vector of a sequence: the mean of its valid steps through three layers of ReLU units.

    MMSA averages the zeros of the padding in, so there a clip's vector depends on how long the
    longest clip of the file is.

    Args:
        feature_dim: D.
        out_features: units of each of the three layers.
        dropout: share of the normalised mean's features that training sets to zero.
    """

    def __init__(self, feature_dim: int, out_features: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(feature_dim)
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            *(nn.Linear(feature_dim, out_features), nn.ReLU()),
            *(nn.Linear(out_features, out_features), nn.ReLU()),
            *(nn.Linear(out_features, out_features), nn.ReLU()),
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Vectors `[N, D']` of sequences `[N, L, D]` with lengths `[N]`."""
        mean = masked_mean(x, lengths)  # [N, L, D] -> [N, D]
        check_normalisable(self.norm, len(mean))
        features: Tensor = self.layers(self.norm(mean))
        return features


class TextSubnet(nn.Module):
    """One vector of a sequence: a linear map of an LSTM's state after the last valid step.

    MMSA takes the state after the last step of the padding. Its dropout of text is 0 whatever the
    settings say, since its LSTM has one layer; there is none here.

    Args:
        feature_dim: D.
        hidden: units of the LSTM.
        out_features: size of the vector.
    """

    def __init__(self, feature_dim: int, hidden: int, out_features: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(feature_dim, hidden, batch_first=True)
        self.projection = nn.Linear(hidden, out_features)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Vectors `[N, D']` of sequences `[N, L, D]` with lengths `[N]`."""
        features: Tensor = self.projection(last_state(self.lstm, x, lengths))
        return features


class LateFusion(SentimentNetwork):
    """Base of the networks that make one vector of each modality and fuse the vectors.

    Args:
        hidden: units of each modality's network by modality.
        text_out: size of the vector of text; of other modalities it is `hidden`.
        dropout: share of the features that training sets to zero in all modalities but text.
        fused_hidden: units of each layer of the fused head.
        fused_dropout: share of what the fused head gets that training sets to zero.
        head_hidden: units of each layer of a unimodal head by modality.
        head_dropout: share of the vector that training sets to zero before a unimodal head.

    Attributes:
        widths: size of each modality's vector.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: Mapping[str, int],
        text_out: int,
        dropout: float,
    ) -> None:
        super().__init__(feature_dims, max_lengths)
        self.widths: dict[str, int] = {}
        for name, dim in self.feature_dims.items():
            units = size_of(hidden, name, "hidden")
            is_text = name == TEXT
            self.widths[name] = text_out if is_text else units
            self.encoders[name] = (
                TextSubnet(dim, units, text_out) if is_text else PooledSubnet(dim, units, dropout)
            )

    def add_unimodal_heads(self, hidden: Mapping[str, int], dropout: float) -> None:
        """Make a head for each modality's own score; see `head_hidden` and `head_dropout`."""
        for name, width in self.widths.items():
            units = size_of(hidden, name, "head_hidden")
            self.unimodal_heads[name] = score_head(width, units, dropout)

    @abstractmethod
    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused scores `[N]` of vectors `[N, D]` by modality."""

    def forward(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None = None,
    ) -> dict[str, Tensor]:
        """Scores `[N]` by head, of sequences `[N, L, D]` and lengths `[N]` by modality."""
        rows = {name: present_rows(present, name) for name in self.modalities}
        features = {
            name: on_samples(
                subnet, rows[name], inputs[name], lengths[name], shape=(self.widths[name],)
            )
            for name, subnet in self.encoders.items()
        }
        scores = {
            name: on_samples(head, rows[name], features[name], shape=self.output_shape)
            for name, head in self.unimodal_heads.items()
        }
        return {**scores, FUSED: self.fuse(features)}


def score_head(in_features: int, hidden: int, dropout: float) -> nn.Sequential:
    """Two layers of ReLU units that make one score `[N]` of each vector `[N, D]`.

    Args:
        in_features: D.
        hidden: units of each layer.
        dropout: share of the vector that training sets to zero.
    """
    return nn.Sequential(
        nn.Dropout(dropout),
        *(nn.Linear(in_features, hidden), nn.ReLU()),
        *(nn.Linear(hidden, hidden), nn.ReLU()),
        nn.Linear(hidden, 1),
        HeadOutput(),
    )


def last_state(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> Tensor:
    """State `[N, D]` of an LSTM's last layer after the last valid step.

    Args:
        lstm: with `batch_first`.
        x: `[N, L, D]`; padding is never read.
        lengths: `[N]`.
    """
    packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    _, (states, _) = lstm(packed)
    last: Tensor = states[-1]  # [layers, N, D] -> [N, D]
    return last


def size_of(sizes: Mapping[str, int], modality: str, key: str) -> int:
    """The size set for a modality.

    Raises:
        UserError: there is none.
    """
    if modality not in sizes:
        raise UserError(
            f"model.network.{key}: no size for {modality}, only for {', '.join(sizes) or 'none'}"
        )
    return sizes[modality]


def check_normalisable(module: nn.Module, samples: int) -> None:
    """Refuse to train a batch norm on one sample, which has no variance.

    Raises:
        UserError: names the loader's option that leaves out such a batch.
    """
    if module.training and samples == 1:
        raise UserError(
            "data.loader: a training batch holds one sample alone, which batch norm can't take\n"
            "accepted: drop_last: true, or a batch_size that leaves at least two"
        )
