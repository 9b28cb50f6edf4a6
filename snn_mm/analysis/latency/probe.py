"""What a trained network does in a trial."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import islice
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from snn_mm.analysis.latency.conversion import averaged, convert, converts
from snn_mm.analysis.latency.early_exit import BINS
from snn_mm.analysis.latency.int8 import int8_energy_pj, quantise
from snn_mm.analysis.latency.neurobench import neurobench
from snn_mm.analysis.latency.record import TrialResult
from snn_mm.analysis.latency.steps import (
    begun,
    event_modalities,
    set_steps,
    steps_asked,
    trained_steps,
)
from snn_mm.analysis.latency.trials import LatencySettings, Trial, trials_of
from snn_mm.analysis.robustness.inputs import first
from snn_mm.analysis.robustness.probe import counted_spikes
from snn_mm.analysis.sentiment.clip_loading import batches
from snn_mm.analysis.workers import RunPlace
from snn_mm.config.restore import Restored, restore
from snn_mm.contracts import FUSED, Batch, Classifies
from snn_mm.energy import Preset, estimate_energy, preset_cost_model, single_samples
from snn_mm.energy.copies import copy_for_counting
from snn_mm.energy.report import PJ_PER_UJ
from snn_mm.errors import UserError
from snn_mm.metrics.coalitions import predict

COST_MODEL: Preset = "45nm-fp32"
Task = tuple[RunPlace, Trial]


class Network(NamedTuple):
    """A network in the form that a trial asks for.

    Attributes:
        module: the network.
        adapt: what is done to its batches.
        short: names of the layers of eight bits.
    """

    module: Any
    adapt: Callable[[Batch], Batch]
    short: list[str]


class LatencyProbe:
    """A trained classifier and its data.

    Args:
        restored: the run; its data are set up for training and the split.
        settings: what decides the numbers.

    Raises:
        UserError: the run trained no classifier of encoders and a fusion.
    """

    def __init__(self, restored: Restored, settings: LatencySettings) -> None:
        module: Any = restored.module
        if not isinstance(module, Classifies) or not hasattr(module, "encoders"):
            raise UserError(
                f"{restored.run.path} trained a {type(module).__name__}\n"
                "accepted: runs of modules that sort samples into classes by encoders and a fusion"
            )
        self.module: Any = module
        self.data, self.settings = restored.data, settings
        self.events = event_modalities(module)
        self.trained = trained_steps(module, next(self._batches()))

    def trials(self) -> list[Trial]:
        """What the network is asked."""
        asked = steps_asked(self.module, self.trained)
        return trials_of(self.trained, asked, self.settings, converts(self.module))

    @torch.no_grad()
    def measure(self, trial: Trial) -> TrialResult:
        """Numbers of a trial; draws of a network are the same for all."""
        with self._seeded():
            network = self._network(trial)
        with self._seeded(), counted_spikes(network.module) as rates:
            answers, seconds = self._ask(network)
        metrics = {**rated(answers, self.module.num_classes), **rates}
        if trial.kind != "int8":  # simulated: its time says nothing
            metrics["cpu_ms"] = 1e3 * seconds
        with self._seeded():
            metrics |= self._counted(network)
        fused = answers[FUSED]
        right = (fused.probability.argmax(dim=-1) == fused.target).double()
        confidence = fused.probability.amax(dim=-1).double()
        by_id = [dict(zip(fused.ids, x.tolist(), strict=True)) for x in (confidence, right)]
        return TrialResult(metrics, *by_id)

    def _network(self, trial: Trial) -> Network:
        if trial.kind == "converted":
            set_steps(self._converted, trial.steps)
            return Network(self._converted, partial(averaged, modalities=self.events), [])
        if trial.kind == "int8":
            copy = self._copy()
            return Network(copy, lambda batch: batch, quantise(copy, self._calibration()))
        copy = self._copy()
        if trial.steps != self.trained:
            set_steps(copy, trial.steps)
            return Network(copy, partial(begun, modalities=self.events, steps=trial.steps), [])
        return Network(copy, lambda batch: batch, [])

    def _copy(self) -> Any:
        return copy_for_counting(self.module).to(self.module.device)

    @cached_property
    def _converted(self) -> Any:
        copy = self._copy()
        convert(copy, self._calibration())
        return copy

    def _calibration(self) -> list[Batch]:
        """The first training batches of as many samples as are wanted."""
        wanted, found = self.settings.calibration, list[Batch]()
        for batch in batches(self.data, "train", self.module.device):
            found.append(first(batch, wanted))
            wanted -= len(found[-1]["target"])
            if wanted == 0:
                break
        return found

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            yield

    def _batches(self) -> Iterator[Batch]:
        missing = self.settings.samples
        for batch in batches(self.data, self.settings.split, self.module.device):
            kept = batch if missing is None else first(batch, missing)
            yield kept
            missing = None if missing is None else missing - len(kept["target"])
            if missing == 0:
                return

    def _ask(self, network: Network) -> tuple[dict[str, Answers], float]:
        """Answers by head, and seconds of the processor for a sample, the median over batches."""
        parts, seconds = list[dict[str, Answers]](), list[float]()
        for batch in self._batches():
            start = time.process_time()
            said = predict(network.module, network.adapt(batch))
            seconds.append((time.process_time() - start) / len(batch["target"]))
            parts.append({n: Answers.of(batch, x) for n, x in said.items()})
        heads = {name: Answers.joined([part[name] for part in parts]) for name in parts[0]}
        return heads, median(seconds)

    def _counted(self, network: Network) -> dict[str, float]:
        """Energy of an inference and NeuroBench's measures, means over the first samples."""
        singles = (s for batch in self._batches() for s in single_samples(network.adapt(batch)))
        samples = list(islice(singles, self.settings.energy_samples))
        cost = preset_cost_model(COST_MODEL)
        with torch.enable_grad():
            report = estimate_energy(network.module, samples, cost, with_twin=False)
        energy = {f"energy/{name}": value for name, value in report.scalars().items()}
        if network.short:  # memory and formula are of weights of 32 bits
            picojoules = int8_energy_pj(report.layers, network.short, cost) / len(samples)
            energy = {"energy/compute_uj": picojoules / PJ_PER_UJ}
        return {**energy, **neurobench(network.module, samples, network.short)}


class Answers(NamedTuple):
    """What one head said of the samples that have its modality.

    Attributes:
        ids: of the samples.
        probability: of the classes, `[N, K]`.
        target: the true class, `[N]`.
    """

    ids: list[str]
    probability: Tensor
    target: Tensor

    @classmethod
    def of(cls, batch: Batch, probability: Tensor) -> Answers:
        """Those of a batch; NaN `[N, K]` stands for a sample that lacks the modality."""
        said = probability.float().cpu()
        rows = ~said.isnan().any(dim=-1)
        ids = [name for name, there in zip(batch["id"], rows.tolist()) if there]
        return cls(ids, said[rows], batch["target"].cpu()[rows])

    @classmethod
    def joined(cls, parts: Iterable[Answers]) -> Answers:
        """Those of several batches."""
        ids, said, target = zip(*parts)
        return cls([name for own in ids for name in own], torch.cat(said), torch.cat(target))


def rated(answers: dict[str, Answers], classes: int) -> dict[str, float]:
    """Accuracy, calibration error, and mean confidence minus accuracy of every head."""
    found = {"samples": float(len(answers[FUSED].ids))}
    for head, (ids, said, target) in answers.items():
        if ids:
            error = multiclass_calibration_error(said, target, classes, BINS, norm="l1")
            accuracy = float((said.argmax(dim=-1) == target).double().mean())
            found[f"accuracy/{head}"] = accuracy
            found[f"calibration_error/{head}"] = float(error)
            found[f"overconfidence/{head}"] = float(said.amax(dim=-1).double().mean()) - accuracy
    return found


class LatencyProber:
    """Measures trials of many runs; holds the network of the last run.

    Args:
        settings: what decides the numbers.
    """

    def __init__(self, settings: LatencySettings) -> None:
        self.settings = settings
        self._opened: tuple[RunPlace, LatencyProbe] | None = None

    def measure(self, task: Task) -> TrialResult:
        """Numbers of a trial of a run."""
        place, trial = task
        if self._opened is None or self._opened[0] != place:
            self._opened = None  # before the next network takes its memory
            self._opened = place, open_latency(place, self.settings)
        return self._opened[1].measure(trial)


def open_latency(place: RunPlace, settings: LatencySettings) -> LatencyProbe:
    """The probe of a finished run.

    Raises:
        UserError: see `restore` and `LatencyProbe`.
    """
    restored = restore(place.run, place.device, place.data_root, ("fit", "test"))
    return LatencyProbe(restored, settings)
