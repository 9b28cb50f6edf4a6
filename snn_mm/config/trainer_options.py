"""Refuses trainer options that no trainer can be built with, by their keys.

Lightning says it with a stack trace, and not what this machine has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jsonargparse import Namespace
from lightning import Callback, Trainer
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    BatchSizeFinder,
    LearningRateFinder,
    SpikeDetection,
)
from lightning.pytorch.strategies import DDPStrategy, StrategyRegistry
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import nn

from snn_mm.errors import UserError, check_choice, check_range

GPUS = ("cuda", "mps")
AMOUNTS = {
    "fit": ("max_epochs", "max_steps", "limit_train_batches"),
    "validate": ("limit_val_batches",),
    "test": ("limit_test_batches",),
    "predict": ("limit_predict_batches",),
}
"""What leaves a command nothing to do if it is 0."""
LOWEST = {
    "num_nodes": 1,
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "gradient_clip_val": 0,
    "log_every_n_steps": 0,
}
"""What Lightning takes without a look, and divides by."""
CHOSEN_BY_LIGHTNING = ("auto", "gpu")
REFUSED: dict[type[Callback], str] = {
    LearningRateFinder: "it would train with another learning rate than config.yaml records\n"
    "try some: snnmm sweep EXPERIMENT.yaml --grid model.optimizer.lr=0.001,0.01,0.1",
    BatchSizeFinder: "it would train with another batch size than config.yaml records\n"
    "try some: snnmm sweep EXPERIMENT.yaml --grid data.loader.batch_size=16,32,64",
    SpikeDetection: "it can't read back the state that it saves (Lightning 2.6)",
}
"""Callbacks of Lightning that fit no run, and why."""


def check_trainer(options: Namespace) -> None:
    """Refuse a strategy, an accelerator, devices or amounts that there are not.

    Args:
        options: what the config has below `trainer`; instances of Lightning's classes are as good
            as names.

    Raises:
        UserError: names the key and what is accepted.
    """
    if isinstance(options.strategy, str):
        known = ["auto", *StrategyRegistry.available_strategies()]
        check_choice("trainer.strategy", options.strategy.lower(), known)
    if isinstance(options.accelerator, str):
        check_choice("trainer.accelerator", options.accelerator, accelerators())
        check_devices(options.accelerator, options.devices)
    for key, low in LOWEST.items():
        if options[key] is not None:
            check_range(f"trainer.{key}", options[key], low)


def check_amounts(stage: str, options: Namespace, tests: bool) -> None:
    """Refuse to train or to evaluate on nothing.

    Args:
        stage: `fit`, `validate`, `test` or `predict`.
        options: what the config has below `trainer`.
        tests: whether a fit ends with a test.

    Raises:
        UserError: names the key and what is accepted.
    """
    tested = AMOUNTS["test"] if stage == "fit" and tests else ()
    for key in (*AMOUNTS[stage], *tested):
        if options[key] == 0 and options[key] is not None:
            other = ", or test_after_fit: false" if key in tested else ""
            raise UserError(f"trainer.{key} is 0: nothing would be done\naccepted: more{other}")


def check_batches(stage: str, batches: Sequence[float], steps: int | None = None) -> None:
    """Refuse what ran on no batch at all: its numbers would be those of another network.

    Args:
        stage: `fit`, `validate`, `test` or `predict`.
        batches: how many batches each loader gave.
        steps: optimizer steps of a fit, those before a resume included.

    Raises:
        UserError: there was none.
    """
    if sum(batches) == 0 or steps == 0:
        kind = {"fit": "training", "validate": "validation"}.get(stage, "test")
        raise UserError(
            f"{stage}: the data gave no {kind} batch, so nothing was done\n"
            "look at data.loader (batch_size larger than the set, with drop_last), and at trainer"
        )


def check_callbacks(callbacks: Sequence[Callback], model: object) -> None:
    """Refuse callbacks that can't train: most of them change, behind the config, what it says.

    Args:
        callbacks: those of the config.
        model: what is trained.

    Raises:
        UserError: names the callback, and why.
    """
    for callback in callbacks:
        reasons = [why for kind, why in REFUSED.items() if isinstance(callback, kind)]
        if isinstance(callback, BackboneFinetuning) and not hasattr(model, "backbone"):
            reasons = [f"it needs a model with a backbone, {type(model).__name__} has none"]
        if reasons:
            name = type(callback).__name__
            raise UserError(f"trainer.callbacks: {name} is refused: {reasons[0]}")


def check_synchronised(trainer: Trainer, model: nn.Module) -> None:
    """Refuse to train synchronised batch norm, of the trainer or of the model, on the CPU.

    Raises:
        UserError: names what to change.
    """
    strategy = trainer.strategy
    asked = isinstance(strategy, DDPStrategy) and strategy._layer_sync is not None
    has_any = asked or any(isinstance(part, nn.SyncBatchNorm) for part in model.modules())
    if has_any and strategy.root_device.type == "cpu":
        key = "trainer.sync_batchnorm" if asked else "model"
        raise UserError(
            f"{key}: SyncBatchNorm trains on GPUs alone, and this training is on the CPU\n"
            "accepted: ordinary batch norm, or trainer.accelerator: gpu"
        )


def accelerators() -> list[str]:
    """Names of what this machine can train on, and of what lets Lightning choose."""
    known = sorted(AcceleratorRegistry.available_accelerators())
    there = [name for name in known if AcceleratorRegistry[name]["accelerator"].is_available()]
    return ["auto", *(["gpu"] if set(there) & set(GPUS) else []), *there]


def check_devices(accelerator: str, devices: Any) -> None:
    """Refuse a number or list of devices that the accelerator does not have.

    Args:
        accelerator: one of `accelerators()`.
        devices: a number, indices, or `auto`.

    Raises:
        UserError: names the key and what is accepted.
    """
    there = accelerators()[1:]
    if accelerator in CHOSEN_BY_LIGHTNING:
        accelerator = next((name for name in there if name not in ("cpu", "gpu")), "cpu")
    if devices == "auto":
        return
    kind = AcceleratorRegistry[accelerator]["accelerator"]
    try:
        fits = devices not in (0, "0", []) and bool(kind.parse_devices(devices))
    except (TypeError, ValueError, MisconfigurationException):
        fits = False
    if not fits:
        count = kind.auto_device_count()
        accepted = (
            "auto, or a number of processes from 1"
            if accelerator == "cpu"
            else f"auto, -1 for all, a number from 1 to {count}, or indices such as [0]"
        )
        raise UserError(
            f"trainer.devices is {devices}, of accelerator {accelerator}\naccepted: {accepted}"
        )


def build_trainer(build: Callable[[], Trainer]) -> Trainer:
    """Build a trainer; whatever else Lightning has against its options is the user's to mend.

    A deterministic trainer makes torch write NaN into all memory it hands out, to show who reads
    what nobody wrote: hundreds of fills a step, for a check that results don't depend on. Off.

    Raises:
        UserError: what Lightning says, without its stack trace.
    """
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        return build()
    except (ImportError, MisconfigurationException, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"trainer: {error}") from error
