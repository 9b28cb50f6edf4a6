"""HTML, Markdown and LaTeX of one small document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from snn_mm.analysis.report.charts import Line, line_chart
from snn_mm.analysis.report.curves import Point
from snn_mm.analysis.report.document import (
    Block,
    Document,
    Figure,
    Panel,
    Section,
    Table,
    TableCell,
    Text,
)
from snn_mm.analysis.report.html import to_html
from snn_mm.analysis.report.latex import literal, to_latex
from snn_mm.analysis.report.markdown import to_markdown

SVG = line_chart("c", "Chart", "y", [Line("A", 0, [Point(0, 1, 1, 1), Point(1, 2, 2, 2)])])
TABLE = Table(
    "results",
    "Caption & more",
    ["Method", "a_b", "p", "q"],
    [
        [
            TableCell("A. <x> 50%"),
            TableCell("87.65 ± 0.42 (3) †", bold=True, detail="IEMF, S2: 56"),
            "",
            "—",
        ]
    ],
)
LONG = Table(
    "layers", "Layers", ["Run"], [[TableCell("r|1", href="../a b/1")]], latex=False, folded=True
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
    assert r"[r\|1](../a%20b/1)" in to_markdown(DOCUMENT)
    assert r"a\_b" in to_markdown(DOCUMENT)


HOSTILE = (
    "<script>alert(1)</script>", "</a><b>", "&lt;b&gt; &amp;", "a_b_ *c* `d` ~~e~~ $f$ \\",
    "[x](y)", "![x](y)", "# head", "1. item", "- item", "+ item", "---", "a\n\n# b",
    "<!-- x -->", "javascript:alert(1)",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_shows_any_name_as_it_is(name: str) -> None:
    """Rendered as CommonMark with tables, raw HTML allowed, as many viewers do."""
    figure = Figure(name, [Panel("c", name, SVG)], [("A", 0, name)])
    row = [TableCell(name, detail=name, href=f"../{name}/run"), TableCell(name, bold=True)]
    blocks: list[Block] = [Text(name), Table("t", name, [name, name], [row]), figure]
    text = to_markdown(Document(name, name, [Section(name, blocks)]))
    allowed = {"heading", "paragraph", "table", "thead", "tbody", "tr", "th", "td", "inline"}
    allowed |= {"bullet_list", "list_item", "text", "strong", "link", "image", "html_inline"}
    shown = []
    for token in flat(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)):
        assert token.type.removesuffix("_open").removesuffix("_close") in allowed
        assert token.type != "html_inline" or token.content == "<br>"
        if token.type in {"text", "image"}:
            shown.append((token.children or [token])[0].content.strip())
    assert shown.count(" ".join(name.split())) == 13  # everywhere it was put
    (link,) = re.findall(r"\]\((\.\./[^)]*)\)", text)
    assert unquote(link) == f"../{name}/run"


def flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or []) if token.type == "inline" else ()


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
        ("[a] *b|\nc", r"{[}a{]} {*}b$|$ c"),
        ("−1 · µ", r"$-$1 $\cdot$ $\mu$"),
    ],
)
def test_latex_takes_text_literally(text: str, expected: str) -> None:
    assert literal(text) == expected
