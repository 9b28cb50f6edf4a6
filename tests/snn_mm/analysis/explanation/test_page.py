"""The page on one sample, of networks that can't say all that it would show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from toy_sequences import without_audio

from snn_mm.analysis.explanation.figures import NARROW, draw_inputs, draw_lines, draw_rasters
from snn_mm.analysis.explanation.page import SamplePage
from snn_mm.analysis.sentiment.clip_loading import take_clip
from snn_mm.config.restore import restore
from snn_mm.contracts import Batch
from snn_mm.modules.continual import ContinualModule
from snn_mm.modules.continual.dual_attention import DualAttention
from snn_mm.neurons import IEMFLIF

NAMES = ("guitar", "clock", "rain", "wind")


def _page(time_steps: int = 1, **options: Any) -> SamplePage:
    """The page of a class-incremental network whose trunk needs both modalities."""
    torch.manual_seed(0)
    trunk = DualAttention(4, 4, 4, frames=2, time_steps=time_steps, **options)
    module = ContinualModule(4, 2, trunk=trunk).eval()
    inputs: dict[str, Tensor] = {"audio": torch.randn(1, 4), "visual": torch.randn(1, 8, 4)}
    batch: Batch = {"inputs": inputs, "target": torch.zeros(1, dtype=torch.long), "id": ["a"]}
    return SamplePage(module, batch, NAMES)


@pytest.mark.parametrize(("neuron", "steps"), [(None, 1), (IEMFLIF, 4)])
def test_a_trunk_that_needs_both_modalities_still_has_a_page(neuron: Any, steps: int) -> None:
    said = _page(steps, **({"neuron": neuron} if neuron else {})).at_once()
    assert "<table" in said["Decision"]
    assert "DualAttention attends to one modality by the other" in said["Modalities"]
    assert ("one time step" in said["Evidence over time"]) == (steps == 1)
    assert ("no spiking neurons" in said["Spikes"]) == (steps == 1)


def test_a_clip_that_lacks_a_modality_has_a_page_of_the_others(
    sgmt_runs: dict[str, Path],
) -> None:
    restored = restore(sgmt_runs["snn"])
    clip = take_clip(restored.data, "test_0")
    whole, silent = (
        SamplePage(restored.module, batch, (), points=2).write("a run")
        for batch in (clip, without_audio(clip, 0))
    )
    assert silent.pictures.keys() == whole.pictures.keys() >= {"attention", "evidence"}
    assert silent.pictures["attention"] != whole.pictures["attention"]
    assert not re.search(r"\bnan\b", silent.html.lower())


def test_a_legend_leaves_the_curves_their_room() -> None:
    names = [f"network.encoders.audio.layers.{n}.attended.neurons" for n in range(12)]
    few, many = (draw_lines({"all": {k: [0.0, 1.0] for k in names[:n]}}, "x") for n in (1, 12))
    for figure in (few, many):
        figure.draw_without_rendering()
    heights = [figure.axes[0].get_window_extent().height for figure in (few, many)]
    assert heights[1] > 0.8 * heights[0]
    colours = [line.get_color() for line in many.axes[0].get_lines()]
    assert len({tuple(colour) for colour in colours}) == 12


def test_a_long_name_of_a_layer_ends_within_the_picture() -> None:
    name = "network.encoders.audio.layers.0.attended.neurons"
    figure = draw_rasters({name: torch.ones(3, 100_000)})
    figure.draw_without_rendering()
    title = figure.axes[0]._left_title  # type: ignore[attr-defined]
    assert title.get_text().startswith("…")
    assert title.get_window_extent().x1 <= NARROW * figure.dpi


def test_layers_of_as_many_steps_share_an_axis_of_time() -> None:
    figure = draw_rasters({name: torch.ones(t, 3) for name, t in zip("abcd", (4, 4, 9, 9))})
    assert [panel.xaxis.get_visible() for panel in figure.axes] == [False, True, False, True]


def test_an_input_runs_over_its_seconds_where_they_are_known() -> None:
    inputs = {
        "audio": torch.zeros(1, 1, 4, 30),
        "visual": torch.zeros(1, 5, 3),
        "still": torch.zeros(1, 3, 2, 2),
    }
    figure = draw_inputs(inputs, step_seconds={"audio": 0.1})
    audio, visual, still = figure.axes
    assert audio.get_xlim() == pytest.approx((0.0, 3.0))
    assert (audio.get_xlabel(), visual.get_xlabel()) == ("seconds", "share of the clip")
    assert visual.get_xlim() == (0.0, 1.0)
    assert not still.xaxis.get_visible()
    both = draw_inputs(inputs, step_seconds={"audio": 0.1, "visual": 0.6})
    assert [panel.get_xlabel() for panel in both.axes[:2]] == ["", "seconds"]
