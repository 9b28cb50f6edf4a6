"""What this installation offers to a config: experiments and the classes they can name."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import snn_mm
from snn_mm.errors import UserError
from snn_mm.renamed import present_name

EXPERIMENTS = "experiments"

GROUPS = (
    EXPERIMENTS,
    "modules",
    "encoders",
    "neurons",
    "fusions",
    "networks",
    "methods",
    "trunks",
    "modulations",
    "callbacks",
    "datamodules",
)
"""The groups in the order in which they are listed."""

MANIFEST = Path(__file__).with_name("manifest.json")
"""What the classes say of themselves, written by `snn_mm.config.manifest`."""

FOREIGN = {
    "lightning": ["lightning.pytorch.callbacks"],
    "torch": ["torch.optim", "torch.optim.lr_scheduler"],
}
"""By package, where the classes of others stand that configs call by short names."""


@dataclass(frozen=True)
class Parameter:
    """One constructor parameter.

    Attributes:
        default: as one writes it; None where a value is required.
        fields: what stands below a parameter that is a dataclass or a TypedDict.
        is_class_dict: whether it is a dictionary whose members each need a class name.
    """

    name: str
    type: str = ""
    default: str | None = None
    description: str = ""
    fields: tuple[Parameter, ...] = ()
    is_class_dict: bool = False


CONFIG_FILE = re.compile(r"(?<![\w./~-])[\w.-][\w./-]*\.yaml\b")
"""A relative path of a config file, wherever it stands in a word: `--grid config=a.yaml,b.yaml`."""


@dataclass(frozen=True)
class CatalogueEntry:
    """One thing a config can name.

    Attributes:
        location: the class path as configs write it, or the file of an experiment.
        text: the docstring before its `Args`, or the comment that leads an experiment.
        parameters: empty for an experiment.
        home: the class path by the file that defines it; none for an experiment.
    """

    group: str
    name: str
    location: str
    text: str
    parameters: tuple[Parameter, ...] = ()
    home: str = ""

    @property
    def summary(self) -> str:
        """One line: a docstring's first sentence, an experiment's first comment line."""
        if self.group == EXPERIMENTS:
            return self.text.split("\n", 1)[0]
        paragraph = " ".join(self.text.split("\n\n", 1)[0].split())
        # A full stop ends a sentence only before a capital, so that "e.g. this" does not.
        return re.split(r"(?<=[.!?]) (?=[A-Z`])", paragraph, maxsplit=1)[0]


def catalogue() -> list[CatalogueEntry]:
    """Return everything that can be named, in the order of the groups, then by name."""
    entries = [*experiments(), *components()]
    return sorted(entries, key=lambda entry: (GROUPS.index(entry.group), entry.name.casefold()))


def experiment_folders() -> list[Path]:
    """Return the folders that hold experiments; a name in an earlier one hides a later one."""
    package = Path(snn_mm.__file__).parent
    folders = [Path("experiments"), package.parent / "experiments", package / "experiments"]
    return [folder for folder in folders if folder.is_dir()]


def shipped(argument: str) -> str:
    """A word of the command line, in which config files that are not here are the package's.

    So that `--config iemf_ks.yaml` and `--config experiments/_base/ann.yaml` work anywhere.
    """

    def found(name: re.Match[str]) -> str:
        path = Path(name[0])
        inside = path.relative_to("experiments") if path.parts[0] == "experiments" else path
        files = [path, *(folder / inside for folder in experiment_folders())]
        return next((str(file) for file in files if file.is_file()), name[0])

    return CONFIG_FILE.sub(found, argument)


def experiments() -> list[CatalogueEntry]:
    """Return the experiments of the working directory and those shipped with the package."""
    found: dict[str, CatalogueEntry] = {}
    for folder in experiment_folders():
        for file in sorted(folder.glob("*.yaml")):
            if not _has_model(file):  # such as published.yaml, the papers' own numbers
                continue
            entry = CatalogueEntry(EXPERIMENTS, file.stem, str(file), _leading_comment(file))
            found.setdefault(file.stem, entry)
    return list(found.values())


def _has_model(file: Path) -> bool:
    """Whether a YAML file has the top-level key `model`, without parsing it."""
    return any(line.startswith("model:") for line in file.read_text(errors="replace").splitlines())


@cache
def components() -> list[CatalogueEntry]:
    """Return the classes of `snn_mm` and `datamodules` that a config can build."""
    return [
        CatalogueEntry(**{**item, "parameters": to_parameters(item["parameters"])})
        for item in _manifest()["classes"]
    ]


def homes() -> dict[str, str]:
    """The module of each class of `snn_mm` and `datamodules` by its short name."""
    return {entry.name: entry.home.rpartition(".")[0] for entry in components()}


@cache
def _manifest() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return content


def to_parameters(items: list[dict[str, Any]]) -> tuple[Parameter, ...]:
    """Return parameters of what the manifest holds of them."""
    return tuple(
        Parameter(**{**item, "fields": to_parameters(item.get("fields", []))}) for item in items
    )


@cache
def accepted_by(name: str) -> dict[str, Parameter] | None:
    """Return what a class accepts, by its path or short name; None if that is not certain.

    Args:
        name: a class of this project, of torch or of Lightning, as a config writes it.
    """
    name = present_name(name) or name
    for entry in components():
        if name in (entry.name, entry.location, entry.home):
            return {parameter.name: parameter for parameter in entry.parameters}
    others = _manifest()["others"]
    for path in (name, *(f"{module}.{name}" for names in FOREIGN.values() for module in names)):
        package = path.partition(".")[0]
        if path in others and (package not in FOREIGN or _is_same_version(package)):
            return {key: Parameter(key, default=text) for key, text in others[path].items()}
    return None


@cache
def _is_same_version(package: str) -> bool:
    """Whether the manifest was written with the version of a package that is installed."""
    known: bool = _manifest()["versions"][package] == version(package)
    return known


def find(key: str, entries: list[CatalogueEntry]) -> list[CatalogueEntry]:
    """Return the entries that `key` names, in any case: one by name, or a whole group.

    Args:
        key: a group, a class or its path, an experiment or its file.
        entries: what to look in.

    Raises:
        UserError: nothing has that name.
    """
    wanted = key.casefold()
    if wanted in GROUPS:
        return [entry for entry in entries if entry.group == wanted]
    found = [entry for entry in entries if wanted in _keys(entry)]
    if found:
        return found
    names = {name.casefold(): name for name in [*GROUPS, *(entry.name for entry in entries)]}
    near = [names[match] for match in difflib.get_close_matches(wanted, names)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"groups: {', '.join(GROUPS)}"
    raise UserError(f"nothing is called '{key}'; {hint}\n`snnmm list` shows every name.")


def _keys(entry: CatalogueEntry) -> set[str]:
    """Return what an entry answers to: its name, its class path or file, with `.yaml` or not."""
    keys = {entry.name, entry.location, entry.home or entry.location}
    if entry.group == EXPERIMENTS:
        keys |= {f"{entry.name}.yaml", f"experiments/{entry.name}.yaml"}
    return {key.casefold() for key in keys}


def _leading_comment(file: Path) -> str:
    """Return the comment a YAML file starts with, without its number signs."""
    lines = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").strip())
    return "\n".join(lines).strip()
