"""Attributions and curves against networks whose answer is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snn_mm.analysis.explanation.asked import Asked
from snn_mm.analysis.explanation.attribution import (
    Attribution,
    completeness,
    integrated_gradients,
)
from snn_mm.analysis.explanation.contribution import ask_coalitions
from snn_mm.analysis.explanation.deletion import (
    Curves,
    area,
    curves,
    random_importance,
    ranks,
)
from snn_mm.analysis.explanation.study import ORDERS, Checked, verdict
from snn_mm.contracts import FUSED, Batch
from snn_mm.presence import present_rows

SIZE = 12


class LinearScores(nn.Module):
    """Scores w · x of two modalities; a quadratic one if asked for."""

    modalities = ("audio", "visual")
    num_classes = None
    protocol = "mosei"

    def __init__(self, power: int = 1) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(0)
        self.weights = {
            m: torch.randn(SIZE, generator=source, dtype=torch.float64) for m in self.modalities
        }
        self.power = power

    def forward(
        self, inputs: dict[str, Tensor], lengths: dict[str, Tensor], present: Any = None
    ) -> dict[str, Tensor]:
        total: Any = 0
        for name, weight in self.weights.items():
            x = inputs[name] ** self.power @ weight
            rows = present_rows(present, name)
            total = total + (x if rows is None else x * present[name])
        return {FUSED: total}

    def presence(self, batch: Batch) -> Any:
        return batch.get("present")

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        return {FUSED: batch["target"]}

    def predict_step(self, batch: Batch, index: int) -> dict[str, Any]:
        said = self(batch["inputs"], {}, batch.get("present"))
        return {"id": batch["id"], "score": said}


def made(count: int = 3) -> Batch:
    source = torch.Generator().manual_seed(1)
    inputs = {
        m: torch.randn(count, SIZE, generator=source, dtype=torch.float64)
        for m in LinearScores.modalities
    }
    return {"inputs": inputs, "target": torch.zeros(count), "id": [str(i) for i in range(count)]}


@pytest.mark.parametrize("power", [1, 2])
def test_integrated_gradients_are_those_of_the_formula_and_complete(power: int) -> None:
    pytest.importorskip("captum", reason="captum is an extra")
    module, batch = LinearScores(power), made()
    found = integrated_gradients(Asked(module, batch), None, steps=16)
    for name, weight in module.weights.items():  # of w x^p along a line through 0: w x^p
        assert torch.allclose(found.values[name], weight * batch["inputs"][name] ** power)
    assert torch.allclose(found.error, torch.zeros(3, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(found.change, module(batch["inputs"], {})[FUSED])
    assert "The error is" in completeness(found)


def test_ranks_place_every_element_once() -> None:
    values = torch.randn(4, 3, 5)
    placed = ranks(values)
    assert torch.equal(placed.sort(dim=1).values, (torch.arange(15) / 15).expand(4, 15))
    assert torch.equal(placed.argmin(dim=1), values.flatten(1).argmax(dim=1))


def test_curves_run_from_the_whole_to_nothing_and_back() -> None:
    module, batch = LinearScores(), made()
    asked = Asked(module, batch)
    found = curves(asked, random_importance(batch["inputs"], 0), None)
    whole = module(batch["inputs"], {})[FUSED]
    assert torch.equal(found.deletion[0], torch.zeros_like(whole))
    assert torch.equal(found.deletion[-1], -whole.abs())
    assert torch.equal(found.insertion[0], -whole.abs())
    assert torch.equal(found.insertion[-1], torch.zeros_like(whole))


def test_the_exact_attribution_of_a_network_beats_chance_and_its_opposite_loses() -> None:
    module, batch = LinearScores(), made(40)
    asked = Asked(module, batch)
    whole = module(batch["inputs"], {})[FUSED].sign()[:, None]
    exact = {m: whole * w * batch["inputs"][m] for m, w in module.weights.items()}
    chance = curves(asked, random_importance(batch["inputs"], 3), None)
    right = curves(asked, exact, None)
    wrong = curves(asked, {m: -x for m, x in exact.items()}, None)
    areas = [float(area(each.deletion).mean()) for each in (right, chance, wrong)]
    assert areas[0] < areas[1]
    assert abs(float(area(chance.deletion).mean()) - float(area(chance.insertion).mean())) < 0.5


def test_integrated_gradients_ask_for_their_points_and_for_zeros() -> None:
    pytest.importorskip("captum")
    module, batch, rows = LinearScores(2), made(1), list[int]()
    asked = Asked(module, batch)
    whole = float(asked.answer.heads[FUSED])
    module.register_forward_hook(lambda *passed: rows.append(len(passed[-1][FUSED])))
    found = integrated_gradients(asked, None, 5)
    assert sum(rows) == 5 + 1
    assert float(found.change) == pytest.approx(whole)  # zeros score 0


def test_a_sum_that_misses_by_more_than_the_change_is_called_noise() -> None:
    values, change = {"audio": torch.ones(1, 3)}, torch.tensor([2.0])
    near, far = (Attribution(values, change, torch.tensor([e])) for e in (1.0, -2.5))
    assert "noise" not in completeness(near)
    assert "noise" in completeness(far)


def test_shapley_values_of_a_sum_are_its_summands() -> None:
    module, batch = LinearScores(), made(1)
    said = ask_coalitions(Asked(module, batch))
    parts = {m: float(batch["inputs"][m][0] @ w) for m, w in module.weights.items()}
    assert said.shapley(None) == pytest.approx(parts, abs=1e-12)
    assert sum(parts.values()) == pytest.approx(float(said.said[frozenset(module.modalities)]))


def test_a_run_wins_only_if_its_own_areas_are_on_the_right_side() -> None:
    falls, stays = torch.tensor([1.0, 0.2, 0.0]), torch.tensor([1.0, 0.8, 0.0])
    good = Checked(dict(zip(ORDERS, (Curves(falls, stays), Curves(stays, falls)))), 3, 0.1)
    bad = Checked(dict(zip(ORDERS, (Curves(stays, falls), Curves(falls, stays)))), 3, 0.1)
    assert (good.wins, bad.wins) == ((True, True), (False, False))
    assert good.area("deletion", ORDERS[0]) == pytest.approx(0.35)
    said = verdict({"a": good, "b": bad})
    assert said == "Deletion beats a random order in 1 of 2 runs, insertion in 1 of 2."
