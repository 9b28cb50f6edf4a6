"""What a sample lacks reaches no result of any network, and nobody else's."""

from __future__ import annotations

import pytest
import torch
from every_network import (
    EACH,
    EVERY,
    LONGEST,
    NETWORKS,
    OPTIONS,
    PRESENT,
    SAMPLES,
    WIDTHS,
    Made,
    clips,
    lacking,
    leaves,
    ready,
)
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from snn_mm.energy import estimate_energy, single_samples
from snn_mm.energy.cost import preset_cost_model
from snn_mm.energy.layers import Counts
from snn_mm.errors import UserError
from snn_mm.modules import SentimentModule, sentiment
from snn_mm.modules.sentiment.absence import on_samples, without_absent
from snn_mm.modules.sentiment.graph_mfn import DynamicFusionGraph
from snn_mm.modules.sentiment.memory import Hidden
from snn_mm.modules.sentiment.mfn import DeltaMemoryAttention
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.modules.sgmt import SGMT, SpikingLayer
from snn_mm.modules.sgmt.firing_rate import FiringRate
from snn_mm.modules.sgmt.fusion import make_up
from snn_mm.modules.sgmt.layer import LayerOptions, Slots
from snn_mm.sequences import Sequence


def test_every_network_of_the_library_is_here() -> None:
    made = {kind.__name__ for kind in leaves(SentimentNetwork)}
    assert made == set(OPTIONS)
    named = {n for n in sentiment.__all__ if isinstance(getattr(sentiment, n), type)}
    assert named - {"SentimentModule"} == made - {SGMT.__name__}


@EVERY
def test_a_clip_scores_alone_as_among_clips_that_lack_other_things(make: Made) -> None:
    network = ready(make)
    inputs, lengths, present = lacking(**PRESENT)
    together = network(inputs, lengths, present)
    assert len(together["fused"].unique()) == SAMPLES
    for i in range(SAMPLES):
        cut = {n: x[i : i + 1, : max(1, int(lengths[n][i]))] for n, x in inputs.items()}
        own = {n: there[i : i + 1] for n, there in present.items()}
        alone = network(cut, {n: x[i : i + 1] for n, x in lengths.items()}, own)
        for head, score in alone.items():
            torch.testing.assert_close(score, together[head][i : i + 1], rtol=1e-9, atol=1e-12)


@EVERY
def test_no_parameter_of_a_modality_touches_a_sample_without_it(make: Made) -> None:
    network = ready(make)
    batch = lacking(**PRESENT)
    before = network(*batch)
    for name in network.modalities:
        touched = ready(make)
        touched.load_state_dict(network.state_dict())
        with torch.no_grad():
            for parameter in touched.modality_parameters(name):
                parameter.add_(0.7)
        after = touched(*batch)
        for head, score in after.items():
            assert torch.equal(score[~PRESENT[name]], before[head][~PRESENT[name]]), (name, head)
        if list(network.modality_parameters(name)):
            assert not torch.equal(after["fused"], before["fused"])


@EVERY
def test_scores_of_what_is_absent_are_zero(make: Made) -> None:
    scores = ready(make)(*lacking(**PRESENT))
    for name in set(scores) & set(WIDTHS):
        assert (scores[name][~PRESENT[name]] == 0).all()
        assert (scores[name][PRESENT[name]] != 0).all()


@EVERY
def test_running_statistics_are_those_of_the_samples_that_are_there(make: Made) -> None:
    """The encoder of a modality ends a training step as on a batch of those samples alone."""
    there = PRESENT["audio"]
    inputs, lengths, present = lacking(audio=there)
    mixed, alone = ready(make, training=True), ready(make, training=True)
    mixed(inputs, lengths, present)
    alone(
        {name: x[there] for name, x in inputs.items()},
        {name: x[there] for name, x in lengths.items()},
    )
    if "audio" in mixed.encoders:
        found = mixed.encoders["audio"].state_dict()
        wanted = alone.encoders["audio"].state_dict()
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


@EVERY
@pytest.mark.parametrize("there", [0, 1])
def test_a_modality_may_be_absent_throughout_or_there_once(make: Made, there: int) -> None:
    network = ready(make, training=True)
    inputs, lengths, present = lacking(audio=torch.arange(SAMPLES) < there)
    scores = network(inputs, lengths, present)
    sum(score.square().sum() for score in scores.values()).backward()
    assert all(score.isfinite().all() for score in scores.values())
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    states = network.state_dict()
    assert all(value.isfinite().all() for value in states.values())
    if not there:
        untouched = ready(make).state_dict()
        assert all(p.grad is None for p in network.modality_parameters("audio"))
        for name in states:
            if name.startswith("encoders.audio."):
                assert torch.equal(states[name], untouched[name])


@EVERY
def test_masks_that_are_all_true_change_no_bit(make: Made) -> None:
    inputs, lengths = clips()
    everywhere = dict.fromkeys(WIDTHS, torch.ones(SAMPLES, dtype=torch.bool))
    for training in (False, True):
        torch.manual_seed(3)
        plain = ready(make, training)(inputs, lengths)
        torch.manual_seed(3)
        masked = ready(make, training)(inputs, lengths, everywhere)
        assert all(torch.equal(plain[head], masked[head]) for head in plain)


def test_memory_attends_to_no_feature_of_what_is_absent() -> None:
    """MFN's softmax over features of all modalities has no share for zeros that are none."""
    attention = DeltaMemoryAttention(3, Hidden(4)).double()
    cells = torch.ones(2, 4, 3, dtype=torch.float64)
    absent = torch.tensor([[False, True, True], [False, False, False]])
    cells[0, :, 1:] = 0
    found = attention(cells, absent)
    both = found[:, 1:].sum(dim=-1)  # the cells are one: what is left are the shares
    torch.testing.assert_close(both, torch.ones_like(both))
    assert (attention(cells)[0, 1:].sum(dim=-1) < 0.9).all()


def test_a_vertex_without_any_of_its_modalities_is_zero() -> None:
    graph = DynamicFusionGraph(dict.fromkeys(WIDTHS, 2), 3)
    modalities = {name: torch.zeros(2, 1, 2) for name in WIDTHS}
    modalities["text"] += 1.0
    there = torch.tensor([False, True])
    seen: dict[str, Tensor] = {}
    graph.networks["output"].register_forward_pre_hook(
        lambda _, given: seen.update(all=given[0].detach())
    )
    graph(modalities, {"audio": there, "visual": there})
    joint = seen["all"][:, 0, 6:]  # after three single ones: ta, tv, av, tav
    assert (joint[0, 6:9] == 0).all()
    assert (joint[1, 6:9] != 0).any()
    assert (joint[0, :3] != 0).any()


@pytest.mark.parametrize("part", ["attention", "norm"])
def test_who_asks_what_is_absent_is_told_nothing(part: str) -> None:
    """MulT: nothing of the attention towards audio reaches the samples that have none."""
    network, touched = ready(NETWORKS["MulT-"]), ready(NETWORKS["MulT-"])
    batch = lacking(**PRESENT)
    with torch.no_grad():
        for name in ("text", "visual"):
            for layer in touched.crossings[f"{name}<audio"].layers:
                changed = layer.attention if part == "attention" else layer.attention_norm
                for parameter in changed.parameters():
                    parameter.add_(0.3)
    before, after = network(*batch)["fused"], touched(*batch)["fused"]
    assert torch.equal(before[~PRESENT["audio"]], after[~PRESENT["audio"]])
    assert not torch.equal(before, after)


def test_a_layer_without_context_passes_on_its_own_current() -> None:
    """SGMT merged by pairs: no key, no value, no bias of what follows the attention."""
    torch.manual_seed(0)
    layer = SpikingLayer(8, LayerOptions(heads=2), cross=True).double().eval()
    for name, parameter in layer.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)
    own = Sequence.of(torch.randn(3, 2, 8, dtype=torch.float64), torch.tensor([3, 2]))
    other = Sequence.of(torch.randn(3, 2, 8, dtype=torch.float64), torch.tensor([0, 3]))
    out = layer(own, other._replace(x=other.x * other.valid.unsqueeze(-1)), lacking=True).x
    norm, _ = layer.source(own)
    assert torch.equal(out[:, 0], norm[:, 0])
    assert not torch.allclose(out[:2, 1], norm[:2, 1])


@pytest.mark.parametrize("absent", ["zeros", "renormalised"])
def test_neurons_of_what_is_absent_get_no_current(absent: str) -> None:
    """SGMT merged by features: a layer norm would give zeros a current of their own."""
    network = ready(NETWORKS[f"SGMT-features-{absent}"])
    seen: list[Tensor] = []
    first = network.fusion.layers[0].source
    first.neurons.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    network(*lacking(**PRESENT))
    current = seen[0]  # [T, N, 3 · 8]
    for i, there in enumerate(PRESENT.values()):
        own = current[..., 8 * i : 8 * (i + 1)].abs().sum(dim=(0, 2))
        assert torch.equal(own > 0, there)


def test_renormalised_statistics_are_those_of_the_features_that_are_there() -> None:
    norm = nn.LayerNorm(6).double()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = torch.randn(2, 3, 6, dtype=torch.float64)
    there = torch.tensor([[True] * 6, [True] * 4 + [False] * 2, [False] * 3 + [True] * 3])
    found = Slots(there, renormalised=True).norm(x * there, norm)
    for i in range(3):
        own = there[i]
        count = int(own.sum())
        expected = layer_norm(x[:, i, own], (count,), norm.weight[own], norm.bias[own])
        torch.testing.assert_close(found[:, i, own], expected)
        assert (found[:, i, ~own] == 0).all()
    assert torch.equal(found[:, 0], norm(x)[:, 0])


def test_a_head_makes_up_for_what_is_absent() -> None:
    there = torch.tensor([[True, True, True], [True, False, False]])
    assert make_up(there, torch.float64).flatten().tolist() == [1.0, 3.0]


def test_a_rate_does_not_count_a_batch_in_which_nothing_could_fire() -> None:
    rate = FiringRate().train()
    spikes = torch.ones(2, 3, 4)
    rate(spikes)
    before = rate.running.clone(), rate.batches.clone()
    rate(torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.bool))
    assert torch.equal(rate.running, before[0])
    assert torch.equal(rate.batches, before[1])


def test_masked_and_never_loaded_are_the_same_batch() -> None:
    there = torch.tensor([True, False, False])
    x = torch.randn(3, 5, 2)
    loaded = {"audio": x.clone(), "text": torch.randn(3, 2, 1)}
    loaded["audio"][1:] = torch.nan
    lengths = {"audio": torch.tensor([2, 5, 4]), "text": torch.tensor([2, 1, 1])}
    never = {"audio": x[:, :2] * there[:, None, None], "text": loaded["text"]}
    short = {"audio": torch.tensor([2, 0, 0]), "text": lengths["text"]}
    widths = {"audio": 2, "text": 1}
    masked = without_absent(loaded, lengths, {"audio": there}, widths)
    clean = without_absent(never, short, {"audio": there}, widths)
    for part, other in zip(masked, clean, strict=True):
        assert part.keys() == other.keys() == widths.keys()
        assert all(torch.equal(part[name], other[name]) for name in widths)
    assert masked[0]["audio"].shape == (3, 2, 2)


def test_a_modality_that_no_sample_has_need_not_be_loaded() -> None:
    inputs = {"text": torch.randn(2, 3, 1)}
    lengths = {"text": torch.tensor([3, 1])}
    nobody = torch.zeros(2, dtype=torch.bool)
    found, steps = without_absent(inputs, lengths, {"audio": nobody}, {"audio": 4, "text": 1})
    assert found["audio"].shape == (2, 1, 4)
    assert steps["audio"].tolist() == [0, 0]


def test_sequences_without_any_step_have_one_of_zeros() -> None:
    """As `single_samples` cuts them: no layer is made for a tensor of nothing."""
    inputs = {"text": torch.randn(1, 3, 1), "audio": torch.randn(1, 0, 4)}
    lengths = {"text": torch.tensor([3]), "audio": torch.tensor([0])}
    nobody = torch.zeros(1, dtype=torch.bool)
    found, steps = without_absent(inputs, lengths, {"audio": nobody}, {"audio": 4, "text": 1})
    assert torch.equal(found["audio"], torch.zeros(1, 1, 4))
    assert steps["audio"].tolist() == [0]


@EACH
def test_operations_are_those_of_what_is_there(make: Made) -> None:
    """Energy is estimated sample by sample; an encoder that does not run costs nothing."""
    module = SentimentModule(lambda *_: ready(make).float(), WIDTHS, LONGEST).eval()
    inputs, lengths = clips()
    data = {
        "inputs": {name: x.float() for name, x in inputs.items()},
        "lengths": {name: n * PRESENT[name] for name, n in lengths.items()},
        "target": torch.zeros(SAMPLES),
        "id": list(map(str, range(SAMPLES))),
        "present": PRESENT,
    }
    (sample,) = list(single_samples(data))[4:5]  # type: ignore[arg-type]  # visual alone
    report = estimate_energy(module, [sample], preset_cost_model("45nm-fp32"), with_twin=False)
    run = {layer.name for layer in report.layers if layer.counts != Counts()}
    assert run
    assert not any(name.startswith("network.encoders.audio") for name in run)
    if "visual" in module.encoders:
        assert any(name.startswith("network.encoders.visual") for name in run)


def test_a_batch_without_anything_is_refused() -> None:
    with pytest.raises(UserError, match="no sample has a modality"):
        without_absent({}, {}, {"audio": torch.zeros(1, dtype=torch.bool)}, {"audio": 1})


def test_a_layer_sees_the_samples_that_are_there() -> None:
    seen: list[Tensor] = []

    def layer(x: Tensor) -> Tensor:
        seen.append(x)
        return x + 1

    found = on_samples(layer, torch.tensor([1]), torch.tensor([[5.0], [2.0]]), shape=(1,))
    assert found.flatten().tolist() == [0.0, 3.0]
    assert [x.flatten().tolist() for x in seen] == [[2.0]]
