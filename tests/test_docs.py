"""Whatever README and docs name of the code is there, and what they show runs."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning
import pytest

from snn_mm.cli import main
from snn_mm.commands.help import COMMANDS

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
NAME = re.compile(r"\b(?:snn_mm|datamodules|feature_makers)(?:\.\w+)+")
FOLDERS = "snn_mm|datamodules|feature_makers|experiments|examples|benchmarks|tests"
FILE = re.compile(rf"\b(?:{FOLDERS})/[\w/]+\.(?:py|yaml)\b")

SMALL = {f"limit_{stage}_batches": 1 for stage in ("train", "val", "test")}

THEIRS = {"experiments/mine.yaml"}
"""What a reader is told to write."""


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    known = [k for k in range(1, len(parts) + 1) if module_file(parts[:k])]
    found = import_module(".".join(parts[: max(known)]))
    for part in parts[max(known) :]:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def module_file(parts: list[str]) -> bool:
    place = ROOT.joinpath(*parts)
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_name_and_file_of_a_page_is_there(page: Path) -> None:
    text = page.read_text()
    assert [name for name in sorted(set(NAME.findall(text))) if not is_there(name)] == []
    files = sorted(set(FILE.findall(text)) - THEIRS)
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert set(re.findall(r"(?:\n {4}|`)snnmm (\w+)", text)) <= set(COMMANDS)
    linked = [page.parent / link for link in LINK.findall(text)]
    assert [str(file) for file in linked if not file.exists()] == []


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def fit(*arguments: str) -> None:
    small = [f"--trainer.{key}={value}" for key, value in SMALL.items()]
    assert main(["fit", *arguments, *small, "--trainer.accelerator=cpu"]) == 0


def test_an_experiment_of_ones_own_trains_as_running_md_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits_root: str
) -> None:
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    (experiment,) = blocks("running.md", "yaml")
    (tmp_path / "experiments/mine.yaml").write_text(experiment)
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/running.md").read_text()
    command = re.search(r"`snnmm fit (--config experiments/mine.yaml[^`]*)`", page)
    assert command is not None
    fit(*command[1].split(), "--trainer.max_epochs=1", f"--data.root={digits_root}")


def test_python_md_trains_to_the_digits_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits_root: str
) -> None:
    small = partial(lightning.Trainer, accelerator="cpu", default_root_dir=tmp_path, **SMALL)
    monkeypatch.setattr(lightning, "Trainer", small)
    training, pieces = blocks("python.md", "python")
    for was, now in (("EPOCHS = 10", "EPOCHS = 2"), ("DigitsAV(", f"DigitsAV({digits_root!r}, ")):
        assert was in training
        training = training.replace(was, now)
    names: dict[str, Any] = {}
    exec(training, names)  # noqa: S102 - our own page
    exec(pieces, names)  # noqa: S102
    assert names["output"].fused.shape == (4, 8, 10)
    monkeypatch.undo()
    experiment = ROOT / "experiments" / "quickstart.yaml"
    place = [f"--run.root={tmp_path}", "--run.name=run", "--run.id=a", f"--data.root={digits_root}"]
    fit(f"--config={experiment}", *place, "--trainer.max_epochs=2")
    results = json.loads((tmp_path / "run/a/results.json").read_text())["test"]
    found = {name: float(value) for name, value in names["trainer"].callback_metrics.items()}
    assert found == {name: results[name] for name in found}


def test_the_picture_of_the_rooms_shows_the_layers_that_lint_keeps() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = [c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    kept = [room for level in layers["layers"] for room in re.findall(r"snn_mm\.(\w+)", level)]
    shown = re.findall(r'class="name"[^>]*>(\w+)<', (ROOT / "docs/gallery/rooms.svg").read_text())
    assert shown == [*kept, "feature_makers", "datamodules"]
