"""A decision in words and tables."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from snn_mm.analysis.explanation.asked import Asked
from snn_mm.analysis.explanation.contribution import CoalitionSays
from snn_mm.analysis.report.document import Table, TableCell
from snn_mm.contracts import FUSED


class Verdict:
    """What a network says of one sample.

    Args:
        asked: about it.
        classes: the fused class `[1]`; None of a module that scores.
        names: K names.
        is_labelled: whether the sample's target is known.
    """

    def __init__(
        self, asked: Asked, classes: Tensor | None, names: Sequence[str], is_labelled: bool
    ) -> None:
        self.asked, self.names, self.is_labelled = asked, names, is_labelled
        self.predicted = None if classes is None else int(classes)
        known = is_labelled and classes is not None
        self.true = int(asked.batch["target"]) if known else None

    @property
    def said(self) -> str:
        """The decision in words, as part of a sentence."""
        target = self.asked.batch["target"]
        if self.predicted is None:
            score = f"a score of {float(self.asked.fused().detach()):+.3f}"
            return f"{score} (label {float(target):+.3f})" if self.is_labelled else score
        said = f"it says “{self.name(self.predicted)}”"
        if self.true is None:
            return said
        if self.true == self.predicted:
            return f"{said}, which is right"
        return f"{said}; the label is “{self.name(self.true)}”"

    @property
    def sentence(self) -> str:
        """The decision as a sentence of its own."""
        return f"{self.said[0].upper()}{self.said[1:]}."

    def name(self, index: int) -> str:
        """What a class is called."""
        return str(self.names[index]) if index < len(self.names) else f"class {index}"

    @property
    def shown(self) -> dict[str, int]:
        """The predicted and, where it is another, the true class, by what to call them."""
        p = self.predicted
        shown = {} if p is None else {f"predicted: {self.name(p)}": p}
        if self.true is not None and self.true != self.predicted:
            shown[f"true: {self.name(self.true)}"] = self.true
        return shown

    def table(self) -> Table:
        """What each head says."""
        heads = self.asked.answer.heads
        if self.predicted is None:
            there = {h: x for h, x in heads.items() if not x.isnan().any()}
            rows: list[list[TableCell | str]] = [[h, f"{float(x):+.3f}"] for h, x in there.items()]
            return Table("decision", "Score of each head.", ["Head", "Score"], rows)
        rows = []
        for head, said in heads.items():
            if said.isnan().any():
                rows.append([head, "(absent)", *("" for _ in self.shown)])
                continue
            best = self.name(int(said[0].argmax()))
            chances = [f"{float(said[0, k]):.3f}" for k in self.shown.values()]
            rows.append([head, TableCell(best, bold=head == FUSED), *chances])
        caption = "What each head says, and its probability of these classes."
        return Table("decision", caption, ["Head", "Says", *self.shown], rows)

    def without(self, said: CoalitionSays) -> Table:
        """What it says of each choice of modalities."""
        rows: list[list[TableCell | str]] = []
        for present, x in sorted(said.said.items(), key=lambda pair: -len(pair[0])):
            named = ", ".join(m for m in said.modalities if m in present) or "nothing"
            if self.predicted is None:
                rows.append([named, f"{float(x):+.3f}"])
                continue
            best = self.name(int(x.argmax())) if x.max() > x.min() else "(even chances)"
            rows.append([named, best, *(f"{float(x[k]):.3f}" for k in self.shown.values())])
        heads = ["Score"] if self.predicted is None else ["Says", *self.shown]
        return Table("without", "What it says if only some are there.", ["There", *heads], rows)
