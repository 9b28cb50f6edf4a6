"""Scores by modalities, of made runs of SGMT and its ANN twin."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import write_sentiment_run

from snn_mm.analysis.modality_ablation import (
    Subset,
    bars_of,
    draw_modalities,
    find_subsets,
    modality_table,
    varies_modalities,
)
from snn_mm.analysis.report.groups import compare
from snn_mm.analysis.report.naming import LIGHTNING_OBSERVERS, Library
from snn_mm.analysis.report.run_files import find_runs, read_run

LIBRARY = Library({}, LIGHTNING_OBSERVERS)
ACCURACY, MAE = "test/accuracy_2/fused", "test/mae/fused"


def read(folder: Path) -> list[Subset]:
    comparison = compare([read_run(path) for path in find_runs([folder])], LIBRARY)
    return find_subsets(comparison.groups, LIBRARY)


@pytest.fixture
def subsets(tmp_path: Path) -> list[Subset]:
    """Two seeds each of audio + visual and of all three, which are what no choice means."""
    neurons = {"snn": "snn_mm.neurons.SGMTLIF", "ann": "torch.nn.ReLU"}
    for kind, neuron in neurons.items():
        for name, low in (("two", 0.7), ("all", 0.8)):
            chosen = {"modalities": ["audio", "visual"]} if name == "two" else {"modalities": None}
            for seed in (0, 1):
                scores = {ACCURACY: low + 0.02 * seed, MAE: 1.0 - low + 0.02 * seed}
                path = tmp_path / f"{kind}-{name}-{seed}"
                write_sentiment_run(path, scores, seed=seed, neuron=neuron, **chosen)
    return read(tmp_path)


def test_methods_stand_apart_and_fewer_modalities_first(subsets: list[Subset]) -> None:
    assert [(s.family.rpartition(" · ")[2], s.title) for s in subsets] == [
        ("ANN", "audio + visual"),
        ("ANN", "text + audio + visual"),
        ("SNN", "audio + visual"),
        ("SNN", "text + audio + visual"),
    ]


def test_differences_are_from_all_modalities_of_the_same_method(subsets: list[Subset]) -> None:
    table = modality_table(subsets, [ACCURACY, MAE])
    assert table.columns[-1] == "Acc-2 against all"
    two, everything = (list(row) for row in table.rows[:2])
    assert two[2:] == ["71.00 ± 1.41 (2)", "0.3100 ± 0.0141 (2)", "−10.00 (p = 0.5)"]
    assert everything[-1] == "—"


def test_the_figure_has_a_panel_a_metric_and_both_methods(subsets: list[Subset]) -> None:
    figure = draw_modalities(subsets, [ACCURACY, MAE])
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["Acc-2, %", "MAE"]
    assert len(figure.legends[0].get_texts()) == 2
    means = [s.mean for group in bars_of(subsets, MAE).values() for s in group.values()]
    assert means == pytest.approx([0.31, 0.31, 0.21, 0.21])


def test_methods_with_one_choice_each_vary_nothing(subsets: list[Subset], tmp_path: Path) -> None:
    assert varies_modalities(subsets)
    assert not varies_modalities([subsets[0], subsets[2]])
