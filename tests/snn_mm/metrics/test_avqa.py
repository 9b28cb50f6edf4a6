from __future__ import annotations

import numpy as np
import pytest
import torch

from datamodules.music_avqa.questions import QUESTION_KINDS as THEIRS
from snn_mm.metrics.avqa import ACCURACIES, QUESTION_KINDS, AnswerAccuracy


def test_metric_and_data_number_the_kinds_alike() -> None:
    assert QUESTION_KINDS == THEIRS


def test_groups_and_all_are_micro_averages() -> None:
    rng = np.random.default_rng(0)
    logits, target, kind = (
        rng.normal(size=(90, 4)),
        rng.integers(4, size=90),
        rng.integers(9, size=90),
    )
    metric = AnswerAccuracy()
    for part in (slice(0, 17), slice(17, 90)):
        metric.update(*(torch.from_numpy(x[part]) for x in (logits, target, kind)))
    found, right = metric.compute(), logits.argmax(1) == target
    for name, kinds in {
        "accuracy": range(9),
        "accuracy_audio": (0, 1),
        "accuracy_visual": (2, 3),
        "accuracy_audio_visual": range(4, 9),
        "accuracy_visual_location": (3,),
        "accuracy_audio_visual_temporal": (8,),
    }.items():
        assert float(found[name]) == pytest.approx(right[np.isin(kind, list(kinds))].mean())
    assert tuple(found) == ACCURACIES
    assert len(ACCURACIES) == 13


def test_kinds_that_nobody_asked_are_nan() -> None:
    metric = AnswerAccuracy()
    metric.update(torch.eye(2), torch.tensor([0, 0]), torch.tensor([0, 0]))
    found = metric.compute()
    assert float(found["accuracy_audio_counting"]) == float(found["accuracy"]) == 0.5
    assert found["accuracy_visual"].isnan()


def test_tensors_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"accepted are \[N, K\], \[N\] and \[N\]"):
        AnswerAccuracy().update(torch.eye(2), torch.tensor([0]), torch.tensor([0, 0]))
