"""What a user may have meant by a key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MEANT = {
    "seed": "seed_everything",
    "epochs": "max_epochs",
    "steps": "max_steps",
    "gpus": "devices",
    "learning_rate": "lr",
    "batchsize": "batch_size",
    "batch": "batch_size",
    "workers": "num_workers",
}
"""Words that other programs have for keys of ours."""

LIKE = 0.5
"""How much a name must look like what was typed, from 0 to 1, as `difflib` counts it."""

VERY_LIKE = 0.75
"""The same for a key that stands elsewhere: there are many more of them."""


def nearest(word: str, names: Iterable[str], count: int = 3, cutoff: float = LIKE) -> list[str]:
    """The names that look most like a word, best first.

    Args:
        word: what was typed.
        names: what it may have meant.
        count: how many at most.
        cutoff: how alike they must be, from 0 to 1, as `difflib` counts it.
    """
    by_lower = {name.lower(): name for name in names}
    found = difflib.get_close_matches(word.lower(), by_lower, n=count, cutoff=cutoff)
    return [by_lower[name] for name in found]


def suggest(word: str, accepted: Iterable[str], elsewhere: Iterable[str] = ()) -> str:
    """A line with the nearest names, or with the first ones where none is near.

    Args:
        word: what was typed.
        accepted: names that could stand in its place.
        elsewhere: dotted keys of other places, one of which may have this very name.
    """
    accepted, places = list(accepted), by_leaf(elsewhere)
    named = [key for name in (MEANT.get(word), word) if name for key in places.get(name, ())]
    beside = nearest(word, accepted, cutoff=VERY_LIKE)
    named = [key for key in named if key.rpartition(".")[2] not in beside]
    far = [key for leaf in nearest(word, places, cutoff=VERY_LIKE) for key in places[leaf]]
    near = [*beside, *named] or far or nearest(word, accepted)
    if near:
        return f"\nnearest: {', '.join(list(dict.fromkeys(near))[:3])}"
    more = ", ..." if len(accepted) > 8 else ""
    return f"\naccepted: {', '.join(accepted[:8])}{more}" if accepted else ""


def by_leaf(keys: Iterable[str]) -> dict[str, list[str]]:
    """Dotted keys by their last word, those with fewer words first."""
    found: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: key.count(".")):
        found.setdefault(key.rpartition(".")[2], []).append(key)
    return found
