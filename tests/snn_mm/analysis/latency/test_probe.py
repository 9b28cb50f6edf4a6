"""What a network is asked, and that its answers are those of the network itself."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningDataModule
from torch import nn

from snn_mm.analysis.latency.probe import LatencyProbe
from snn_mm.analysis.latency.steps import steps_asked, trained_steps
from snn_mm.analysis.latency.trials import LatencySettings, Trial
from snn_mm.config.restore import Restored
from snn_mm.contracts import Batch
from snn_mm.encoders import MLP, ConvNet
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule, TAAFModule
from snn_mm.neurons import IEMFLIF
from snn_mm.run import RunDirectory

QUICK = LatencySettings(energy_samples=1, calibration=8, converted_steps=(2,))
BINS = 3


class Batches(LightningDataModule):
    """The same batches for every part."""

    def __init__(self, batches: list[Batch]) -> None:
        super().__init__()
        self.batches = batches

    def test_dataloader(self) -> Any:
        return self.batches

    def train_dataloader(self) -> Any:
        return self.batches


def made_batch(events: bool) -> Batch:
    shape = (16, BINS, 2, 8, 8) if events else (16, 2, 8, 8)
    inputs = {"visual": 2 * torch.rand(shape), "audio": 3 * torch.randn(16, 4)}
    ids = [str(n) for n in range(16)]
    return {"inputs": inputs, "target": torch.arange(16) % 3, "id": ids}


def probe_of(neuron: Any, steps: int, events: bool = False) -> tuple[LatencyProbe, IEMFModule]:
    kind: Any = "events" if events else "static"
    image = ConvNet(2, neuron, steps, (4,), 6, input_kind=kind)
    module = IEMFModule({"visual": image, "audio": MLP(4, neuron, steps, [5], 6)}, Concat, 3)
    data = Batches([made_batch(events)])
    restored = Restored(module.eval(), data, RunDirectory(Path("made")))
    return LatencyProbe(restored, QUICK), module


def names(probe: LatencyProbe) -> list[str]:
    return [trial.name for trial in probe.trials()]


def test_static_inputs_are_asked_up_to_twice_the_trained_t() -> None:
    probe, _ = probe_of(IEMFLIF, 2)
    assert names(probe) == [*(f"trained, T = {t}" for t in range(1, 5)), "int8, T = 2"]


def test_events_are_asked_up_to_their_bins() -> None:
    probe, _ = probe_of(IEMFLIF, BINS, events=True)
    assert names(probe) == [*(f"trained, T = {t}" for t in range(1, 4)), "int8, T = 3"]


def test_a_network_whose_shape_has_t_is_asked_with_its_own() -> None:
    encoders: Any = {name: MLP(4, IEMFLIF, 2, [5], 6) for name in ("audio", "visual")}
    module = TAAFModule(encoders, num_classes=3, time_steps=3)
    assert steps_asked(module, 3) == [3]


def test_an_ann_has_one_step_and_is_converted() -> None:
    probe, _ = probe_of(nn.ReLU, 1)
    assert names(probe) == ["trained, T = 1", "int8, T = 1", "converted, T = 2"]
    assert probe.measure(Trial("converted", 2)).metrics["energy/purity"] == 1.0


@pytest.mark.parametrize("events", [False, True])
def test_fewer_steps_are_the_beginning_of_more(events: bool) -> None:
    probe, module = probe_of(IEMFLIF, BINS, events)
    batch = probe.data.batches[0]
    with torch.no_grad():
        fused = module(batch["inputs"]).fused  # [T, N, K]
    for steps in range(1, BINS + 1):
        result = probe.measure(Trial("trained", steps))
        wanted = fused[:steps].mean(dim=0).softmax(dim=-1)  # [N, K]
        confidence = torch.tensor(list(result.confidence.values()))
        torch.testing.assert_close(confidence, wanted.amax(dim=-1))
        right = (wanted.argmax(dim=-1) == batch["target"]).float().mean()
        assert result.metrics["accuracy/fused"] == pytest.approx(float(right))
    assert module.encoders["audio"].time_steps == BINS  # the run's network is left as it was
    energy = [probe.measure(Trial("trained", t)).metrics["energy/compute_uj"] for t in (1, 2, 3)]
    assert energy[0] < energy[1] < energy[2]


@pytest.mark.parametrize("neuron", [IEMFLIF, nn.ReLU])
def test_samples_that_lack_a_modality_are_asked_without_it(neuron: Any) -> None:
    """The first batch has no picture at all, so that nobody may begin with it."""
    probe, _ = probe_of(neuron, 1 if neuron is nn.ReLU else 2)
    probe.settings = replace(QUICK, calibration=24)
    silent, mixed = torch.zeros(16).bool(), torch.arange(16) > 4
    masked, results = [], []
    for there in (silent, mixed):
        batch = made_batch(events=False)
        batch["inputs"]["visual"][~there] = math.nan
        masked.append(Batch(**{**batch, "present": {"visual": there}}))
    never = [{**b, "inputs": dict(b["inputs"])} for b in masked]
    del never[0]["inputs"]["visual"]
    never[1]["inputs"]["visual"] = never[1]["inputs"]["visual"].nan_to_num(0.0)
    for batches in (masked, never):
        probe.data.batches, found = batches, []
        probe.__dict__.pop("_converted", None)
        for trial in probe.trials():
            result = probe.measure(trial)
            result.metrics.pop("cpu_ms", None)
            found.append(result)
        results.append(found)
    assert results[0] == results[1]
    assert all(math.isfinite(x) for result in results[0] for x in result.metrics.values())
    if neuron is nn.ReLU:  # nothing is left that is no spike
        assert not any(isinstance(part, nn.ReLU) for part in probe._converted.encoders.modules())
    shown = {x.metrics["accuracy/visual"] * 11 for x in results[0]}  # of the eleven that have it
    assert all(right == pytest.approx(round(right)) for right in shown)


def test_a_modality_that_no_training_sample_has_is_not_converted() -> None:
    probe, _ = probe_of(nn.ReLU, 1)
    absent = {"visual": torch.zeros(16).bool()}
    probe.data.batches = [{**made_batch(events=False), "present": absent}]
    with pytest.raises(UserError, match="no sample of the calibration has visual"):
        probe.measure(Trial("converted", 2))


def test_events_that_the_first_batch_lacks_have_the_bins_of_their_encoder() -> None:
    probe, module = probe_of(IEMFLIF, BINS, events=True)
    batch = made_batch(events=True)
    del batch["inputs"]["visual"]
    assert trained_steps(module, batch) == probe.trained == BINS


def test_a_network_without_classes_is_refused() -> None:
    restored = Restored(nn.Linear(2, 2), Batches([]), RunDirectory(Path("made")))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="trained a Linear\naccepted: runs of modules that sort"):
        LatencyProbe(restored, QUICK)
