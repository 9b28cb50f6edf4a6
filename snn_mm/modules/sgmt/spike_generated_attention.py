"""Spike-generated self-attention: softmax attention whose queries, keys and values come of spikes.

SGMT: "Enhancing Multimodal Sentiment Analysis through the Integration of Attention Mechanisms and
Spiking Neural Networks" (anonymous ACL submission), section 3.3. The axis that is attended over is
the neurons' own time. Matrix products are written out, so that operation counters see them.

Where the paper leaves room: Eq. 6 draws the heads on top of each other, but Eq. 7 adds what comes
out to its input, so heads lie side by side along the features, as everywhere else.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from snn_mm.errors import UserError, check_choice
from snn_mm.modules.sgmt.firing_rate import FiringRate

Scale = Literal["theorem", "sqrt_d"]
"""`theorem` divides by the scale_2 of SGMT, `sqrt_d` by √d as Vaswani et al. do (an ANN has no
firing rate)."""


def attention_scale(
    query_weight: Tensor,
    key_weight: Tensor,
    query_rate: Tensor,
    key_rate: Tensor,
    heads: int = 1,
    rate_floor: float = 1e-3,
) -> Tensor:
    """Standard deviation of q · k for random spikes and weights (SGMT, scale_2 and Theorem 1).

    √(σ_Q² σ_K² d D_Q D_K f_Q f_K), with the variances of each head's weights as they are now and
    the widths D of what they meet. With one spike train for both it is the paper's
    √(σ_1² σ_2² d d_m² f²), which leaves out a share (1 - f)/(T d_m f) that comes of rows attending
    to themselves. The result carries no gradient, so attention does not change when W_Q or W_K grow
    as a whole.

    Args:
        query_weight: W_Q transposed, `[H·d, D_Q]`.
        key_weight: W_K transposed, `[H·d, D_K]`.
        query_rate: f_Q in spikes per neuron and step, of any shape, such as `[]` or `[N]`.
        key_rate: f_K, of that shape.
        heads: H.
        rate_floor: the least rate taken; a silent layer would divide 0 by 0.

    Returns:
        `[..., H]`, where `...` is the shape of the rates.

    Example:
        >>> attention_scale(torch.eye(2), torch.eye(2), torch.tensor(1.0), torch.tensor(1.0))
        tensor([0.7071])
    """
    variances = _head_variances(query_weight, heads) * _head_variances(key_weight, heads)  # [H]
    head_width = len(query_weight) // heads
    sizes = head_width * query_weight.shape[1] * key_weight.shape[1]
    rates = query_rate.clamp_min(rate_floor) * key_rate.clamp_min(rate_floor)
    variance = sizes * rates.detach().unsqueeze(-1) * variances  # [..., H]
    # Weights that decayed to nothing divide 0 by 0 too.
    return variance.clamp_min(torch.finfo(variance.dtype).tiny).sqrt()


def _head_variances(weight: Tensor, heads: int) -> Tensor:
    """Variance of the weights `[H·d, D]` of each head, `[H]`, at least in float32."""
    weight = weight.detach().to(torch.promote_types(weight.dtype, torch.float32))
    weight = weight.reshape(heads, -1)  # [H, d·D]
    centred = weight - weight.mean(dim=1, keepdim=True)
    return centred.square_().mean(dim=1)  # torch's own `var` takes five times as long


def spike_generated_attention(
    query: Tensor, key: Tensor, value: Tensor, scale: Tensor | float, valid: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attention softmax(Q Kᵀ / scale) V (SGMT Eq. 5).

    Args:
        query: Q, `[..., T, d]`.
        key: K, `[..., S, d]`.
        value: V, `[..., S, d']`.
        scale: what Q Kᵀ is divided by; broadcast against `[..., T, d]`.
        valid: which keys may be attended to, in bool, broadcast against `[..., S]`; None is all.

    Returns:
        The output `[..., T, d']` and the attention `[..., T, S]`, whose rows sum to one; where no
        key is valid both are zero.

    Example:
        >>> spike_generated_attention(torch.zeros(1, 1), torch.ones(2, 1), torch.eye(2), 1.0)[0]
        tensor([[0.5000, 0.5000]])
    """
    if valid is None:
        attention = ((query / scale) @ key.transpose(-2, -1)).softmax(dim=-1)  # [..., T, S]
    else:
        attention = _attention_to(valid, query / scale, key)
    return attention @ value, attention


def _attention_to(valid: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """Attention `[..., T, S]` of scaled queries `[..., T, d]`, and zero to keys that are not valid.

    The matrix product itself begins with what hides the padding: masks are passes over `[T, S]`.
    """
    padding = ~valid.unsqueeze(-2)  # [..., 1, S]
    # Not -inf: a row without any key would be NaN until it is masked, and torch's anomaly detection
    # would stop there. Half of the least number, which no product that is added makes infinite.
    device = query.device.type
    autocast = torch.is_autocast_enabled(device) and query.dtype != torch.float64
    dtype = torch.get_autocast_dtype(device) if autocast else query.dtype
    hidden = torch.zeros_like(padding, dtype=dtype)
    hidden = hidden.masked_fill_(padding, torch.finfo(dtype).min / 2)
    shapes = (part.shape[:-2] for part in (hidden, query, key))
    batch = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
    flat = [
        part.expand(*batch, *part.shape[-2:]).reshape(-1, *part.shape[-2:])
        for part in (hidden, query, key)
    ]
    similarity = torch.baddbmm(flat[0], flat[1], flat[2].transpose(1, 2))  # [B, T, S]
    attention = similarity.softmax(dim=-1).reshape(*batch, *similarity.shape[1:])
    return attention if _all_have_keys(valid) else attention.masked_fill(padding, 0.0)


def _all_have_keys(valid: Tensor) -> bool:
    """Whether every row has a key, `[..., S]`; False where to look means waiting or tracing."""
    if valid.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    return bool(valid.any(dim=-1).all())


class SpikeGeneratedAttention(nn.Module):
    """MHSGSA of SGMT (Eqs 4-6) without its neurons: spikes in, heads side by side out.

    CMHSGSA is the same fed by `ConnectedLIF`. In the cross form queries come of one spike train,
    keys and values of another.

    Args:
        width: D, of the queries' spikes and of what comes out.
        heads: H, which divides D.
        key_width: D', of the spikes for keys and values in the cross form; None is self-attention.
        momentum: see `FiringRate`.
        rate_floor: see `attention_scale`.
        scale: `theorem`, or `sqrt_d` for inputs that are no spikes.

    Attributes:
        record: whether `forward` keeps its attention.
        attention: that of the last call, `[N, H, T, S]`, detached; None unless `record` is set.
    """

    def __init__(
        self,
        width: int,
        heads: int = 8,
        key_width: int | None = None,
        momentum: float = 0.999,
        rate_floor: float = 1e-3,
        scale: Scale = "theorem",
    ) -> None:
        super().__init__()
        check_choice("attention: scale", scale, get_args(Scale))
        if heads < 1 or width % heads:
            raise UserError(f"attention: {heads} heads do not divide a width of {width}")
        if not rate_floor > 0.0:
            raise UserError(f"attention: rate_floor must be above 0, not {rate_floor!r}")
        self.heads, self.rate_floor, self.scale = heads, rate_floor, scale
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(key_width or width, width, bias=False)
        self.value = nn.Linear(key_width or width, width, bias=False)
        self.query_rate = FiringRate(momentum)
        self.key_rate = None if key_width is None else FiringRate(momentum)
        self.record = False
        self.attention: Tensor | None = None

    def forward(
        self,
        spikes: Tensor,
        valid: Tensor | None = None,
        context: Tensor | None = None,
        context_valid: Tensor | None = None,
    ) -> Tensor:
        """Attended values `[T, N, D]`; in the padding, whatever silent neurons attend to.

        Args:
            spikes: `[T, N, D]`.
            valid: which of their positions are no padding, `[T, N]` in bool; None is all.
            context: spikes for keys and values `[S, N, D']`, in the cross form alone.
            context_valid: which positions of `context` are no padding, `[S, N]` in bool.
        """
        if context is None:
            context, context_valid = spikes, valid
        query = self._by_head(self.query(spikes))
        key, value = self._by_head(self.key(context)), self._by_head(self.value(context))
        scale = self._scale(spikes, valid, context, context_valid)
        keys = None if context_valid is None else context_valid.t().unsqueeze(1)  # [N, 1, S]
        output, attention = spike_generated_attention(query, key, value, scale, keys)
        self.attention = attention.detach() if self.record else None
        return output.permute(2, 0, 1, 3).flatten(2)  # [N, H, T, d] -> [T, N, H·d]

    def _by_head(self, x: Tensor) -> Tensor:
        heads = x.reshape(*x.shape[:2], self.heads, -1)  # [T, N, H, d]
        return heads.permute(1, 2, 0, 3)  # [N, H, T, d]

    def _scale(
        self, spikes: Tensor, valid: Tensor | None, context: Tensor, context_valid: Tensor | None
    ) -> Tensor | float:
        """What Q Kᵀ is divided by, broadcast against `[N, H, T, d]`."""
        if self.scale == "sqrt_d":
            return math.sqrt(self.query.out_features // self.heads)
        query_rate = self.query_rate(spikes, valid)
        key_rate = self.key_rate(context, context_valid) if self.key_rate else query_rate
        scale = attention_scale(
            self.query.weight, self.key.weight, query_rate, key_rate, self.heads, self.rate_floor
        )
        return scale[..., None, None]  # [..., H] -> [..., H, 1, 1]
