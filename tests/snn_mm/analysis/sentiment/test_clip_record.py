"""Attention and spikes over one clip, of a toy SGMT, its ANN twin and one merged by pairs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toy_sequences import without_audio

from snn_mm.analysis.sentiment.clip_figures import attention_map, draw_clip, neuron_layers
from snn_mm.analysis.sentiment.clip_loading import sgmt_network, take_clip
from snn_mm.analysis.sentiment.clip_record import PartRecord, record_clip
from snn_mm.cli import main
from snn_mm.config.restore import restore
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.modules.sgmt import SGMT


@pytest.fixture(scope="module")
def trained(sgmt_runs: dict[str, Path]) -> dict[str, tuple[SGMT, Batch]]:
    """Network and one clip of each kind of run; sequences of the clip have different lengths."""
    found = {}
    for name, path in sgmt_runs.items():
        restored = restore(path)
        found[name] = sgmt_network(restored), take_clip(restored.data, "test_0")
    return found


@pytest.fixture(scope="module")
def records(trained: dict[str, tuple[SGMT, Batch]]) -> dict[str, list[PartRecord]]:
    return {name: record_clip(*both) for name, both in trained.items()}


def valid_steps(clip: Batch, name: str) -> int:
    """Steps after averaging to at most seven: of audio two frames make one."""
    length, window = int(clip["lengths"][name]), {"text": 1, "audio": 2, "visual": 2}[name]
    return -(-length // window)


def test_parts_are_the_modalities_and_the_fusion(records: dict[str, list[PartRecord]]) -> None:
    assert [(r.name, len(r.layers)) for r in records["snn"]] == [
        ("text", 2),
        ("audio", 2),
        ("visual", 2),
        ("fusion", 1),
    ]
    pairs = [r.name for r in records["pairs"]]
    assert pairs[2:] == ["fusion, text to audio", "fusion, audio to text"]


def test_only_valid_steps_are_kept_and_rows_sum_to_one(
    trained: dict[str, tuple[SGMT, Batch]], records: dict[str, list[PartRecord]]
) -> None:
    clip = trained["snn"][1]
    steps = {name: valid_steps(clip, name) for name in clip["inputs"]}
    assert len(set(steps.values())) > 1
    steps["fusion"] = max(steps.values())
    for record in records["snn"]:
        for layer in record.layers:
            length = steps[record.name]
            assert layer.attention.shape[1:] == (length, length)
            torch.testing.assert_close(layer.attention.sum(dim=-1), torch.ones(2, length))
            assert [len(x) for x in layer.spikes.values()] == [length, length]


def test_parts_of_a_modality_that_the_clip_lacks_are_left_out(
    trained: dict[str, tuple[SGMT, Batch]], records: dict[str, list[PartRecord]]
) -> None:
    for name, (network, clip) in trained.items():
        silent = {part.name: part.layers for part in record_clip(network, without_audio(clip, 0))}
        whole = {part.name: part.layers for part in records[name]}
        assert list(silent) == [part for part in whole if "audio" not in part]
        torch.testing.assert_close(silent["text"], whole["text"])
        if "fusion" in silent:
            assert not torch.equal(silent["fusion"][0].attention, whole["fusion"][0].attention)
        draw_clip("a", [PartRecord(*part) for part in silent.items()])


def test_attention_between_two_modalities_has_the_steps_of_both(
    trained: dict[str, tuple[SGMT, Batch]], records: dict[str, list[PartRecord]]
) -> None:
    clip, (layer,) = trained["pairs"][1], records["pairs"][2].layers
    text, audio = valid_steps(clip, "text"), valid_steps(clip, "audio")
    assert layer.attention.shape[1:] == (text, audio)
    assert {name: len(x) for name, x in layer.spikes.items()} == {
        "source": text,
        "context": audio,
        "attended": text,
    }


def test_spikes_are_zeros_and_ones_and_some_are_there(
    records: dict[str, list[PartRecord]],
) -> None:
    spikes = torch.cat(
        [x.flatten() for r in records["snn"] for _l in r.layers for x in _l.spikes.values()]
    )
    assert set(spikes.unique().tolist()) == {0.0, 1.0}


def test_the_network_is_left_as_it_was(trained: dict[str, tuple[SGMT, Batch]]) -> None:
    for network, _ in trained.values():
        for module in network.modules():
            assert not module._forward_hooks
            assert not getattr(module, "record", False)


def test_a_map_is_in_multiples_of_even_attention(records: dict[str, list[PartRecord]]) -> None:
    record = records["snn"][1]
    mean, title = attention_map(record, None, None)
    assert title == "layer 2, mean of heads"
    assert mean.mean(axis=1) == pytest.approx(1.0)
    heads = [attention_map(record, 1, head)[0] for head in (1, 2)]
    assert sum(heads) / 2 == pytest.approx(attention_map(record, 1, None)[0])


@pytest.mark.parametrize(("layer", "head"), [(3, None), (0, None), (1, 3), (1, 0)])
def test_a_layer_or_head_that_is_not_there_is_refused(
    layer: int, head: int | None, records: dict[str, list[PartRecord]]
) -> None:
    with pytest.raises(UserError, match=r"--(layer|head) \d: audio has (layers|heads) 1 to 2"):
        attention_map(records["snn"][1], layer, head)


def test_the_figure_has_attention_spikes_and_rates_a_part(
    records: dict[str, list[PartRecord]],
) -> None:
    axes = draw_clip("a", records["snn"]).axes
    assert len(axes) == 3 * 4 + 1
    raster = axes[4]
    drawn = sum(len(line.get_xdata()) for line in raster.lines if line.get_marker() == "s")
    assert drawn == sum(spikes.sum() for _, spikes in neuron_layers(records["snn"][1])) > 0


def test_an_ann_has_attention_alone(records: dict[str, list[PartRecord]]) -> None:
    assert not any(layer.spikes for r in records["ann"] for layer in r.layers)
    assert len(draw_clip("a", records["ann"]).axes) == 4 + 1


def test_the_command_draws_and_prints_the_scores(
    sgmt_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = sgmt_runs["snn"]
    assert main(["analyse", "clip", str(run), "--clip", "test_0"]) == 0
    figure = run / "figures" / "clip-test_0.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[1:6]] == [
        "text",
        "audio",
        "visual",
        "fusion_only",
        "fused",
    ]
    assert str(figure) in out


def test_a_folder_of_several_runs_is_refused(
    sgmt_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sgmt_runs["snn"].parent
    assert main(["analyse", "clip", str(folder), "--clip", "test_0"]) == 2
    assert "holds 3 runs; give one of them" in capsys.readouterr().err
