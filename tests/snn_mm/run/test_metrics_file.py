from pathlib import Path

import pytest
import torch

from snn_mm.run.directory import RunDirectory
from snn_mm.run.metrics_file import MetricsFile, last_value, read_rows


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "toy" / "a")
    run.create()
    return run


def write(run: RunDirectory, steps: range) -> None:
    logger = MetricsFile(run)
    logger.truncate(steps.start)
    for step in steps:
        logger.log_metrics({"loss": torch.tensor(1 / (step + 1))}, step)
        if step % 2:
            logger.log_metrics({"val/loss": 0.1 * step}, step)
    logger.finalize("success")


def test_a_resumed_file_equals_an_uninterrupted_one(run: RunDirectory, tmp_path: Path) -> None:
    whole = RunDirectory(tmp_path / "toy" / "b")
    whole.create()
    write(whole, range(10))
    write(run, range(7))
    write(run, range(4, 10))
    assert run.metrics.read_bytes() == whole.metrics.read_bytes()


def test_numbers_keep_all_their_digits(run: RunDirectory) -> None:
    write(run, range(3))
    assert float(read_rows(run.metrics)[-1]["loss"]) == torch.tensor(1 / 3).item()


def test_a_line_cut_short_by_a_kill_is_left_out(run: RunDirectory) -> None:
    write(run, range(3))
    rows = read_rows(run.metrics)
    text = run.metrics.read_text()
    run.metrics.write_text(text.rstrip()[:-1])
    assert read_rows(run.metrics) == rows[:-1]


def test_rows_reach_the_disk_before_the_end(run: RunDirectory) -> None:
    logger = MetricsFile(run, flush_every=2)
    logger.log_metrics({"loss": 1.0}, 0)
    assert not run.metrics.exists()
    logger.log_metrics({"loss": 2.0}, 1)
    assert len(read_rows(run.metrics)) == 2


def test_the_last_value_skips_rows_without_it(run: RunDirectory) -> None:
    write(run, range(5))
    assert last_value(run.metrics, "val/loss") == pytest.approx(0.3)
    assert last_value(run.metrics, "nothing") is None


def test_truncating_what_does_not_exist_is_harmless(run: RunDirectory) -> None:
    MetricsFile(run).truncate(0)
    assert not run.metrics.exists()
