"""Loss and accuracy of moved networks against an independent computation in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import lacking
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from snn_mm.analysis.landscape.batches import Samples, collect
from snn_mm.analysis.landscape.directions import draw_direction
from snn_mm.analysis.landscape.probe import Cut, Probe, open_probe
from snn_mm.analysis.landscape.settings import LandscapeSettings
from snn_mm.config.restore import Restored
from snn_mm.contracts import FUSED, Batch
from snn_mm.encoders import ConvNet
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule, TAAFModule
from snn_mm.run.directory import RunDirectory

MakeModule = Callable[..., IEMFModule]
MakeBatch = Callable[[int], Batch]


def samples_of(*batches: Batch) -> list[Samples]:
    return [Samples(batch["inputs"], batch["target"]) for batch in batches]


def state_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.fixture
def spiking() -> tuple[IEMFModule, list[Samples], list[Samples]]:
    """A small spiking network with batch norm, test samples, training samples."""
    encoders = {
        name: ConvNet(1, channels=[4], feature_dim=6, time_steps=2) for name in ("audio", "visual")
    }
    module = IEMFModule(encoders, Concat, num_classes=3).eval()
    generator = torch.Generator().manual_seed(1)

    def batch(size: int) -> Samples:
        inputs = {m: torch.randn(size, 1, 8, 8, generator=generator) for m in encoders}
        return Samples(inputs, torch.randint(3, (size,), generator=generator))

    return module, [batch(5), batch(3)], [batch(6), batch(6), batch(1)]


@pytest.mark.parametrize("scope", ["network", "fusion"])
def test_loss_and_accuracy_are_those_of_a_network_with_moved_weights(
    make_module: MakeModule, make_batch: MakeBatch, scope: str
) -> None:
    module, batches = make_module(), (make_batch(6), make_batch(3))
    settings = LandscapeSettings(scope=scope)  # type: ignore[arg-type]
    probe = Probe(module, samples_of(*batches), [], settings.scope)
    found = Cut(probe, settings).measure((0.4, -0.7))
    part = module if scope == "network" else module.fusion
    steps = [draw_direction(dict(part.named_parameters()), 0, axis) for axis in (0, 1)]
    for name, weight in part.named_parameters():
        weight.data += 0.4 * steps[0][name] - 0.7 * steps[1][name]
    with torch.no_grad():
        logits = torch.cat([module.readout(module(batch["inputs"]))[FUSED] for batch in batches])
    target = torch.cat([batch["target"] for batch in batches])
    assert found.loss == pytest.approx(float(cross_entropy(logits, target)), rel=1e-12)
    assert found.accuracy == pytest.approx(float((logits.argmax(1) == target).double().mean()))


@pytest.mark.parametrize("scope", ["network", "fusion"])
def test_summands_add_up_to_the_loss_and_differentiate_it(
    make_module: MakeModule, make_batch: MakeBatch, scope: str
) -> None:
    module, batch = make_module(), make_batch(7)
    parts = [
        Samples({name: x[rows] for name, x in batch["inputs"].items()}, batch["target"][rows])
        for rows in (slice(4), slice(4, 7))
    ]
    probe = Probe(module, parts, [], scope)  # type: ignore[arg-type]
    total = torch.stack(list(probe.summands())).sum()
    assert float(total.detach()) == pytest.approx(probe.measure().loss)
    weight = module.fusion.classifier.weight
    whole = cross_entropy(module.readout(module(batch["inputs"]))[FUSED], batch["target"])
    found, expected = (torch.autograd.grad(loss, weight)[0] for loss in (total, whole))
    torch.testing.assert_close(found, expected)


def test_the_network_is_as_it_was_to_the_bit(
    spiking: tuple[IEMFModule, list[Samples], list[Samples]],
) -> None:
    module, samples, calibration = spiking
    before = state_of(module)
    cut = Cut(Probe(module, samples, calibration), LandscapeSettings())
    cut.measure((0.3, 0.1))
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not module.training
    assert all(norm.momentum == 0.1 for norm in cut.probe.norms)


def test_a_point_has_one_value_whatever_was_measured_before(
    spiking: tuple[IEMFModule, list[Samples], list[Samples]],
) -> None:
    """Neither membranes nor statistics leak from point to point."""
    cut = Cut(Probe(*spiking), LandscapeSettings())
    alone = cut.measure((0.3, 0.1))
    cut.measure((-1.0, 1.0))
    assert cut.measure((0.3, 0.1)) == alone


def test_recomputed_statistics_are_means_over_the_training_batches(
    spiking: tuple[IEMFModule, list[Samples], list[Samples]],
) -> None:
    module, samples, calibration = spiking
    Probe(module, samples, calibration).recompute_norms()
    audio = module.encoders["audio"]
    for statistic, found in (("mean", audio.norm.running_mean), ("var", audio.norm.running_var)):
        batches = [audio.conv(batch.inputs["audio"]) for batch in calibration[:2]]
        each = [getattr(current, statistic)(dim=(0, 2, 3)) for current in batches]
        torch.testing.assert_close(found, torch.stack(each).mean(0))


def test_with_recomputed_statistics_the_scale_of_filters_before_a_norm_does_not_matter(
    spiking: tuple[IEMFModule, list[Samples], list[Samples]],
) -> None:
    module, samples, calibration = spiking
    values = []
    for batch_norm in ("frozen", "recomputed"):
        cut = Cut(Probe(module, samples, calibration), LandscapeSettings(batch_norm=batch_norm))  # type: ignore[arg-type]
        for part in (module.encoders["audio"].conv, module.encoders["visual"].conv):
            part.weight.data *= 16  # a power of two changes no mantissa
        scaled = cut.measure((0.0, 0.0)).loss
        for part in (module.encoders["audio"].conv, module.encoders["visual"].conv):
            part.weight.data /= 16
        values.append(abs(scaled - cut.measure((0.0, 0.0)).loss))
    assert values[1] < 1e-4 < values[0]


def test_the_fusion_s_landscape_is_the_network_s_with_still_encoders(
    spiking: tuple[IEMFModule, list[Samples], list[Samples]],
) -> None:
    """Cached features give what the whole network gives."""
    module, samples, _ = spiking
    cached, whole = (Probe(module, samples, [], scope) for scope in ("fusion", "network"))
    module.fusion.classifier.weight.data += 0.1
    assert cached.measure().loss == pytest.approx(whole.measure().loss, rel=1e-6)


def test_samples_are_limited_and_the_same_each_time(toy_data: object) -> None:
    place = SimpleNamespace(modalities=("audio", "visual")), torch.device("cpu")
    one, two = (collect(toy_data, "train", 11, *place) for _ in range(2))  # type: ignore[arg-type]
    assert [len(batch.target) for batch in one] == [8, 3]
    for a, b in zip(one, two, strict=True):
        assert torch.equal(a.target, b.target)
        assert torch.equal(a.inputs["audio"], b.inputs["audio"])


def test_collecting_leaves_the_global_generator_alone(toy_data: object) -> None:
    before = torch.random.get_rng_state()
    collect(
        toy_data, "train", 11, SimpleNamespace(modalities=("audio",)), torch.device("cpu"), seed=5
    )  # type: ignore[arg-type]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_module_without_fusion_is_explained(tmp_path: object, toy_data: object) -> None:
    restored = Restored(nn.Linear(2, 2), toy_data, RunDirectory(tmp_path))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="Linear is no classifier"):
        open_probe(restored, LandscapeSettings(), "network")


@pytest.mark.parametrize("scope", ["network", "fusion"])
def test_samples_are_heard_where_they_have_a_modality_up_to_their_length(scope: str) -> None:
    module, values = lacking.network(), []
    for fill in (7.0, math.nan):
        data: Any = SimpleNamespace(test_dataloader=lambda fill=fill: lacking.batches(fill))
        samples = collect(data, "test", 6, module, torch.device("cpu"))
        values.append(Probe(module, samples, samples, scope).measure())  # type: ignore[arg-type]
    whole = lacking.batches(0.0)
    logits = torch.cat([module.readout(lacking.said(module, batch))[FUSED] for batch in whole])[:6]
    target = torch.cat([batch["target"] for batch in whole])[:6]
    assert values[0] == values[1]
    assert values[0].loss == pytest.approx(float(cross_entropy(logits, target)), rel=1e-12)


def test_a_fusion_that_attends_to_time_is_probed_as_it_trained() -> None:
    """What a module does with features beside its fusion is part of the landscape."""
    torch.manual_seed(0)
    encoders = {
        name: ConvNet(1, channels=[4], feature_dim=6, time_steps=3) for name in ("audio", "visual")
    }
    module = TAAFModule(encoders, 3, width=6, attention_on="fusion").eval()  # type: ignore[arg-type]
    batch = Samples({m: 9 * torch.rand(5, 1, 8, 8) for m in encoders}, torch.arange(5) % 3)
    network, fusion = (Probe(module, [batch], [], part).measure() for part in ("network", "fusion"))
    assert network.loss == pytest.approx(fusion.loss, rel=1e-6)
