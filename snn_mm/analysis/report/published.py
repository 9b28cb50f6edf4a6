"""The papers' own numbers, and which row of a report each belongs beside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snn_mm.analysis.report.config_facts import CALLBACKS, Facts
from snn_mm.analysis.report.naming import Library, modulations, network
from snn_mm.config.tree import check_unique, parsed
from snn_mm.errors import UserError
from snn_mm.reading.text import naming
from snn_mm.reading.yaml_files import construct


@dataclass(frozen=True)
class PublishedNumber:
    """One number that a paper prints.

    Attributes:
        paper: short name, such as `IEMF`; `table` and `row` say where it stands in it.
        dataset: name as the paper writes it.
        network: `ANN` or `SNN`.
        metric: kind of metric, such as `accuracy`.
        value: as printed: accuracies in percent.
        module: our class of module; `fusion` our class of fusion.
        modulations: our callbacks, by class name.
        data: our data module, where its name is not that of the data set.
        options: further values that a config must have, by dotted key: below model or callbacks, or
            whole.
        note: what a reader has to know, such as a misprint.
    """

    paper: str
    table: str
    row: str
    dataset: str
    network: str
    metric: str
    value: float
    module: str = ""
    fusion: str = ""
    modulations: Sequence[str] = ()
    data: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.paper}, {self.table}, {self.row}"


def read_published(path: Path) -> list[PublishedNumber]:
    """Read the numbers of `published.yaml`.

    Raises:
        UserError: the file is missing or an entry is not as described.
    """
    if not path.exists():
        raise UserError(f"{path}: there is no such file of published numbers")
    node = parsed(path).node
    check_unique(node, path)
    with naming(path, "is no list of published numbers"):
        tables = construct(node, path)["tables"]
        return [number for table in tables for number in read_table(**table)]


def read_table(entries: Sequence[dict[str, Any]], **shared: Any) -> list[PublishedNumber]:
    """The numbers of one table: what it shares, and what each entry adds or replaces."""
    return [PublishedNumber(**{**shared, **entry}) for entry in entries]


def find_number(
    numbers: Iterable[PublishedNumber], facts: Facts, metric: str, library: Library
) -> PublishedNumber | None:
    """The first number about what a config describes, None if no paper has one."""
    return next((number for number in numbers if describes(number, facts, metric, library)), None)


def describes(number: PublishedNumber, facts: Facts, metric: str, library: Library) -> bool:
    """Whether a number is about the method and data set of a config.

    Args:
        number: what a paper prints.
        facts: the config.
        metric: name of the metric shown, such as `test/accuracy/fused`.
        library: tells modulations from callbacks that look on.
    """
    used = {plain(name) for name in modulations(facts, library)}
    return (
        plain(number.data or number.dataset) == plain(facts.get("data"))
        and number.metric in metric.split("/")
        and network(facts).split(" ")[0] == number.network
        and plain(number.module) == plain(facts.get("model"))
        and plain(number.fusion) == plain(facts.get("model.fusion"))
        and used == set(map(plain, number.modulations))
        and all(_option(facts, key) == value for key, value in number.options.items())
    )


def plain(name: object) -> str:
    """A name without case, spaces and punctuation: `CREMA-D` is `CREMAD`."""
    return re.sub(r"[^a-z0-9]", "", str(name or "").lower())


def _option(facts: Facts, key: str) -> Any:
    places = (f"model.{key}", f"{CALLBACKS}{key}", key)
    return next((facts[place] for place in places if place in facts), None)
