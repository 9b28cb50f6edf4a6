"""What this installation offers to a config: experiments and the classes they can name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import snn_mm
from snn_mm.config.docstrings import first_sentence, prose
from snn_mm.config.signatures import Parameter
from snn_mm.config.source import SourceIndex
from snn_mm.config.source_file import SourceClass, read_source
from snn_mm.errors import UserError

EXPERIMENTS = "experiments"

BASE_CLASSES = {
    "modules": "TaskModule",
    "encoders": "Encoder",
    "fusions": "Fusion",
    "networks": "SentimentNetwork",
    "methods": "Method",
    "trunks": "DualAttention",
    "modulations": "Modulation",
    "callbacks": "Callback",
    "datamodules": "SplitDataModule",
}
"""The base class whose concrete kin, itself included, make up a group; the first that fits wins."""

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

NEURON_PRESETS = "snn_mm.neurons.presets"

OF_A_RUN = "snn_mm.run."
"""Where the classes live whose objects only a running command has, such as its run directory."""


CONFIG_FILE = re.compile(r"(?<![\w./~-])[\w.-][\w./-]*\.yaml\b")
"""A relative path of a config file, wherever it stands in a word: `--grid config=a.yaml,b.yaml`."""


@dataclass(frozen=True)
class Entry:
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
        return first_sentence(self.text)


def catalogue() -> list[Entry]:
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


def experiments() -> list[Entry]:
    """Return the experiments of the working directory and those shipped with the package."""
    found: dict[str, Entry] = {}
    for folder in experiment_folders():
        for file in sorted(folder.glob("*.yaml")):
            if not _has_model(file):  # such as published.yaml, the papers' own numbers
                continue
            entry = Entry(EXPERIMENTS, file.stem, str(file), _leading_comment(file))
            found.setdefault(file.stem, entry)
    return list(found.values())


def _has_model(file: Path) -> bool:
    """Whether a YAML file has the top-level key `model`, without parsing it."""
    return any(line.startswith("model:") for line in file.read_text(errors="replace").splitlines())


def components() -> list[Entry]:
    """Return the public concrete classes of `snn_mm` and `datamodules` that a config can build."""
    index = SourceIndex(read_source(module, file) for module, file in source_files())
    entries = []
    for cls in index.classes:
        group = _group(index, cls)
        if group and index.is_concrete(cls):
            parameters = index.parameters(cls)
            if not any(_is_of_a_run(index, cls, parameter) for parameter in parameters):
                text = prose(cls.docstring)
                path = index.public_path(cls)
                entries.append(Entry(group, cls.name, path, text, parameters, cls.path))
    return entries


def _is_of_a_run(index: SourceIndex, cls: SourceClass, parameter: Parameter) -> bool:
    """Whether a constructor needs an object that no config has."""
    needed = index.resolve(cls.module, parameter.type) if parameter.default is None else None
    return needed is not None and needed.path.startswith(OF_A_RUN)


def find(key: str, entries: list[Entry]) -> list[Entry]:
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


def _keys(entry: Entry) -> set[str]:
    """Return what an entry answers to: its name, its class path or file, with `.yaml` or not."""
    keys = {entry.name, entry.location, entry.home or entry.location}
    if entry.group == EXPERIMENTS:
        keys |= {f"{entry.name}.yaml", f"experiments/{entry.name}.yaml"}
    return {key.casefold() for key in keys}


def _group(index: SourceIndex, cls: SourceClass) -> str | None:
    ancestors = index.ancestor_names(cls)
    # Presets subclass spikingjelly's nodes, whose source is not read: the name has to tell.
    if cls.module == NEURON_PRESETS and any(name.endswith("Node") for name in ancestors):
        return "neurons"
    kin = {cls.name, *ancestors}
    return next((group for group, base in BASE_CLASSES.items() if base in kin), None)


def source_files() -> Iterator[tuple[str, Path]]:
    """Yield module name and file of every source file of the project's two packages."""
    for package in ("snn_mm", "datamodules"):
        spec = find_spec(package)  # does not import a top-level package
        for root in (spec.submodule_search_locations or []) if spec else []:
            for file in sorted(Path(root).rglob("*.py")):
                parts = file.relative_to(root).with_suffix("").parts
                if parts[0] != "commands":
                    yield ".".join((package, *parts)).removesuffix(".__init__"), file


def _leading_comment(file: Path) -> str:
    """Return the comment a YAML file starts with, without its number signs."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").strip())
    return "\n".join(lines).strip()
