"""Writes the tables of a report for LaTeX with booktabs."""

from __future__ import annotations

from snn_mm.analysis.report.document import Document, Table, TableCell

HEAD = """\
% Made by `snnmm report`; needs \\usepackage{booktabs}. A dagger marks runs that differ in more than
% their seeds: see the report.
"""
SPECIAL = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"{{{character}}}" for character in "[]*"},  # a row's end would take them
    "|": "$|$",
    "\n": " ",
    "\r": " ",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "−": "$-$",
    "≈": r"$\approx$",
    "≥": r"$\geq$",
    "†": r"$\dagger$",
    "µ": r"$\mu$",
    "γ": r"$\gamma$",
    "κ": r"$\kappa$",
    "ξ": r"$\xi$",
    "ρ": r"$\rho$",
    "—": "---",
    "–": "--",
}
"""What LaTeX does not take literally, or has no letter for in its standard fonts."""


def to_latex(document: Document) -> str:
    """Render the tables that belong in a paper."""
    tables = [block for block in document.blocks if isinstance(block, Table) and block.latex]
    return "\n".join([HEAD, *map(table_latex, tables)])


def table_latex(table: Table) -> str:
    """Render one table."""
    rows = [" & ".join(map(cell_latex, row)) + r" \\" for row in table.cells]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{literal(table.caption)}}}",
            rf"\label{{tab:{table.name}}}",
            rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}",
            r"\toprule",
            " & ".join(map(literal, table.columns)) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def cell_latex(cell: TableCell) -> str:
    """Render a cell."""
    text = literal(cell.text)
    text = rf"\textbf{{{text}}}" if cell.bold else text
    return rf"{text} {{\small {literal(cell.detail)}}}" if cell.detail else text


def literal(text: str) -> str:
    """Text that LaTeX takes literally."""
    return "".join(SPECIAL.get(character, character) for character in text)
