"""Small networks and made-up questions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snn_mm.metrics.avqa import QUESTION_KINDS
from snn_mm.modules import AVQAModule
from snn_mm.modules.avqa import GroundedFrames, PooledFrames, QuestionFusion, SoundEncoder
from snn_mm.neurons import IEMFLIF, NeuronFactory

SECONDS, WIDTH, WORDS, ANSWERS = 5, 8, 11, 6
LOUD = 4.0
"""Makes sound and frames strong enough for fresh neurons to fire."""


def questions(samples: int, negatives: bool = False, seed: int = 0) -> dict[str, Any]:
    """A batch in the form of MUSIC-AVQA, with everything smaller."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return LOUD * torch.randn(samples, *shape, generator=generator)

    inputs = {
        "audio": draw(SECONDS, 3),
        "visual": draw(SECONDS, WIDTH, 2, 3),
        "question": torch.randint(WORDS, (samples, 4), generator=generator),
    }
    if negatives:
        inputs["negative"] = draw(SECONDS, WIDTH, 2, 3)
    return {
        "inputs": inputs,
        "target": torch.arange(samples) % ANSWERS,
        "kind": torch.arange(samples) % len(QUESTION_KINDS),
        "id": [f"video{i}:{i}" for i in range(samples)],
    }


def module(
    grounded: bool = True, neuron: NeuronFactory | None = None, form: str = "iemf", **options: Any
) -> AVQAModule:
    """Baseline or ST-AVQA, as an ANN or with neurons in all places."""
    torch.manual_seed(0)
    places: dict[str, Any] = {} if neuron is None else {"neuron": neuron}
    frames: dict[str, Any] = {**places, **({"match_neuron": neuron} if neuron else {})}
    encoders = {
        "audio": SoundEncoder(3, feature_dim=WIDTH, **places),
        "visual": GroundedFrames(WIDTH, **frames) if grounded else PooledFrames(WIDTH, **places),
    }

    def fusion(dims: dict[str, int], classes: int) -> QuestionFusion:
        return QuestionFusion(
            dims, classes, temporal_mean=grounded, attention_heads=2, form=form, **places
        )

    return AVQAModule(encoders, fusion, ANSWERS, WORDS, **options)


def spiking(**options: Any) -> AVQAModule:
    """ST-AVQA with neurons."""
    return module(neuron=IEMFLIF, **options)


NEURONS: dict[str, NeuronFactory | None] = {"ann": None, "snn": IEMFLIF}
