"""Masked and never loaded are the same: every module, fusion and modulation there is."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from presence_cases import (
    CLASSES,
    DIMS,
    MODULATIONS,
    MODULES,
    TWO,
    assert_same,
    encoders,
    filled,
    fusion_of,
    make_batches,
    masks,
    never_loaded,
    sgd,
    train,
)
from torch import nn

from snn_mm.callbacks import AGM, IEMF, PMR, LossAdjustment, Modulation
from snn_mm.callbacks.modulation.gradient import GradientModulation
from snn_mm.config.catalogue import components
from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.metrics.modality_accuracy import ModalityAccuracy
from snn_mm.modules import IEMFModule
from snn_mm.neurons import TAAFLIF

ELSEWHERE = {
    "AVQAModule", "GroundingModule", "SGMTModule", "SentimentModule",  # sequences and questions
    "ContinualModule",  # test_task_presence.py
    "QuestionFusion",  # of AVQAModule alone
}  # fmt: skip

FUSIONS = [e.name for e in components() if e.group == "fusions" and e.name not in ELSEWHERE]
LISTED = [(name, i) for name, made in MODULATIONS.items() for i in range(len(made))]
every_fusion = pytest.mark.parametrize("fusion", FUSIONS)


def test_every_module_and_modulation_there_is_has_a_case() -> None:
    listed = {kind: {e.name for e in components() if e.group == kind} for kind in GROUPS}
    assert listed["modulations"] == set(MODULATIONS)
    assert listed["modules"] == set(MODULES) | (ELSEWHERE & listed["modules"])


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    ("absent", "unimodal"), [("zeros", "heads"), ("learned", "shared"), ("renormalised", "shared")]
)
@every_fusion
def test_masked_is_never_loaded(module: str, fusion: str, absent: str, unimodal: str) -> None:
    """Loss, gradients and statistics of training steps, and the loss of evaluation."""
    make = fusion_of(fusion, unimodal=unimodal, absent=absent)
    found = []
    for change in (lambda b: b, lambda b: filled(b, math.nan), never_loaded):
        torch.manual_seed(0)
        made = MODULES[module](make).double()
        losses = []
        for batch in map(change, make_batches()):
            losses.append(made.training_step(batch, 0))
            losses[-1].backward()
        made.eval()
        losses += [made.shared_step(change(batch), "val") for batch in make_batches()]
        grads = {name: p.grad for name, p in made.named_parameters()}
        found.append((torch.stack(losses).detach(), grads, dict(made.named_buffers())))
    for losses, grads, buffers in found:
        assert losses.isfinite().all()
        assert torch.equal(losses, found[0][0])
        for parts, first in ((grads, found[0][1]), (buffers, found[0][2])):
            for name, value in parts.items():
                assert (value is None) == (first[name] is None), name
                assert value is None or torch.equal(value, first[name]), name


@every_fusion
def test_masked_is_never_loaded_under_all_modulations_at_once(tmp_path: Path, fusion: str) -> None:
    results = []
    for change in (lambda b: filled(b, math.nan), never_loaded):
        batches = [change(batch) for batch in make_batches()]
        make = partial(MODULES["TAAFModule"], fusion_of(fusion), optimizer=sgd)
        results.append(train(make, batches, all_modulations("TAAFModule", fusion), tmp_path))
    assert_same(*results)


@pytest.mark.parametrize(("name", "index"), LISTED)
def test_masked_is_never_loaded_under_each_modulation(
    tmp_path: Path, name: str, index: int
) -> None:
    made = fusion_of("SCMRL", unimodal="shared")
    results = []
    for change in (lambda b: filled(b, math.nan), never_loaded):
        batches = [change(batch) for batch in make_batches(TWO)]
        callbacks = [MODULATIONS[name][index]()]
        make = partial(MODULES["TAAFModule"], made, TWO, optimizer=sgd)
        results.append(train(make, batches, callbacks, tmp_path, accumulate_grad_batches=2))
    assert_same(*results)


GROUPS = ("modules", "modulations")


def all_modulations(module: str, fusion: str) -> list[Modulation]:
    """All at once, with a window each, by which Lightning tells two of one class apart."""
    found = [make() for own in MODULATIONS.values() for make in own]
    if fusion != "SCMRL":  # no other has a semantic space
        found = [one for one in found if one.name != "semantic_alignment"]
    if module != "TAAFModule":  # no other has scores of time steps
        found = [one for one in found if getattr(one, "alpha", None) != "attention"]
    for place, callback in enumerate(found):
        callback.end_epoch = 1 + place
    return found


@every_fusion
@pytest.mark.parametrize("absent", ["zeros", "renormalised"])
def test_layers_of_an_absent_modality_say_nothing(fusion: str, absent: str) -> None:
    """Whatever its own weights, biases and statistics are, samples without it do not see them."""
    torch.manual_seed(0)
    made = fusion_of(fusion, absent=absent)(dict.fromkeys(DIMS, 8), CLASSES).double().eval()
    features = {n: torch.rand(2, 8, 8, dtype=torch.float64).round() for n in DIMS}
    present = {"audio": torch.arange(8) % 2 == 0}
    before = made(features, present)
    for name, value in [*made.named_parameters(), *made.named_buffers()]:
        if "audio" in name.split("."):
            value.data = value.data + torch.rand(value.shape).to(value)
    after = made(features, present)
    lacking = ~present["audio"]
    assert torch.equal(before.fused[:, lacking], after.fused[:, lacking])
    assert not torch.any(after.unimodal["audio"][:, lacking])
    owns = any("audio" in name.split(".") and "heads" not in name for name in made.state_dict())
    assert owns != torch.equal(before.fused, after.fused)


@every_fusion
def test_layers_of_a_modality_see_no_sample_that_lacks_it(fusion: str) -> None:
    """Statistics and gradients of its layers are those of a batch of the others alone."""
    features = {n: torch.rand(2, 8, 8, dtype=torch.float64).round() for n in DIMS}
    there = torch.arange(8) % 2 == 0
    outcomes = []
    for rows, present in ((slice(None), {"audio": there}), (there, None)):
        torch.manual_seed(0)
        made = fusion_of(fusion)(dict.fromkeys(DIMS, 8), CLASSES).double()
        output = made({n: x[:, rows] for n, x in features.items()}, present)
        output.unimodal["audio"].square().sum().backward()
        own = [made.heads["audio"].weight.grad]
        own += [v for name, v in made.named_buffers() if "audio" in name.split(".")]
        outcomes.append(own)
    for one, other in zip(*outcomes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("module", MODULES)
@every_fusion
def test_an_optimizer_step_leaves_a_modality_that_no_sample_has(module: str, fusion: str) -> None:
    torch.manual_seed(0)
    made = MODULES[module](fusion_of(fusion)).double()
    optimizer, batches = sgd(made.parameters()), make_batches()
    for batch in (batches[2], never_loaded(batches[1])):
        before = [p.detach().clone() for p in made.modality_parameters("audio")]
        optimizer.zero_grad()
        loss = made.training_step(batch, 0)
        loss.backward()
        momentum = [state_of(optimizer, p) for p in made.modality_parameters("audio")]
        optimizer.step()
    assert loss.isfinite()
    for p, old, held in zip(made.modality_parameters("audio"), before, momentum, strict=True):
        assert p.grad is None
        assert torch.equal(p, old)
        assert held is not None
        assert torch.equal(held, state_of(optimizer, p))


def state_of(optimizer: torch.optim.Optimizer, parameter: nn.Parameter) -> torch.Tensor | None:
    held = optimizer.state[parameter].get("momentum_buffer")
    return None if held is None else held.clone()


@every_fusion
def test_masks_that_lack_nobody_change_no_bit(tmp_path: Path, fusion: str) -> None:
    results = []
    for lacking in ({}, {"present": {"audio": torch.ones(8, dtype=torch.bool)}}):
        batches = [{**make_batches()[2], **lacking}]
        make = partial(MODULES["TAAFModule"], fusion_of(fusion, unimodal="shared"))
        results.append(train(make, batches, [IEMF(), AGM(), PMR()], tmp_path))
    assert_same(*results)


@pytest.mark.parametrize("neuron", [TAAFLIF, nn.ReLU])
def test_a_lone_sample_of_a_modality_trains_an_ann_too(neuron: Any) -> None:
    """One value a channel has no variance: batch norm takes its running statistics."""
    steps = 1 if neuron is nn.ReLU else 2
    made = IEMFModule(encoders(TWO, time_steps=steps, neuron=neuron), fusion_of("SCMRL"), CLASSES)
    batch = make_batches(TWO)[3]
    batch["present"] = {"audio": torch.arange(8) == 2}
    made.double().training_step(batch, 0).backward()
    assert all(norm.training for norm in made.modules() if isinstance(norm, nn.BatchNorm1d))


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("fusion", ["SCMRL", "Concat"])
def test_mixed_precision(tmp_path: Path, fusion: str, precision: str) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0) if precision == "16-mixed" else None
    plugin = MixedPrecision(precision, "cpu", scaler=scaler)  # type: ignore[arg-type]
    make = partial(MODULES["TAAFModule"], fusion_of(fusion))
    batches = [single(filled(batch, math.nan)) for batch in make_batches()]
    modulations, options = all_modulations("TAAFModule", fusion), {"plugins": [plugin]}
    found = train(make, batches, modulations, tmp_path, dtype=torch.float32, **options)
    assert_same(found, found)


def single(batch: Batch) -> Batch:
    return {**batch, "inputs": {name: x.float() for name, x in batch["inputs"].items()}}


def test_a_sample_that_has_nothing_is_refused_by_its_id() -> None:
    made, batch = MODULES["IEMFModule"](fusion_of("Concat")).double(), make_batches()[0]
    batch["present"] = dict.fromkeys(DIMS, torch.arange(8) != 5)
    for step in (made.training_step, made.validation_step, made.predict_step):
        with pytest.raises(UserError, match="sample 's5' has none of audio, visual, touch"):
            step(batch, 0)
    with pytest.raises(UserError, match="sample 5 of a batch has none of"):
        made(batch["inputs"], batch["present"])


def test_what_nobody_may_say_is_refused() -> None:
    made, batch = MODULES["IEMFModule"](fusion_of("Concat")).double(), make_batches()[0]
    for wrong in (torch.ones(8), torch.ones(7, dtype=torch.bool), [True] * 8):
        with pytest.raises(UserError, match=r"present of audio must be a bool tensor \[N\]"):
            made.training_step({**batch, "present": {"audio": wrong}}, 0)
    with pytest.raises(UserError, match="absent is 'nothing'; accepted: zeros, learned, renormal"):
        fusion_of("Concat", absent="nothing")(DIMS, CLASSES)


def test_predictions_of_an_absent_modality_are_no_numbers() -> None:
    made, batch = MODULES["TAAFModule"](fusion_of("Concat")).double().eval(), make_batches()[0]
    probability = made.predict_step(batch, 0)["probability"]
    lacking = ~batch["present"]["audio"]
    assert probability["audio"].isnan().all(dim=1).equal(lacking)
    assert probability[FUSED].isfinite().all()


def test_all_time_steps_of_an_absent_modality_have_no_score() -> None:
    made, batch = MODULES["TAAFModule"](fusion_of("Concat")).double(), make_batches()[0]
    scores = made.scores(made(batch["inputs"], batch["present"]))
    lacking = ~batch["present"]["audio"]
    assert not scores["audio"][:, lacking].any()
    torch.testing.assert_close(scores["audio"][:, ~lacking].sum(0), torch.ones(6).double())
    torch.testing.assert_close(scores[FUSED].sum(0), torch.ones(8).double())


def test_accuracy_of_a_modality_counts_who_has_it_and_is_nan_of_nobody() -> None:
    metric = ModalityAccuracy(2)
    logits, target = torch.tensor([[9.0, 0.0], [0.0, 9.0], [9.0, 0.0]]), torch.tensor([0, 0, 0])
    metric.rate("audio", logits, target, {"audio": torch.tensor([False] * 3)})
    assert metric.compute().isnan()
    metric.rate("audio", logits, target, {"audio": torch.tensor([True, True, False])})
    assert metric.compute() == 0.5


GATHERING = [
    (name, make)
    for name, own in MODULATIONS.items()
    for make in own
    if isinstance(make(), GradientModulation) and name != "MSLR"  # which asks whole epochs
]


@pytest.mark.parametrize(("name", "make"), GATHERING)
def test_evidence_counts_and_sums_the_samples_that_have_a_modality(name: str, make: Any) -> None:
    """What stands for the others counts nowhere: shifting their logits would change a sum."""
    torch.manual_seed(0)
    made, batch = MODULES["IEMFModule"](fusion_of("Concat")).double(), make_batches()[0]
    made.training_step(batch, 0)
    assert made.step is not None
    found, counts = make().gather(made, made.step), {n: m.sum() for n, m in masks(DIMS).items()}
    assert found.counts is not None
    assert {n: found.counts[n] for n in DIMS} == counts
    if name == "IEMF":
        for modality, there in masks(DIMS).items():
            shares = made.step.logits[modality][there].softmax(-1)
            own = shares[torch.arange(len(shares)), batch["target"][there]].sum()
            torch.testing.assert_close(found.sums[modality], own)


def test_loss_adjustment_compares_modalities_as_if_all_samples_had_them() -> None:
    torch.manual_seed(0)
    made, batch = MODULES["IEMFModule"](fusion_of("Concat")).double(), make_batches()[0]
    made.training_step(batch, 0)
    assert made.step is not None
    strength = LossAdjustment()._batch_strength(made.step)
    for modality, there in masks(DIMS).items():
        shares = made.step.output.unimodal[modality].mean(0)[there].softmax(-1)
        mean = shares[torch.arange(len(shares)), batch["target"][there]].mean()
        assert strength[modality] == pytest.approx(6 * float(mean))  # 6 have sound, the most
