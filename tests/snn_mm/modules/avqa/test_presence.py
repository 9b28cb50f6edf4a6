"""Videos without sound or without frames: the question is always there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from made_questions import NEURONS, SECONDS, WIDTH, module, questions
from torch import Tensor, nn

from snn_mm.contracts import FUSED
from snn_mm.errors import UserError
from snn_mm.modules import AVQAModule
from snn_mm.modules.avqa import GroundedFrames, GroundingModule, SoundEncoder
from snn_mm.modules.avqa.fusion import QUESTION
from snn_mm.neurons import NeuronFactory

PRESENT = {
    "audio": torch.tensor([True, False, True, False, True, True]),
    "visual": torch.tensor([True, True, False, True, True, False]),
}
NOBODY = {"audio": torch.zeros(6, dtype=torch.bool)}

EVERY = [
    (grounded, neuron, absent)
    for grounded in (False, True)
    for neuron in NEURONS.values()
    for absent in ("zeros", "learned", "renormalised")
]


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps without a trainer to log to."""
    for kind in (AVQAModule, GroundingModule):
        for name in ("log", "log_dict"):
            monkeypatch.setattr(kind, name, lambda *_args, **_options: None)


def made(grounded: bool, neuron: NeuronFactory | None, absent: str = "zeros") -> AVQAModule:
    network = module(grounded, neuron)
    network.fusion.absent = absent
    if absent == "learned":
        tokens = {name: nn.Parameter(torch.full((WIDTH,), 0.5)) for name in network.modalities}
        network.fusion.tokens = nn.ParameterDict(tokens)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.3)
    return network.double()


def batch(negatives: bool = True) -> dict[str, Any]:
    data = questions(6, negatives=negatives)
    floats = {name: x.double() for name, x in data["inputs"].items() if x.is_floating_point()}
    return {**data, "inputs": data["inputs"] | floats}


def masked(present: dict[str, Tensor]) -> dict[str, Any]:
    data = batch()
    for name, there in present.items():
        data["inputs"][name][~there] = torch.nan
    return {**data, "present": present}


def never_loaded(present: dict[str, Tensor]) -> dict[str, Any]:
    data = batch()
    for name, there in present.items():
        data["inputs"][name][~there] = 0.0
        if not there.any():
            del data["inputs"][name]
    return {**data, "present": present}


def step(network: AVQAModule, data: dict[str, Any], stage: str) -> dict[str, Tensor]:
    network.train(stage == "train").zero_grad()
    torch.manual_seed(1)
    loss = network.shared_step(data, stage)  # type: ignore[arg-type]
    found = {"loss": loss.detach(), **network.step.logits}
    if stage == "train":
        loss.backward()
        for name, p in network.named_parameters():
            found[f"grad {name}"] = torch.zeros(()) if p.grad is None else p.grad.clone()
    return found


@pytest.mark.parametrize(("grounded", "neuron", "absent"), EVERY)
@pytest.mark.parametrize("stage", ["train", "val"])
def test_masked_and_never_loaded_are_equal_to_the_bit(
    grounded: bool, neuron: NeuronFactory | None, absent: str, stage: str
) -> None:
    for present in (PRESENT, NOBODY):
        left = step(made(grounded, neuron, absent), masked(present), stage)
        right = step(made(grounded, neuron, absent), never_loaded(present), stage)
        assert left.keys() == right.keys()
        for name, value in left.items():
            assert value.isfinite().all(), name
            assert torch.equal(value, right[name]), name


@pytest.mark.parametrize(("grounded", "neuron", "absent"), EVERY)
def test_no_parameter_of_a_modality_touches_a_sample_without_it(
    grounded: bool, neuron: NeuronFactory | None, absent: str
) -> None:
    before = step(made(grounded, neuron, absent), masked(PRESENT), "val")
    for name in ("audio", "visual"):
        network = made(grounded, neuron, absent)
        with torch.no_grad():
            for parameter in network.modality_parameters(name):
                parameter.add_(0.4)
        after = step(network, masked(PRESENT), "val")
        gone = ~PRESENT[name]
        for head in (name, FUSED):
            assert torch.equal(after[head][gone], before[head][gone])
            # Neurons that fire at every step say the same of a stronger current.
            assert neuron is not None or not torch.equal(after[head], before[head])
        assert (before[name][gone] == 0).all()


@pytest.mark.parametrize(("grounded", "neuron", "absent"), EVERY)
def test_a_question_is_answered_alone_as_among_others(
    grounded: bool, neuron: NeuronFactory | None, absent: str
) -> None:
    network, data = made(grounded, neuron, absent).eval(), masked(PRESENT)
    together = network.readout(network(data["inputs"], PRESENT))
    for i in range(6):
        own = {name: x[i : i + 1] for name, x in data["inputs"].items()}
        alone = network.readout(network(own, {n: x[i : i + 1] for n, x in PRESENT.items()}))
        for head, logits in alone.items():
            torch.testing.assert_close(logits, together[head][i : i + 1], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=list(NEURONS))
@pytest.mark.parametrize("grounded", [False, True])
def test_masks_that_are_all_true_change_no_bit(
    grounded: bool, neuron: NeuronFactory | None
) -> None:
    everywhere = dict.fromkeys(PRESENT, torch.ones(6, dtype=torch.bool))
    for stage in ("train", "val"):
        plain = step(made(grounded, neuron), batch(), stage)
        given = step(made(grounded, neuron), {**batch(), "present": everywhere}, stage)
        assert all(torch.equal(value, given[name]) for name, value in plain.items())


def test_a_modality_that_no_video_has_has_no_gradient() -> None:
    network = made(grounded=True, neuron=None)
    network.shared_step(masked(NOBODY), "train").backward()  # type: ignore[arg-type]
    assert all(p.grad is None for p in network.modality_parameters("audio"))
    assert any(p.grad is not None for p in network.modality_parameters("visual"))


def test_the_match_loss_is_of_videos_with_both() -> None:
    network = made(grounded=True, neuron=None).eval()
    network.shared_step(masked(PRESENT), "train")  # type: ignore[arg-type]
    both = PRESENT["audio"] & PRESENT["visual"]
    data = {name: x[both] for name, x in batch()["inputs"].items()}
    features = network.encode(data)
    expected = network.match_terms(data, features, "train")["match"]
    torch.testing.assert_close(network.summands["match"], expected.detach())


def test_what_modulations_ask_of_what_is_absent_is_zero() -> None:
    network = made(grounded=True, neuron=None).eval()
    network.shared_step(masked(PRESENT), "val")  # type: ignore[arg-type]
    shared = network.shared_logits(network.step.features, PRESENT)
    for name, there in PRESENT.items():
        assert (shared[name][~there] == 0).all()
        assert (shared[name][there] != 0).all()


def test_tokens_belong_to_the_fusion() -> None:
    network = made(grounded=False, neuron=None, absent="learned")
    own = {id(p) for p in network.fusion_parameters("module")}
    assert {id(p) for p in network.fusion.tokens.values()} <= own
    everything = {id(p) for role in network.roles for p in network.role_parameters(role)}
    assert everything == {id(p) for p in network.parameters()}


def test_a_video_without_anything_is_refused_by_its_name() -> None:
    network, nothing = made(grounded=False, neuron=None), torch.arange(6) != 3
    present = {name: there & nothing for name, there in PRESENT.items()}
    with pytest.raises(UserError, match="'video3:3' has none of audio, visual"):
        network.shared_step(masked(present), "val")  # type: ignore[arg-type]


def test_a_lacking_question_is_named() -> None:
    inputs = {name: x for name, x in batch()["inputs"].items() if name != QUESTION}
    with pytest.raises(UserError, match="the inputs lack question"):
        made(grounded=False, neuron=None).encode(inputs, PRESENT)


def test_pairs_that_are_none_are_refused_by_their_name() -> None:
    encoders = {
        "audio": SoundEncoder(3, feature_dim=WIDTH),
        "visual": GroundedFrames(WIDTH),
    }
    network = GroundingModule(encoders).double()
    with pytest.raises(UserError, match="'video1:1' has no audio"):
        network.shared_step(masked(PRESENT), "val")  # type: ignore[arg-type]
    assert batch()["inputs"]["audio"].shape[1] == SECONDS
