"""`fit` from a config to a run directory, and what is done with the directory afterwards."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from snn_mm import load_run
from snn_mm.cli import main
from snn_mm.errors import UserError
from snn_mm.run import RunDirectory, processor
from snn_mm.run.checkpoint_io import AtomicCheckpointIO
from snn_mm.run.metrics_file import read_rows

Train = Callable[..., RunDirectory]
ONE_EPOCH = ("--trainer.max_epochs", "1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> RunDirectory:
    root = tmp_path_factory.mktemp("trained")
    place = ("--run.root", str(root), "--run.id", "a")
    assert main(["fit", "--config", str(toy_config), *place]) == 0
    return RunDirectory(root / "toy" / "a")


def test_a_run_directory_holds_everything(trained: RunDirectory) -> None:
    files = (trained.config, trained.metrics, trained.results, trained.environment)
    checkpoints = (trained.best, trained.last)
    assert all(path.is_file() for path in (*files, *checkpoints))
    assert trained.figures.is_dir()


def test_results_say_what_was_reached(trained: RunDirectory) -> None:
    results = json.loads(trained.results.read_text())
    assert (results["status"], results["epochs"], results["error"]) == ("finished", 3, None)
    assert results["best"]["score"] == results["best"]["validation"]["val/accuracy/fused"]
    assert {"test/accuracy/audio", "test/accuracy/visual", "test/accuracy/fused"} <= set(
        results["test"]
    )


def test_the_best_checkpoint_is_the_epoch_of_the_best_validation(trained: RunDirectory) -> None:
    column = "val/accuracy/fused"
    scores = [float(row[column]) for row in read_rows(trained.metrics) if column in row]
    best = json.loads(trained.results.read_text())["best"]
    assert best["score"] == max(scores)
    assert best["epoch"] == scores.index(max(scores))
    assert torch.load(trained.best, weights_only=True)["epoch"] == best["epoch"]


def test_the_environment_names_seed_data_and_flags(trained: RunDirectory) -> None:
    environment = json.loads(trained.environment.read_text())
    assert (environment["seed"], environment["data"], environment["ranks"]) == (0, "toy", 1)
    assert environment["flags"]["run.id"] == "a"


def test_the_saved_config_repeats_the_run(trained: RunDirectory, tmp_path: Path) -> None:
    place = ("--run.root", str(tmp_path), "--run.name", "toy", "--run.id", "b")
    assert main(["fit", "--config", str(trained.config), *place]) == 0
    again = RunDirectory(tmp_path / "toy" / "b")
    assert again.metrics.read_bytes() == trained.metrics.read_bytes()


def test_testing_a_run_directory_repeats_the_test_of_its_best_checkpoint(
    trained: RunDirectory,
) -> None:
    before = trained.config.read_bytes()
    assert main(["test", "--ckpt_path", str(trained.path)]) == 0
    results = json.loads(trained.results.read_text())
    assert results["evaluations"]["test"]["best.ckpt"] == results["test"]
    assert trained.config.read_bytes() == before


def test_validating_the_last_checkpoint_is_kept_by_its_name(trained: RunDirectory) -> None:
    assert main(["validate", "--ckpt_path", str(trained.last)]) == 0
    evaluations = json.loads(trained.results.read_text())["evaluations"]
    assert "val/accuracy/fused" in evaluations["validate"]["last.ckpt"]


def test_predictions_are_probabilities_of_every_test_sample(trained: RunDirectory) -> None:
    assert main(["predict", "--ckpt_path", str(trained.path)]) == 0
    rows = list(csv.DictReader((trained.path / "predictions.csv").read_text().splitlines()))
    assert len({row["id"] for row in rows}) == 40
    assert float(rows[0]["fused/minus"]) + float(rows[0]["fused/plus"]) == pytest.approx(1)


def test_what_differs_comes_first_and_a_table_of_accuracies_coefficient_and_place_last(
    train: Train, toy_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(*ONE_EPOCH)
    printed = capsys.readouterr().out
    change = "  changed  trainer.max_epochs: 3 -> 1\n"
    assert printed.startswith(f"differs from {toy_config}:\n{change}epoch 1/1")
    for label in ("accuracy, audio", "accuracy, visual", "accuracy, fused", "IEMF", str(run.path)):
        assert label in printed


@pytest.mark.parametrize("logger", ["false", "true", "CSVLogger"])
def test_metrics_are_written_whatever_the_logger(train: Train, tmp_path: Path, logger: str) -> None:
    extra = ("--trainer.logger.save_dir", str(tmp_path)) if logger == "CSVLogger" else ()
    run = train(*ONE_EPOCH, "--trainer.logger", logger, *extra)
    assert any("val/loss" in row for row in read_rows(run.metrics))


def test_twice_in_a_row_gives_two_runs(tmp_path: Path, toy_config: Path) -> None:
    argv = ["fit", "--config", str(toy_config), "--run.root", str(tmp_path), *ONE_EPOCH]
    assert main(argv) == main(argv) == 0
    first, second = (RunDirectory(path) for path in (tmp_path / "toy").iterdir())
    assert first.metrics.read_bytes() == second.metrics.read_bytes()


def test_another_seed_is_another_run(train: Train) -> None:
    first = train(*ONE_EPOCH)
    second = train(*ONE_EPOCH, "--seed_everything", "1", run_id="b")
    assert first.metrics.read_bytes() != second.metrics.read_bytes()


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        (("--trainer.limit_train_batches", "0"), "trainer.limit_train_batches"),
        (("--trainer.max_steps", "0"), "trainer.max_steps"),
        (("--trainer.max_epochs", "0"), "trainer.max_epochs"),
        (("--trainer.limit_test_batches", "0.0"), "trainer.limit_test_batches"),
        (("--data.batch_size", "41", "--data.drop_last", "true"), "data.loader"),
    ],
)
def test_no_batch_at_all_is_refused(
    flags: tuple[str, ...], key: str, toy_config: Path, tmp_path: Path, fails: Callable[..., str]
) -> None:
    place = ("--run.root", str(tmp_path), "--run.id", "a")
    assert key in fails("fit", "--config", str(toy_config), *place, *ONE_EPOCH, *flags)
    assert RunDirectory(tmp_path / "toy" / "a").status() in (None, "failed")


DIVERGING = ("--model.optimizer", "torch.optim.SGD", "--model.optimizer.lr", "1e38")


def test_numbers_that_are_none_stop_a_run_and_nothing_of_them_is_kept(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(*DIVERGING, code=1)  # its line was right: a sweep goes on
    message = capsys.readouterr().err
    assert "that are not finite" in message
    results = json.loads(run.results.read_text())
    assert results["status"] == "failed"
    assert f"snnmm: error: {results['error']}\n" in message
    assert not list(run.checkpoints.iterdir())
    assert run.is_unfinished()


def test_a_run_that_ignores_its_numbers_has_diverged(
    train: Train, fails: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(*DIVERGING, "--guard.action", "ignore")
    results = json.loads(run.results.read_text())
    error = "loss or weights were no finite numbers from epoch 1 on"
    assert (results["status"], results["error"]) == ("diverged", error)
    assert error in capsys.readouterr().out
    assert not run.is_unfinished()
    assert not run.best.exists()
    assert "holds NaN or infinity" in fails("fit", "--resume", str(run.path))
    assert run.status() == "diverged"


@pytest.mark.parametrize(
    "name", ["encoders.audio.layers.0.weight", "encoders.audio.layers.1.running_var"]
)
def test_a_checkpoint_with_nan_in_one_modality_is_refused(
    trained: RunDirectory, tmp_path: Path, fails: Callable[..., str], name: str
) -> None:
    run = RunDirectory(tmp_path / "toy" / "a")
    shutil.copytree(trained.path, run.path)
    for path in (run.best, run.last):
        checkpoint = torch.load(path, weights_only=True)
        checkpoint["state_dict"][name].view(-1)[0] = float("nan")
        AtomicCheckpointIO().save_checkpoint(checkpoint, path)
    for argv in (("test", "--ckpt_path"), ("predict", "--ckpt_path"), ("fit", "--resume")):
        more = ("--trainer.max_epochs", "4") if argv[0] == "fit" else ()
        assert f"holds NaN or infinity: {name}\n" in fails(*argv, str(run.path), *more)
    with pytest.raises(UserError, match="holds NaN or infinity"):
        load_run(run.path)


def test_a_run_that_was_stopped_goes_on_with_skip_as_if_it_had_from_the_start(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toy_experiment import ToyEncoder

    forward, calls = ToyEncoder.forward, iter(range(1000))

    def once_infinite(self: ToyEncoder, x: torch.Tensor) -> torch.Tensor:
        return forward(self, x) * (float("inf") if self.training and next(calls) == 16 else 1.0)

    monkeypatch.setattr(ToyEncoder, "forward", once_infinite)
    stopped = train(code=1)  # two encoders and five steps: in the fourth of the second epoch
    assert json.loads(stopped.results.read_text())["epochs"] == 1
    calls = iter(range(10, 1000))
    with pytest.warns(UserWarning, match="step 9 .epoch 2."):
        assert main(["fit", "--resume", str(stopped.path), "--guard.action", "skip"]) == 0
    calls = iter(range(1000))
    with pytest.warns(UserWarning, match="step 9 .epoch 2."):
        whole = train("--guard.action", "skip", run_id="b")
    ended = [json.loads(run.results.read_text()) for run in (stopped, whole)]
    for key, value in {"status": "finished", "skipped_steps": 1, "error": None}.items():
        assert [results[key] for results in ended] == [value, value]
    states = [torch.load(run.last, weights_only=True)["state_dict"] for run in (stopped, whole)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_a_dry_run_leaves_nothing(train: Train, tmp_path: Path) -> None:
    train("--trainer.fast_dev_run", "true")
    assert not list(tmp_path.iterdir())


def test_the_test_can_be_left_out(train: Train) -> None:
    run = train(*ONE_EPOCH, "--test_after_fit", "false")
    assert "test" not in json.loads(run.results.read_text())


def test_the_printed_config_can_be_fed_back(
    train: Train, toy_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "--config", str(toy_config), *ONE_EPOCH, "--print_config"]) == 0
    printed = tmp_path / "printed.yaml"
    printed.write_text(capsys.readouterr().out)
    assert yaml.safe_load(printed.read_text())["trainer"]["max_epochs"] == 1
    train("--config", str(printed))


def test_an_own_checkpoint_callback_joins_ours(train: Train) -> None:
    own = ("--trainer.callbacks+", "ModelCheckpoint", "--trainer.callbacks.filename", "own")
    run = train(*ONE_EPOCH, *own)
    names = {path.name for path in run.checkpoints.iterdir()}
    assert names == {"best.ckpt", "last.ckpt", "own.ckpt"}


def test_a_bug_keeps_its_stack_trace_and_marks_the_run(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snn_mm.modules.counted_loss.reduce", None)
    with pytest.raises(TypeError, match="not callable"):
        train()
    results = json.loads((tmp_path / "toy" / "a" / "results.json").read_text())
    assert results["status"] == "failed"
    assert results["error"].startswith("TypeError: 'NoneType' object is not callable")


def test_a_failure_of_the_users_own_class_marks_the_run(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toy_experiment import ToyEncoder

    def stumble(self: ToyEncoder, x: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError("a slip")

    monkeypatch.setattr(ToyEncoder, "forward", stumble)
    with pytest.raises(AssertionError, match="assert 2 == 0"):  # the exit code, in a few lines
        train()
    results = json.loads((tmp_path / "toy" / "a" / "results.json").read_text())
    assert results["status"] == "failed"
    assert "in stumble: ZeroDivisionError: a slip" in results["error"]


def test_wandb_offline_works_twice_with_the_run_id(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    shipped = Path(__file__).parents[3] / "experiments" / "_base" / "wandb.yaml"
    for run_id in ("a", "b"):
        run = train(*ONE_EPOCH, "--config", str(shipped), run_id=run_id)
        assert list(run.path.glob(f"wandb/offline-run-*-{run_id}"))
        assert read_rows(run.metrics)


@pytest.mark.slow
def test_two_ranks_share_one_run_directory(tmp_path: Path, toy_config: Path) -> None:
    ranks = ("--trainer.devices", "2", "--trainer.strategy", "ddp")
    argv = ["fit", "--config", str(toy_config), "--run.root", str(tmp_path), *ONE_EPOCH, *ranks]
    subprocess.run([sys.executable, "-m", "snn_mm", *argv], check=True, timeout=300)
    (run,) = (RunDirectory(path) for path in (tmp_path / "toy").iterdir())
    assert run.status() == "finished"
    assert json.loads(run.environment.read_text())["ranks"] == 2


def test_a_precision_that_this_processor_is_slow_at_is_told_once(
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = tmp_path / "cpuinfo"
    said.write_text("model name\t: Some CPU 9\nflags\t\t: fpu avx2\n")
    monkeypatch.setattr(processor, "CPUINFO", said)
    train(*ONE_EPOCH, "--trainer.precision=bf16-mixed", "--trainer.accelerator=cpu")
    lines = capsys.readouterr().err.splitlines()
    assert sum("Some CPU 9 has no bfloat16 instructions" in line for line in lines) == 1
