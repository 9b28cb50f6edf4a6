"""How what is logged is called in figures: factors of the training, and their parts."""

from __future__ import annotations

from typing import NamedTuple

SYMBOLS = {"k": "k", "rho": "ρ", "score": "score", "accelerate": "accelerate", "entropy": "entropy"}
"""Factors that each modality has one of, on scales of their own: `loss_adjustment/rho_audio`."""

NAMES = {
    **{name: name.upper() for name in ("iemf", "ogm", "mslr", "agm", "lfm", "pmr")},
    "ogm_ge": "OGM-GE",
    "xi": "ξ",
}
"""How papers write what is logged under another name."""


class FactorPlace(NamedTuple):
    """Where a factor is drawn: in the panel of its prefix and symbol, under its label."""

    prefix: str
    symbol: str
    label: str


def place_of(name: str) -> FactorPlace:
    """Where a factor of this name is drawn.

    Example:
        >>> place_of("loss_adjustment/rho_audio")
        FactorPlace(prefix='loss_adjustment', symbol='ρ', label='audio')
    """
    prefix, _, last = name.rpartition("/")
    symbol, _, modality = last.partition("_")
    if symbol in SYMBOLS and modality:
        return FactorPlace(prefix or last, SYMBOLS[symbol], modality)
    return FactorPlace(prefix or last, "", last)


def spoken(name: str) -> str:
    """A part of a logged name as a reader says it.

    Example:
        >>> spoken("gradient_norm"), spoken("ogm_ge")
        ('gradient norm', 'OGM-GE')
    """
    return NAMES.get(name, name.replace("_", " "))
