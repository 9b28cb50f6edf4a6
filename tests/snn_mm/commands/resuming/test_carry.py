"""What a checkpoint tells of its settings, and settings that lie in its weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import LightningModule
from lightning.pytorch.trainer.states import TrainerFn

from snn_mm.callbacks.recording.best_checkpoint import BestCheckpoint
from snn_mm.commands.resuming.carry import CarryOver, carry_over, check_weights, recorded_config
from snn_mm.commands.resuming.parts import Parts
from snn_mm.errors import UserError


class Leaky(LightningModule):
    """A setting that is kept as a buffer."""

    def __init__(self, tau: float, width: int = 1) -> None:
        super().__init__()
        self.register_buffer("tau", torch.full((width,), tau))


def parts(module: LightningModule) -> Parts:
    return Parts(module, BestCheckpoint(), [])


def test_a_setting_that_the_weights_hold_is_refused() -> None:
    saved = {"state_dict": Leaky(2.0).state_dict()}
    with pytest.raises(UserError, match=r"^model.tau is 3.0[\s\S]*weights"):
        check_weights(parts(Leaky(2.0)), parts(Leaky(3.0)), saved, ["model.tau is 3.0"])
    check_weights(parts(Leaky(2.0)), parts(Leaky(2.0)), saved, [])


def test_the_config_in_a_checkpoint_is_older_than_that_of_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    assert recorded_config({}, path) is None
    (tmp_path / "config.yaml").write_text("new")
    assert recorded_config({}, path) == "new"
    assert recorded_config({"callbacks": {"RunRecord": {"config": "old"}}}, path) == "old"


def test_weights_alone_are_no_state_to_go_on_from(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"weights\.ckpt holds weights alone"):
        carry_over({"state_dict": {}}, tmp_path / "weights.ckpt", "model: {}")


@pytest.mark.parametrize(("fn", "rate"), [(TrainerFn.FITTING, 2), (TrainerFn.TESTING, 1)])
def test_states_are_replaced_for_a_training_alone(fn: TrainerFn, rate: int) -> None:
    group = {"lr": 1, "params": [0]}
    checkpoint: dict[str, Any] = {"optimizer_states": [{"state": {}, "param_groups": [group]}]}
    trainer: Any = SimpleNamespace(state=SimpleNamespace(fn=fn))
    CarryOver({}, [[{"lr": 2}]]).on_load_checkpoint(trainer, Leaky(1.0), checkpoint)
    assert checkpoint["optimizer_states"][0]["param_groups"] == [{"lr": rate, "params": [0]}]
