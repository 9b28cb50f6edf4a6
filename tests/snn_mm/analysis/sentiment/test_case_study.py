"""Which clips are chosen, what counts as the opposite sign, and what the page says of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from toy_sequences import without_audio

from snn_mm.analysis.sentiment.case_chart import case_chart
from snn_mm.analysis.sentiment.case_page import axis_limit, case_page
from snn_mm.analysis.sentiment.case_study import Case, choose_cases, rate_heads, score_clips
from snn_mm.analysis.sentiment.clip_loading import alone, batches, sentiment_module
from snn_mm.cli import main
from snn_mm.config.restore import Restored, restore
from snn_mm.errors import UserError
from snn_mm.metrics.sentiment import SCORES


def case(name: str, text: float, audio: float, fused: float, label: float = 0.5) -> Case:
    """A clip whose fused label is `label`; every modality scores 0.3."""
    return Case(
        name,
        {"text": 0.3, "audio": 0.3, "fused": fused},
        {"text": text, "audio": audio, "fused": label},
    )


CASES = [
    case("agreed", 0.5, 0.5, fused=0.6),
    case("torn", 0.9, -0.9, fused=0.5),
    case("wrong", 0.4, 0.5, fused=-0.9),
    case("median", 0.5, 0.4, fused=0.3),
]


@pytest.fixture(scope="module")
def restored(sgmt_runs: dict[str, Path]) -> Restored:
    return restore(sgmt_runs["snn"])


def test_a_label_of_zero_has_no_opposite() -> None:
    assert case("a", text=-0.1, audio=0.0, fused=-0.2).opposed == ["text", "fused"]
    assert case("c", text=-1e-17, audio=0.1, fused=0.1).opposed == []
    assert case("b", text=0.0, audio=0.1, fused=0.0).opposed == []


def test_each_clip_is_chosen_once_by_the_first_rule_that_wants_it() -> None:
    chosen = {choice.title: [c.id for c in choice.cases] for choice in choose_cases(CASES, 3)}
    assert chosen == {
        "Modalities disagree": ["torn"],
        "Largest errors": ["wrong"],
        "Typical clips": ["agreed"],  # the median of 0, 0.1, 0.2 and 1.4 is 0.15
    }


def test_without_labels_of_the_modalities_nothing_disagrees() -> None:
    cases = [case(str(i), 0.5, 0.5, fused=i / 10) for i in range(6)]
    assert [(c.title, len(c.cases)) for c in choose_cases(cases, 4)] == [
        ("Largest errors", 2),
        ("Typical clips", 2),
    ]


def test_more_clips_than_there_are_is_all_of_them() -> None:
    assert sum(len(choice.cases) for choice in choose_cases(CASES, 100)) == 4


def test_heads_are_rated_over_all_clips() -> None:
    text, audio, fused = rate_heads(CASES, "mosei")
    assert (text.opposed, audio.opposed, fused.opposed) == (0, 1, 1)
    assert audio.error == pytest.approx((0.2 + 1.2 + 0.2 + 0.1) / 4)
    assert fused.signed == 4


def test_the_error_of_a_head_is_what_the_run_reports(restored: Restored) -> None:
    module = sentiment_module(restored)
    cases = score_clips(module, batches(restored.data, "test"))
    loud = [c._replace(score={h: 5 * x for h, x in c.score.items()}) for c in cases]
    for clips in (cases, loud):  # loud scores leave [-1, 1], where CH-SIMS clips them
        for record in rate_heads(clips, module.protocol):
            metric = SCORES[module.protocol]()
            metric.update(
                torch.tensor([c.score[record.head] for c in clips]),
                torch.tensor([c.label[record.head] for c in clips]),
            )
            assert record.error == pytest.approx(float(metric.compute()["mae"]), rel=1e-6)
    clipped = [min(1.0, max(-1.0, c.score["fused"])) - c.label["fused"] for c in loud]
    fused = next(r for r in rate_heads(loud, module.protocol) if r.head == "fused")
    assert fused.error == pytest.approx(sum(map(abs, clipped)) / len(clipped))


def test_bars_start_at_zero_and_end_at_score_and_label() -> None:
    svg = case_chart("x", CASES[1], ["text", "audio", "fused"], limit=1.0)
    rows = [line for line in svg.splitlines() if line.startswith("<rect")]
    # The axis goes from 84 at -1 to 336 at 1, so zero is at 210: score 0.3, label -0.9 of audio.
    assert 'x="210.0"' in rows[2]
    assert 'width="37.8"' in rows[2]
    assert 'x="96.6"' in rows[3]
    assert 'width="113.4"' in rows[3]


def test_the_axis_holds_all_labels_and_the_scores_that_are_shown() -> None:
    assert axis_limit(CASES, []) == pytest.approx(0.9)
    assert axis_limit(CASES[:1], [case("a", 0, 0, fused=-2.5)]) == pytest.approx(2.5)


def test_the_page_escapes_what_is_said_and_shows_every_chosen_clip() -> None:
    chosen = choose_cases(CASES, 3)
    page = case_page("x/a", "test", CASES, chosen, lambda name: f"<script>{name}</script>", "mosei")
    assert "<script>" not in page
    assert "&lt;script&gt;torn&lt;/script&gt;" in page
    assert page.count("<svg") == 3
    assert "labels of their own" in page


def test_the_page_does_without_texts() -> None:
    page = case_page("x/a", "test", CASES, choose_cases(CASES, 3), lambda name: None, "mosei")
    assert ">Said<" not in page


def test_scores_are_those_of_the_module_with_each_heads_own_label(restored: Restored) -> None:
    module = sentiment_module(restored)
    cases = score_clips(module, batches(restored.data, "test"))
    (batch,) = batches(restored.data, "test")
    with torch.no_grad():
        expected = module(batch["inputs"], batch["lengths"])
    assert [c.id for c in cases] == [f"test_{i}" for i in range(10)]
    assert [c.score["audio"] for c in cases] == pytest.approx(expected["audio"].tolist())
    assert [c.label["audio"] for c in cases] == batch["unimodal_target"]["audio"].tolist()
    assert [c.label["fused"] for c in cases] == batch["target"].tolist()


def test_a_clip_alone_is_cut_to_its_lengths(restored: Restored) -> None:
    (batch,) = batches(restored.data, "test")
    single = alone(batch, 3)
    assert single["id"] == ["test_3"]
    for name, x in single["inputs"].items():
        assert x.shape[:2] == (1, int(batch["lengths"][name][3]))
    lacking = without_audio(batch, 3)
    assert "present" not in single
    assert [alone(lacking, row)["present"]["audio"].tolist() for row in (2, 3)] == [[True], [False]]


def test_the_command_writes_the_page_into_the_run(
    sgmt_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = sgmt_runs["snn"]
    assert main(["analyse", "cases", str(run), "--clips", "test_3", "test_5"]) == 0
    page = (run / "figures" / "cases.html").read_text()
    assert page.count("<svg") == 2
    assert "&lt;b&gt;clip&lt;/b&gt; 3" in page
    assert str(run / "figures" / "cases.html") in capsys.readouterr().out


def test_an_unknown_clip_is_named_with_those_near(
    sgmt_runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyse", "cases", str(sgmt_runs["snn"]), "--clips", "test_33"]) == 2
    assert "no clip 'test_33' in the test part; such as: test_3" in capsys.readouterr().err


def test_a_run_of_another_module_is_refused(restored: Restored) -> None:
    other = restored._replace(module=torch.nn.Identity())  # type: ignore[arg-type]
    with pytest.raises(UserError, match="trained a Identity"):
        sentiment_module(other)


def test_a_modality_that_a_clip_lacks_says_nothing_and_is_not_rated(restored: Restored) -> None:
    module = sentiment_module(restored)
    batch = next(iter(batches(restored.data, "test")))
    whole = score_clips(module, [batch])
    cases = score_clips(module, [without_audio(batch, 0)])
    assert math.isnan(cases[0].score["audio"])
    assert not math.isnan(cases[0].score["text"] + cases[0].score["fused"])
    assert cases[0].disagreement == abs(cases[0].label["text"] - cases[0].label["visual"])
    rated = {record.head: record for record in rate_heads(cases, "sims")}
    expected = {record.head: record for record in rate_heads(whole[1:], "sims")}
    assert rated["audio"] == pytest.approx(expected["audio"])
    chosen = choose_cases(cases, 3)
    page = case_page("run", "test", cases, chosen, lambda name: None, "sims")
    assert "nan" not in page.lower().replace("financ", "")
    assert case_chart("one", cases[0], list(cases[0].score), 1.0).count("<rect") == 2 * 4
