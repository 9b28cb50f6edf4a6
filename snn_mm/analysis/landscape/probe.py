"""Loss and accuracy of a trained network while its weights move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from snn_mm.analysis.landscape.batches import Samples, collect
from snn_mm.analysis.landscape.directions import draw_direction
from snn_mm.analysis.landscape.settings import LandscapeSettings, PartScope, Point
from snn_mm.config.restore import Restored
from snn_mm.contracts import FUSED, Classifies, FusionOutput
from snn_mm.errors import UserError


class Value(NamedTuple):
    """Cross-entropy of the fused prediction in nats, and the share of right predictions."""

    loss: float
    accuracy: float


class Probe:
    """A network, or its fusion alone, as a function of its weights.

    The loss is the cross-entropy of the fused prediction (IEMF Eq. 6), without joint terms and
    label smoothing, so that runs of different methods share a scale. Where the fusion alone moves,
    the encoders compute once: their features do not change. Neurons need no reset, encoders reset
    their own at every forward pass.

    Args:
        module: `Classifies`; trained, in evaluation mode.
        samples: what the loss is a mean over.
        calibration: training batches for the statistics of batch norm.
        scope: whether the weights of the network or of the fusion move.
    """

    def __init__(
        self,
        module: Any,
        samples: list[Samples],
        calibration: list[Samples],
        scope: PartScope = "network",
    ) -> None:
        self.module = module
        self.from_features = scope == "fusion"
        self.part: nn.Module = module.fusion if self.from_features else module
        self.weights = dict(self.part.named_parameters())
        self.norms = [part for part in self.part.modules() if isinstance(part, _BatchNorm)]
        self.samples = self._encoded(samples)
        whole = [batch for batch in calibration if len(batch.target) > 1]  # one has no variance
        self.calibration = self._encoded(whole) if self.norms else []
        self.count = sum(len(batch.target) for batch in samples)

    @torch.no_grad()
    def measure(self) -> Value:
        """Loss and accuracy where the weights are."""
        loss = right = 0.0
        for batch in self.samples:
            logits = self.logits(batch)
            loss += float(cross_entropy(logits, batch.target, reduction="sum").double())
            right += int((logits.argmax(dim=-1) == batch.target).sum())
        return Value(loss / self.count, right / self.count)

    def summands(self) -> Iterator[Tensor]:
        """The loss batch by batch, with its graph; the summands add up to the mean."""
        for batch in self.samples:
            yield cross_entropy(self.logits(batch), batch.target, reduction="sum") / (self.count)

    def logits(self, batch: Samples) -> Tensor:
        """Fused prediction `[N, K]` of inputs, or of features."""
        # A module may do more with features than its fusion does.
        fuse = getattr(self.module, "fuse", self.module.fusion)
        asked = fuse if self.from_features else self.module
        output: FusionOutput = asked(batch.inputs, *batch.given, **batch.lengths)
        fused: Tensor = self.module.readout(output)[FUSED]
        return fused

    @torch.no_grad()
    def recompute_norms(self) -> None:
        """Replace the statistics of batch norm by means over the calibration batches."""
        momenta = [norm.momentum for norm in self.norms]
        for norm in self.norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch: a plain mean over batches instead of a moving one
            norm.train()
        for batch in self.calibration:
            self.logits(batch)
        for norm, momentum in zip(self.norms, momenta):
            norm.momentum = momentum
            norm.eval()

    @torch.no_grad()
    def _encoded(self, batches: list[Samples]) -> list[Samples]:
        if not self.from_features:
            return batches
        return [
            Samples(self.module.encode(x, *given, **lengths), target, given)
            for x, target, given, lengths in batches
        ]


class Cut:
    """The plane (or line) through the trained weights along random directions.

    Args:
        probe: what is moved.
        settings: directions and batch norm.
    """

    def __init__(self, probe: Probe, settings: LandscapeSettings) -> None:
        self.probe = probe
        self.recomputes = settings.batch_norm == "recomputed" and bool(probe.norms)
        self.directions = [
            draw_direction(probe.weights, settings.seed, axis, settings.vectors)
            for axis in range(settings.dimensions)
        ]

    def measure(self, point: Point) -> Value:
        """Loss and accuracy at a point; afterwards the network is as it was."""
        with kept_state(self.probe.part), torch.no_grad():
            for multiple, direction in zip(point, self.directions):
                for name, weight in self.probe.weights.items():
                    weight.add_(direction[name], alpha=multiple)
            if self.recomputes:
                self.probe.recompute_norms()
            return self.probe.measure()


@contextmanager
def kept_state(part: nn.Module) -> Iterator[None]:
    """Bring parameters and statistics back to what they are now, to the bit."""
    state = [*part.parameters(), *part.buffers()]
    copies = [tensor.detach().clone() for tensor in state]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, copy in zip(state, copies):
                tensor.copy_(copy)


def open_probe(restored: Restored, settings: LandscapeSettings, scope: PartScope) -> Probe:
    """The probe of a finished run.

    Raises:
        UserError: the run trained something without encoders and a fusion.
    """
    module, data, run = restored
    if not isinstance(module, Classifies):
        raise UserError(
            f"{run.path}: {type(module).__name__} is no classifier; "
            "a landscape needs encoders and a fusion"
        )
    place = module, module.device
    samples = collect(data, settings.split, settings.samples, *place, settings.seed)
    calibration = collect(data, "train", settings.samples, *place, settings.seed)
    return Probe(module, samples, calibration, scope)
