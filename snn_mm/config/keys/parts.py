"""Says of a config file that is only a part of experiments which ones it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from snn_mm.config.catalogue import experiments
from snn_mm.config.keys.layout import KeyLayout, is_file
from snn_mm.config.options import Command
from snn_mm.config.tree import Entry, read_file
from snn_mm.errors import UserError

NEEDED = ("model", "data")
SHOWN = 4
"""How many experiments a message names."""

NOTHING_TO_RUN = """nothing says which model and data to use: {missing} missing
give an experiment: snnmm fit --config experiments/quickstart.yaml
what there is: snnmm list experiments"""


def check_parts(command: Command, layout: KeyLayout) -> None:
    """Refuse a part of an experiment that is given as if it were one.

    Raises:
        UserError: says what the part is, and of which experiments.
    """
    for file in command.configs:
        section = section_of(file)
        if section is not None:
            raise UserError(
                f"{file} is no experiment but a part: it says what stands below `{section}`, and "
                f"is named there, as in `{section}: {file.name}`{of_experiments(users(file))}"
            )
    given = {entry.path for entry in layout.entries if entry.value}
    missing = [name for name in NEEDED if (name,) not in given]
    if missing and not {("print_config",), ("help",)} & {entry.path for entry in layout.entries}:
        lacks = " and ".join(missing)
        if not command.configs:
            raise UserError(NOTHING_TO_RUN.format(missing=lacks))
        fitting = [str(path) for path in hosts(layout)]
        files = [*(fitting or ["EXPERIMENT.yaml"])[:1], *map(str, command.configs)]
        raise UserError(
            f"{command.configs[-1]} is no experiment but a part of one: {lacks} missing\n"
            f"add it to one: snnmm {command.stage} {' '.join(f'--config {f}' for f in files)}"
            f"{of_experiments(fitting)}"
        )


def section_of(file: Path) -> str | None:
    """The section whose content a file is, if it is named there or begins with a class."""
    entries = list(read_file(file))
    top = {entry.path[0] for entry in entries if entry.path}
    if top & {"model", "data", "trainer"}:
        return None
    named = next((entry.path[0] for _, entry in uses(file) if entry.path), None)
    begins = any(entry.path == () for entry in entries)
    return named or ("model or data" if begins else None)


def users(file: Path) -> list[str]:
    """The experiments that name a file."""
    return list(dict.fromkeys(str(user) for user, _ in uses(file)))


def uses(file: Path) -> Iterator[tuple[Path, Entry]]:
    """Experiments that name a file, and the key that does."""
    for experiment in experiments():
        user = Path(experiment.location)
        for entry in known_entries(user):
            if entry.value and is_file(entry.value):
                place = Path(entry.origin.rpartition(":")[0])
                if (place.parent / entry.value).resolve() == file.resolve():
                    yield user, entry


def known_entries(experiment: Path) -> list[Entry]:
    """Keys of an experiment that lies about; none if it is damaged, which is not asked for."""
    try:
        return list(read_file(experiment))
    except UserError:
        return []


def hosts(layout: KeyLayout) -> Iterator[Path]:
    """The experiments whose classes accept every key that was given."""
    for experiment in experiments():
        path = Path(experiment.location)
        whole = KeyLayout([*known_entries(path), *layout.entries], layout.stage)
        given = set(map(id, layout.entries))
        unknown, nameless = next(whole.unknown(), None), whole.nameless()
        if not any(u is not None and id(u.entry) in given for u in (unknown, nameless)):
            yield path


def of_experiments(names: list[str]) -> str:
    """A line with some experiments."""
    more = f", ... ({len(names)} in all)" if len(names) > SHOWN else ""
    return f"\npart of: {', '.join(names[:SHOWN])}{more}" if names else ""
