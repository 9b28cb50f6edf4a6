"""One branch alone and fine-tuned, of made runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import callback, write_run

from snn_mm.analysis.gain import (
    ALONE,
    WITH,
    WITHOUT,
    Branches,
    check_comparable,
    draw_gain,
    gain_table,
    read_branch,
)
from snn_mm.errors import UserError

METRIC = "test/accuracy/fused"
WARM = [callback("WarmStart", run="runs/x-s{seed}")]
AUDIO = ("audio",)


@pytest.fixture
def branches(tmp_path: Path) -> Branches:
    for seed in (0, 1):
        options = {"seed": seed, "modalities": AUDIO}
        up = 0.02 * seed
        write_run(tmp_path / f"a/{seed}", test=0.50 + up, curve=(0.3, 0.5), **options)
        write_run(tmp_path / f"o/{seed}", test=0.48 + up, callbacks=WARM, **options)
        write_run(tmp_path / f"w/{seed}", test=0.56 + up, callbacks=WARM, **options)
    places = {ALONE: "a", WITHOUT: "o", WITH: "w"}
    return {name: read_branch(name, [tmp_path / place]) for name, place in places.items()}


def test_gains_over_shared_seeds(branches: Branches) -> None:
    assert gain_table(branches, METRIC).rows == [
        ["alone", "51.00 ± 1.41 (2)", "—", "+2.00 (p = 0.5)"],
        ["without IEMF", "49.00 ± 1.41 (2)", "−2.00 (p = 0.5)", "—"],
        ["with IEMF", "57.00 ± 1.41 (2)", "+6.00 (p = 0.5)", "+8.00 (p = 0.5)"],
    ]


def test_figure_has_a_line_for_each_branch(branches: Branches) -> None:
    check_comparable(branches)
    (panel,) = draw_gain(branches, "val/accuracy/fused").axes
    names = [text.get_text() for text in panel.get_legend().get_texts()]
    assert names == ["audio alone", "audio without IEMF", "audio with IEMF"]
    assert panel.lines[0].get_ydata() == pytest.approx([30, 50])


def test_a_bimodal_run_is_no_branch(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    with pytest.raises(UserError, match=r"trained audio, visual; accepted are unimodal twins"):
        read_branch(ALONE, [tmp_path])


def test_a_fine_tuned_run_needs_its_warm_start(tmp_path: Path) -> None:
    write_run(tmp_path / "a", modalities=AUDIO)
    with pytest.raises(UserError, match="runs with the callback WarmStart"):
        read_branch(WITH, [tmp_path])


def test_a_branch_alone_has_none(tmp_path: Path) -> None:
    write_run(tmp_path / "a", modalities=AUDIO, callbacks=WARM)
    with pytest.raises(UserError, match="runs without the callback WarmStart"):
        read_branch(ALONE, [tmp_path])


def test_two_runs_of_one_seed_are_named(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", modalities=AUDIO)
    second = write_run(tmp_path / "b", modalities=AUDIO)
    with pytest.raises(UserError, match=rf"have seed 0\n{first}\n{second}"):
        read_branch(ALONE, [tmp_path])


def test_an_unfinished_run_is_no_branch(tmp_path: Path) -> None:
    write_run(tmp_path / "a", modalities=AUDIO, status="running")
    with pytest.raises(UserError, match="no finished run of the branch alone"):
        read_branch(ALONE, [tmp_path])


@pytest.mark.parametrize("other", [{"modalities": ("visual",)}, {"data": "SpokenDigitsEvents"}])
def test_branches_of_other_data_or_modality_are_refused(
    tmp_path: Path, branches: Branches, other: dict[str, object]
) -> None:
    options = {"modalities": AUDIO, "callbacks": WARM, **other}
    write_run(tmp_path / "x", **options)  # type: ignore[arg-type]
    changed = {**branches, WITH: read_branch(WITH, [tmp_path / "x"])}
    with pytest.raises(UserError, match="differ in modality, or in a key below `data`"):
        check_comparable(changed)
