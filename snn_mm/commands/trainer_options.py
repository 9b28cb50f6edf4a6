"""Refuses trainer options that no trainer can be built with, by their keys.

Lightning says it with a stack trace, and not what this machine has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jsonargparse import Namespace
from lightning import Trainer
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.strategies import StrategyRegistry
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from snn_mm.errors import UserError, check_choice

GPUS = ("cuda", "mps")
CHOSEN_BY_LIGHTNING = ("auto", "gpu")


def check_trainer(options: Namespace) -> None:
    """Refuse a strategy, an accelerator, devices or nodes that there are not.

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
    if options.num_nodes < 1:
        raise UserError(f"trainer.num_nodes is {options.num_nodes}; accepted: 1 or more")


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


def built(build: Callable[[], Trainer]) -> Trainer:
    """Build a trainer; whatever else Lightning has against its options is the user's to mend.

    Raises:
        UserError: what Lightning says, without its stack trace.
    """
    try:
        return build()
    except (ImportError, MisconfigurationException, TypeError, ValueError) as error:
        raise UserError(f"trainer: {error}") from error
