from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.callbacks import SemanticAlignment
from snn_mm.contracts import Batch, StepOutput
from snn_mm.errors import UserError
from snn_mm.fusion import CMCI, SCMRL, FusionFactory
from snn_mm.modules import TAAFModule


def fit(make_encoders: Any, fusion: FusionFactory, callbacks: Any, batch: Batch, path: Path) -> Any:
    torch.manual_seed(0)
    encoders = make_encoders({"audio": 3, "visual": 3})
    module = TAAFModule(encoders, 3, fusion, width=16).double()
    trainer = quiet_trainer(*callbacks, default_root_dir=path)
    trainer.fit(module, DataLoader([batch], batch_size=None))  # type: ignore[arg-type]
    return trainer.callback_metrics["train/loss"]


def test_fit_minimises_the_loss_as_a_summand_of_its_own(
    make_encoders: Any, make_batch: Callable[[int], Batch], tmp_path: Path
) -> None:
    batch = make_batch(8)
    plain = fit(make_encoders, SCMRL, [], batch, tmp_path)
    for weight in (0.0, 0.25, 2.5):
        callback = SemanticAlignment(weight=weight)
        aligned = fit(make_encoders, SCMRL, [callback], batch, tmp_path)
        assert callback.factors["loss"] > 0
        assert float(aligned - plain) == pytest.approx(weight * callback.factors["loss"], rel=1e-5)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (1, 1), (1, None)])
def test_it_acts_in_the_epochs_of_its_window_alone(
    make_encoders: Any, make_batch: Callable[[int], Batch], start: int, end: int | None
) -> None:
    module = TAAFModule(make_encoders({"audio": 3, "visual": 3}), 3, SCMRL, width=16).double()
    batch = make_batch(8)
    output = module(batch["inputs"])
    logits = module.readout(output)
    step = StepOutput(output, logits, batch["target"])
    callback = SemanticAlignment(start_epoch=start, end_epoch=end)
    callback.log_factors = lambda _: None  # type: ignore[method-assign]
    acts = []
    for epoch in range(3):
        trainer: Any = SimpleNamespace(current_epoch=epoch)
        callback._trainer, callback._module = trainer, module
        if "semantic_alignment" in callback.modulate_loss({}, step):
            acts.append(epoch)
    assert acts == list(range(start, 3 if end is None else end + 1))


def test_fusion_without_semantic_features_is_refused(
    make_encoders: Any, make_batch: Callable[[int], Batch], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="CMCI has no semantic features; accepted: SCMRL"):
        fit(make_encoders, CMCI, [SemanticAlignment()], make_batch(8), tmp_path)


def test_impossible_temperature_is_refused() -> None:
    with pytest.raises(UserError, match="temperature=0"):
        SemanticAlignment(temperature=0.0)
