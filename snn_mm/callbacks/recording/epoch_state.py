"""What a training has gathered since its epoch began: what a checkpoint amid an epoch must hold.

Weights, optimizers and counters are in any checkpoint. Sums that end with the epoch are not:
metrics, what `self.log` averages over the epoch, and what callbacks gather.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.utilities.apply_func import apply_to_collection, move_data_to_device
from torch import Tensor
from torchmetrics import Metric

from snn_mm.callbacks.recording.rank_agreement import from_ranks
from snn_mm.callbacks.recording.run_files import callbacks_of

State = dict[str, Any]


@runtime_checkable
class GathersOverEpoch(Protocol):
    """A callback whose sums go on from batch to batch and end with the epoch."""

    def epoch_state(self, trainer: Trainer) -> State:
        """What was gathered, as tensors and plain containers."""
        ...

    def load_epoch_state(self, trainer: Trainer, state: State) -> None:
        """Go on with it; comes after `on_train_epoch_start`."""
        ...


def gather_epoch(trainer: Trainer, earlier: dict[str, State]) -> list[State]:
    """What each rank has gathered, by rank; all must call it.

    Args:
        trainer: within an epoch.
        earlier: sums of this rank from before a resume, which no batch has yet added to.
    """
    mine: State = {
        "metrics": {name: metric_state(each) for name, each in metrics(trainer.lightning_module)},
        "logged": {**logged(trainer), **earlier},
        "callbacks": {
            each.state_key: each.epoch_state(trainer)
            for each in callbacks_of(trainer)
            if isinstance(each, GathersOverEpoch)
        },
    }
    return from_ranks(trainer, mine)


def restore_epoch(trainer: Trainer, state: State, caller: Callback) -> None:
    """Begin the epoch as it began, then go on with what this rank had gathered.

    Lightning calls no hook for the start of an epoch that it goes on with.

    Args:
        trainer: within an epoch.
        state: of this rank.
        caller: the callback that asks, which has begun the epoch.
    """
    module = trainer.lightning_module
    state = move_data_to_device(state, module.device)
    for callback in callbacks_of(trainer):
        if callback is not caller:
            callback.on_train_epoch_start(trainer, module)
    module.on_train_epoch_start()
    for name, metric in metrics(module, unused=True):
        if name in state["metrics"]:
            load_metric_state(metric, state["metrics"][name])
    for callback in callbacks_of(trainer):
        if isinstance(callback, GathersOverEpoch) and callback.state_key in state["callbacks"]:
            callback.load_epoch_state(trainer, state["callbacks"][callback.state_key])


def metrics(module: LightningModule, unused: bool = False) -> Iterator[tuple[str, Metric]]:
    """The metrics of a module that have seen a batch, by name; on demand the others too."""
    for name, part in module.named_modules():
        if isinstance(part, Metric) and (unused or part.update_count):
            yield name, part


def metric_state(metric: Metric) -> State:
    """What a metric has seen, copied; torchmetrics leaves out of `state_dict` what is transient."""
    states = {name: copied(getattr(metric, name)) for name in metric._defaults}
    return {"updates": metric.update_count, "states": states}


def load_metric_state(metric: Metric, state: State) -> None:
    """Go on with it."""
    for name, value in state["states"].items():
        setattr(metric, name, value)
    metric._update_count, metric._computed = state["updates"], None


def logged(trainer: Trainer) -> dict[str, State]:
    """Sums of what was logged for the means of the epoch, by Lightning's key."""
    return {
        key: {name: copied(getattr(result, name)) for name in result._defaults}
        for key, result in results(trainer).items()
        if result.is_tensor and result.meta.on_epoch and not result.has_reset
    }


def add_logged(trainer: Trainer, sums: dict[str, State]) -> None:
    """Add earlier sums to what has been logged since, and take them out of `sums`.

    Called when a batch is over, so that each sum is added to one batch's value: then the order of
    additions is that of a training in one piece, up to swapped operands.
    """
    for key, result in results(trainer).items():
        if result.is_tensor and not result.has_reset and (earlier := sums.pop(key, None)):
            for name, value in earlier.items():
                now: Tensor = getattr(result, name)
                setattr(result, name, joined(now, value.to(now.device), result.meta))


def joined(now: Tensor, earlier: Tensor, meta: Any) -> Tensor:
    """Two parts of what Lightning reduces to one number, both `[]`."""
    if meta.is_max_reduction:
        return torch.maximum(now, earlier)
    return torch.minimum(now, earlier) if meta.is_min_reduction else now + earlier


def results(trainer: Trainer) -> dict[str, Any]:
    """What Lightning gathers from `self.log` in this epoch; it offers no public way to it."""
    found: dict[str, Any] = trainer.fit_loop.epoch_loop._results
    return found


def copied(value: Any) -> Any:
    """A tensor, or a list of tensors, that later batches don't change."""
    return apply_to_collection(value, Tensor, lambda each: each.detach().clone())
