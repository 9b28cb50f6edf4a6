"""The variance theorem of SGMT by Monte Carlo, and that the check would notice a wrong formula."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from snn_mm.analysis.sentiment.attention_variance import (
    Row,
    Setting,
    attention_variance,
    check_theorem,
    simulate_attention_variance,
)
from snn_mm.errors import UserError
from snn_mm.modules.sgmt.spike_generated_attention import attention_scale

DRAWS = 60_000


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return check_theorem(draws=DRAWS)


def test_the_theorem_holds_within_three_standard_errors(rows: list[Row]) -> None:
    assert [row.element for row in rows].count("cross") == 2
    assert len(rows) == 10
    for row in rows:
        assert abs(row.deviation) < 3, row
        assert row.standard_error < 0.03 * row.formula, row


WRONG: dict[str, tuple[str, Callable[[Setting, float], float]]] = {
    "d_m instead of its square": ("off_diagonal", lambda s, right: right / s.width),
    "f instead of its square": ("off_diagonal", lambda s, right: right / s.rate),
    "f (1 - f), the variance of a spike": ("off_diagonal", lambda s, right: right * (1 - s.rate)),
    "the diagonal as any other": (
        "diagonal",
        lambda s, right: right * s.width * s.rate / (s.width * s.rate + 1 - s.rate),
    ),
    "the queries' rate twice": ("cross", lambda s, right: right * s.rate / (s.key_rate or 1)),
    "the queries' width twice": ("cross", lambda s, right: right * 16 / 24),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_formula_is_noticed(name: str, rows: list[Row]) -> None:
    element, wrong = WRONG[name]
    changed = [
        row._replace(formula=wrong(row.setting, row.formula))
        for row in rows
        if row.element == element
    ]
    assert max(abs(row.deviation) for row in changed) > 6


def test_the_formulas_by_hand() -> None:
    setting = Setting(4, 2, 0.5, query_deviation=2.0, key_deviation=3.0)
    assert attention_variance(setting, "off_diagonal") == 2 * 16 * 0.25 * 36
    assert attention_variance(setting, "diagonal") == 2 * (12 * 0.25 + 4 * 0.5) * 36
    assert attention_variance(setting, "mean", steps=4) == (3 * 288 + 360) / 4
    cross = setting._replace(key_width=10, key_rate=0.1)
    assert attention_variance(cross, "cross") == pytest.approx(2 * 4 * 10 * 0.5 * 0.1 * 36)


def test_scale_2_is_the_root_of_the_variance_between_steps() -> None:
    weight = torch.randn(8, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    deviation = float(weight.std(correction=0))
    setting = Setting(16, 8, 0.2, query_deviation=deviation, key_deviation=deviation)
    rate = torch.tensor(0.2, dtype=torch.float64)
    scale = float(attention_scale(weight, weight, rate, rate))
    assert scale**2 == pytest.approx(attention_variance(setting, "off_diagonal"))


def test_elements_that_a_setting_lacks_are_refused() -> None:
    with pytest.raises(UserError, match="cross"):
        attention_variance(Setting(4, 2, 0.5), "cross")
    with pytest.raises(UserError, match="diagonal and off_diagonal"):
        simulate_attention_variance(Setting(4, 2, 0.5), "mean")
