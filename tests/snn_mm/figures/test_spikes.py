from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snn_mm.figures.spikes import draw_membranes, draw_spikes


def spike_rows(layers: int) -> list[dict[str, str]]:
    return [
        {
            "epoch": epoch,
            "stage": stage,
            "modality": modality,
            "layer": f"blocks.{layer}",
            "rate": str(0.1 * layer),
            "silent": "0",
            "saturated": "0.001",
        }
        for modality in ("audio", "visual")
        for epoch, stage in (("0", "val"), ("1", "val"), ("1", "test"))
        for layer in range(layers)
    ]


def histograms(stage: str = "val") -> dict[str, Any]:
    counts = np.array([[9, 1, 80, 1, 9], [0, 2, 96, 2, 0]])
    return {
        "epoch": np.array([0, 7]),
        "stage": np.array([stage, stage]),
        "modality": np.array(["audio", "audio"]),
        "layer": np.array(["neuron", "neuron"]),
        "counts": counts,
    }


def test_spikes_have_a_row_a_modality_and_a_column_a_share() -> None:
    axes = draw_spikes(spike_rows(3)).axes
    assert [panel.get_title() for panel in axes[:3]] == [
        "firing rate",
        "silent neurons",
        "saturated neurons",
    ]
    assert [axes[0].get_ylabel(), axes[3].get_ylabel()] == ["audio", "visual"]
    validation, test = axes[0].lines[4:6]
    assert list(validation.get_ydata()) == [0.2, 0.2]
    assert list(test.get_xdata()) == [2]  # counted from 1


def test_a_small_share_is_not_blown_up() -> None:
    saturated = draw_spikes(spike_rows(2)).axes[2]
    assert saturated.get_ylim()[1] == pytest.approx(0.05)


@pytest.mark.parametrize(("layers", "names"), [(3, 4), (19, 3)])
def test_legend_names_all_layers_or_first_and_last(layers: int, names: int) -> None:
    legend = draw_spikes(spike_rows(layers)).axes[2].get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == names


@pytest.mark.parametrize("stage", ["val", "test"])
def test_membranes_name_layers_epochs_and_the_share_of_the_cut_bin(stage: str) -> None:
    figure = draw_membranes(np.array([-1.0, 0.0, 0.5, 1.0]), histograms(stage))
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["neuron"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["epoch 1", "epoch 8"]
    assert [text.get_text() for text in panel.texts] == ["96%"]
