"""Trainer options that there are not are refused by their keys, before anything is built."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from jsonargparse import Namespace
from lightning import Trainer
from lightning.pytorch.accelerators import CUDAAccelerator
from lightning.pytorch.strategies import DDPStrategy

from snn_mm.config.trainer_options import accelerators, build_trainer, check_trainer
from snn_mm.errors import UserError

USABLE = {
    "strategy": "auto",
    "accelerator": "auto",
    "devices": "auto",
    "num_nodes": 1,
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": None,
    "gradient_clip_val": 0.0,
    "log_every_n_steps": 0,
}


def check(**options: Any) -> None:
    check_trainer(Namespace(**{**USABLE, **options}))  # type: ignore[no-untyped-call]


@pytest.fixture
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: False))


@pytest.fixture
def _two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: True))
    monkeypatch.setattr(CUDAAccelerator, "auto_device_count", staticmethod(lambda: 2))
    module = "lightning.fabric.utilities.device_parser"
    monkeypatch.setattr(f"{module}._get_all_available_cuda_gpus", lambda: [0, 1], raising=False)
    monkeypatch.setattr("lightning.fabric.accelerators.cuda.num_cuda_devices", lambda: 2)


@pytest.mark.usefixtures("_no_gpu")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "gloo"}, r"^trainer.strategy is 'gloo'; accepted: auto, ddp, "),
        ({"accelerator": "gpux"}, r"^trainer.accelerator is 'gpux'; accepted: auto, cpu"),
        ({"accelerator": "cuda"}, r"^trainer.accelerator is 'cuda'; accepted: auto, cpu"),
        ({"accelerator": "gpu"}, r"^trainer.accelerator is 'gpu'; accepted: auto, cpu"),
        ({"devices": 0}, r"^trainer.devices is 0, .*cpu\naccepted: auto, or a number .* from 1"),
        ({"devices": "-3"}, r"^trainer.devices is -3, .*cpu\naccepted: auto"),
        ({"devices": "many"}, r"^trainer.devices is many, .*cpu\naccepted: auto"),
        ({"devices": [0, 1]}, r"^trainer.devices is \[0, 1\], .*cpu\naccepted: auto"),
        ({"num_nodes": 0}, r"^trainer.num_nodes is 0; accepted: 1 or more"),
        ({"accumulate_grad_batches": 0}, r"accumulate_grad_batches is 0; accepted: 1 or more"),
        ({"check_val_every_n_epoch": 0}, r"check_val_every_n_epoch is 0; accepted: 1 or more"),
        ({"gradient_clip_val": -0.5}, r"gradient_clip_val is -0.5; accepted: 0 or more"),
    ],
)
def test_what_there_is_not_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(**options)


@pytest.mark.usefixtures("_no_gpu")
@pytest.mark.parametrize(
    "options",
    [{}, {"strategy": "DDP"}, {"strategy": DDPStrategy()}, {"devices": 2}, {"devices": "2"}],
)
def test_what_there_is_is_accepted(options: dict[str, Any]) -> None:
    check(**options)


@pytest.mark.usefixtures("_two_gpus")
def test_devices_are_those_of_the_accelerator_that_lightning_chooses() -> None:
    assert accelerators()[:2] == ["auto", "gpu"]
    for devices in (-1, "-1", 2, "2", [1], "0,1"):
        check(devices=devices)
    for devices in (3, [2], 0, -3):
        with pytest.raises(UserError, match=r"accelerator cuda\naccepted: auto, -1 .* from 1 to 2"):
            check(devices=devices)


def test_any_other_complaint_of_lightning_loses_its_stack_trace() -> None:
    def complain() -> Any:
        raise ValueError("no such profiler")

    with pytest.raises(UserError, match=r"^trainer: no such profiler$"):
        build_trainer(complain)


def test_no_memory_is_filled_for_determinism(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    build_trainer(Trainer)
    assert not torch.utils.deterministic.fill_uninitialized_memory
