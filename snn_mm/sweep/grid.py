"""What is varied: `--grid key=a,b` and `--seeds 5` as axes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import yaml

from snn_mm.errors import UserError

CONFIG = "config"
"""The key whose values are further config files, for what has no key of its own."""

SEED = "seed"
"""Label of the axis that `--seeds` makes."""

WRAPPERS = ("init_args", "dict_kwargs")


@dataclass(frozen=True)
class Axis:
    """One thing that is varied.

    Attributes:
        keys: keys of the config that get the value; more than one only for seeds.
        values: what they get, as one would type it after `--key=`.
        label: its name in run ids.
    """

    keys: tuple[str, ...]
    values: tuple[str, ...]
    label: str

    @property
    def name(self) -> str:
        """What a message calls it."""
        return "--seeds" if self.label == SEED else f"--grid {self.keys[0]}"


def parse_axes(grids: Sequence[str], seeds: str | None, seed_keys: str) -> list[Axis]:
    """Read the axes of a sweep, the seeds last, so that runs to be averaged stand together.

    Args:
        grids: what was given with `--grid`, such as `model.fusion=Concat,FiLM`.
        seeds: a count, which stands for 0 to count - 1, or seeds with commas.
        seed_keys: keys that get the seed, with commas.

    Raises:
        UserError: one of them can't be read, or two say something of the same key.
    """
    pairs = [_split(grid) for grid in grids]
    labels = short_labels([key for key, _ in pairs])
    axes = [Axis((key,), parse_values(key, text), labels[key]) for key, text in pairs]
    if seeds is not None:
        keys = tuple(key.strip() for key in seed_keys.split(","))
        axes.append(Axis(keys, parse_seeds(seeds), SEED))
    if not axes:
        raise UserError("nothing to sweep: give --seeds 5, or --grid KEY=VALUE,VALUE, or both")
    check_distinct([key for axis in axes for key in axis.keys], "key")
    return axes


def _split(grid: str) -> tuple[str, str]:
    key, equals, text = grid.partition("=")
    if not (key and equals and text):
        raise UserError(f"--grid {grid}: accepted is KEY=VALUE,VALUE, as in model.fusion=Sum,FiLM")
    return key.strip().removeprefix("--"), text


def parse_values(key: str, text: str) -> tuple[str, ...]:
    """Values with commas, or one YAML list of values; commas in brackets and quotes do not split.

    Plain values stay as they were typed (`1e-3`, `off`); lists and mappings become JSON, which is
    YAML too.

    Raises:
        UserError: this is no list of distinct values.
    """
    try:
        items = list(yaml.compose(f"[{text}]", yaml.SafeLoader).value)  # type: ignore[union-attr]
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "no YAML"
        raise UserError(f"--grid {key}={text}: {problem}; quote values with commas") from None
    if len(items) == 1 and isinstance(items[0], yaml.SequenceNode):
        items = items[0].value
    values = [_as_typed(item) for item in items]
    if not values:
        raise UserError(f"--grid {key}={text}: no value")
    check_distinct(values, f"value of --grid {key}")
    return tuple(values)


def _as_typed(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    return json.dumps(yaml.safe_load(yaml.serialize(node)))


def parse_seeds(text: str) -> tuple[str, ...]:
    """`5` for five seeds from 0 on, `3,7` for these two.

    Raises:
        UserError: these are no seeds.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words) or words == ["0"]:
        raise UserError(f"--seeds {text}: accepted is a count such as 5, or seeds such as 3,7")
    seeds = words if len(words) > 1 else [str(seed) for seed in range(int(text))]
    check_distinct(seeds, "seed")
    return tuple(seeds)


def check_distinct(words: Iterable[str], what: str) -> None:
    """Refuse a list that says something twice.

    Raises:
        UserError: it does.
    """
    seen: set[str] = set()
    for word in words:
        if word in seen:
            raise UserError(f"{what} {word} is given twice")
        seen.add(word)


def short_labels(keys: Sequence[str]) -> dict[str, str]:
    """The last word of each key; the whole key where two end alike or it would read as the seed."""
    last = {key: key.rpartition(".")[2] for key in keys}
    words = [SEED, *last.values()]
    return {
        key: word if words.count(word) == 1 else without_wrappers(key) for key, word in last.items()
    }


def without_wrappers(key: str) -> str:
    """A key without the `init_args` between a class and its parameters."""
    return ".".join(word for word in key.split(".") if word not in WRAPPERS)
