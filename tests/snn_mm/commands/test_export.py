"""`snnmm export` as it is typed, on a run of the toy experiment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from snn_mm.cli import main
from snn_mm.export import formats
from snn_mm.export.files import FORMS, FileForm


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> Path:
    root = tmp_path_factory.mktemp("runs")
    flags = ["--run.root", str(root), "--run.id", "a", "--trainer.max_epochs=1"]
    assert main(["fit", "--config", str(toy_config), *flags]) == 0
    return root / "toy" / "a"


def test_a_file_is_proven_and_loads_without_snn_mm(trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.pt2"
    assert main(["export", str(trained), "--to", "pt2", "--output", str(file)]) == 0
    card = json.loads((tmp_path / "toy.pt2.json").read_text())
    assert card["classes"] == ["minus", "plus"]
    assert [port["shape"] for port in card["inputs"]] == [["N", 4], ["N", 4]]
    assert [output["head"] for output in card["outputs"]] == ["audio", "visual", "fused"]
    assert card["proof"]["samples"] == 40
    assert card["proof"]["off"] == card["proof"]["decided_otherwise"] == 0
    code = (
        "import sys, torch\n"
        f"network = torch.export.load({str(file)!r}).module()\n"
        "print(network(torch.ones(5, 4), torch.ones(5, 4))[2].shape, 'snn_mm' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "torch.Size([5, 2]) False", answer.stderr


def test_a_file_that_says_something_else_is_an_error_and_named_so(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def wrong(*given: object) -> formats.Answer:
        right = formats.read_pt2(*given)  # type: ignore[arg-type]
        return lambda inputs: {name: x.roll(1, -1) for name, x in right(inputs).items()}

    monkeypatch.setitem(FORMS, "pt2", FileForm(formats.write_pt2, wrong))
    file = tmp_path / "toy.pt2"
    command = ["export", str(trained), "--to", "pt2", "--output", str(file)]
    assert main(command) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["toy.unproven.pt2"]
    assert "not proven: " in capsys.readouterr().err
    assert main([*command, "--allow", "1000"]) == 0
    assert json.loads((tmp_path / "toy.pt2.json").read_text())["proof"]["allowed"] == 1000
    assert torch.export.load(file)


def test_what_was_typed_wrong_is_a_line(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(trained / "nothing"), "--to", "pt2"]) == 2
    assert main(["export", str(trained), "--to", "pt2", "--allow", "-1"]) == 2
    assert "accepted are numbers from 0 on" in capsys.readouterr().err
