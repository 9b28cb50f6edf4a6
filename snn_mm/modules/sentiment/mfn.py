"""MFN: LSTMs, attention over how their cells change, and a memory (memory fusion network)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from snn_mm.contracts import Presence
from snn_mm.modules.sentiment.memory import (
    Hidden,
    MemoryNetwork,
    delayed,
    hold_last,
    states_of_present,
    two_layers,
)
from snn_mm.presence import present_rows

HIDDEN = {"text": 128, "audio": 16, "visual": 128}
ATTENTION, PROPOSAL = Hidden(32, 0.2), Hidden(128, 0.5)
RETAIN, UPDATE = Hidden(32, 0.5), Hidden(32, 0.2)
OUTPUT = Hidden(64, 0.2)


class MFN(MemoryNetwork):
    """Memory fusion: an LSTM each modality, delta-memory attention, a multi-view gated memory.

    Structure and defaults are MMSA's (its settings for CH-SIMS v2). MMSA averages audio and vision
    over the padded clip and repeats that one frame at every step, so that its LSTMs see constants,
    and runs on through the padding of text; here they are sequences, and a clip's states and memory
    stay as they are once it has ended.

    Source: Zadeh et al., AAAI 2018, arXiv 1802.00927.

    Args:
        attention: hidden layer of the attention; `NN1Config`.
        options: those of `MemoryNetwork`.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int] = HIDDEN,
        attention: Hidden = ATTENTION,
        proposal: Hidden = PROPOSAL,
        retain: Hidden = RETAIN,
        update: Hidden = UPDATE,
        output: Hidden = OUTPUT,
        **options: Any,
    ) -> None:
        super().__init__(
            feature_dims, max_lengths, hidden, proposal, retain, update, output, **options
        )
        for name, dim in self.feature_dims.items():
            self.encoders[name] = CellLSTM(dim, self.units[name])
        units = sum(self.units.values())
        self.attention = DeltaMemoryAttention(units, attention)
        self.build_memory(2 * units)

    def attend(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None,
    ) -> tuple[Tensor, Tensor]:
        """Last states `[N, D]`, and attended cells `[N, T, 2 D]`, of `[N, T, D]` by modality."""
        states = [
            states_of_present(
                *(lstm, present_rows(present, name), inputs[name], lengths[name], self.units[name])
            )
            for name, lstm in self.encoders.items()
        ]
        last = torch.cat([hidden[:, -1] for hidden, _ in states], dim=-1)  # M x [N, T, D] -> [N, D]
        cells = torch.cat([cell for _, cell in states], dim=-1)
        return last, self.attention(cells, self._absent(present, last.shape[0]))

    def _absent(self, present: Presence | None, samples: int) -> Tensor | None:
        """Which features of all cells are of absent modalities, `[N, D]`; None if none is."""
        if present is None:
            return None
        like = next(iter(present.values()))
        masks = [~present.get(name, torch.ones_like(like)) for name in self.units]
        widths = zip(masks, self.units.values(), strict=True)
        return torch.cat([mask.unsqueeze(1).expand(samples, n) for mask, n in widths], dim=1)


class CellLSTM(nn.Module):
    """An LSTM that shows its cell at every step, which `nn.LSTM` does not.

    Args:
        feature_dim: D.
        units: D'.
    """

    def __init__(self, feature_dim: int, units: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(feature_dim, units)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states and cells, `[N, T, D']` each, held after the last valid step.

        Args:
            x: `[N, T, D]`, zero beyond lengths.
            lengths: `[N]`.
        """
        zeros = x.new_zeros(x.shape[0], self.cell.hidden_size)
        state = (zeros, zeros)
        states = [state := self.cell(step, state) for step in x.unbind(1)]
        hidden, cell = zip(*states, strict=True)
        return hold_last(torch.stack(hidden, 1), lengths), hold_last(torch.stack(cell, 1), lengths)


class DeltaMemoryAttention(nn.Module):
    """Attention over the cells of two steps, a[t] ⊙ c with c = (c[t-1], c[t]).

    The softmax a[t] runs over the features of all modalities at both steps; of those that a sample
    lacks there is none to attend to.

    Source: Zadeh et al., AAAI 2018, arXiv 1802.00927.

    Args:
        units: D of all modalities' cells.
        hidden: hidden layer of the network that makes the attention.
    """

    def __init__(self, units: int, hidden: Hidden) -> None:
        super().__init__()
        self.scorer = two_layers(2 * units, hidden, 2 * units)

    def forward(self, cells: Tensor, absent: Tensor | None = None) -> Tensor:
        """Attended cells `[N, T, 2 D]` of cells `[N, T, D]`; zeros before the first step.

        Args:
            cells: `[N, T, D]`.
            absent: which features are of modalities that a sample lacks, `[N, D]` in bool.
        """
        both = torch.cat([delayed(cells), cells], dim=-1)  # [N, T, 2 D]
        scores: Tensor = self.scorer(both)
        if absent is not None:
            scores = scores.masked_fill(absent.repeat(1, 2).unsqueeze(1), -torch.inf)
        return scores.softmax(dim=-1) * both
