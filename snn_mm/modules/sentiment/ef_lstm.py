"""EF-LSTM: early fusion, one LSTM over the features of all modalities side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snn_mm.contracts import FUSED, Presence
from snn_mm.modules.sentiment.absence import settled
from snn_mm.modules.sentiment.heads import HeadOutput
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.modules.sentiment.subnets import check_normalisable, last_state
from snn_mm.sequences import align_steps, valid_mask


class EFLSTM(SentimentNetwork):
    """Early fusion: modalities brought to the same steps, concatenated, and read by an LSTM.

    Structure and defaults are MMSA's (its settings for CH-SIMS v2), with three differences. MMSA
    normalises each of 50 time steps over clips and features, which ties the network to that length
    and counts the padding in; here each feature is normalised over the valid steps of all clips.
    Audio and vision are averaged over windows of valid steps, and the LSTM stops at the last valid
    step of the longest modality.

    Args:
        hidden: units of each layer of the LSTM, and of the layer after it.
        layers: of the LSTM.
        dropout: between layers of the LSTM, and before each layer of the head.
        steps: at most so many steps does the LSTM make; MMSA's is the length of text.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: int = 128,
        layers: int = 3,
        dropout: float = 0.2,
        steps: int = 50,
    ) -> None:
        super().__init__(feature_dims, max_lengths)
        self.steps = steps
        for name, dim in self.feature_dims.items():
            self.encoders[name] = SequenceNorm(dim)
        between = dropout if layers > 1 else 0.0
        total = sum(self.feature_dims.values())
        self.lstm = nn.LSTM(total, hidden, layers, dropout=between, batch_first=True)
        self.fused_head = nn.Sequential(
            nn.Dropout(dropout),
            *(nn.Linear(hidden, hidden), nn.ReLU()),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1),
            HeadOutput(),
        )

    def forward(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None = None,
    ) -> dict[str, Tensor]:
        """Fused scores `[N]` of sequences `[N, L, D]` and lengths `[N]` by modality."""
        aligned, valid = align_steps(inputs, lengths, self.max_lengths, self.steps)
        normed = [norm(aligned[name], valid[name]) for name, norm in self.encoders.items()]
        longest = torch.stack(list(valid.values())).amax(dim=0)  # [M, N] -> [N]
        state = last_state(self.lstm, torch.cat(normed, dim=-1), longest)
        return {FUSED: self.fused_head(state)}


class SequenceNorm(nn.Module):
    """Batch norm of each feature over the valid steps of all sequences.

    Args:
        feature_dim: D.
    """

    def __init__(self, feature_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(feature_dim)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Normalised sequences `[N, L, D]` with zeros beyond their lengths `[N]`."""
        mask = valid_mask(lengths, x.shape[1])
        steps = x[mask]  # [N, L, D] -> [valid steps, D]
        if not len(steps):  # no sample has the modality
            return torch.zeros_like(x)
        # Of several samples with a step each, all but one lack it: that one has no batch.
        with settled(self.norm, 1 if len(x) > len(steps) == 1 else 2):
            check_normalisable(self.norm, len(steps))
            normed: Tensor = self.norm(steps)
        return normed.new_zeros(x.shape).masked_scatter(mask.unsqueeze(-1), normed)
