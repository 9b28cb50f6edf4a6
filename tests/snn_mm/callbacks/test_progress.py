import torch

from snn_mm.callbacks.progress import format_epoch

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
