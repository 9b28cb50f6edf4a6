"""Clips of unequal lengths for networks of any widths."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from every_network import Clips, random_clips

WIDTHS = {"text": 7, "audio": 5, "visual": 6}
LONGEST = {"text": 6, "audio": 19, "visual": 11}


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
def sims_v2() -> tuple[dict[str, int], dict[str, int]]:
    """Give feature widths and longest lengths of CH-SIMS v2 as it is distributed."""
    return {"text": 768, "audio": 25, "visual": 177}, {"text": 50, "audio": 925, "visual": 232}
