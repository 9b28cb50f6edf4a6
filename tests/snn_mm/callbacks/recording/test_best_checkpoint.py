from pathlib import Path

import pytest
import torch

from snn_mm.callbacks.recording.best_checkpoint import BestCheckpoint, check_monitor, is_misspelt
from snn_mm.errors import UserError


def test_the_best_score_survives_a_move_of_the_run_directory(tmp_path: Path) -> None:
    before, after = BestCheckpoint(), BestCheckpoint()
    before.dirpath, after.dirpath = str(tmp_path / "old"), str(tmp_path / "new")
    before.best_model_path = before.kth_best_model_path = str(tmp_path / "old" / "best.ckpt")
    before.best_model_score = before.kth_value = torch.tensor(0.9)
    before.best_k_models = {before.best_model_path: before.best_model_score}
    after.load_state_dict(before.state_dict())
    assert after.best_model_path == str(tmp_path / "new" / "best.ckpt")
    assert after.best_k_models == {after.best_model_path: before.best_model_score}


def test_a_metric_that_is_never_logged_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="val/accuracy/fused"):
        check_monitor("checkpoint.monitor", "val/acc/fused", ["val/loss", "val/accuracy/fused"])


def test_a_metric_that_is_logged_passes() -> None:
    check_monitor("checkpoint.monitor", "val/loss", ["val/loss"])


def test_a_monitor_that_a_callback_may_log_is_not_misspelt() -> None:
    names = ["val/loss", "val/accuracy/fused"]
    assert is_misspelt("val/los", names)
    assert is_misspelt("val/acuracy/fused", names)
    assert not is_misspelt("val/loss", names)
    assert not is_misspelt("val/firing_rate/audio", names)
