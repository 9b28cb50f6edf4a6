"""Tasks of samples that lack a modality: what stands there is never read, by any method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.base import SplitName
from datamodules.incremental import IncrementalDataModule
from datamodules.split import Split
from snn_mm.callbacks import IEMF, OGM
from snn_mm.config.catalogue import components
from snn_mm.modules.continual import methods

MEMORY = {"memory": 12, "exemplar_batch": 4}
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Finetune": ({}, {}),
    "Joint": ({}, {"protocol": "joint"}),
    "LwF": ({}, {}),
    "SSIL": ({}, MEMORY),
    "AVCIL": ({"attention": 0.0}, MEMORY),
}


def test_every_method_there_is_has_a_case() -> None:
    assert {entry.name for entry in components() if entry.group == "methods"} == set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_masked_is_never_loaded_over_tasks(
    fit_tasks: Callable[..., Any],
    make_blobs: Callable[..., IncrementalDataModule],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Two tasks with teacher and memory: weights, factors and matrix, whatever stands there."""
    kind = type(make_blobs())
    whole = kind.load_split
    found = []
    for value in (None, np.nan):

        def lacking(self: Any, part: SplitName, value: float | None = value) -> Split:
            split = whole(self, part)
            audio = np.arange(len(split)) % 3 != 1
            arrays = {n: x.copy() for n, x in split.arrays.items()}
            if value is not None:
                arrays["audio"][~audio] = value
            return replace(split, arrays=arrays, present={"audio": audio})

        monkeypatch.setattr(kind, "load_split", lacking)
        options, data = OPTIONS[name]
        method, modulations = getattr(methods, name)(**options), [IEMF(), OGM(params="all")]
        made = fit_tasks(
            *modulations, run=f"{name}{value}", method=method, data=data, epochs=6, joint_weight=1.0
        )
        weights = {key: x for key, x in made.state_dict().items() if "metric" not in key}
        found.append((weights, [callback.factors for callback in modulations], made.matrix))
    (one, *rest), (other, *others) = found
    assert repr(rest) == repr(others)  # tasks to come are NaN
    for key, value in one.items():
        assert value.isfinite().all(), key
        assert torch.equal(value, other[key]), key
