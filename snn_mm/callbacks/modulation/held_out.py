"""A held-out batch, and what it says of a weight in the training loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from snn_mm.callbacks.evaluation import evaluating, on_device
from snn_mm.callbacks.modulation.functional.lfm import hyper_gradient
from snn_mm.contracts import FUSED, Batch, FusionOutput, Presence
from snn_mm.encoders.inputs import Inputs, lengths_of
from snn_mm.errors import UserError
from snn_mm.presence import given, stacked_masks

Gradients = tuple[Tensor, ...]
Gap = Callable[[Sequence[Tensor], Tensor | None], Tensor]
"""Of logits `[N, K]` and of which samples have which modality, `[M, N]`; None is all."""


@runtime_checkable
class Predicts(Protocol):
    """A module that can be asked for predictions outside a step."""

    def __call__(
        self, inputs: dict[str, Tensor], present: Presence | None = None, **lengths: Inputs
    ) -> FusionOutput:
        """Logits `[T, N, K]` of inputs by modality."""
        ...

    def readout(self, output: FusionOutput) -> dict[str, Tensor]:
        """One prediction per sample: logits `[N, K]` by modality and fused."""
        ...


def held_out_batch(trainer: Trainer, samples: int, asked_by: str) -> Batch:
    """The first samples of this rank's first validation batch, on the module's device.

    Draws nothing from the generators of the training.

    Args:
        trainer: within a fit.
        samples: how many at most; rounded down to an even number.
        asked_by: who is named if there are none.

    Raises:
        UserError: no validation data, or fewer than two samples.
    """
    loaders: Any = trainer.val_dataloaders
    if not loaders:
        raise UserError(
            f"{asked_by}: schedule: learnable needs a validation part in the first epoch; "
            "give the data one and set trainer.check_val_every_n_epoch to 1"
        )
    loader = loaders[0] if isinstance(loaders, list | tuple) else loaders
    with isolate_rng():
        batch = on_device(next(iter(loader)), trainer)
    count = min(samples, len(batch["target"])) // 2 * 2
    if not count:
        raise UserError(f"{asked_by}: a validation batch needs at least two samples, got one")
    return part_of(batch, slice(0, count))


def part_of(batch: Batch, part: slice) -> Batch:
    """Some samples of a batch."""

    def cut(value: Any) -> Any:
        return {n: x[part] for n, x in value.items()} if isinstance(value, dict) else value[part]

    return cast("Batch", {key: cut(value) for key, value in batch.items()})


def alpha_derivative(module: LightningModule, batch: Batch, gap_of: Gap) -> float:
    """LFM's hyper-gradient of α2 from the two halves of a batch; see `hyper_gradient`.

    Args:
        module: its parameters, gradients, batch statistics and generators are left as they are.
        batch: an even number of samples; the first half stands for training.
        gap_of: the divergence between the modalities.
    """
    if not isinstance(module, Predicts):
        raise UserError(f"LFM: {type(module).__name__} has no `readout` to predict with")
    middle = len(batch["target"]) // 2
    train, held = part_of(batch, slice(0, middle)), part_of(batch, slice(middle, None))
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    with evaluating(module), isolate_rng(), torch.autocast(module.device.type, enabled=False):
        loss, _ = terms_of(module, held, gap_of)
        judged = gradients_of(loss, parameters)
        loss, gap = terms_of(module, train, gap_of)
        own = gradients_of(loss, parameters)
        return hyper_gradient(judged, own, gradients_of(gap, parameters))


def terms_of(module: Predicts, batch: Batch, gap_of: Gap) -> tuple[Tensor, Tensor]:
    """Fused cross-entropy and divergence between the modalities of a batch, scalars in nats."""
    present, lengths = batch.get("present"), lengths_of(module, batch)
    logits = module.readout(module(batch["inputs"], *given(present), **lengths))
    weighting = getattr(module, "class_weights", None)
    weight = None if weighting is None else weighting.of_classes
    loss = cross_entropy(logits.pop(FUSED), batch["target"], weight)
    return loss, gap_of(list(logits.values()), stacked_masks(present, logits))


def gradients_of(loss: Tensor, parameters: list[nn.Parameter]) -> Gradients:
    """Gradient by each parameter, zero where it plays no part; `.grad` is not touched."""
    return torch.autograd.grad(
        loss, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
    )
