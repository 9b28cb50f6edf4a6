"""Spike-generated attention against plain loops in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snn_mm.errors import UserError
from snn_mm.modules.sgmt.spike_generated_attention import (
    SpikeGeneratedAttention,
    attention_scale,
    spike_generated_attention,
)

STEPS, SAMPLES, WIDTH, HEADS = 7, 3, 12, 3
LENGTHS = torch.tensor([7, 3, 5])
VALID = torch.arange(STEPS).unsqueeze(1) < LENGTHS  # [T, N]


def spike_train(rate: float = 0.3, width: int = WIDTH, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    spikes = torch.rand(STEPS, SAMPLES, width, generator=generator) < rate
    return (spikes & VALID.unsqueeze(-1)).double()


def attention(key_width: int | None = None, **options: object) -> SpikeGeneratedAttention:
    torch.manual_seed(0)
    return SpikeGeneratedAttention(WIDTH, HEADS, key_width, **options).double()


def attended_by_loops(
    module: SpikeGeneratedAttention, query_spikes: Tensor, spikes: Tensor, rates: tuple[float, ...]
) -> np.ndarray:
    """Output `[T, H·d]` for one sample, from spikes `[T, D]` and `[S, D']`, head by head."""
    x, y = query_spikes.numpy(), spikes.numpy()
    weights = [p.detach().numpy() for p in (module.query.weight, module.key.weight)]
    value, d, outputs = module.value.weight.detach().numpy(), WIDTH // HEADS, []
    for h in range(HEADS):
        wq, wk, wv = (w[h * d : (h + 1) * d] for w in (*weights, value))
        variance = d * x.shape[1] * y.shape[1] * wq.var() * wk.var() * rates[0] * rates[1]
        rows = []
        for t in range(len(x)):
            logits = [np.dot(wq @ x[t], wk @ row) / math.sqrt(variance) for row in y]
            e = np.exp(logits)
            rows.append(sum(w * (wv @ row) for w, row in zip(e / e.sum(), y)))
        outputs.append(np.stack(rows))
    return np.concatenate(outputs, axis=1)


def test_equals_plain_loops_with_the_rate_of_the_valid_positions() -> None:
    module, spikes = attention(), spike_train()
    rate = float(spikes.sum() / (LENGTHS.sum() * WIDTH))
    output = module(spikes, VALID).detach().numpy()
    for n, length in enumerate(LENGTHS):
        own = spikes[:length, n]
        expected = attended_by_loops(module, own, own, (rate, rate))
        np.testing.assert_allclose(output[:length, n], expected, rtol=1e-6, atol=1e-8)


def test_the_cross_form_has_two_rates_and_two_widths() -> None:
    module = attention(key_width=5)
    spikes, context = spike_train(), spike_train(0.6, width=5, seed=1)
    places = int(LENGTHS.sum())
    rates = float(spikes.sum() / (places * WIDTH)), float(context.sum() / (places * 5))
    output = module(spikes, VALID, context, VALID).detach().numpy()
    expected = attended_by_loops(module, spikes[:3, 1], context[:3, 1], rates)
    np.testing.assert_allclose(output[:3, 1], expected, rtol=1e-6, atol=1e-8)


def test_the_scale_is_the_papers() -> None:
    query = torch.randn(8, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    key, rate = query.flip(0) * 2, torch.tensor(0.2, dtype=torch.float64)
    d, d_m = 8, 16
    expected = math.sqrt(query.numpy().var() * key.numpy().var() * d * d_m**2 * 0.2**2)
    assert attention_scale(query, key, rate, rate).item() == pytest.approx(expected, rel=1e-12)
    by_head = attention_scale(query, key, rate, rate, heads=2)
    first = math.sqrt(query[:4].numpy().var() * key[:4].numpy().var() * 4 * d_m**2 * 0.2**2)
    assert by_head[0].item() == pytest.approx(first, rel=1e-12)


def test_the_scale_has_no_gradient_and_a_floor() -> None:
    weight = torch.randn(4, 4, requires_grad=True)
    silent = torch.zeros(2)
    scale = attention_scale(weight, weight, silent, silent, rate_floor=0.01)
    assert not scale.requires_grad
    floor = torch.tensor(0.01)
    assert torch.equal(scale, attention_scale(weight, weight, floor, floor).expand(2, 1))


def test_a_silent_layer_gives_zeros_and_finite_gradients() -> None:
    module = attention()
    spikes = torch.zeros(STEPS, SAMPLES, WIDTH).double().requires_grad_()
    output = module(spikes, VALID)
    output.sum().backward()
    assert not output.any()
    assert spikes.grad.isfinite().all()


def test_rows_without_any_key_are_zero_and_so_is_their_gradient() -> None:
    query, key, value = (torch.randn(2, 4, 3, requires_grad=True) for _ in range(3))
    valid = torch.tensor([[True, False, True, False], [False] * 4])
    with torch.autograd.set_detect_anomaly(True):
        output, rows = spike_generated_attention(query, key, value, 1.5, valid)
        output.square().sum().backward()
    assert not output[1].any()
    assert not rows[1].any()
    assert not rows[0, :, 1::2].any()
    torch.testing.assert_close(rows[0].sum(-1), torch.ones(4))
    assert all(x.grad.isfinite().all() for x in (query, key, value))
    assert not query.grad[1].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("whole", [False, True])
def test_hiding_the_padding_equals_masks_bit_for_bit(dtype: torch.dtype, whole: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(3, 2, 5, 4, generator=generator, dtype=dtype) for _ in range(3)]
    valid = torch.arange(5) < torch.tensor([5, 2, 4 if whole else 0]).view(3, 1, 1)
    upstream = torch.randn(3, 2, 5, 4, generator=generator, dtype=dtype)

    def masked(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        padding = ~valid.unsqueeze(-2)
        logits = (query / 1.5 @ key.transpose(-2, -1)).masked_fill(padding, -1e30)
        return logits.softmax(dim=-1).masked_fill(padding, 0.0) @ value

    leaves = [part.requires_grad_() for part in parts]
    ours, theirs = spike_generated_attention(*leaves, 1.5, valid)[0], masked(*leaves)
    assert torch.equal(ours, theirs)
    pairs = zip(*(torch.autograd.grad(output, leaves, upstream) for output in (ours, theirs)))
    assert all(torch.equal(mine, other) for mine, other in pairs)


@pytest.mark.parametrize("trained", [False, True])
def test_in_evaluation_a_clip_does_not_depend_on_its_batch(trained: bool) -> None:
    module, spikes = attention(), spike_train()
    spikes[:, 0] = spike_train(0.9)[:, 0]  # a batch mate that fires much more
    if trained:
        module(spike_train(0.2), VALID)
    module.eval()
    together = module(spikes, VALID)
    alone = module(spikes[:3, 1:2])
    torch.testing.assert_close(together[:3, 1:2], alone, rtol=1e-12, atol=1e-12)
    assert torch.equal(module(spikes, VALID), together)


def test_evaluation_takes_the_rate_of_training() -> None:
    module = attention()
    module(spike_train(0.2), VALID)
    rate = float(module.query_rate.running)
    module.eval()
    spikes = spike_train(0.7, seed=3)
    own = spikes[:3, 1]
    expected = attended_by_loops(module, own, own, (rate, rate))
    np.testing.assert_allclose(
        module(spikes, VALID)[:3, 1].detach().numpy(), expected, rtol=1e-6, atol=1e-8
    )


def test_sqrt_d_is_vanilla_attention() -> None:
    module, spikes = attention(scale="sqrt_d"), spike_train()
    query, key, value = (
        layer(spikes).reshape(STEPS, SAMPLES, HEADS, -1).permute(1, 2, 0, 3)
        for layer in (module.query, module.key, module.value)
    )
    mask = VALID.t()[:, None, None]
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    expected = expected.permute(2, 0, 1, 3).flatten(2)
    torch.testing.assert_close(
        module(spikes, VALID)[VALID], expected[VALID], rtol=1e-10, atol=1e-12
    )


def test_bfloat16_stays_close_and_keeps_the_scale_in_single() -> None:
    module, spikes = attention().float(), spike_train().float()
    expected = module(spikes, VALID)
    with torch.autocast("cpu", torch.bfloat16):
        output = module(spikes, VALID)
    output.sum().backward()
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.02)
    half = torch.randn(4, 4).bfloat16()
    assert attention_scale(half, half, torch.tensor(0.1), torch.tensor(0.1)).dtype == torch.float32


def test_attention_is_kept_only_when_asked() -> None:
    module, spikes = attention(), spike_train()
    module(spikes, VALID)
    assert module.attention is None
    module.record = True
    module(spikes, VALID)
    assert module.attention.shape == (SAMPLES, HEADS, STEPS, STEPS)
    assert not module.attention.requires_grad
    assert not module.attention[1, :, :, 3:].any()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"heads": 5}, "5 heads"),
        ({"scale": "none"}, "theorem, sqrt_d"),
        ({"rate_floor": 0.0}, "rate_floor"),
        ({"momentum": 1.0}, "momentum"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, object], named: str) -> None:
    with pytest.raises(UserError, match=named):
        SpikeGeneratedAttention(WIDTH, **{"heads": HEADS, **options})


def test_weights_that_decayed_to_nothing_give_uniform_attention() -> None:
    attention = SpikeGeneratedAttention(4, heads=2)
    attention.record = True
    for layer in (attention.query, attention.key):
        nn.init.constant_(layer.weight, 0.0)
    attention(torch.ones(3, 2, 4))
    assert attention.attention is not None
    assert torch.allclose(attention.attention, torch.full((2, 2, 3, 3), 1 / 3))
