from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from snn_mm.callbacks import IEMF, FactorTracker
from snn_mm.callbacks.modulation.gradient import GradientModulation, Strength
from snn_mm.callbacks.recording.factor_tracker import COLUMNS, to_numbers
from snn_mm.contracts import Batch, Modulated
from snn_mm.errors import UserError
from snn_mm.modules import IEMFModule
from snn_mm.run.epoch_table import EpochTable

Loader = DataLoader[Batch]
NORMS = ["gradient_norm/a", "gradient_norm/b", "gradient_norm/fusion"]


class Halve(GradientModulation):
    """A second modulation: every gradient of modality a is halved."""

    name = "halve"

    def compute_factors(self, strength: Strength) -> dict[str, float]:
        return {"k": 0.5}

    def rewrite_gradients(
        self, module: Modulated, factors: dict[str, float], optimizer_step: int
    ) -> None:
        for parameter in module.modality_parameters("a"):
            if parameter.grad is not None:
                parameter.grad.mul_(factors["k"])


class Norms(Callback):
    """Norms by role, from names of parameters and in float64."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        squares = dict.fromkeys(("a", "b", "fusion"), 0.0)
        for name, parameter in pl_module.named_parameters():
            role = name.split(".")[1] if name.startswith("encoders") else name.split(".")[2]
            role = "fusion" if role not in squares else role
            if parameter.grad is not None:
                squares[role] += parameter.grad.double().square().sum().item()
        self.seen.append([math.sqrt(square) for square in squares.values()])


class Offering(IEMFModule):
    """A module that has numbers of its own."""

    def tracked_factors(self) -> dict[str, float | torch.Tensor]:
        step = float(self.trainer.global_step)
        return {"rho/a": step, "attention_entropy/a": torch.tensor([step, step + 1])}


def rows(folder: Path) -> list[tuple[int, int, str, float]]:
    table = EpochTable(folder / "factors.csv", COLUMNS)
    return [
        (int(row["step"]), int(row["epoch"]), row["name"], float(row["value"]))
        for row in table.rows()
    ]


def values(folder: Path, name: str) -> list[float]:
    return [row[3] for row in rows(folder) if row[2] == name]


def test_norms_are_those_of_the_gradients_by_role(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    norms = Norms()
    make_trainer(norms, FactorTracker()).fit(spiking_module, loader)
    tracked = [values(tmp_path, name) for name in NORMS]
    assert list(zip(*tracked)) == [pytest.approx(step, rel=1e-5) for step in norms.seen]
    assert all(norm > 0 for norm in norms.seen[0])


def test_factors_of_two_modulations_are_recorded_at_every_optimizer_step(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    iemf = IEMF()
    make_trainer(iemf, Halve(start_epoch=1), FactorTracker()).fit(spiking_module, loader)
    assert [row[:2] for row in rows(tmp_path) if row[2] == "iemf/xi"] == [
        (step, step // 3) for step in range(6)
    ]
    assert values(tmp_path, "iemf/xi")[-1] == iemf.factors["xi"]
    assert [row[0] for row in rows(tmp_path) if row[2] == "halve/k"] == [3, 4, 5]


def test_a_modulation_out_of_its_window_is_not_recorded(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    make_trainer(IEMF(end_epoch=0), FactorTracker()).fit(spiking_module, loader)
    assert [row[0] for row in rows(tmp_path) if row[2] == "iemf/xi"] == [0, 1, 2]


def test_accumulated_batches_leave_one_row(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    trainer = make_trainer(IEMF(), FactorTracker(), accumulate_grad_batches=2)
    trainer.fit(spiking_module, loader)
    assert len(values(tmp_path, "gradient_norm/a")) == trainer.global_step == 4
    assert len(values(tmp_path, "iemf/xi")) == 4


def test_raw_norms_are_those_before_modulation(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    twin = copy.deepcopy(spiking_module)
    options = {"max_steps": 1, "max_epochs": -1}
    make_trainer(FactorTracker(when="raw"), Halve(), **options).fit(spiking_module, loader)
    (raw,) = values(tmp_path, "gradient_norm/a")
    make_trainer(Halve(), FactorTracker(), **options).fit(twin, loader)
    (halved,) = values(tmp_path, "gradient_norm/a")
    assert halved == pytest.approx(raw / 2)


@pytest.mark.parametrize(("when", "first"), [("modulated", True), ("raw", False)])
def test_a_place_in_the_list_that_contradicts_when_is_refused(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, when: Any, first: bool
) -> None:
    tracker = FactorTracker(when=when)
    callbacks = [tracker, IEMF()] if first else [IEMF(), tracker]
    with pytest.raises(UserError, match=r"must stand (behind|before) IEMF"):
        make_trainer(*callbacks).fit(spiking_module, loader)


def test_numbers_that_the_module_offers_are_recorded_and_logged(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    spiking_module.__class__ = Offering
    trainer = make_trainer(IEMF(), FactorTracker())
    trainer.fit(spiking_module, loader)
    assert values(tmp_path, "rho/a") == [1, 2, 3, 4, 5, 6]
    assert values(tmp_path, "attention_entropy/a") == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    assert trainer.logged_metrics["rho/a"] == 5
    assert set(NORMS) <= set(trainer.logged_metrics)


def test_every_n_steps_thins_the_record(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    make_trainer(FactorTracker(every_n_steps=4)).fit(spiking_module, loader)
    assert [row[0] for row in rows(tmp_path) if row[2] == NORMS[0]] == [0, 4]


def test_resumed_run_has_each_row_once(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    first = make_trainer(IEMF(), FactorTracker(), max_epochs=1)
    first.fit(spiking_module, loader)
    first.save_checkpoint(tmp_path / "one.ckpt")
    for _ in range(2):
        resumed = make_trainer(IEMF(), FactorTracker())
        resumed.fit(spiking_module, loader, ckpt_path=tmp_path / "one.ckpt")
    assert [row[:3] for row in rows(tmp_path)] == [
        (step, step // 3, name) for step in range(6) for name in [*NORMS, "iemf/xi"]
    ]
    assert (tmp_path / "figures" / "factors.png").stat().st_size > 0


def test_tracker_changes_no_weight(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader
) -> None:
    twin = copy.deepcopy(spiking_module)
    make_trainer(IEMF(), FactorTracker()).fit(spiking_module, loader)
    make_trainer(IEMF()).fit(twin, loader)
    theirs = twin.state_dict()
    for name, value in spiking_module.state_dict().items():
        assert torch.equal(value, theirs[name])


def test_trial_run_writes_nothing(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    make_trainer(FactorTracker(), fast_dev_run=True).fit(spiking_module, loader)
    assert not list(tmp_path.iterdir())


def test_a_crash_keeps_what_was_recorded(
    make_trainer: Any, spiking_module: IEMFModule, loader: Loader, tmp_path: Path
) -> None:
    class Crash(Callback):
        def on_train_batch_start(self, trainer: Trainer, *arguments: Any) -> None:
            if trainer.global_step == 2:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        make_trainer(FactorTracker(), Crash()).fit(spiking_module, loader)
    assert [row[0] for row in rows(tmp_path) if row[2] == NORMS[0]] == [0, 1]


def test_tensors_and_numbers_keep_their_order() -> None:
    assert to_numbers([1.0, torch.tensor(2.0), 3.0, torch.tensor(4.0)]) == [1, 2, 3, 4]
