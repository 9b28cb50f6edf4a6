"""What a trained network does under a condition."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from snn_mm.analysis.robustness.conditions import Condition, RobustnessSettings
from snn_mm.analysis.robustness.inputs import conditioned
from snn_mm.analysis.robustness.record import ConditionResult
from snn_mm.analysis.workers import RunPlace
from snn_mm.callbacks.recording.firing_rate import count_into, spiking_parts
from snn_mm.config.restore import Restored, restore
from snn_mm.contracts import FUSED, Batch, ScoresSequences
from snn_mm.energy import Preset, estimate_energy, preset_cost_model, single_samples
from snn_mm.errors import UserError
from snn_mm.metrics.coalitions import predict, targets, worth_of, worth_of_nothing
from snn_mm.metrics.sentiment_scores import rate
from snn_mm.neurons import spiking_layers

COST_MODEL: Preset = "45nm-fp32"
BINS = 15
"""Of the expected calibration error, as Guo et al. (2017) have them."""

Task = tuple[RunPlace, Condition]


class Said(NamedTuple):
    """What a network said of samples.

    Attributes:
        ids: of the samples.
        output: probabilities `[N, K]` or scores `[N]`, by head.
        target: what each head should say, `[N]`.
        rows: bool `[N]` by modality: where it was present.
    """

    ids: list[str]
    output: dict[str, Tensor]
    target: dict[str, Tensor]
    rows: dict[str, Tensor]


class ConditionProbe:
    """A trained network and its data.

    Args:
        restored: the run; its data are set up for the split.
        settings: what decides the numbers.

    Raises:
        UserError: the run trained something without modalities and fused predictions.
    """

    def __init__(self, restored: Restored, settings: RobustnessSettings) -> None:
        module: Any = restored.module
        self.module = module
        self.classes: int | None = getattr(module, "num_classes", None)
        if self.classes is None and not isinstance(module, ScoresSequences):
            raise UserError(
                f"{restored.run.path} trained a {type(module).__name__}, "
                "which neither sorts samples into classes nor scores them"
            )
        self.data, self.settings = restored.data, settings
        self.modalities: tuple[str, ...] = tuple(module.modalities)

    @torch.no_grad()
    def measure(self, condition: Condition) -> ConditionResult:
        """Numbers of a condition; draws of a network are the same for all."""
        with self._seeded(), counted_spikes(self.module) as rates:
            said = self._ask(self._batches(condition))
        with self._seeded():
            metrics = {**self._rated(said), **rates, **self._energy(condition)}
        prefix = self.settings.split
        named = {f"{prefix}/{k}": v for k, v in metrics.items() if math.isfinite(v)}
        return (
            ConditionResult(named)
            if condition.severity
            else self._with_worth(named, said, condition)
        )

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            yield

    def _batches(self, condition: Condition) -> Iterator[Batch]:
        return conditioned(self.data, condition, self.settings, self.modalities, self.device)

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        found: torch.device = self.module.device
        return found

    def _ask(self, batches: Iterable[Batch]) -> Said:
        parts = [self._answer(batch) for batch in batches]
        if not parts:
            raise UserError(f"{type(self.data).__name__}: its split has no sample to measure")
        heads = parts[0].output
        return Said(
            [name for part in parts for name in part.ids],
            {head: torch.cat([part.output[head] for part in parts]) for head in heads},
            {head: torch.cat([part.target[head] for part in parts]) for head in heads},
            {m: torch.cat([part.rows[m] for part in parts]) for m in self.modalities},
        )

    def _answer(self, batch: Batch) -> Said:
        output = {name: x.float().cpu() for name, x in predict(self.module, batch).items()}
        target = {k: x.cpu() for k, x in targets(self.module, batch, list(output)).items()}
        everywhere = torch.ones(len(batch["target"]), dtype=torch.bool)
        present = batch.get("present", {})
        rows = {m: present.get(m, everywhere).cpu() for m in self.modalities}
        return Said(list(batch["id"]), output, target, rows)

    def _rated(self, said: Said) -> dict[str, float]:
        """Numbers of every head over the samples that have its modality; of all for the fused."""
        found = {"samples": float(len(said.ids))}
        for head, output in said.output.items():
            rows = said.rows.get(head, torch.ones(len(said.ids), dtype=torch.bool))
            if bool(rows.any()):
                scores = self._rate(output[rows], said.target[head][rows])
                found |= {f"{name}/{head}": value for name, value in scores.items()}
        return found

    def _rate(self, output: Tensor, target: Tensor) -> dict[str, float]:
        if self.classes is None:
            return {k: float(x) for k, x in rate(output, target, self.module.protocol).items()}
        error = multiclass_calibration_error(output, target, self.classes, BINS, norm="l1")
        accuracy = (output.argmax(dim=-1) == target).double().mean()
        return {"accuracy": float(accuracy), "calibration_error": float(error)}

    def _energy(self, condition: Condition) -> dict[str, float]:
        """Energy of an inference, the mean over the first samples."""
        wanted, samples = self.settings.energy_samples, list[Batch]()
        for batch in self._batches(condition) if wanted else ():
            samples += single_samples(batch, wanted - len(samples))
            if len(samples) >= wanted:
                break
        if not samples:
            return {}
        with torch.enable_grad():
            report = estimate_energy(self.module, samples, preset_cost_model(COST_MODEL), False)
        return {f"energy/{name}": value for name, value in report.scalars().items()}

    def _with_worth(
        self, metrics: dict[str, float], said: Said, condition: Condition
    ) -> ConditionResult:
        worth = worth_of(said.output[FUSED], said.target[FUSED])
        right = {} if worth.right is None else by_id(said.ids, worth.right.double())
        if condition.present != self.modalities:
            return ConditionResult(metrics, by_id(said.ids, worth.value), right)
        nothing = worth_of_nothing(said.target[FUSED], self.classes)
        empty = by_id(said.ids, nothing.value)
        chance = None if self.classes is None else 1.0 / self.classes
        return ConditionResult(metrics, by_id(said.ids, worth.value), right, empty, chance)


class Prober:
    """Measures conditions of many runs; holds the network of the last run.

    Args:
        settings: what decides the numbers.
    """

    def __init__(self, settings: RobustnessSettings) -> None:
        self.settings = settings
        self._opened: tuple[RunPlace, ConditionProbe] | None = None

    def measure(self, task: Task) -> ConditionResult:
        """Numbers of a condition of a run."""
        place, condition = task
        if self._opened is None or self._opened[0] != place:
            self._opened = None  # before the next network takes its memory
            self._opened = place, open_probe(place, self.settings)
        return self._opened[1].measure(condition)


def open_probe(place: RunPlace, settings: RobustnessSettings) -> ConditionProbe:
    """The probe of a finished run.

    Raises:
        UserError: see `restore` and `ConditionProbe`.
    """
    stages = ("test",) if settings.split == "test" else ("fit", "test")
    return ConditionProbe(restore(place.run, place.device, place.data_root, stages), settings)


def by_id(ids: list[str], values: Tensor) -> dict[str, float]:
    """Values `[N]` by the ids of their samples."""
    return dict(zip(ids, values.tolist(), strict=True))


@contextmanager
def counted_spikes(module: LightningModule) -> Iterator[dict[str, float]]:
    """Firing rates of encoders and fusion, filled in when the block ends; see `FiringRateMonitor`.

    What did not run, such as the encoder of an absent modality, has none.
    """
    counts: dict[str, list[Tensor]] = {}
    hooks = []
    for name, part in spiking_parts(module):
        own = counts[name] = []
        for _, neurons in spiking_layers(part):
            hooks.append(neurons.register_forward_hook(partial(count_into, own)))
    rates: dict[str, float] = {}
    try:
        yield rates
    finally:
        for hook in hooks:
            hook.remove()
    for name, own in counts.items():
        if own:
            spikes, places = torch.stack(own).sum(dim=0).tolist()
            rates[f"firing_rate/{name}"] = spikes / places
