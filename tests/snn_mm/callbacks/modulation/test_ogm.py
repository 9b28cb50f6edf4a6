from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from snn_mm.callbacks import OGM, OGMGE
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.fusion import AVAttention, Concat, FiLM, Fusion, Gated, Sum
from snn_mm.modules import IEMFModule

MakeBatch = Callable[..., Batch]
Array = np.ndarray[Any, Any]


def linear(module: IEMFModule, layer: str, value: Array, share: int = 1) -> Array:
    """A layer of the fusion, its bias divided by `share`."""
    state = {key: value.numpy() for key, value in module.fusion.state_dict().items()}
    return value @ state[f"{layer}.weight"].T + state[f"{layer}.bias"] / share


def logits_alone(module: IEMFModule, batch: Batch, modality: str) -> Array:
    """What the fused classifier says of one modality `[T, N, K]`, written out."""
    features = {k: v.detach().numpy() for k, v in module.encode(batch["inputs"]).items()}
    audio, visual = (v if k == modality else 0 * v for k, v in features.items())
    if isinstance(module.fusion, Sum):
        return linear(module, f"classifiers.{modality}", features[modality])
    if isinstance(module.fusion, AVAttention):
        reduced = linear(module, "reduce", audio + visual)
        gates = [1 / (1 + np.exp(-linear(module, f"gates.{name}", reduced))) for name in features]
        joined = np.concatenate([gates[0] * audio, gates[1] * visual], axis=-1)
        return linear(module, "classifier", joined)
    if isinstance(module.fusion, Concat):
        return linear(module, "classifier", np.concatenate([audio, visual], axis=-1), share=2)
    if isinstance(module.fusion, FiLM):
        generated = linear(module, "generator", audio)
        return linear(module, "classifier", generated[..., :4] * visual + generated[..., 4:])
    gate = 1 / (1 + np.exp(-linear(module, "gate", audio)))
    return linear(module, "classifier", gate * linear(module, "value", visual))


def score(logits: Array, target: Array) -> float:
    """Mean true-class probability of logits `[T, N, K]`."""
    p = np.exp(logits.mean(axis=0))
    return float((p / p.sum(axis=1, keepdims=True))[np.arange(len(p)), target].mean())


@pytest.mark.parametrize("fusion", [AVAttention, Concat, Sum, FiLM, Gated])
def test_coefficients_are_those_of_the_fused_classifier_whatever_heads_there_are(
    fit: Any, make_module: Any, make_batch: MakeBatch, fusion: type[Fusion]
) -> None:
    batch, callback = make_batch(8), OGM(params="all", alpha=0.5)
    fit([batch], callback, module={"fusion": fusion})
    torch.manual_seed(0)
    module, target = make_module(fusion), batch["target"].numpy()
    audio, visual = (
        score(logits_alone(module, batch, name), target) for name in ("audio", "visual")
    )
    for name, ratio in {"audio": audio / visual, "visual": visual / audio}.items():
        expected = 1 - np.tanh(0.5 * ratio) if ratio > 1 else 1.0
        assert callback.factors[f"rho_{name}"] == pytest.approx(ratio, rel=1e-12)
        assert callback.factors[f"k_{name}"] == pytest.approx(expected, rel=1e-12)


def test_conv_scales_four_dimensional_gradients_and_nothing_else(
    spiking_module: IEMFModule, loader: DataLoader[Batch], make_trainer: Any
) -> None:
    """One encoder spikes, the other is its ReLU twin."""
    modules, callback = [spiking_module, copy.deepcopy(spiking_module)], OGM()
    start = {k: v.detach().clone() for k, v in spiking_module.named_parameters()}
    for module, callbacks in zip(modules, ([], [callback])):
        make_trainer(*callbacks, max_steps=1).fit(module, loader)
    plain, scaled = (dict(module.named_parameters()) for module in modules)
    for name, before in start.items():
        modality = name.split(".")[1] if name.startswith("encoders") and before.dim() == 4 else ""
        factor = callback.factors.get(f"k_{modality}", 1.0)
        torch.testing.assert_close(scaled[name] - before, factor * (plain[name] - before))
    assert min(callback.factors["k_a"], callback.factors["k_b"]) < 0.4


def test_weights_are_all_gradients_but_those_of_one_dimension(
    fit: Any, updates: Any, make_batch: MakeBatch
) -> None:
    batch, callback = make_batch(8), OGM(params="weights")
    plain, module = updates(fit([batch])), fit([batch], callback)
    scaled = updates(module)
    owner = {id(p): name for name in ("audio", "visual") for p in module.modality_parameters(name)}
    seen = set()
    for name, parameter in module.named_parameters():
        modality = owner.get(id(parameter), "")
        factor = callback.factors.get(f"k_{modality}", 1.0) if parameter.dim() > 1 else 1.0
        torch.testing.assert_close(scaled[name], factor * plain[name])
        seen.add((modality, parameter.dim()))
    assert {("audio", 1), ("audio", 2), ("visual", 1), ("visual", 2)} <= seen
    assert min(callback.factors["k_audio"], callback.factors["k_visual"]) < 1.0


def test_cosine_scores_compare_with_the_weakest(
    fit: Any, make_module: Any, make_batch: MakeBatch
) -> None:
    batch, callback = make_batch(8), OGM(params="all", score="cosine", alpha=0.5)
    fit([batch], callback, module={"fusion": Sum})
    torch.manual_seed(0)
    module, target = make_module(Sum), batch["target"].numpy()
    scores = {}
    for name in ("audio", "visual"):
        logits = logits_alone(module, batch, name).mean(axis=0)
        p = np.exp(np.cos(logits)) / np.exp(np.cos(logits)).sum(axis=1, keepdims=True)
        right = logits.argmax(axis=1) == target
        scores[name] = float((p[np.arange(len(p)), target] * right).mean())
    for name, score in scores.items():
        ratio = score / min(scores.values())
        assert callback.factors[f"rho_{name}"] == pytest.approx(ratio, rel=1e-9)


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(UserError, match="OGM: params is 'bias'; accepted: conv, weights, all"):
        OGM(params="bias")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="OGMGE: score is 'sine'; accepted: probability, cosine"):
        OGMGE(score="sine")  # type: ignore[arg-type]


def test_noise_has_the_raw_gradients_deviation_and_reaches_every_modality(
    fit: Any, updates: Any, make_batch: MakeBatch
) -> None:
    batch, callback = make_batch(8), OGMGE(params="all", seed=5)
    plain, module = updates(fit([batch])), fit([batch], callback)
    noisy, generator = updates(module), callback.generator(0, torch.device("cpu"))
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for modality in ("audio", "visual"):
        for parameter in module.modality_parameters(modality):
            raw = -plain[names[id(parameter)]]
            unit = torch.empty_like(raw).normal_(generator=generator)
            expected = callback.factors[f"k_{modality}"] * raw + unit * (raw.std() + 1e-8)
            torch.testing.assert_close(-noisy[names[id(parameter)]], expected)
    for parameter in module.fusion_parameters("module"):
        name = names[id(parameter)]
        torch.testing.assert_close(noisy[name], plain[name])


def test_noise_of_another_seed_differs(fit: Any, updates: Any, make_batch: MakeBatch) -> None:
    one, other = (
        updates(fit([make_batch(8)], OGMGE(params="all", seed=seed)))[
            "encoders.audio.linear.weight"
        ]
        for seed in (1, 2)
    )
    assert not torch.allclose(one, other)


def test_modality_without_convolution_is_refused_with_the_way_out(make_module: Any) -> None:
    with pytest.raises(UserError, match=r"OGMGE: modality audio .* set `params: all`"):
        OGMGE().setup(None, make_module(), "fit")  # type: ignore[arg-type]


def test_alpha_of_zero_is_refused() -> None:
    with pytest.raises(UserError, match=r"OGM.alpha must be positive, got 0"):
        OGM(alpha=0)
