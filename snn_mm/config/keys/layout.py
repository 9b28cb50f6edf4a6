"""Which keys stand where, given the classes that a command names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from snn_mm.config.catalogue import Parameter, accepted_by
from snn_mm.config.keys.hints import suggest
from snn_mm.config.tree import Entry, KeyPath, for_each_encoder

Parameters = dict[str, Parameter]
TRAINER = "lightning.pytorch.trainer.trainer.Trainer"
SECTION_CLASSES: dict[KeyPath, str] = {
    ("trainer",): TRAINER,
    ("run",): "snn_mm.config.options.RunOptions",
    ("checkpoint",): "snn_mm.callbacks.recording.best_checkpoint.BestCheckpoint",
    ("guard",): "snn_mm.callbacks.finite_guard.FiniteGuard",
}
TOP = (
    "seed_everything", "trainer", "model", "data", "run", "checkpoint", "guard",
    "test_after_fit", "linear_probe", "config", "print_config", "help",
)  # fmt: skip
"""Keys of every stage; the parameters of the trainer's method come to them."""
LISTS: tuple[KeyPath, ...] = (("trainer", "callbacks"), ("trainer", "logger"))
"""Keys whose flags speak of the last of several classes."""
NO_CLASS = ("null", "~", "", "Null", "NULL")


def is_file(value: str) -> bool:
    """Whether a value names a config file."""
    return value.endswith((".yaml", ".yml"))


class Unknown(NamedTuple):
    """A key that stands where nothing accepts it."""

    entry: Entry
    path: KeyPath


class KeyLayout:
    """The keys of one command.

    Args:
        entries: what the command sets.
        stage: `fit`, `validate`, `test` or `predict`.
        accepted_by: what a class accepts, None if that is not certain.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        stage: str,
        accepted_by: Callable[[str], Parameters | None] = accepted_by,
    ) -> None:
        self.entries, self.stage = for_each_encoder(entries), stage
        self._accepted_by = accepted_by
        self._accepted: dict[KeyPath, Parameters | None] = {}

    @cached_property
    def named(self) -> dict[KeyPath, list[Entry]]:
        """What may name a class, by the key that holds it."""
        named: dict[KeyPath, list[Entry]] = {}
        for entry in self.entries:
            value = entry.value or ""
            is_flag = entry.origin.startswith("--")
            # The keys of a file that a file names are entries of their own, and so are those of a
            # mapping; of a file that a flag names nothing is known.
            is_read = value.startswith(("{", "[")) or (is_file(value) and not is_flag)
            if value not in NO_CLASS and not is_read:
                named.setdefault(entry.path, []).append(entry)
        return named

    def accepted(self, path: KeyPath) -> Parameters | None:
        """Keys that may stand below one, those of every class that it held; None if unknown."""
        if path not in self._accepted:
            self._accepted[path] = self._find_accepted(path)
        return self._accepted[path]

    def _find_accepted(self, path: KeyPath) -> Parameters | None:
        if not path:
            return self._top()
        if path in SECTION_CLASSES:
            return self._accepted_by(SECTION_CLASSES[path])
        if path in LISTS:
            return None
        found: Parameters = {}
        classes = self.named.get(path, [])
        for entry in classes:
            own = self._accepted_by(entry.value or "")
            if own is None:
                return None
            found |= own
        return found if classes else self._fields(path)

    def _top(self) -> Parameters | None:
        of_method = self._accepted_by(f"{TRAINER}.{self.stage}")
        return None if of_method is None else {**of_method, **{key: Parameter(key) for key in TOP}}

    def _fields(self, path: KeyPath) -> Parameters | None:
        """Keys of a dataclass, which goes without a class name."""
        holder = self._parameter(path)
        return {field.name: field for field in holder.fields} or None if holder else None

    def _parameter(self, path: KeyPath) -> Parameter | None:
        """The parameter that a key sets, None if nothing accepts it or it is not certain."""
        return (self.accepted(path[:-1]) or {}).get(path[-1])

    def class_at(self, path: KeyPath) -> str | None:
        """The name or path of the class that a key holds in the end."""
        entries = self.named.get(path, [])
        return entries[-1].value if entries else None

    def unknown(self) -> Iterator[Unknown]:
        """The keys that nothing accepts where they stand."""
        for entry in self.entries:
            for length in range(1, len(entry.path) + 1):
                accepted = self.accepted(entry.path[: length - 1])
                word = entry.path[length - 1]
                if accepted is not None and word not in accepted and word not in ("", "help"):
                    yield Unknown(entry, entry.path[:length])
                    break

    def describe(self, entry: Entry | None, path: KeyPath) -> str:
        """An unknown key with its class, its place, and what was meant."""
        owner = self.class_at(path[:-1])
        of_class = f" of {owner.rpartition('.')[2]}" if owner else ""
        place = f"\nin {entry.origin}" if entry else ""
        hint = suggest(path[-1], self.accepted(path[:-1]) or (), self.keys())
        return f"unknown key '{'.'.join(path)}'{of_class}{place}{hint}"

    def nameless(self) -> Unknown | None:
        """The first member of a dictionary of classes that is set and has no class."""
        for entry in self.entries:
            for length in range(2, len(entry.path)):
                path = entry.path[:length]
                holder = self._parameter(path[:-1])
                needs_class = holder is not None and holder.is_class_dict
                if needs_class and path not in self.named and path[:-1] not in self.named:
                    return Unknown(entry, path)
        return None

    def beside(self, path: KeyPath) -> list[str]:
        """Members of the same dictionary that have a class."""
        return [other[-1] for other in self.named if other[:-1] == path[:-1]]

    def keys(self) -> Iterator[str]:
        """Every dotted key that is accepted anywhere, without the numbers of items."""
        places = [(), *SECTION_CLASSES, *self.named]
        for path in dict.fromkeys(places):
            above = ".".join(word for word in path if not word.isdigit())
            for name, parameter in (self.accepted(path) or {}).items():
                key = f"{above}.{name}" if above else name
                yield key
                yield from (f"{key}.{inner.name}" for inner in parameter.fields)
