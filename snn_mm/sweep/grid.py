"""What is varied: keys of the config, config files and seeds, as axes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from snn_mm.config.tree import WRAPPERS
from snn_mm.errors import UserError, check_choice
from snn_mm.reading.yaml_files import compose, construct, parse_yaml

CONFIG = "config"
"""The flag behind an axis of config files, for what has no key of its own."""

EXPERIMENT = "experiment"
"""Label of the axis that several experiments make."""

SEED, FOLD = "seed", "fold"
"""Labels of the axes that `--seeds` and `--folds` make: runs that differ in them are averaged."""

SECTIONS = ("model", "data")
"""Keys whose value may be a file of its own, so that files do not make them an axis of configs."""

Grid = dict[str, tuple[str, ...]]
"""Values by the key they set; or config files, or names of rows, by the name of their axis."""

Rows = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By axis and by the name of each of its rows: the flags of `snnmm fit` that make it."""


@dataclass(frozen=True)
class Axis:
    """One thing that is varied.

    Attributes:
        keys: keys of the config that get the value; more than one only for seeds.
        values: what they get, as one would type it after `--key=`.
        label: its name in run ids.
        rows: flags by value, if its values are names of rows.
    """

    keys: tuple[str, ...]
    values: tuple[str, ...]
    label: str
    rows: Mapping[str, tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        for value in self.values if self.rows is not None else ():
            check_choice(self.name, value, tuple(self.rows or ()))

    @property
    def is_files(self) -> bool:
        """Whether its values are config files, or rows that may name some."""
        return self.keys == (CONFIG,)

    def flags(self, value: str) -> tuple[str, ...]:
        """What sets a value."""
        if self.rows is not None:
            return self.rows[value]
        return tuple(f"--{key}={value}" for key in self.keys)

    @property
    def key(self) -> str:
        """What `--grid` and W&B call it."""
        return self.label if self.is_files else self.keys[0]

    @property
    def name(self) -> str:
        """What a message calls it."""
        if self.label in (EXPERIMENT, SEED, FOLD):
            return f"--{self.label}s"
        return f"--grid {self.key}"

    def word(self, value: str) -> str:
        """A value as it stands in run ids."""
        return Path(value).stem if self.is_files and self.rows is None else value


def make_axes(
    grid: Mapping[str, tuple[str, ...]],
    seeds: str | None,
    seed_keys: str,
    rows: Rows = MappingProxyType({}),
) -> list[Axis]:
    """The axes of a sweep, the seeds last, so that runs to be averaged stand together.

    Args:
        grid: what is varied.
        seeds: a count, which stands for 0 to count - 1, or seeds with commas.
        seed_keys: keys that get the seed, with commas.
        rows: what the rows are, of axes that are made of some.

    Raises:
        UserError: these are no seeds, there is no such row, or two axes say something of the same
            key.
    """
    labels = short_labels(list(grid))
    axes = [
        Axis((CONFIG,), values, key, rows.get(key))
        if key in rows or names_files(key, values)
        else Axis((key,), values, labels[key])
        for key, values in grid.items()
    ]
    if seeds is not None:
        keys = tuple(key.strip() for key in seed_keys.split(","))
        axes.append(Axis(keys, parse_seeds(seeds), SEED))
    varied = [key for axis in axes if not axis.is_files for key in axis.keys]
    check_distinct(varied, "key", same=without_wrappers)
    return axes


def names_files(name: str, values: Sequence[str]) -> bool:
    """Whether an axis is made of config files: a free name with files, not a key of the config."""
    is_free = "." not in name and name not in SECTIONS
    return name == CONFIG or (is_free and all(v.endswith((".yaml", ".yml")) for v in values))


def parse_grid(grids: Sequence[str]) -> Grid:
    """Read what was given with `--grid`, such as `model.fusion=Concat,FiLM`.

    Raises:
        UserError: one of them can't be read, or two have the same key.
    """
    pairs = [_split(grid) for grid in grids]
    check_distinct([key for key, _ in pairs], "key", same=without_wrappers)
    return {key: parse_values(key, text) for key, text in pairs}


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
        items = list(compose(f"[{text}]", f"--grid {key}={text[:60]}").value)  # type: ignore[union-attr]
    except UserError as error:
        raise UserError(f"{error}; quote values with commas") from None
    if len(items) == 1 and isinstance(items[0], yaml.SequenceNode):
        items = items[0].value
    if not items:
        raise UserError(f"--grid {key}={text}: no value")
    return distinct_values(key, items)


def distinct_values(key: str, items: Iterable[yaml.Node]) -> tuple[str, ...]:
    """The values of an axis from the nodes of a YAML list.

    Raises:
        UserError: two are the same.
    """
    values = tuple(as_typed(item) for item in items)
    check_distinct(values, f"value of --grid {key}", same=meaning)
    return values


def as_typed(node: yaml.Node) -> str:
    """A plain value as it stands in the file; lists and mappings as JSON."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    return json.dumps(construct(node, "a value"), default=str)


def parse_seeds(text: str) -> tuple[str, ...]:
    """`5` for five seeds from 0 on, `3,7` for these two.

    Raises:
        UserError: these are no seeds.
    """
    words = [word.strip() for word in text.split(",")]
    are_numbers = all(word.isdecimal() and len(word) <= 10 for word in words)
    if not are_numbers or (len(words) == 1 and not 0 < int(text) <= 10_000):
        raise UserError(f"--seeds {text[:60]}: accepted is a count such as 5, or seeds such as 3,7")
    seeds = words if len(words) > 1 else [str(seed) for seed in range(int(text))]
    check_distinct(seeds, "seed", same=int)
    return tuple(seeds)


def meaning(value: str) -> str:
    """What a value comes to, whatever way it is written: `1e-3` and `0.001` are one setting."""
    if value.endswith((".yaml", ".yml")):
        return os.path.normpath(value)
    try:
        return repr(_with_numbers(parse_yaml(value, "a value")))
    except UserError:
        return value


def _with_numbers(read: Any) -> Any:
    """What YAML reads, with the numbers that YAML 1.1 takes for words, such as `1e-3`."""
    if isinstance(read, dict):
        return sorted((key, repr(_with_numbers(value))) for key, value in read.items())
    if isinstance(read, list):
        return [_with_numbers(value) for value in read]
    try:
        return float(read) if isinstance(read, str) else read
    except ValueError:
        return read


def check_distinct(words: Iterable[str], what: str, same: Callable[[str], object] = str) -> None:
    """Refuse a list that says something twice.

    Args:
        words: what is said.
        what: what a word is, for the message.
        same: what two words have in common that say the same.

    Raises:
        UserError: it does.
    """
    seen: dict[object, str] = {}
    for word in words:
        earlier = seen.get(same(word))
        if earlier is not None:
            spelled = "" if earlier == word else f", once as {earlier}"
            raise UserError(f"{what} {word} is given twice{spelled}")
        seen[same(word)] = word


def short_labels(keys: Sequence[str]) -> dict[str, str]:
    """The last word of each key; the whole key where two end alike or it would read as the seed."""
    last = {key: key.rpartition(".")[2] for key in keys}
    words = [SEED, EXPERIMENT, *last.values()]
    return {
        key: word if words.count(word) == 1 else without_wrappers(key) for key, word in last.items()
    }


def without_wrappers(key: str) -> str:
    """A key without the `init_args` between a class and its parameters."""
    return ".".join(word for word in key.split(".") if word not in WRAPPERS)
