"""The wheel holds all that the checkout has, and works without it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("snn_mm", "datamodules", "feature_makers")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def snnmm(wheel: Path, folder: Path, *arguments: str, code: int = 0) -> str:
    """What the program of the wheel prints in an empty folder, errors too."""
    site = folder / "site"
    zipfile.ZipFile(wheel).extractall(site)
    (folder / "empty").mkdir()
    script = (
        "import sys, snn_mm.cli as c; print(c.__file__, flush=True); sys.exit(c.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder / "empty",
        env={**os.environ, "PYTHONPATH": str(site)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    first, rest = done.stdout.split("\n", 1)
    assert first == str(site / "snn_mm" / "cli.py")
    return rest


def test_it_holds_every_file_of_packages_and_experiments(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    folders = {ROOT / name: name for name in PACKAGES} | {
        ROOT / "experiments": "snn_mm/experiments"
    }
    for folder, name in folders.items():
        files = (f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
        expected = {f"{name}/{f.relative_to(folder)}" for f in files if f.suffix[:3] != ".nb"}
        assert expected - held == set()


def test_its_list_finds_the_experiments_outside_of_a_checkout(wheel: Path, tmp_path: Path) -> None:
    names = {
        line.split()[0] for line in snnmm(wheel, tmp_path, "list").splitlines() if line[:2] == "  "
    }
    assert {file.stem for file in (ROOT / "experiments").glob("iemf_*.yaml")} <= names


CONFIGS = ("--config", "iemf_ks.yaml", "--config", "experiments/_base/ann.yaml")


def test_its_fit_checks_a_shipped_experiment(wheel: Path, tmp_path: Path) -> None:
    said = snnmm(wheel, tmp_path, "fit", *CONFIGS, "--model.joint_wieght", "1", code=2)
    assert "joint_weight" in said


@pytest.mark.slow
def test_its_fit_builds_a_shipped_experiment(wheel: Path, tmp_path: Path) -> None:
    printed = snnmm(wheel, tmp_path, "fit", *CONFIGS, "--print_config")
    assert "class_path: datamodules.KineticsSounds" in printed
    assert "ReLU" in printed
