"""What W&B gets of a run, read back from its offline file; and what an absent server costs."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import wandb
import yaml
from toy_experiment import KillAt  # noqa: F401 - makes the folder importable before main runs
from wandb_file import WandbFile, read_wandb

from snn_mm.cli import main
from snn_mm.commands.wandb_run import find_problem, is_reachable
from snn_mm.run import RunDirectory

WANDB = str(Path(__file__).parents[3] / "experiments" / "_base" / "wandb.yaml")
KEY = "0123456789" * 4
STEP = "trainer/global_step"


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Keep W&B's variables of a test to itself; W&B reads them once, so it is torn down."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        before = dict(os.environ)
        wandb.teardown()
        yield
        wandb.teardown()
        for name in set(os.environ) - set(before):
            os.environ.pop(name)


@contextmanager
def serve(status: int, answer: object) -> Iterator[str]:
    """Answer every request the same way, at the address that is returned."""
    body = json.dumps(answer).encode()

    class Answer(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("do_GET", "do_POST"):
        setattr(Answer, method, Answer.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def server() -> Iterator[str]:
    """Return the address of a server that accepts no key."""
    with serve(401, {"errors": [{"message": "user is not logged in"}]}) as address:
        yield address


def fit(config: Path, root: Path, *flags: str) -> RunDirectory:
    place = ("--run.root", str(root), "--run.id", "seed=1")
    argv = ["fit", "--config", str(config), "--config", WANDB, *place, *flags]
    assert main([*argv, "--trainer.max_epochs", "2"]) == 0
    wandb.teardown()  # as at the end of a process: only then everything is on disk
    return RunDirectory(root / "toy" / "seed=1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> RunDirectory:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        wandb.teardown()
        root = tmp_path_factory.mktemp("wandb")
        return fit(toy_config, root, "--trainer.callbacks+", "draws.Draw")


@pytest.fixture(scope="module")
def written(run: RunDirectory) -> WandbFile:
    return read_wandb(run.path)


def test_the_run_has_the_directorys_id_and_the_experiment_as_group(written: WandbFile) -> None:
    identity = (written.run.run_id, written.run.run_group, written.run.project)
    assert identity == ("seed=1", "toy", "snn_mm")


def test_the_whole_config_is_there(written: WandbFile, run: RunDirectory) -> None:
    config = yaml.safe_load(run.config.read_text())
    assert {key: written.config[key] for key in config} == config


def test_every_section_of_panels_has_its_prefix(written: WandbFile) -> None:
    assert written.sections == {"train", "val", "test", "iemf", "figures", "energy"}


def test_charts_go_over_steps_and_bookkeeping_has_none(written: WandbFile) -> None:
    assert written.axes == {"*": STEP}
    assert written.hidden == {"epoch", STEP}
    assert all(STEP in row for row in written.history)


def test_each_modality_has_a_row_an_epoch(written: WandbFile) -> None:
    for modality in ("audio", "visual", "fused"):
        rows = [row for row in written.history if f"val/accuracy/{modality}" in row]
        assert [row[STEP] for row in rows] == [4, 9]


def test_the_table_of_runs_shows_the_best_validation_and_the_test(
    written: WandbFile, run: RunDirectory
) -> None:
    results = json.loads(run.results.read_text())
    for name, value in results["best"]["validation"].items():
        assert written.summary[f"best/{name}"] == pytest.approx(value)
    fused = "test/accuracy/fused"
    assert written.summary[fused] == pytest.approx(results["test"][fused])


def test_figures_are_logged_once_and_energy_becomes_bars(written: WandbFile) -> None:
    names = [name for row in written.history for name in row]
    assert names.count("figures/factors._type") == 1
    assert names.count("energy/layers._type") == 1
    panel = written.config["_wandb.visualize.energy/parts"]
    assert panel["panel_config"]["panelDefId"] == "wandb/bar/v0"


def test_files_are_uploaded_with_their_last_content(written: WandbFile, run: RunDirectory) -> None:
    names = {"config.yaml", "results.json", "environment.json", "energy.json", "metrics.csv"}
    assert names <= written.files
    (uploaded,) = run.path.glob("wandb/offline-run-*/files/results.json")
    assert json.loads(uploaded.read_text())["status"] == "finished"


def test_a_server_that_can_not_be_reached_costs_one_warning(
    tmp_path: Path, toy_config: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    begin = time.monotonic()
    run = fit(toy_config, tmp_path)
    assert time.monotonic() - begin < 30  # W&B alone retries for 90 s and then fails
    warnings = [line for line in capfd.readouterr().err.splitlines() if "W&B:" in line]
    assert len(warnings) == 1
    assert "http://127.0.0.1:1 can't be reached; recorded offline" in warnings[0]
    assert read_wandb(run.path).summary["best/epoch"] is not None


@pytest.mark.parametrize(("key", "problem"), [(KEY, "does not accept the key"), ("", "no key")])
def test_a_key_that_is_wrong_or_missing_costs_one_warning(
    key: str, problem: str, tmp_path: Path, toy_config: Path, server: str,
    monkeypatch: pytest.MonkeyPatch, fresh_home: None, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("WANDB_BASE_URL", server)
    monkeypatch.setenv("WANDB_API_KEY", key)
    run = fit(toy_config, tmp_path)
    warnings = [line for line in capfd.readouterr().err.splitlines() if "W&B:" in line]
    assert len(warnings) == 1
    assert problem in warnings[0]
    assert read_wandb(run.path).history


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the developer's own is found."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_a_server_that_accepts_the_key_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = {"id": "1", "username": "u", "entity": "e", "flags": "{}", "teams": {"edges": []}}
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with serve(200, {"data": {"viewer": viewer}}) as address:
        monkeypatch.setenv("WANDB_BASE_URL", address)
        assert find_problem() is None


def test_a_server_that_never_answers_costs_no_more_than_the_patience_we_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("snn_mm.commands.wandb_run.REACH_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        assert not is_reachable(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert time.monotonic() - begin < 2


def test_offline_by_choice_asks_no_server(
    tmp_path: Path, toy_config: Path, server: str, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_BASE_URL", server)
    fit(toy_config, tmp_path)
    assert "W&B:" not in capfd.readouterr().err
