import re
from pathlib import Path
from typing import Any

import pytest
import rich
import torch
from lightning import LightningModule, Trainer
from torch.utils.data import DataLoader

from snn_mm.callbacks.progress import LossBar, ShortSummary, format_epoch

METRICS = {
    "val/accuracy/fused": torch.tensor(0.871),
    "train/loss": torch.tensor(0.5123),
    "train/loss/audio": torch.tensor(0.2),
    "val/loss": torch.tensor(0.6),
    "val/firing_rate/audio": torch.tensor(0.1),
}


def test_a_line_holds_epoch_losses_accuracies_and_time() -> None:
    line = format_epoch(2, 10, METRICS, 4.21)
    assert line == "epoch 2/10  train/loss 0.512  val/accuracy/fused 0.871  val/loss 0.600  4.2 s"


def test_without_accuracies_the_error_and_correlation_of_the_fused_head_stand_there() -> None:
    kinds = {"val/mae/fused": 0.25, "val/corr/fused": 0.5, "val/mae/text": 0.1, "val/f1/fused": 0.7}
    line = format_epoch(1, 2, {name: torch.tensor(value) for name, value in kinds.items()}, 1.0)
    assert line == "epoch 1/2  val/corr/fused 0.500  val/mae/fused 0.250  1.0 s"


def test_without_a_last_epoch_only_the_current_one_is_named() -> None:
    assert format_epoch(2, -1, {}, 1.0) == format_epoch(2, None, {}, 1.0) == "epoch 2  1.0 s"


class Line(LightningModule):
    """Loss 7 whatever comes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 3)

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        return 0.0 * self.layer(batch).sum() + 7.0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def test_a_terminal_shows_the_loss_epochs_from_one_and_no_flops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the output for a terminal
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(rich, "_console", None)
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        callbacks=[LossBar(), ShortSummary()],
        default_root_dir=tmp_path,
    )
    trainer.fit(Line(), DataLoader(torch.ones(4, 2), batch_size=2))  # type: ignore[arg-type]
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out)
    assert "loss: 7.000" in text
    assert "Epoch 1/2" in text
    assert "Epoch 2/2" in text
    assert "Epoch 0" not in text
    assert "FLOPs" not in text
    assert "9 parameters" in text
