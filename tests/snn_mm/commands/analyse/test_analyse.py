"""`snnmm analyse` and the kinds that read made runs alone."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "analysis"))
from made_runs import callback, write_run

from snn_mm.cli import main
from snn_mm.commands.analyse import KINDS

Fails = Callable[..., str]
OURS = ("cost", "coefficient", "gain", "ablation")
IEMF = [callback("IEMF", gamma=1.0)]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return the folder of two seeds of vanilla, of IEMF and of IEMF with γ = 2."""
    folder = tmp_path / "runs"
    for seed in (0, 1):
        write_run(folder / f"v{seed}", seed=seed, joint_weight=0.0, curve=(0.2, 0.4, 0.6), test=0.6)
        write_run(
            folder / f"i{seed}",
            seed=seed,
            callbacks=IEMF,
            curve=(0.2, 0.6, 0.7),
            xi=(1.3, 1.2, 1.1),
        )
        two = [callback("IEMF", gamma=2.0)]
        write_run(
            folder / f"w{seed}", seed=seed, callbacks=two, curve=(0.2, 0.5, 0.7), xi=(2.3, 2.2, 2.1)
        )
    return folder


def read_csv(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_module_and_a_line(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert find_spec(f"snn_mm.commands.analyse.{kind}")
    assert main(["analyse"]) == 0
    assert f"  {kind:<12} {KINDS[kind]}" in capsys.readouterr().out


@pytest.mark.parametrize("kind", OURS)
def test_help_of_a_kind_ends_with_an_example(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["analyse", kind, "--help"])
    assert f"example:\n  snnmm analyse {kind} " in capsys.readouterr().out


def test_a_misspelt_kind_is_corrected(fails: Fails) -> None:
    assert "did you mean 'ablation'?" in fails("analyse", "ablatoin")


def test_made_runs_need_no_torch(runs: Path) -> None:
    code = (
        "import sys; from snn_mm.cli import main\n"
        f"codes = [main(['analyse', k, {str(runs)!r}]) for k in ('coefficient', 'ablation')]\n"
        f"codes.append(main(['analyse', 'cost', {str(runs)!r}, '--complexity', 'epochs']))\n"
        "sys.exit(any(codes) or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_cost_in_epochs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "cost", str(runs), "--complexity", "epochs", "--levels", "2"]) == 0
    assert str(runs / "analysis" / "cost.{md,csv,png}") in capsys.readouterr().out
    rows = read_csv(runs / "analysis" / "cost.csv")
    # Errors 0.8 and 0.4: vanilla in epochs 1 and 3, IEMF in 1 and 2, γ = 2 in 1 and 3.
    assert [row[2:4] for row in rows[1:]] == [
        ["1.0 ± 0.0", a] for a in ("3.0 ± 0.0", "2.0 ± 0.0", "3.0 ± 0.0")
    ]
    assert [row[-1] for row in rows[1:]] == ["—", "+25.0 (p = 0.5)", "+0.0 (p = 1)"]


def test_coefficient_writes_table_curves_and_figure(runs: Path, tmp_path: Path) -> None:
    assert main(["analyse", "coefficient", str(runs), "--out", str(tmp_path / "out")]) == 0
    assert [row[0] for row in read_csv(tmp_path / "out" / "coefficient.csv")[1:]] == [
        "Normal, IEMF",
        "Normal, IEMF, γ = 2",
    ]
    assert len(read_csv(tmp_path / "out" / "coefficient_curves.csv")) == 1 + 2 * 3
    assert (tmp_path / "out" / "coefficient.png").read_bytes().startswith(b"\x89PNG")


def test_ablation_writes_markdown(runs: Path) -> None:
    assert main(["analyse", "ablation", str(runs)]) == 0
    page = (runs / "analysis" / "ablation.md").read_text()
    assert "| Normal | IEMF | 2 | 80.00 ± 0.00 (2) | +20.00 (p = 0.5) | — |" in page


def test_gain_compares_three_folders(tmp_path: Path) -> None:
    warm = [callback("WarmStart", run="runs/x")]
    for name, callbacks in (("alone", []), ("without", warm), ("with", warm)):
        write_run(tmp_path / name / "0", modalities=("audio",), callbacks=callbacks)
    flags = [f"--{n}={tmp_path / n}" for n in ("alone", "without", "with")]
    assert main(["analyse", "gain", *flags]) == 0
    assert len(read_csv(tmp_path / "analysis" / "gain.csv")) == 4


@pytest.mark.parametrize("kind", ["cost", "coefficient", "ablation"])
def test_no_runs_and_no_finished_runs_are_told_apart(
    kind: str, tmp_path: Path, fails: Fails
) -> None:
    assert "no run below" in fails("analyse", kind, str(tmp_path))
    run = write_run(tmp_path / "a", status="failed")
    message = fails("analyse", kind, str(tmp_path))
    assert "no finished run among 1 (1 failed)" in message
    assert str(run) in message


@pytest.mark.parametrize("kind", ["cost", "coefficient", "ablation"])
def test_runs_of_two_data_sets_are_named(kind: str, tmp_path: Path, fails: Fails) -> None:
    first = write_run(tmp_path / "a", data="DigitsAV")
    second = write_run(tmp_path / "b", data="SpokenDigitsEvents")
    message = fails("analyse", kind, str(tmp_path))
    assert "2 data sets" in message
    assert f"DigitsAV: {first}" in message
    assert f"SpokenDigitsEvents: {second}" in message


def test_a_run_without_the_final_metric_is_named(runs: Path, fails: Fails) -> None:
    message = fails("analyse", "ablation", str(runs), "--metric", "test/accuracy/smell")
    assert "has no test/accuracy/smell" in message
    assert "it has test/accuracy/fused" in message


def test_a_count_of_spikes_needs_a_measurement(runs: Path, fails: Fails) -> None:
    for run in runs.iterdir():
        (run / "cost.json").write_text('{"flops_per_epoch": 7, "samples": 10}')
    message = fails("analyse", "cost", str(runs), "--complexity", "synops")
    assert "no energy.json" in message
    for run in runs.iterdir():
        (run / "energy.json").write_text('{"total": {"mac": 1, "synops": 4, "compute_pj": 5.1}}')
    assert main(["analyse", "cost", str(runs), "--complexity", "synops"]) == 0
    assert read_csv(runs / "analysis" / "cost.csv")[1][-3] == "50"  # (1 + 4) x 10
