"""What a sample lacks reaches no result of any network, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snn_mm.errors import UserError
from snn_mm.modules import sentiment
from snn_mm.modules.sentiment.absence import on_samples, without_absent
from snn_mm.modules.sentiment.memory import Hidden
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.modules.sgmt import SGMT
from snn_mm.modules.sgmt.layer import LayerOptions

SMALL = Hidden(4, 0.2)
WIDTHS = {"text": 5, "audio": 3, "visual": 4}
LONGEST = {"text": 4, "audio": 9, "visual": 6}
SIZES = dict.fromkeys(WIDTHS, 4)
MEMORY = {
    "hidden": SIZES,
    "proposal": SMALL,
    "retain": SMALL,
    "update": SMALL,
    "output": SMALL,
    "memory": 5,
    "steps": 4,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "LFDNN": {"hidden": SIZES, "text_out": 6, "fused_hidden": 4},
    "MLFDNN": {"hidden": SIZES, "text_out": 6, "fused_hidden": 4, "head_hidden": SIZES},
    "TFN": {"hidden": SIZES, "text_out": 6, "fused_hidden": 4},
    "MTFN": {"hidden": SIZES, "text_out": 6, "fused_hidden": 4, "head_hidden": SIZES},
    "LMF": {"hidden": SIZES},
    "MLMF": {"hidden": SIZES, "head_hidden": SIZES},
    "EFLSTM": {"hidden": 6, "layers": 1, "steps": 4},
    "MFN": {**MEMORY, "attention": SMALL},
    "GraphMFN": {**MEMORY, "vertex": 4},
    "MulT": {"dim": 6, "heads": 2, "levels": 1},
    "SGMT": {"width": 8, "layers": 1, "fusion_layers": 2, "steps": 4},
}
SGMT_FORMS: list[dict[str, Any]] = [
    {"merge": merge, "absent": absent}
    for merge in ("features", "projection", "pairwise", "time")
    for absent in ("zeros", "renormalised")
]
LAST = [{"pooling": "last"}, {"padding": "averaged"}, {"kernel_size": 3}]
ANN = [{"merge": merge, "options": LayerOptions(neuron=nn.ReLU)} for merge in ("features", "time")]


def leaves(kind: type) -> Iterator[type]:
    """Every class of the library below one that can be made."""
    for below in kind.__subclasses__():
        if below.__module__.startswith("snn_mm.") and not below.__abstractmethods__:
            yield below
        yield from leaves(below)


def forms(name: str) -> list[dict[str, Any]]:
    return [*SGMT_FORMS, *LAST, *ANN] if name == "SGMT" else [{}]


NETWORKS = {
    f"{kind.__name__}-{'-'.join(map(str, form.values()))[:30]}": partial(
        kind, WIDTHS, LONGEST, **OPTIONS[kind.__name__], **form
    )
    for kind in sorted(set(leaves(SentimentNetwork)), key=lambda kind: kind.__name__)
    for form in forms(kind.__name__)
}
EVERY = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)

PRESENT = {
    "text": torch.tensor([True, True, False, True, False, True, True]),
    "audio": torch.tensor([True, False, True, False, False, True, True]),
    "visual": torch.tensor([True, True, True, False, True, True, False]),
}
SAMPLES = 7

Made = Callable[[], SentimentNetwork]


def clips() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    inputs = {
        name: torch.randn(SAMPLES, LONGEST[name], dim, generator=generator, dtype=torch.float64)
        for name, dim in WIDTHS.items()
    }
    lengths = {
        name: torch.randint(1, steps + 1, (SAMPLES,), generator=generator)
        for name, steps in LONGEST.items()
    }
    return inputs, lengths


def lacking(**present: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Clips of which some are absent, as networks get them."""
    inputs, lengths = clips()
    return *without_absent(inputs, lengths, present, WIDTHS), present


def ready(make: Made, training: bool = False) -> SentimentNetwork:
    torch.manual_seed(0)
    network = make().double()
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):  # a zero bias would hide what it does to what is absent
            nn.init.normal_(parameter, std=0.5)
    return network.train(training)


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
