from __future__ import annotations

from snn_mm.analysis.answers.page import Answered, accuracy_table, answer_page, choose
from snn_mm.analysis.report.html import to_html

RUNS = ("joint", "iemf")


def answered(kind: int, number: int, *answers: str) -> Answered:
    return Answered(f"video:{number}", kind, f"Which <{number}>?", "two", answers)


ASKED = [
    answered(0, 0, "two", "two"),
    answered(0, 1, "one", "two"),
    answered(2, 2, "six", "one"),
    answered(3, 3, "two", "one"),
    answered(3, 4, "two", "two"),
]


def test_accuracies_are_micro_averages_with_the_best_in_bold() -> None:
    table = accuracy_table(ASKED, RUNS)
    cells = {row[0].text: [(cell.text, cell.bold) for cell in row[2:]] for row in table.cells}
    assert cells["Audio Counting"] == [("50.00", False), ("100.00", True)]
    assert cells["Visual"] == [("66.67", True), ("33.33", False)]
    assert cells["All"] == [("60.00", False), ("60.00", False)]  # nothing is best of equals
    assert [row[1].text for row in table.cells] == [
        "2",
        "0",
        "1",
        "2",
        *5 * "0",
        "2",
        "3",
        "0",
        "5",
    ]
    assert cells["Audio-Visual Temporal"] == [("—", False), ("—", False)]


def test_questions_that_divide_the_runs_come_first() -> None:
    assert [question.id for question in choose(ASKED, 3)] == ["video:1", "video:3", "video:0"]


def test_the_page_shows_samples_of_the_kinds_that_were_asked() -> None:
    page = to_html(answer_page(ASKED, RUNS, per_kind=1))
    assert "Audio Counting: 1 of 2 questions" in page
    assert "Which &lt;1&gt;?" in page
    assert "Audio-Visual questions" not in page
    assert "iemf alone on 1" in page
