"""`snnmm bench EXPERIMENT --data-only`: how fast data are loaded, and whether that is enough."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from snn_mm.cli import main
from snn_mm.commands.bench.appetite import StepCost
from snn_mm.commands.bench.data import Made, judged
from snn_mm.commands.bench.request import read_request
from snn_mm.errors import UserError


def test_real_data_are_loaded_and_judged(
    fsdd_dir: Path, nmnist_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "data.json"
    flags = [f"--data.root={tmp_path}", f"--data.fsdd_dir={fsdd_dir}"]
    flags += [f"--data.nmnist_dir={nmnist_dir}", "--data.val_fraction=0.25"]
    flags += ["--data.loader.batch_size=8", "--data.pairs_per_utterance=1"]
    assert (
        main(["bench", "ead_digits", "--data-only", "--seconds=0.1", *flags, "--json", str(file)])
        == 0
    )
    found = json.loads(file.read_text())
    assert (found["experiment"], found["data"]) == ("ead_digits", "SpokenDigitsEvents")
    assert found["batch_size"] == 8
    assert found["flops_per_sample"] > 1e6
    assert found["workers"].keys() == {"0", "2", "4"}
    for rate in found["workers"].values():
        assert rate["per_second"] > 0
        assert rate["starves"] == (rate["on_idle_cores"] < found["needed_per_second"])
    text = capsys.readouterr().out
    assert "ead_digits: SpokenDigitsEvents, batch 8" in text
    assert "an H100 would take" in text


def test_products_are_counted_forward_and_backward() -> None:
    x, w = torch.ones(3, 4), torch.ones(4, 5, requires_grad=True)
    cost = StepCost()
    with cost:
        (x @ w).view(-1).sum().backward()
    assert cost.flops == 2 * (2 * 3 * 4 * 5)  # y = x w, and the gradient of w
    assert cost.kernels >= 3


def test_workers_count_what_they_made_and_not_what_was_taken() -> None:
    made = Made(list, 2)
    loader = DataLoader(range(12), batch_size=3, num_workers=2, collate_fn=made)
    assert len(list(loader)) == 4
    assert made.sums[:, 1].tolist() == [6, 6]
    assert (made.sums[:, 0] > 0).all()
    made.sums[:] = torch.tensor([[3.0, 6.0], [1.0, 2.0]])
    assert made.cpu_seconds(torch.zeros(2, 2)) == 0.5
    assert made.cpu_seconds(torch.tensor([[1.0, 4.0], [1.0, 2.0]])) == 1.0
    assert made.cpu_seconds(made.sums.clone()) == 0.5  # of all, where none was made since


def rate(trainer: float, worker: float) -> dict[str, float]:
    return {"trainer_cpu_seconds": trainer, "worker_cpu_seconds": worker}


def test_the_slower_of_workers_and_trainer_decides() -> None:
    assert judged(rate(0.01, 0.0), 0, 101.0)["starves"]
    assert not judged(rate(0.01, 0.0), 0, 99.0)["starves"]
    assert judged(rate(0.001, 0.02), 4, 201.0)["starves"]
    assert not judged(rate(0.001, 0.02), 4, 199.0)["starves"]
    assert judged(rate(0.01, 0.001), 4, 101.0)["starves"]


def test_no_time_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="--seconds is 0"):
        read_request(["quickstart", "--data-only", "--seconds=0"])
