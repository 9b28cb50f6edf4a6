from __future__ import annotations

from typing import Any

import pytest
import torch
from made_questions import ANSWERS, NEURONS, SECONDS, WIDTH, module, questions, spiking
from torch.nn.functional import cross_entropy

from snn_mm.callbacks import IEMF
from snn_mm.contracts import FUSED, Modulated
from snn_mm.energy.copies import ann_twin, copy_for_counting
from snn_mm.energy.cost import preset_cost_model
from snn_mm.energy.estimate import estimate_energy, single_samples
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.modules import AVQAModule
from snn_mm.modules.avqa.grounding import match_loss
from snn_mm.neurons import NeuronFactory


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps without a trainer to log to."""
    for name in ("log", "log_dict"):
        monkeypatch.setattr(AVQAModule, name, lambda *_args, **_options: None)


def names_of(network: AVQAModule, parameters: Any) -> set[str]:
    """First two parts of the names of parameters."""
    known = {id(parameter): name for name, parameter in network.named_parameters()}
    return {".".join(known[id(parameter)].split(".")[:2]) for parameter in parameters}


@pytest.mark.parametrize("weights", [{}, {"match_weight": 1.3, "label_smoothing": 0.2}], ids=str)
def test_loss_is_answers_and_heads_and_half_of_the_match_loss(weights: dict[str, float]) -> None:
    network, batch = module(joint_weight=2.0, **weights).eval(), questions(6, negatives=True)
    smoothing, share = weights.get("label_smoothing", 0.0), weights.get("match_weight", 0.5)
    features = network.encode(batch["inputs"])
    logits = network.readout(network.fusion(features))
    answers = {
        name: cross_entropy(value, batch["target"], label_smoothing=smoothing)
        for name, value in logits.items()
    }
    frames, sound = network.encoders["visual"], features["audio"]
    other = frames(batch["inputs"]["negative"], sound)
    match = match_loss(
        frames.match_logits(sound, features["visual"]), frames.match_logits(sound, other)
    )
    expected = answers[FUSED] + 2 * (answers["audio"] + answers["visual"]) + share * match
    torch.testing.assert_close(network.shared_step(batch, "train"), expected)


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=list(NEURONS))
@pytest.mark.parametrize("grounded", [False, True])
def test_heads_without_a_weight_alone_have_no_gradient_and_ddp_is_told(
    grounded: bool, neuron: NeuronFactory | None
) -> None:
    for joint, match in ((1.0, 0.5), (0.0, 0.5), (2.5, 0.0)):
        network = module(grounded, neuron, joint_weight=joint, match_weight=match)
        network.shared_step(questions(6, negatives=grounded), "train").backward()
        silent = names_of(network, (p for p in network.parameters() if p.grad is None))
        heads = {"fusion.heads"} if not joint else set()
        if not joint and neuron is not None:
            heads |= {name for name in silent if name == "fusion.gates"}
        assert silent == heads | ({"encoders.visual"} if grounded and not match else set())
        assert network.skips_parameters() or not silent


def test_iemf_scales_the_fusion_projection_and_nothing_else() -> None:
    network, batch = module(), questions(6, negatives=True)
    assert isinstance(network, Modulated)
    network.shared_step(batch, "train").backward()
    before = {name: p.grad.clone() for name, p in network.named_parameters()}
    IEMF().rewrite_gradients(network, {"xi": 3.0}, 0)
    for name, parameter in network.named_parameters():
        factor = 3.0 if name.startswith("fusion.projection.") else 1.0
        torch.testing.assert_close(parameter.grad, factor * before[name])


def test_every_parameter_has_one_role() -> None:
    network = spiking(parameter_groups={"question": {"lr": 0.1}})
    groups = network._optimizer_input()
    listed = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(listed) == sorted(map(id, network.parameters()))
    assert groups[-1]["lr"] == 0.1
    assert names_of(network, network.fusion_parameters("module")) >= {
        "fusion.projection",
        "fusion.answer",
    }


def test_seconds_are_the_time_steps_of_the_spiking_twin_alone() -> None:
    batch = questions(2)
    assert module()(batch["inputs"]).fused.shape == (1, 2, ANSWERS)
    assert spiking()(batch["inputs"]).fused.shape == (SECONDS, 2, ANSWERS)
    twin = ann_twin(copy_for_counting(spiking()))
    assert twin(batch["inputs"]).fused.shape == (1, 2, ANSWERS)


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=list(NEURONS))
def test_answers_depend_neither_on_the_batch_nor_on_the_one_before(
    neuron: NeuronFactory | None,
) -> None:
    network, batch = module(neuron=neuron).eval(), questions(4)
    together = network.predict_step(batch, 0)["probability"][FUSED]
    for i in range(4):
        one = {name: value[i : i + 1] for name, value in batch["inputs"].items()}
        alone = network.predict_step({**batch, "inputs": one}, 0)["probability"][FUSED]
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)


def test_energy_of_a_question_is_measured_by_part_with_its_recurrent_words() -> None:
    samples = list(single_samples(questions(2)))
    report = estimate_energy(spiking(), samples, preset_cost_model("45nm-fp32"))
    layers = {layer.name: layer for layer in report.layers}
    assert {layer.part for layer in report.layers} == {"audio", "visual", "fusion"}
    assert layers["encoders.audio.project"].counts.synops > 0  # spikes drive it
    assert layers["fusion.answer"].counts.synops > 0
    samples_words_gates = 2 * 4 * 4
    assert layers["question.lstm"].counts.sites == samples_words_gates * 2 * WIDTH * WIDTH
    assert report.twin is not None


def test_shared_logits_ask_the_question_of_the_step_again() -> None:
    network, batch = module().eval(), questions(4)
    network.shared_step(batch, "val")
    step = network.step
    assert step is not None
    silent = {**step.features, "question": network.asked}
    silent["visual"] = torch.zeros_like(silent["visual"])
    expected = network.fusion.fuse(silent).mean(dim=0)
    torch.testing.assert_close(network.shared_logits(step.features)["audio"], expected)
    torch.testing.assert_close(network.coalition_logits(step.features, ["audio"]), expected)


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match=r"data\.negatives: true"):
        module().shared_step(questions(2), "train")
    with pytest.raises(UserError, match=r"match_weight is -\d.*; accepted: 0 or more"):
        module(match_weight=-1.0)
    with pytest.raises(UserError, match="Concat knows no question"):
        AVQAModule(dict(module().encoders.items()), Concat, ANSWERS, 11)
    nameless = {key: value for key, value in questions(2).items() if key != "kind"}
    with pytest.raises(UserError, match="no `kind`"):
        module().shared_step(nameless, "val")
