"""`snnmm report`, from run directories to files."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snn_mm.analysis.report.naming import method_name
from snn_mm.commands.report import known_library, run
from snn_mm.errors import UserError

CONFIG = """\
seed_everything: {seed}
trainer:
  max_epochs: 1
  callbacks:
  - class_path: snn_mm.callbacks.FiringRateMonitor
  - class_path: snn_mm.callbacks.IEMF
    init_args: {{gamma: {gamma}, kappa: tanh}}
model:
  class_path: snn_mm.modules.IEMFModule
  init_args:
    joint_weight: 1.0
    fusion: {{class_path: snn_mm.fusion.Concat, init_args: {{unimodal: heads}}}}
data: {{class_path: datamodules.DigitsAV}}
"""


def make_run(root: Path, seed: int, gamma: float = 1.0) -> Path:
    path = root / f"gamma{gamma:g}" / f"s{seed}"
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(CONFIG.format(seed=seed, gamma=gamma))
    test = {"test/accuracy/fused": 0.5 + 0.01 * seed}
    (path / "results.json").write_text(json.dumps({"status": "finished", "test": test}) + "\n")
    (path / "environment.json").write_text(json.dumps({"seed": seed}) + "\n")
    (path / "metrics.csv").write_text("epoch,val/accuracy/fused\n0,0.5\n1,0.6\n")
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for seed in range(2):
        make_run(tmp_path / "runs", seed)
        make_run(tmp_path / "runs", seed, gamma=2.0)
    return tmp_path / "runs"


def report(runs: Path, output: Path, *options: str) -> int:
    return run(["report", str(runs), "--output", str(output), *options])


def test_three_pages_are_written_and_named(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(runs, tmp_path / "out") == 0
    pages = [str(tmp_path / "out" / name) for name in ("report.md", "report.html", "tables.tex")]
    assert capsys.readouterr().out.splitlines() == [
        *pages,
        "4 runs: 4 finished. 4 enter the means.",
    ]
    assert all(Path(page).stat().st_size for page in pages)


def test_methods_are_named_by_what_is_not_default(runs: Path, tmp_path: Path) -> None:
    report(runs, tmp_path / "out", "--format", "md")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "A. IEMFModule · Concat · IEMF |" in text
    assert "B. IEMFModule · Concat · IEMF(gamma=2) |" in text


def make_sentiment_run(root: Path, seed: int) -> None:
    path = make_run(root, seed)
    test = {"test/mae/fused": 0.25, "test/mae/text": 0.5, "test/corr/fused": 0.5}
    (path / "results.json").write_text(json.dumps({"status": "finished", "test": test}) + "\n")
    (path / "metrics.csv").write_text("epoch,val/mae/fused\n0,0.5\n1,0.25\n")


def test_runs_without_accuracies_are_compared_by_their_error(tmp_path: Path) -> None:
    for seed in range(2):
        make_sentiment_run(tmp_path / "runs", seed)
    report(tmp_path / "runs", tmp_path / "out", "--format", "md")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "test/mae/fused, less is better" in text
    assert "0.2500 ± 0.0000 (2)" in text
    assert "MAE over epochs" in text
    assert "| 0.2500 |" in text.split("## Runs")[1]


def test_runs_that_learned_in_tasks_are_compared_by_their_incremental_accuracy(
    tmp_path: Path,
) -> None:
    scores = {
        "average_incremental_accuracy": 0.5,
        "average_forgetting": 0.25,
        "accuracy/fused": 0.1,
    }
    for seed in range(2):
        path = make_run(tmp_path / "runs", seed)
        test = {f"test/{name}": value for name, value in scores.items()}
        (path / "results.json").write_text(json.dumps({"status": "finished", "test": test}) + "\n")
    report(tmp_path / "runs", tmp_path / "out", "--format", "md")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "test/average\\_incremental\\_accuracy in percent: mean" in text
    assert "| A. IEMFModule · Concat · IEMF | 50.00 ± 0.00 (2) | 25.00 ± 0.00 (2) |" in text
    assert "accuracy in percent over epochs" in text


def test_a_metric_that_is_asked_for_wins(runs: Path, tmp_path: Path) -> None:
    results = runs / "gamma1" / "s0" / "results.json"
    test = {"test/accuracy/fused": 0.5, "test/mae/fused": 0.25}
    results.write_text(json.dumps({"status": "finished", "test": test}) + "\n")
    report(runs, tmp_path / "out", "--format", "md", "--metric", "test/mae/fused")
    assert "test/mae/fused, less is better" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("metric", "there"),
    [("test/f1", "they have: test/accuracy/fused"), ("test/accuracy/fusd", "nearest: test/acc")],
)
def test_a_metric_that_no_run_has_is_refused(
    metric: str, there: str, runs: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=f"--metric {metric}: no run has it\n{there}"):
        report(runs, tmp_path / "out", "--metric", metric)
    assert not (tmp_path / "out").exists()


def test_only_the_formats_asked_for(runs: Path, tmp_path: Path) -> None:
    report(runs, tmp_path / "out", "--format", "latex")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["tables.tex"]


def test_markdown_finds_its_figures(runs: Path, tmp_path: Path) -> None:
    report(runs, tmp_path / "out", "--format", "md")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "(figures/learning-digitsav-fused.svg)" in text
    assert (tmp_path / "out" / "figures" / "learning-digitsav-fused.svg").is_file()


def test_the_same_runs_give_the_same_bytes(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    for name in ("one", "two"):
        report(runs, tmp_path / name)
    first, second = ((tmp_path / n / "report.html").read_bytes() for n in ("one", "two"))
    assert first == second
    assert b"1970-01-01 00:00 UTC" in first


def test_date_may_be_given(runs: Path, tmp_path: Path) -> None:
    report(runs, tmp_path / "out", "--date", "May 2031", "--format", "md")
    assert "May 2031 · 4 runs" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "pdf"], "accepted are md, html, latex"),
        (["--by", "model.fusoin"], "model.fusion"),
        (["--baseline", "nothing"], "fits no row"),
        (["--published", "missing.yaml"], "no such file"),
    ],
)
def test_mistakes_are_explained(
    runs: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        report(runs, tmp_path / "out", *options)
    assert len(str(caught.value).splitlines()) <= 5


def test_an_output_that_is_a_file_is_explained(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match="--output"):
        report(runs, tmp_path / "out")


def test_damaged_runs_are_listed_and_not_fatal(runs: Path, tmp_path: Path) -> None:
    cut = make_run(runs, 7)
    (cut / "metrics.csv").write_text("epoch,val/accuracy/fused\n0,0.5\n1,0.")
    (make_run(runs, 8) / "results.json").unlink()
    report(runs, tmp_path / "out", "--format", "md")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "metrics.csv: last line cut short" in text
    assert "results.json: missing" in text


def test_two_hundred_runs_answer_in_seconds(tmp_path: Path) -> None:
    for seed in range(50):
        for gamma in (0.5, 1.0, 2.0, 3.0):
            make_run(tmp_path / "runs", seed, gamma)
    start = time.process_time()  # what other processes take is not counted
    report(tmp_path / "runs", tmp_path / "out")
    assert time.process_time() - start < 15


def test_it_needs_no_torch(runs: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from snn_mm.commands.report import run; "
        f"run(['report', {str(runs)!r}, '--output', {str(tmp_path / 'out')!r}]); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'lightning', 'numpy', 'matplotlib')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_warm_start_is_part_of_the_method_and_a_monitor_is_not() -> None:
    observers = known_library().observers
    assert "WarmStart" not in observers
    assert "FiringRateMonitor" in observers


def test_methods_of_learning_in_tasks_are_named_by_what_is_not_default() -> None:
    facts = {"model": "ContinualModule", "model.method": "AVCIL", "model.method.attention": 0.0}
    assert method_name(facts, known_library()) == "ContinualModule · AVCIL(attention=0)"
