"""What MFN and Graph-MFN share: states of each modality, and a gated memory of what they say."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from snn_mm.contracts import FUSED, Presence
from snn_mm.modules.sentiment.absence import on_samples
from snn_mm.modules.sentiment.heads import HeadOutput
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.modules.sentiment.subnets import size_of
from snn_mm.sequences import Padding, align_steps, last_valid


@dataclass(frozen=True)
class Hidden:
    """The hidden layer of a network of two layers.

    Attributes:
        units: of the layer.
        dropout: share of them that training sets to zero.
    """

    units: int
    dropout: float = 0.0


def two_layers(in_features: int, hidden: Hidden, out_features: int) -> nn.Sequential:
    """Linear, ReLU, dropout, linear, of any shape `[..., D]`."""
    return nn.Sequential(
        nn.Linear(in_features, hidden.units),
        nn.ReLU(),
        nn.Dropout(hidden.dropout),
        nn.Linear(hidden.units, out_features),
    )


def hold_last(states: Tensor, lengths: Tensor) -> Tensor:
    """States `[N, T, D]` that stay as they are after lengths `[N]`."""
    steps = torch.arange(states.shape[1], device=states.device)
    index = torch.minimum(steps, lengths.unsqueeze(1) - 1)  # [N, T]
    return states.gather(1, index.unsqueeze(-1).expand(-1, -1, states.shape[2]))


def delayed(states: Tensor) -> Tensor:
    """States `[N, T, D]` one step later, zeros first."""
    return torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1)


def states_of_present(
    lstm: nn.Module, rows: Tensor | None, x: Tensor, lengths: Tensor, units: int
) -> tuple[Tensor, Tensor]:
    """Both `[N, T, D]` that a modality's LSTM gives, zero for samples without the modality.

    Args:
        lstm: of sequences and lengths; its biases would make states of what is absent.
        rows: which samples are there, `[n]`; None is all.
        x: `[N, T, D']`.
        lengths: `[N]`.
        units: D.

    Example:
        >>> lstm = lambda x, lengths: (x + 1, x + 2)
        >>> x, lengths = torch.zeros(2, 1, 1), torch.tensor([0, 1])
        >>> first, second = states_of_present(lstm, torch.tensor([1]), x, lengths, units=1)
        >>> first.flatten(), second.flatten()
        (tensor([0., 1.]), tensor([0., 2.]))
    """
    if rows is None:
        first, second = lstm(x, lengths)
        return first, second
    both = on_samples(
        lambda *operands: torch.cat(lstm(*operands), dim=-1),
        *(rows, x, lengths),
        shape=(x.shape[1], 2 * units),
    )
    first, second = both.chunk(2, dim=-1)
    return first, second


class GatedMemory(nn.Module):
    """Multi-view gated memory, u[t] = γ1[t] u[t-1] + γ2[t] û[t] (MFN).

    γ1 and γ2, in (0, 1), are networks of two layers over what is attended to and u[t-1]; what they
    make of the former is computed for all steps at once. Both hidden layers are one matrix.

    Source: Zadeh et al., AAAI 2018, arXiv 1802.00927.

    Args:
        attended_dim: D, features of what is attended to.
        memory_dim: D' of the memory.
        retain: hidden layer of γ1.
        update: hidden layer of γ2.
    """

    def __init__(self, attended_dim: int, memory_dim: int, retain: Hidden, update: Hidden) -> None:
        super().__init__()
        self.sizes = [attended_dim, memory_dim]
        self.units = [retain.units, update.units]
        self.hidden = nn.Linear(attended_dim + memory_dim, retain.units + update.units)
        self.retain = self._gate(retain, memory_dim)
        self.update = self._gate(update, memory_dim)

    def forward(self, attended: Tensor, proposal: Tensor) -> Tensor:
        """The memory `[N, T, D']` after every step.

        Args:
            attended: `[N, T, D]`.
            proposal: û, `[N, T, D']`.
        """
        from_attended, from_memory = torch.split(self.hidden.weight, self.sizes, dim=1)
        known = nn.functional.linear(attended, from_attended, self.hidden.bias)  # [N, T, H1 + H2]
        memory = proposal.new_zeros(proposal.shape[0], proposal.shape[2])
        memories = []
        for known_now, proposed in zip(known.unbind(1), proposal.unbind(1), strict=True):
            hidden = torch.addmm(known_now, memory, from_memory.T).relu()
            for_retain, for_update = torch.split(hidden, self.units, dim=1)
            memory = self.retain(for_retain) * memory + self.update(for_update) * proposed
            memories.append(memory)
        return torch.stack(memories, dim=1)

    def _gate(self, hidden: Hidden, memory_dim: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Dropout(hidden.dropout), nn.Linear(hidden.units, memory_dim), nn.Sigmoid()
        )


class MemoryNetwork(SentimentNetwork):
    """Base of the networks that score the last states of all modalities beside a gated memory.

    Modalities are brought to the same steps. After a modality's last valid step its states stay as
    they are, and the memory is read at the last valid step of the longest modality.

    Args:
        hidden: units of each modality's LSTM by modality; in Graph-MFN of its vertex too.
        memory: size of the memory; MMSA's `memsize`.
        proposal: hidden layer of what is proposed to the memory; MMSA's `NN2Config`, and
            `NNConfig` of Graph-MFN.
        retain: hidden layer of the gate of what is kept; `gamma1Config`.
        update: hidden layer of the gate of what is proposed; `gamma2Config`.
        output: hidden layer of the head; `outConfig`.
        steps: at most so many steps does the network make; MMSA's is the length of text.
        padding: `masked` averages valid steps alone, `averaged` as MMSA averages sequences.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        hidden: dict[str, int],
        proposal: Hidden,
        retain: Hidden,
        update: Hidden,
        output: Hidden,
        memory: int = 400,
        steps: int = 50,
        padding: Padding = "masked",
    ) -> None:
        super().__init__(feature_dims, max_lengths)
        self.steps, self.padding, self.memory_dim = steps, padding, memory
        self.layers = (proposal, retain, update, output)
        self.units = {name: size_of(hidden, name, "hidden") for name in self.modalities}

    def build_memory(self, attended_dim: int) -> None:
        """Make the memory and the head.

        Args:
            attended_dim: features of what `attend` gives.
        """
        proposal, retain, update, output = self.layers
        self.proposal = two_layers(attended_dim, proposal, self.memory_dim)
        self.memory = GatedMemory(attended_dim, self.memory_dim, retain, update)
        head = two_layers(sum(self.units.values()) + self.memory_dim, output, 1)
        self.fused_head = head.append(HeadOutput())

    @abstractmethod
    def attend(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None,
    ) -> tuple[Tensor, Tensor]:
        """States and what of them is attended to.

        Args:
            inputs: `[N, T, D]` by modality, zero beyond their lengths.
            lengths: `[N]` by modality.
            present: which samples have a modality, `[N]`; None where all have all.

        Returns:
            States of all modalities side by side after the last step, `[N, D]`, and what the
            memory gets to see, `[N, T, D']`.
        """

    def forward(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None = None,
    ) -> dict[str, Tensor]:
        """Scores `[N]` of the fused head, of `[N, L, D]` and lengths `[N]` by modality."""
        aligned, valid = align_steps(inputs, lengths, self.max_lengths, self.steps, self.padding)
        states, attended = self.attend(aligned, valid, present)
        memory = self.memory(attended, torch.tanh(self.proposal(attended)))
        longest = torch.stack(list(valid.values())).amax(dim=0)  # [M, N] -> [N]
        remembered = last_valid(memory, longest)  # [N, T, D'] -> [N, D']
        return {FUSED: self.fused_head(torch.cat([states, remembered], dim=-1))}
