"""Where a training step waits for the GPU: nowhere in the network, once where factors are made.

A GPU works behind the program, which waits whenever it looks at a number. CUDA tells where; on the
CPU the calls that would wait are watched for instead, with the lines of this library they are in.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback
from torch.overrides import TorchFunctionMode

from snn_mm.callbacks import AGM, IEMF, OGM, PMR, FactorTracker, LossAdjustment, Modulation
from snn_mm.contracts import Batch, StepOutput
from snn_mm.modules import TAAFModule

WAITS = {
    *("item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "__index__"),
    *(
        "nonzero",
        "unique",
        "_unique2",
        "masked_select",
        "bincount",
        "equal",
        "allclose",
        "unique_consecutive",
    ),
}
MAKES = {"tensor", "as_tensor"}
"""They copy a number of the program to the device, and wait until it is there."""


ON_THE_CPU = {
    "inputs.py:_array",  # inputs and classes are looked at on a CPU alone
    "data_check.py:check_batch",
    "pmr.py:on_train_epoch_end",  # once an epoch
}
"""What is watched for but no part of a step on a GPU, beside the neurons' loops for the CPU."""
STRENGTH, LOGITS = "gradient.py:mean_strength", "loss_adjustment.py:_batch_strength"
SCORES, NEURONS = "pmr.py:_judge", "neurons"


def place() -> str | None:
    """The innermost function of the library, or of what it calls, that is being run."""
    for frame in reversed(traceback.extract_stack(sys._getframe(2))):
        path = Path(frame.filename)
        if "neurons" in path.parts and not torch.cuda.is_available():
            return NEURONS
        if {"snn_mm", "torchmetrics", "lightning"} & set(path.parts) and "tests" not in path.parts:
            return f"{path.name}:{frame.name}"
    return None


class Watched(TorchFunctionMode):
    """Notes calls that would wait for a GPU, by where they are."""

    def __init__(self, places: list[str | None]) -> None:
        super().__init__()
        self.places = places

    def __torch_function__(
        self, call: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs, name = kwargs or {}, getattr(call, "__name__", "")
        if name in WAITS or (name in MAKES and kwargs.get("device") is not None):
            self.places.append(place())
        return call(*args, **kwargs)


@contextmanager
def watched(device: torch.device, places: list[str | None]) -> Iterator[None]:
    """Note where the block waits for the device, as CUDA tells, or as its calls do on a CPU."""
    if device.type == "cpu":
        with Watched(places):
            yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: (
            places.append(place()) if "called a synchronizing" in str(message) else None
        )
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")


class Watch(Callback):
    """Watches the steps of all epochs but the first.

    In that metrics are made, and kernels compiled.
    """

    def __init__(self) -> None:
        self.places: list[str | None] = []
        self._inside = ExitStack()

    def on_train_batch_start(self, trainer: Any, module: Any, *_: Any) -> None:
        if trainer.current_epoch > 0:
            self._inside.enter_context(watched(module.device, self.places))

    def on_train_batch_end(self, *_: Any) -> None:
        self._inside.close()


@pytest.mark.parametrize(
    ("modulations", "waits"),
    [
        ([], set()),
        ([IEMF], {STRENGTH}),
        ([OGM, AGM], {STRENGTH}),
        ([LossAdjustment], {LOGITS}),
        ([PMR], {SCORES}),
    ],
    ids=["none", "iemf", "ogm-agm", "loss_adjustment", "pmr"],
)
def test_a_step_waits_only_where_its_factors_are_made(
    modulations: list[type[Modulation]],
    waits: set[str],
    device: torch.device,
    make_module: Any,
    make_trainer: Any,
    make_loader: Any,
    batches: list[Batch],
) -> None:
    watch = Watch()
    callbacks = [*(make() for make in modulations), FactorTracker(), watch]
    module, pins = make_module(), device.type == "cuda"
    make_trainer(device, *callbacks).fit(module, make_loader(batches, pin_memory=pins))
    assert set(watch.places) - ON_THE_CPU - {NEURONS} == waits
    per_step = sum(found in waits for found in watch.places) / 2
    assert per_step == len(modulations)  # once each


@pytest.mark.parametrize("absent", [False, True], ids=["all there", "absent"])
@pytest.mark.parametrize("alpha", [0.8, "attention"], ids=str)
def test_factors_of_the_loss_wait_once_whoever_is_absent(
    alpha: Any, absent: bool, device: torch.device, make_module: Any, batches: list[Batch]
) -> None:
    """Beside where the loss of the module itself looks: it takes the samples that are there."""
    module = make_module(kind=TAAFModule, width=None).to(device)
    inputs = {name: x.to(device) for name, x in batches[0]["inputs"].items()}
    target, mask = batches[0]["target"].to(device), torch.arange(6, device=device) > 2
    output = module(inputs, {"a": mask}) if absent else module(inputs)
    terms = module.loss_terms(output, {}, target)
    step = StepOutput(output, module.readout(output), target)
    callback = LossAdjustment(alpha=alpha)
    callback._module = module
    before: list[str | None] = []
    with watched(device, before):
        if alpha == "attention":
            module.scores(output)
            module.loss_terms(output, {}, target)
    places: list[str | None] = []
    with watched(device, places):
        callback.rewrite_terms(terms, step, 0)
    assert len(callback.factors) == 4
    assert len(places) == len(before) + 1, places


def test_what_waits_is_seen(device: torch.device) -> None:
    places: list[str | None] = []
    with watched(device, places):
        x = torch.ones(3, device=device)
        x.sum().tolist()
        float(x.sum())
        torch.tensor(1.0, device=device)
    assert len(places) >= 3
