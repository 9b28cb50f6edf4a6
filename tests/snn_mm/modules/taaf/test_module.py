from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.fusion import AVAttention, Concat, FiLM, Gated, Sum
from snn_mm.losses import attention_guided_loss
from snn_mm.modules import TAAFModule

MakeBatch = Callable[[int], Batch]
Make = Callable[..., TAAFModule]


@pytest.fixture
def make(make_encoders: Callable[..., dict[str, Any]]) -> Make:
    def build(steps: dict[str, int] | None = None, **options: Any) -> TAAFModule:
        torch.manual_seed(0)
        encoders = make_encoders(steps or {"audio": 4, "visual": 3})
        return TAAFModule(encoders, 3, **{"width": 8, "time_steps": 3, **options}).double()

    return build


def terms_of(module: TAAFModule, batch: Batch) -> dict[str, torch.Tensor]:
    output = module(batch["inputs"])
    return module.loss_terms(output, module.readout(output), batch["target"])


@pytest.mark.parametrize("fusion", [AVAttention, Concat, Sum, FiLM, Gated])
def test_modalities_of_different_length_are_fused_as_spikes(
    make: Make, make_batch: MakeBatch, fusion: Any
) -> None:
    output = make(fusion=fusion)(make_batch(6)["inputs"])
    assert output.fused.shape == (3, 6, 3)
    for features in output.features.values():
        assert set(features.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("beta", [0.5, 2.5])
def test_loss_terms_are_those_of_eqs_9_and_10(
    make: Make, make_batch: MakeBatch, beta: float
) -> None:
    module, batch = make(beta=beta, lam=0.2, phi=0.7), make_batch(6)
    output, terms = module(batch["inputs"]), terms_of(module, batch)
    scores = module.scores(output)
    for name, logits in output.by_name().items():
        own = attention_guided_loss(logits, batch["target"], scores[name], 0.7, 0.2)
        torch.testing.assert_close(terms[name], own if name == FUSED else beta * own)


def test_unimodal_outputs_of_the_shared_classifier_add_up_to_the_fused_one(
    make: Make, make_batch: MakeBatch
) -> None:
    output = make()(make_batch(6)["inputs"])
    torch.testing.assert_close(sum(output.unimodal.values()), output.fused)


def test_one_time_step_without_regulariser_is_plain_cross_entropy(
    make: Make, make_batch: MakeBatch
) -> None:
    module = make({"audio": 1, "visual": 1}, time_steps=1, lam=0.0)
    batch = make_batch(6)
    expected = cross_entropy(module(batch["inputs"]).fused[0], batch["target"])
    torch.testing.assert_close(terms_of(module, batch)[FUSED], expected)


@pytest.mark.parametrize("attention", ["logits", "features"])
def test_scores_sum_to_one_and_learn_unless_detached(
    make: Make, make_batch: MakeBatch, attention: Any
) -> None:
    batch = make_batch(6)
    for detach in (False, True):
        module = make(attention=attention, detach_attention=detach)
        for score in module.scores(module(batch["inputs"])).values():
            torch.testing.assert_close(score.sum(dim=0), torch.ones(6).double())
        torch.stack(list(terms_of(module, batch).values())).sum().backward()
        learnt = [p.grad is not None for p in module.attention.parameters()]
        assert learnt == [not detach] * 6


def test_readout_weighs_time_steps_by_the_scores(make: Make, make_batch: MakeBatch) -> None:
    module = make()
    output = module(make_batch(6)["inputs"])
    score = module.scores(output)[FUSED]
    expected = torch.einsum("tn,tnk->nk", score, output.fused)
    torch.testing.assert_close(module.readout(output)[FUSED], expected)
    mean = make(readout="mean").readout(output)[FUSED]
    torch.testing.assert_close(mean, output.fused.mean(dim=0))


def test_without_attention_all_steps_weigh_alike(make: Make, make_batch: MakeBatch) -> None:
    module, batch = make(attention="none", lam=0.0), make_batch(6)
    output = module(batch["inputs"])
    steps = [cross_entropy(logits, batch["target"]) for logits in output.fused]
    torch.testing.assert_close(terms_of(module, batch)[FUSED], torch.stack(steps).mean())


@pytest.mark.parametrize("fusion", [AVAttention, Concat, Sum, FiLM, Gated])
def test_every_parameter_has_exactly_one_role(make: Make, fusion: Any) -> None:
    module = make(fusion=fusion)
    roles = [*module.fusion_parameters("module")]
    for name in module.modalities:
        roles += module.modality_parameters(name)
    assert sorted(map(id, roles)) == sorted(map(id, module.parameters()))


@pytest.mark.parametrize("unimodal", ["heads", "shared"])
@pytest.mark.parametrize(
    ("options", "silent"),
    [
        ({}, set()),
        ({"beta": 2.5, "lam": 0.0}, set()),
        ({"lam": 1.0}, {"attention.audio", "attention.visual", "attention.fused"}),
        ({"detach_attention": True}, {"attention.audio", "attention.visual", "attention.fused"}),
        ({"attention_on": "fusion"}, {"attention.audio", "attention.visual"}),
        ({"beta": 0.0}, {"attention.audio", "attention.visual", "fusion.heads"}),
        ({"beta": 0.0, "attention": "none"}, {"fusion.heads"}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "silent",
)
def test_what_weighs_nothing_alone_has_no_gradient_and_ddp_is_told(
    make: Make, make_batch: MakeBatch, unimodal: Any, options: dict[str, Any], silent: set[str]
) -> None:
    module = make(fusion=partial(Concat, unimodal=unimodal), **options)
    torch.stack(list(terms_of(module, make_batch(6)).values())).sum().backward()
    found = {name for name, parameter in module.named_parameters() if parameter.grad is None}
    expected = silent if unimodal == "heads" else silent - {"fusion.heads"}
    assert {".".join(name.split(".")[:2]) for name in found} == expected
    assert module.skips_parameters() == bool(expected)


@pytest.mark.parametrize("detach", [False, True])
def test_attention_on_the_fusion_scales_its_features_and_no_unimodal_output(
    make: Make, make_batch: MakeBatch, detach: bool
) -> None:
    module = make(attention_on="both", detach_attention=detach)
    plain, batch = make(), make_batch(6)
    plain.load_state_dict(module.state_dict())
    before, output = plain(batch["inputs"]), module(batch["inputs"])
    score = plain.scores(before)[FUSED]
    scaled = [3 * torch.einsum("tn,tnd->tnd", score, x) for x in before.features.values()]
    expected = module.fusion.classifier(torch.cat(scaled, dim=-1))
    torch.testing.assert_close(output.fused, expected)
    torch.testing.assert_close(output.unimodal, before.unimodal)
    torch.testing.assert_close(module.scores(output)[FUSED], score)
    cross_entropy(output.fused.sum(dim=0), batch["target"]).backward()
    assert (module.attention[FUSED].query.grad is None) == detach


def test_attention_on_the_fusion_alone_weighs_all_steps_of_the_loss_alike(
    make: Make, make_batch: MakeBatch
) -> None:
    module, batch = make(attention_on="fusion", lam=0.0), make_batch(6)
    output = module(batch["inputs"])
    for name, term in terms_of(module, batch).items():
        steps = [cross_entropy(logits, batch["target"]) for logits in output.by_name()[name]]
        torch.testing.assert_close(term, torch.stack(steps).mean())


def test_impossible_weights_are_refused(make: Make) -> None:
    with pytest.raises(UserError, match="lam=2"):
        make(lam=2.0)
