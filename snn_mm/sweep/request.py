"""What is asked of a sweep: by a sweep file, by flags, or by flags on top of a file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from snn_mm.config.tree import check_configs, parsed, refuse_cycle
from snn_mm.errors import UserError
from snn_mm.sweep.grid import (
    CONFIG,
    Grid,
    Rows,
    as_typed,
    distinct_values,
    names_files,
    parse_grid,
)

EXPERIMENTS = "experiments"
"""The key that tells a sweep file from an experiment."""

BASE = "base"
"""The key that names a sweep file to begin with."""

KEYS = ("name", BASE, EXPERIMENTS, "grid", "seeds", "seed_keys", "folds", "flags")


GONE = "null"
"""In place of the flags of a row: it is not there."""


@dataclass(frozen=True)
class SweepRequest:
    """A sweep before its flags and config files are looked at.

    Attributes:
        name: its folder below the runs.
        experiments: the config files that are varied.
        grid: what is varied beside experiment and seed.
        rows: what the rows of an axis are, if the grid names some.
        seeds: a count, or seeds with commas.
        seed_keys: the keys that get the seed, with commas.
        folds: how many; empty is what the config says, None is no run for each.
        flags: what every run gets beside.
        from_experiment: whether the file was an experiment, and no sweep file.
    """

    name: str
    experiments: tuple[Path, ...]
    grid: Grid = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)
    seeds: str | None = None
    seed_keys: str = "seed_everything"
    folds: str | None = None
    flags: tuple[str, ...] = ()
    from_experiment: bool = False

    def overruled(self, options: argparse.Namespace, flags: Sequence[str]) -> SweepRequest:
        """The same with what the command line says instead; None says nothing.

        An axis takes the place of the axis with its name; flags come after those of the file, and
        so win.

        Raises:
            UserError: other experiments than those of a sweep file, but there is no sweep file.
        """
        if options.experiments and self.from_experiment:
            raise UserError(
                f"--experiments replaces those of a sweep file; {self.experiments[0]} is an "
                f"experiment\na sweep file has the key `{EXPERIMENTS}`"
            )
        words = map(str.strip, (options.experiments or "").split(","))
        return replace(
            self,
            name=options.name or self.name,
            experiments=tuple(Path(word) for word in words if word) or self.experiments,
            grid={**self.grid, **parse_grid(options.grid)},
            seeds=options.seeds or self.seeds,
            seed_keys=options.seed_keys or self.seed_keys,
            folds=self.folds if options.folds is None else options.folds,
            flags=(*self.flags, *flags),
        )


def read_request(path: Path, within: tuple[Path, ...] = ()) -> SweepRequest:
    """What a sweep file asks for; of an experiment, a sweep over this experiment.

    Args:
        path: the file.
        within: the sweep files that begin with it.

    Raises:
        UserError: the file is missing, no YAML, or says something that no sweep understands.
    """
    check_configs([path])
    refuse_cycle(path, within)
    node = parsed(path).node
    keys = {key.value: value for key, value in node.value} if node is not None else {}
    if not {BASE, EXPERIMENTS} & keys.keys():
        return SweepRequest(f"{path.stem}-sweep", (path,), from_experiment=True)
    unknown = [key for key in keys if key not in KEYS]
    if unknown:
        raise UserError(f"{path}: unknown key {unknown[0]}; accepted: {', '.join(KEYS)}")
    return SweepFile(path, keys).request(within)


def on_top(own: SweepRequest, base: SweepRequest, keys: Collection[str]) -> SweepRequest:
    """A sweep file on top of the one that it begins with.

    Axes of its own come first; rows of an axis that both have come to those that are there, and
    one that is `null` goes.

    Args:
        own: what the file asks for.
        base: what the other one does.
        keys: which keys the file has.
    """
    rows = {
        axis: {**base.rows.get(axis, {}), **own.rows.get(axis, {})}
        for axis in {**base.rows, **own.rows}
    }
    grid = {**own.grid, **{axis: v for axis, v in base.grid.items() if axis not in own.grid}}
    for axis in own.rows.keys() & base.rows.keys():
        grid[axis] = tuple(row for row in rows[axis] if GONE not in rows[axis][row])
    kept = {
        key: getattr(base, key) for key in (EXPERIMENTS, "seeds", "seed_keys", "folds", "flags")
    }
    given = {key: getattr(own, key) for key in kept if key in keys}
    return replace(own, grid=grid, rows=rows, **{**kept, **given})


@dataclass(frozen=True)
class SweepFile:
    """A sweep file: `experiments`, and what is varied over them.

    Paths in it are relative to the file.

    Attributes:
        path: the file.
        nodes: its values by key.
    """

    path: Path
    nodes: dict[str, yaml.Node]

    def request(self, within: tuple[Path, ...]) -> SweepRequest:
        """What the file asks for, on top of the one that it begins with.

        Args:
            within: the sweep files that begin with this one.
        """
        own = self._own()
        if BASE not in self.nodes:
            return own
        base = read_request(self.path.parent / self._words(BASE)[0], (*within, self.path))
        return on_top(own, base, self.nodes)

    def _own(self) -> SweepRequest:
        return SweepRequest(
            name=self._text("name") or self.path.stem,
            experiments=tuple(Path(self._near(word)) for word in self._words(EXPERIMENTS)),
            grid={key: self._values(key, value) for key, value in self._items("grid")},
            rows={
                key: {
                    row.value: self._row(f"{key}.{row.value}", flags) for row, flags in node.value
                }
                for key, node in self._items("grid")
                if isinstance(node, yaml.MappingNode)
            },
            seeds=",".join(self._words("seeds")) or None,
            seed_keys=",".join(self._words("seed_keys")) or SweepRequest.seed_keys,
            folds=self._text("folds"),
            flags=tuple(
                flag for key, value in self._items("flags") for flag in self._flags(key, value)
            ),
        )

    def _row(self, key: str, node: yaml.Node) -> tuple[str, ...]:
        """The flags of a row."""
        if isinstance(node, yaml.ScalarNode) and node.value == "null":
            return (GONE,)
        if not isinstance(node, yaml.MappingNode):
            raise self._mistake(node, f"grid.{key}", "keys with values, or {} for none")
        return tuple(flag for name, value in node.value for flag in self._flags(name.value, value))

    def _values(self, key: str, node: yaml.Node) -> tuple[str, ...]:
        """The values of an axis, files as seen from here; the names of its rows."""
        if isinstance(node, yaml.MappingNode):
            return tuple(row.value for row, _ in node.value)
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self._mistake(node, f"grid.{key}", "a list of values, or rows by name")
        values = distinct_values(key, node.value)
        return tuple(map(self._near, values)) if names_files(key, values) else values

    def _flags(self, key: str, node: yaml.Node) -> Iterator[str]:
        """One flag a key; of `config`, one flag a file."""
        if key != CONFIG:
            yield f"--{key}={as_typed(node)}"
            return
        for file in self._list(f"flags.{key}", node):
            yield f"--{CONFIG}={self._near(file)}"

    def _near(self, path: str) -> str:
        """A path of the file as a path from the working directory."""
        return os.path.normpath(self.path.parent / path)

    def _items(self, key: str) -> Iterator[tuple[str, yaml.Node]]:
        node = self.nodes.get(key)
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            raise self._mistake(node, key, "keys with values")
        for name, value in node.value:
            yield name.value, value

    def _words(self, key: str) -> list[str]:
        return self._list(key, self.nodes[key]) if key in self.nodes else []

    def _text(self, key: str) -> str | None:
        return next(iter(self._words(key)), None)

    def _list(self, key: str, node: yaml.Node) -> list[str]:
        """A list of plain values, or a single one."""
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not items or not all(isinstance(item, yaml.ScalarNode) for item in items):
            raise self._mistake(node, key, "a value or a list of values")
        return [str(item.value) for item in items]

    def _mistake(self, node: yaml.Node, key: str, accepted: str) -> UserError:
        line = node.start_mark.line + 1
        return UserError(f"{self.path}:{line}: {key}: accepted is {accepted}")
