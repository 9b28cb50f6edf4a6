"""Clips of unequal lengths, and what every network that scores them has to fulfil."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from snn_mm.modules.sentiment.network import SentimentNetwork

sys.path.insert(0, str(Path(__file__).parent))  # makes every_network importable

WIDTHS = {"text": 7, "audio": 5, "visual": 6}
LONGEST = {"text": 6, "audio": 19, "visual": 11}


class Clips(NamedTuple):
    """A batch in float64: sequences `[N, L, D]` and lengths `[N]` by modality."""

    inputs: dict[str, Tensor]
    lengths: dict[str, Tensor]

    def alone(self, i: int) -> Clips:
        """Clip i in a batch of its own, without any padding."""
        cut = {name: x[i : i + 1, : self.lengths[name][i]] for name, x in self.inputs.items()}
        return Clips(cut, {name: length[i : i + 1] for name, length in self.lengths.items()})

    def padded_with(self, value: float) -> Clips:
        """The same clips with other values in their padding."""
        return Clips(
            {
                name: torch.stack(
                    [
                        torch.cat([row[:n], torch.full_like(row[n:], value)])
                        for row, n in zip(x, self.lengths[name].tolist(), strict=True)
                    ]
                )
                for name, x in self.inputs.items()
            },
            self.lengths,
        )


def random_clips(network: SentimentNetwork, samples: int = 5, seed: int = 0) -> Clips:
    """Random clips for a network, the first as long as its data allow, each at least one step."""
    generator = torch.Generator().manual_seed(seed)
    inputs, lengths = {}, {}
    for name, dim in network.feature_dims.items():
        longest = network.max_lengths[name]
        inputs[name] = torch.randn(samples, longest, dim, generator=generator, dtype=torch.float64)
        lengths[name] = torch.randint(1, longest + 1, (samples,), generator=generator)
        lengths[name][0], lengths[name][-1] = longest, 1
    return Clips(inputs, lengths)


def assert_ignores_padding(network: SentimentNetwork) -> None:
    """In evaluation, a clip alone scores as in a batch with longer ones, padded with anything."""
    network = network.double().eval()
    clips = random_clips(network)
    for filler in (float("nan"), 1e3):
        together = network(*clips.padded_with(filler))
        assert len(together["fused"].unique()) == 5, "a network that says one thing proves nothing"
        for i in range(5):
            for head, score in network(*clips.alone(i)).items():
                torch.testing.assert_close(score, together[head][i : i + 1], rtol=1e-9, atol=1e-12)


def trained_alike(network: SentimentNetwork) -> None:
    """In training, neither gradients nor what is tracked depends on what the padding holds."""
    network = network.double().train()
    clips, states = random_clips(network), []
    start = {name: value.clone() for name, value in network.state_dict().items()}
    for filler in (0.0, float("nan"), 1e3):
        network.load_state_dict(start)
        network.zero_grad()
        torch.manual_seed(0)
        sum(score.sum() for score in network(*clips.padded_with(filler)).values()).backward()
        gradients = {name: p.grad.clone() for name, p in network.named_parameters()}
        states.append((gradients, {n: v.clone() for n, v in network.state_dict().items()}))
    for other in states[1:]:
        torch.testing.assert_close(other, states[0], rtol=1e-9, atol=1e-12)


def without_gradient(network: SentimentNetwork) -> list[str]:
    """Names of parameters that no score of a training step depends on."""
    network = network.double().train()
    torch.manual_seed(0)
    scores = network(*random_clips(network, samples=32))
    sum(score.square().sum() for score in scores.values()).backward()
    return [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Draw the same weights whichever tests run: small layers of ReLU units can be born dead."""
    torch.manual_seed(0)


@pytest.fixture
def widths() -> Callable[..., tuple[dict[str, int], dict[str, int]]]:
    """Give small feature widths and longest lengths of the modalities named; of all three."""

    def choose(*modalities: str) -> tuple[dict[str, int], dict[str, int]]:
        names = modalities or tuple(WIDTHS)
        return {name: WIDTHS[name] for name in names}, {name: LONGEST[name] for name in names}

    return choose


@pytest.fixture
def clips_for() -> Callable[..., Clips]:
    """Give random clips for a network."""
    return random_clips


@pytest.fixture
def padding_is_ignored() -> Callable[[SentimentNetwork], None]:
    """Check scores of a clip alone against those in a batch, and training under any padding."""

    def check(network: SentimentNetwork) -> None:
        trained_alike(network)
        assert_ignores_padding(network)

    return check


@pytest.fixture
def parameters_without_gradient() -> Callable[[SentimentNetwork], list[str]]:
    """List what a training step would leave untrained."""
    return without_gradient


@pytest.fixture
def sims_v2() -> tuple[dict[str, int], dict[str, int]]:
    """Give feature widths and longest lengths of CH-SIMS v2 as it is distributed."""
    return {"text": 768, "audio": 25, "visual": 177}, {"text": 50, "audio": 925, "visual": 232}
