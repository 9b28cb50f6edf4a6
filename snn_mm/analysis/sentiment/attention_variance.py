"""Theorem 1 of SGMT as numbers: the variance of q · k that scale_2 divides by, and its check.

"Enhancing Multimodal Sentiment Analysis through the Integration of Attention Mechanisms and Spiking
Neural Networks" (anonymous ACL submission), Appendix B: X are independent spikes of rate f, W_Q
and W_K independent of zero mean. The theorem holds as printed. What it says is narrower than it
looks, and worth knowing before one trusts scale_2:

* It is a variance over random weights. Within one softmax row of one network the variance of the
  scaled logits is 1 - f; the rest is an offset of the row, which softmax cancels.
* scale_2 drops the share (1 - f) / (T d_m f) that comes of rows attending to themselves: 2 % at
  T = 50, d_m = 32, f = 0.03, but 20 % at f = 0.003.
* Spikes of a LIF layer are correlated in time, and trained weights with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from snn_mm.analysis.report.document import Table
from snn_mm.errors import UserError

Element = Literal["off_diagonal", "diagonal", "mean", "cross"]
"""Which element of Q Kᵀ: a step and another one, a step and itself, the mean over all T² of them,
or any element where queries and keys come of two independent spike trains."""

Weights = Literal["normal", "uniform"]

_CHUNK = 1 << 22
"""Random numbers drawn at a time."""


class Setting(NamedTuple):
    """Random spikes and weights.

    Attributes:
        width: D_Q, neurons whose spikes give the queries; with one spike train d_m.
        head_width: d.
        rate: f_Q, in spikes per neuron and step.
        query_deviation: σ_1, standard deviation of W_Q.
        key_deviation: σ_2, standard deviation of W_K.
        weights: their distribution.
        key_width: D_K; None if keys come of the spikes of the queries.
        key_rate: f_K; None if keys come of the spikes of the queries.
    """

    width: int
    head_width: int
    rate: float
    query_deviation: float = 0.7
    key_deviation: float = 0.4
    weights: Weights = "normal"
    key_width: int | None = None
    key_rate: float | None = None

    @property
    def is_cross(self) -> bool:
        """Whether queries and keys come of two spike trains."""
        return self.key_rate is not None


class Row(NamedTuple):
    """One line of the check.

    Attributes:
        setting: of spikes and weights.
        element: which variance.
        formula: what the theorem says.
        simulated: what came out.
        standard_error: of what came out.
    """

    setting: Setting
    element: Element
    formula: float
    simulated: float
    standard_error: float

    @property
    def deviation(self) -> float:
        """Simulated minus formula, in standard errors."""
        return (self.simulated - self.formula) / self.standard_error


SETTINGS = (
    Setting(16, 8, 0.2),
    Setting(16, 8, 0.03),
    Setting(16, 8, 0.5, weights="uniform"),
    Setting(32, 8, 0.1, query_deviation=0.3, key_deviation=0.3),
    Setting(16, 8, 0.1, key_width=16, key_rate=0.3),
    Setting(16, 8, 0.1, key_width=24, key_rate=0.3),
)
"""Narrow and wide, sparse and dense, and the cross form."""


def attention_variance(setting: Setting, element: Element = "mean", steps: int = 50) -> float:
    """Variance of an element of Q Kᵀ, whose mean is 0 (SGMT Theorem 1, Appendix B).

    With one spike train: d d_m² f² σ_1² σ_2² for i ≠ j, d (d_m (d_m - 1) f² + d_m f) σ_1² σ_2² for
    i = j, and (T-1)/T of the first plus 1/T of the second in the mean. With two: d D_Q D_K f_Q f_K
    σ_1² σ_2² for all i and j, which the paper does not have.

    Args:
        setting: of spikes and weights.
        element: which element; `cross` for settings with two spike trains, and only for them.
        steps: T, for the mean.

    Raises:
        UserError: there is no such element.
    """
    _check_element(setting, element)
    width, rate = setting.width, setting.rate
    one = setting.head_width * setting.query_deviation**2 * setting.key_deviation**2
    if setting.key_rate is not None:
        return one * width * (setting.key_width or width) * rate * setting.key_rate
    off_diagonal = one * width**2 * rate**2
    diagonal = one * (width * (width - 1) * rate**2 + width * rate)
    if element == "mean":
        return ((steps - 1) * off_diagonal + diagonal) / steps
    return diagonal if element == "diagonal" else off_diagonal


def simulate_attention_variance(
    setting: Setting, element: Element, draws: int = 100_000, seed: int = 0
) -> tuple[float, float]:
    """Variance of an element of Q Kᵀ over random spikes and weights, and its standard error.

    Every draw has weights and spikes of its own, so draws are independent. The mean is known to
    be 0, so the variance is that of the square.

    Args:
        setting: of spikes and weights.
        element: which element; `mean` is not an element.
        draws: how many.
        seed: of the draws.
    """
    _check_element(setting, element)
    if element == "mean":
        raise UserError("attention variance: simulate diagonal and off_diagonal, not their mean")
    generator = torch.Generator().manual_seed(seed)
    chunk = max(1, _CHUNK // (setting.head_width * setting.width))
    sizes = [min(chunk, draws - start) for start in range(0, draws, chunk)]
    squares = torch.cat([_products(setting, element, size, generator) for size in sizes]).square()
    return float(squares.mean()), float(squares.std()) / draws**0.5


def check_theorem(
    settings: tuple[Setting, ...] = SETTINGS, draws: int = 100_000, seed: int = 0
) -> list[Row]:
    """Formula and simulation side by side; the theorem holds where deviations are a few at most."""
    rows: list[Row] = []
    for setting in settings:
        elements: tuple[Element, ...] = ("diagonal", "off_diagonal")
        for element in ("cross",) if setting.is_cross else elements:
            simulated = simulate_attention_variance(setting, element, draws, seed + len(rows))
            rows.append(Row(setting, element, attention_variance(setting, element), *simulated))
    return rows


def theorem_table(rows: Sequence[Row]) -> Table:
    """Formula and simulation side by side."""
    lines = []
    for row in rows:
        own = row.setting
        key_width = own.width if own.key_width is None else own.key_width
        widths = f"{own.width}" if own.key_rate is None else f"{own.width}, {key_width}"
        rates = f"{own.rate:g}" if own.key_rate is None else f"{own.rate:g}, {own.key_rate:g}"
        simulated = f"{row.simulated:.4g} ± {row.standard_error:.2g}"
        element = row.element.replace("_", " ")
        apart = f"{row.deviation:+.1f}".replace("-", "−")
        kind = [widths, str(own.head_width), rates, own.weights, element]
        lines.append([*kind, f"{row.formula:.4g}", simulated, apart])
    heads = ["d_m", "d", "f", "weights", "element", "formula", "simulated ± s.e.", "apart in s.e."]
    return Table("theorem", "Var(Q Kᵀ) of random spikes and weights.", heads, lines)


def _products(setting: Setting, element: Element, draws: int, generator: torch.Generator) -> Tensor:
    """Products q · k of independent draws, `[draws]` in float64."""
    key_width = setting.key_width or setting.width
    key_rate = setting.rate if setting.key_rate is None else setting.key_rate
    query_spikes = _spikes(draws, setting.width, setting.rate, generator)
    key_spikes = query_spikes
    if element != "diagonal":
        key_spikes = _spikes(draws, key_width, key_rate, generator)
    query, key = (
        _projected(spikes, setting.head_width, deviation, setting.weights, generator)
        for spikes, deviation in (
            (query_spikes, setting.query_deviation),
            (key_spikes, setting.key_deviation),
        )
    )
    return (query * key).sum(dim=-1).double()  # [draws, d] -> [draws]


def _spikes(draws: int, width: int, rate: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(draws, width, generator=generator) < rate).float()  # [draws, D]


def _projected(
    spikes: Tensor, head_width: int, deviation: float, weights: Weights, generator: torch.Generator
) -> Tensor:
    """Spikes `[draws, D]` times weights `[draws, D, d]` of their own, `[draws, d]`."""
    shape = (*spikes.shape, head_width)
    if weights == "normal":
        weight = torch.randn(shape, generator=generator)
    else:
        weight = (torch.rand(shape, generator=generator) - 0.5) * 12**0.5  # variance 1
    return deviation * torch.einsum("nd,ndh->nh", spikes, weight)


def _check_element(setting: Setting, element: Element) -> None:
    accepted = ("cross",) if setting.is_cross else get_args(Element)[:3]
    if element not in accepted:
        raise UserError(
            f"attention variance: element={element!r}; accepted here: {', '.join(accepted)}"
        )
