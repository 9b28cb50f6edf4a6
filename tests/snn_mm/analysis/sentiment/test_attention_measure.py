"""The variance of attention in a toy network, against plain loops over what it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_sequences import without_audio

from snn_mm.analysis.sentiment.attention_measure import Measured, measure_attention
from snn_mm.analysis.sentiment.clip_loading import alone, batches, sgmt_network
from snn_mm.cli import main
from snn_mm.config.restore import Restored, restore
from snn_mm.errors import UserError
from snn_mm.modules.sgmt import SGMT


@pytest.fixture(scope="module")
def restored(sgmt_runs: dict[str, Path]) -> Restored:
    return restore(sgmt_runs["snn"])


@pytest.fixture(scope="module")
def found(restored: Restored) -> list[Measured]:
    return measure_attention(sgmt_network(restored), batches(restored.data, "test"))


def spikes_into_second_audio_layer(restored: Restored) -> list[np.ndarray[Any, Any]]:
    """Spikes `[T, D]` of each clip, run alone, so that nothing is padding."""
    network: SGMT = sgmt_network(restored)
    attention = network.encoders["audio"].layers[1].attention
    seen: list[np.ndarray[Any, Any]] = []

    def keep(module: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        spikes, valid = inputs
        seen.append(spikes[:, 0][valid[:, 0]].double().numpy())

    hook = attention.register_forward_pre_hook(keep)
    (batch,) = batches(restored.data, "test")
    for row in range(len(batch["id"])):
        clip = alone(batch, row)
        with torch.no_grad():
            network(clip["inputs"], clip["lengths"])
    hook.remove()
    return seen


def test_variances_are_those_of_every_pair_of_valid_steps(
    restored: Restored, found: list[Measured]
) -> None:
    attention = sgmt_network(restored).encoders["audio"].layers[1].attention
    weights = [
        w.weight.detach().double().numpy().reshape(2, 4, 8)
        for w in (attention.query, attention.key)
    ]
    running = float(attention.query_rate.running)
    logits, within = [], []
    for spikes in spikes_into_second_audio_layer(restored):
        for query, key in zip(*weights):
            scale = np.sqrt(query.var() * key.var() * 4 * 8 * 8 * running**2)
            scores = (spikes @ query.T) @ (spikes @ key.T).T / scale
            logits += list(scores.ravel())
            within += [row.var(ddof=1) for row in scores if len(row) > 1]
    measured = next(m for m in found if (m.part, m.layer) == ("audio", 2))
    assert measured.variance == pytest.approx(np.var(logits), rel=1e-5)
    assert measured.within_rows == pytest.approx(np.mean(within), rel=1e-5)


def test_rates_and_deviations_are_those_of_clips_and_weights(
    restored: Restored, found: list[Measured]
) -> None:
    measured = next(m for m in found if (m.part, m.layer) == ("audio", 2))
    spikes = np.concatenate(spikes_into_second_audio_layer(restored))
    weight = sgmt_network(restored).encoders["audio"].layers[1].attention.query.weight
    variances = [head.var() for head in weight.detach().double().numpy().reshape(2, 32)]
    assert measured.rate == pytest.approx(spikes.mean())
    assert measured.query_deviation == pytest.approx(np.sqrt(np.mean(variances)), rel=1e-6)


def test_the_theorem_is_one_but_for_rates_and_the_diagonal(found: list[Measured]) -> None:
    for m in found:
        ratio = (m.rate / m.running_rate) ** 2
        assert m.theorem > ratio  # the diagonal adds to it
    fusion = found[-1]
    steps = 6  # rounded mean of the longest modality's steps in the ten clips
    diagonal = (1 - fusion.rate) / (fusion.width * fusion.rate)
    expected = (fusion.rate / fusion.running_rate) ** 2 * (1 + diagonal / steps)
    assert fusion.theorem == pytest.approx(expected, rel=0.05)


def test_attention_between_modalities_is_measured_too(sgmt_runs: dict[str, Path]) -> None:
    restored = restore(sgmt_runs["pairs"])
    found = measure_attention(sgmt_network(restored), batches(restored.data, "test"))
    assert [m.part for m in found[-2:]] == ["fusion, text to audio", "fusion, audio to text"]
    assert all(m.variance > 0 for m in found)


@pytest.mark.parametrize("run", ["snn", "pairs"])
def test_clips_that_lack_sound_are_no_part_of_what_reads_it(
    sgmt_runs: dict[str, Path], run: str
) -> None:
    restored = restore(sgmt_runs[run])
    network, (batch,) = sgmt_network(restored), batches(restored.data, "test")
    lacking = measure_attention(network, [without_audio(batch, 0, 3)])
    others = [alone(batch, row) for row in range(len(batch["id"])) if row not in (0, 3)]
    expected = measure_attention(network, others)
    for found, wanted in zip(lacking, expected, strict=True):
        if "audio" in found.part:
            assert found[3:] == pytest.approx(wanted[3:], rel=1e-5)
    assert measure_attention(network, [batch]) != lacking
    silent = measure_attention(network, [without_audio(batch, *range(len(batch["id"])))])
    parts = [found.part for found in lacking if "audio" not in found.part]
    assert [found.part for found in silent] == parts


def test_an_ann_has_no_rate_to_speak_of(sgmt_runs: dict[str, Path]) -> None:
    restored = restore(sgmt_runs["ann"])
    with pytest.raises(UserError, match="no firing rate"):
        measure_attention(sgmt_network(restored), batches(restored.data, "test"))


def test_the_command_prints_both_tables_and_writes_them_into_the_run(
    sgmt_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = sgmt_runs["snn"]
    assert main(["analyse", "theorem", str(run), "--draws", "3000"]) == 0
    out = capsys.readouterr().out
    assert "off diagonal" in out
    assert "within rows" in out
    assert "holds: at most" in out
    assert (run / "analysis" / "theorem_measured.csv").read_text().count("\n") == 1 + 7


def test_without_a_run_the_check_is_printed_and_nothing_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["analyse", "theorem", "--draws", "3000"]) == 0
    assert "holds" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
