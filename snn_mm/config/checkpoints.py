"""Refuses a checkpoint that does not belong to the model, before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning import LightningModule
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import nn

from snn_mm.callbacks.numerics import broken_weights, some
from snn_mm.contracts import ResizesForCheckpoint
from snn_mm.errors import UserError
from snn_mm.reading.checkpoints import read_torch
from snn_mm.reading.yaml_files import read_yaml
from snn_mm.run.checkpoint_digest import check_digest
from snn_mm.run.directory import find_run

Shapes = dict[str, tuple[int, ...]]


def check_checkpoint(path: Path, model: LightningModule) -> dict[str, Any]:
    """Compare a checkpoint's parameters with the model's.

    A model that grows while it trains takes the sizes of the checkpoint first.

    Returns:
        The checkpoint; see `load_checkpoint`.

    Raises:
        UserError: the file is no checkpoint, damaged, of another model, or holds NaN.
    """
    check_digest(path)
    checkpoint = load_checkpoint(path)
    if is_overridden("configure_model", model):
        return checkpoint  # its layers do not exist yet
    if isinstance(model, ResizesForCheckpoint):
        model.match_checkpoint(checkpoint)
    saved = shapes_of(checkpoint["state_dict"])
    differences = list_differences(saved, shapes_of(model.state_dict()))
    if differences:
        raise UserError(
            f"checkpoint {path} is of another model\n"
            f"saved: {trained_class(path)}; config: {type(model).__name__}\n"
            + "\n".join(differences[:2])
            + (f"\nand {len(differences) - 2} more" if len(differences) > 2 else "")
        )
    check_weights(path, checkpoint["state_dict"], model)
    return checkpoint


def check_weights(path: Path, state: dict[str, Any], model: nn.Module) -> None:
    """Refuse weights that are not finite: a spiking network answers with them as if they were.

    Raises:
        UserError: names the first of them.
    """
    if broken := broken_weights(model, state):
        raise UserError(
            f"checkpoint {path} holds NaN or infinity: {some(broken)}\n"
            "its training had diverged; accepted: an earlier checkpoint, or a new run"
        )


def trained_class(path: Path) -> str:
    """Name of the class that the run of a checkpoint trained."""
    run = find_run(path)
    try:
        config = read_yaml(run.config) if run else {}
        return str(config["model"]["class_path"]).rsplit(".", 1)[-1]
    except (UserError, KeyError, TypeError):
        return "a class that no config.yaml beside it names"


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without unpickling code and without reading tensors that nobody looks at.

    Raises:
        UserError: the file is no checkpoint.
    """
    checkpoint = read_torch(path, mapped=True)
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), dict):
        raise UserError(f"{path} is no Lightning checkpoint: it holds no `state_dict`")
    return checkpoint


def shapes_of(state: dict[str, Any]) -> Shapes:
    """Shapes of the tensors of a state dictionary."""
    return {name: tuple(value.shape) for name, value in state.items() if hasattr(value, "shape")}


def list_differences(saved: Shapes, wanted: Shapes) -> list[str]:
    """One line for each parameter that only one side has, or that has another shape."""
    lines = []
    for name in [*wanted, *(name for name in saved if name not in wanted)]:
        if name not in saved:
            lines.append(f"{name}: missing in the checkpoint")
        elif name not in wanted:
            lines.append(f"{name}: not in the model")
        elif saved[name] != wanted[name]:
            lines.append(f"{name}: saved {list(saved[name])}, model {list(wanted[name])}")
    return lines
