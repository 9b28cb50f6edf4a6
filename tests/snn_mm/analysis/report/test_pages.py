"""HTML, Markdown and LaTeX of one small document."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from snn_mm.analysis.report.charts import Line, line_chart
from snn_mm.analysis.report.curves import Point
from snn_mm.analysis.report.document import Cell, Document, Figure, Panel, Section, Table, Text
from snn_mm.analysis.report.html import to_html
from snn_mm.analysis.report.latex import literal, to_latex
from snn_mm.analysis.report.markdown import to_markdown

SVG = line_chart("c", "Chart", "y", [Line("A", 0, [Point(0, 1, 1, 1), Point(1, 2, 2, 2)])])
TABLE = Table(
    "results",
    "Caption & more",
    ["Method", "a_b", "p", "q"],
    [[Cell("A. <x> 50%"), Cell("87.65 ± 0.42 (3) †", bold=True, detail="IEMF, S2: 56"), "", "—"]],
)
LONG = Table(
    "layers", "Layers", ["Run"], [[Cell("r|1", href="../a b/1")]], latex=False, folded=True
)
DOCUMENT = Document(
    "Report",
    "1 run",
    [
        Section("Results", [TABLE, Text("a < b")]),
        Section("Curves", [Figure("Caption", [Panel("c", "fused", SVG)], [("A", 0, "x")]), LONG]),
    ],
)
VOID = {"meta", "link", "br"}


class Reader(HTMLParser):
    """Keeps attributes and checks that every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> Reader:
    return Reader(to_html(DOCUMENT))


def test_every_element_is_closed(page: Reader) -> None:
    assert page.open == []


def test_page_asks_no_other_host_and_runs_no_script(page: Reader) -> None:
    links = [a[key] for _, a in page.tags for key in ("href", "src") if key in a]
    assert not any("//" in str(link) for link in links)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "@import" not in to_html(DOCUMENT)
    assert "url(" not in to_html(DOCUMENT)


def test_page_fits_phones_and_dark_rooms_and_paper() -> None:
    text = to_html(DOCUMENT)
    for needed in ("width=device-width", "prefers-color-scheme: dark", "@media print"):
        assert needed in text


def test_navigation_leads_to_every_section(page: Reader) -> None:
    ids = {a.get("id") for tag, a in page.tags if tag == "section"}
    targets = {str(a["href"])[1:] for tag, a in page.tags if str(a.get("href")).startswith("#")}
    assert ids == targets == {"results", "curves"}


def test_ids_are_unique(page: Reader) -> None:
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_cells_know_their_column_on_a_phone(page: Reader) -> None:
    heads = [a.get("data-head") for tag, a in page.tags if tag == "td" and "data-head" in a]
    assert heads == ["a_b", "q"]


def test_html_takes_text_literally() -> None:
    assert "A. &lt;x&gt; 50%" in to_html(DOCUMENT)
    assert 'href="../a%20b/1"' in to_html(DOCUMENT)


def test_markdown_has_tables_charts_and_legend() -> None:
    text = to_markdown(DOCUMENT)
    assert "| **87.65 ± 0.42 (3) †**<br>IEMF, S2: 56 |" in text
    assert "![fused](figures/c.svg)" in text
    assert "- **A** x" in text


def test_markdown_escapes_what_would_break_a_table() -> None:
    assert r"[r\|1](<../a b/1>)" in to_markdown(DOCUMENT)
    assert r"a\_b" in to_markdown(DOCUMENT)


def test_latex_has_booktabs_and_only_what_belongs_in_a_paper() -> None:
    text = to_latex(DOCUMENT)
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert r"\label{tab:results}" in text
    assert r"\textbf{87.65 $\pm$ 0.42 (3) $\dagger$}" in text


def test_latex_rows_have_as_many_cells_as_the_head() -> None:
    rows = [line for line in to_latex(DOCUMENT).splitlines() if line.endswith(r"\\")]
    assert {row.count(" & ") for row in rows} == {3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50% & a_b #1 $x", r"50\% \& a\_b \#1 \$x"),
        ("{a}^~\\", r"\{a\}\textasciicircum{}\textasciitilde{}\textbackslash{}"),
        ("−1 · µ", r"$-$1 $\cdot$ $\mu$"),
    ],
)
def test_latex_takes_text_literally(text: str, expected: str) -> None:
    assert literal(text) == expected
