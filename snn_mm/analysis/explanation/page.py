"""The explanation of one sample as a page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch

from snn_mm.analysis.explanation.activity import energy_over_time, time_attention, watch
from snn_mm.analysis.explanation.asked import Asked
from snn_mm.analysis.explanation.attribution import NEEDS_CAPTUM, completeness, integrated_gradients
from snn_mm.analysis.explanation.contribution import CoalitionSays, ask_coalitions
from snn_mm.analysis.explanation.evidence import evidence_over_steps, scores_of_prefixes
from snn_mm.analysis.explanation.figures import (
    draw_inputs,
    draw_lines,
    draw_rasters,
    draw_shares,
    draw_signed,
    image,
    png,
)
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
from snn_mm.analysis.report.html import block_html, to_html
from snn_mm.analysis.sentiment.clip_figures import draw_clip
from snn_mm.analysis.sentiment.clip_record import record_clip
from snn_mm.contracts import FUSED, FusionOutput
from snn_mm.metrics.coalitions import predict
from snn_mm.modules.sgmt import SGMT

MANY_LAYERS = 12
"""More layers of neurons than a page shows rasters of; the table has all."""


class Page(NamedTuple):
    """The page, and its pictures by the names of their files without suffix."""

    html: str
    pictures: dict[str, bytes]


class SamplePage:
    """Writes the page of one sample.

    Args:
        module: in evaluation mode, on the CPU.
        sample: a batch of one.
        class_names: K names; none of a module that scores.
        is_labelled: whether the sample's target is known.
    """

    def __init__(
        self, module: Any, sample: Any, class_names: Sequence[str], is_labelled: bool = True
    ) -> None:
        self.asked = Asked(module, sample)
        self.names, self.is_labelled = class_names, is_labelled
        self.pictures: dict[str, bytes] = {}
        self.activity = watch(self.asked)
        predicted = self.asked.predicted()
        self.classes = predicted
        self.predicted = None if predicted is None else int(predicted)
        known = is_labelled and predicted is not None
        self.true = int(sample["target"]) if known else None

    def write(self, run: str) -> Page:
        """Make the page.

        Args:
            run: what the run is called.
        """
        name = self.asked.batch["id"][0]
        sections = [
            Section("Decision", [self._verdict()]),
            Section("Input", self._inputs()),
            Section("Evidence over time", self._evidence()),
            *self._attention(),
            Section("Modalities", self._modalities()),
            Section("Spikes", self._spikes()),
            Section("Energy", self._energy()),
        ]
        summary = f"What {run} made of the sample {name}: {self._said()}."
        return Page(to_html(Document(f"Explanation of {name}", summary, sections)), self.pictures)

    def at_once(self) -> dict[str, str]:
        """What takes a moment, as HTML by section: without gradients and energy."""
        blocks: dict[str, list[Block]] = {
            "Decision": [Text(f"{self._said()[0].upper()}{self._said()[1:]}."), self._verdict()],
            "Evidence over time": self._evidence(),
            "Modalities": self._modalities(),
            "Spikes": self._spikes(),
        }
        return {title: "\n".join(map(block_html, each)) for title, each in blocks.items()}

    def _said(self) -> str:
        target = self.asked.batch["target"]
        if self.predicted is None:
            score = f"a score of {float(self.asked.fused().detach()):+.3f}"
            return f"{score} (label {float(target):+.3f})" if self.is_labelled else score
        said = f"it says “{self._name(self.predicted)}”"
        if self.true is None:
            return said
        if self.true == self.predicted:
            return f"{said}, which is right"
        return f"{said}; the label is “{self._name(self.true)}”"

    def _name(self, index: int) -> str:
        return str(self.names[index]) if index < len(self.names) else f"class {index}"

    def _shown(self) -> dict[str, int]:
        """The predicted and, where it is another, the true class, by what to call them."""
        p = self.predicted
        shown = {} if p is None else {f"predicted: {self._name(p)}": p}
        if self.true is not None and self.true != self.predicted:
            shown[f"true: {self._name(self.true)}"] = self.true
        return shown

    def _verdict(self) -> Table:
        with torch.no_grad():
            heads = predict(self.asked.module, self.asked.batch)
        if self.predicted is None:
            there = {h: x for h, x in heads.items() if not x.isnan().any()}
            rows: list[list[TableCell | str]] = [[h, f"{float(x):+.3f}"] for h, x in there.items()]
            return Table("decision", "Score of each head.", ["Head", "Score"], rows)
        rows = []
        for head, said in heads.items():
            if said.isnan().any():
                rows.append([head, "(absent)", *("" for _ in self._shown())])
                continue
            best = self._name(int(said[0].argmax()))
            chances = [f"{float(said[0, k]):.3f}" for k in self._shown().values()]
            rows.append([head, TableCell(best, bold=head == FUSED), *chances])
        caption = "What each head says, and its probability of these classes."
        return Table("decision", caption, ["Head", "Says", *self._shown()], rows)

    def _inputs(self) -> list[Block]:
        batch = self.asked.batch
        present = batch.get("present", {})
        there = {
            m: batch["inputs"][m]
            for m in self.asked.module.modalities
            if m in batch["inputs"] and (m not in present or bool(present[m].any()))
        }
        seen = self._panel("input", "What the network was given", draw_inputs(there, None))
        if find_spec("captum") is None:
            return [Figure("As the network gets them.", [seen], []), Text(NEEDS_CAPTUM)]
        found = integrated_gradients(self.asked, self.classes)
        why = self._panel("attribution", "Integrated gradients", draw_inputs(there, found.values))
        caption = (
            "Inputs as the network gets them, on one time axis, and what each place adds to the "
            "decision: red speaks for it, blue against, each modality on its own scale; from zeros."
        )
        return [Figure(caption, [seen, why], []), Text(completeness(found))]

    def _evidence(self) -> list[Block]:
        if isinstance(self.activity.said, FusionOutput):
            lines = evidence_over_steps(self.activity.said, self._shown())
            figure = draw_lines(lines, "probability")
            caption = "What the logits of each time step alone say, by modality and fused."
        else:
            shares, scores = scores_of_prefixes(self.asked, self.predicted)
            label = "score" if self.predicted is None else "probability"
            figure = draw_lines({label: scores}, label, "share of the clip that was read", shares)
            caption = "What each head says after it has read only the beginning of the clip."
        return [Figure(caption, [self._panel("evidence", "Evidence", figure)], [])]

    def _attention(self) -> list[Section]:
        network = getattr(self.asked.module, "network", None)
        if isinstance(network, SGMT) and "present" not in self.asked.batch:
            name = self.asked.batch["id"][0]
            figure = draw_clip(name, record_clip(network, self.asked.batch))
            panel = self._panel("attention", "Attention between steps", figure)
            caption = "Attention between steps, spikes and firing of each part of the network."
            return [Section("Attention", [Figure(caption, [panel], [])])]
        weights = time_attention(self.asked, self.activity)
        if not weights:
            return []
        lines = {"attention": {name: values.tolist() for name, values in weights.items()}}
        panel = self._panel("attention", "Attention over time", draw_lines(lines, "weight"))
        what = "the question pays to each second" if self.activity.grounding else "each step has"
        return [Section("Attention", [Figure(f"The weight that {what}.", [panel], [])])]

    def _modalities(self) -> list[Block]:
        said = ask_coalitions(self.asked.module, self.asked.batch)
        values = said.shapley(self.predicted)
        what = "score" if self.predicted is None else "probability of the predicted class"
        panel = self._panel("shapley", "Shapley values", draw_signed(values, f"part of the {what}"))
        caption = (
            f"What each modality adds to the {what}: they add up to the difference to "
            f"{'the neutral score 0' if self.predicted is None else 'even chances, 1 / K'}."
        )
        return [Figure(caption, [panel], []), self._without(said)]

    def _without(self, said: CoalitionSays) -> Table:
        rows: list[list[TableCell | str]] = []
        for present, x in sorted(said.said.items(), key=lambda pair: -len(pair[0])):
            named = ", ".join(m for m in said.modalities if m in present) or "nothing"
            if self.predicted is None:
                rows.append([named, f"{float(x):+.3f}"])
                continue
            best = self._name(int(x.argmax())) if x.max() > x.min() else "(even chances)"
            rows.append([named, best, *(f"{float(x[k]):.3f}" for k in self._shown().values())])
        heads = ["Score"] if self.predicted is None else ["Says", *self._shown()]
        return Table("without", "What it says if only some are there.", ["There", *heads], rows)

    def _spikes(self) -> list[Block]:
        spikes = self.activity.spikes
        if not spikes:
            return [Text("This network has no spiking neurons.")]
        shown = dict(list(spikes.items())[:MANY_LAYERS])
        rates = {k: (x != 0).float().mean(dim=1).tolist() for k, x in shown.items()}
        panels = [
            self._panel("raster", "Spikes of some neurons", draw_rasters(shown)),
            self._panel(
                "rates", "Firing rates", draw_lines({"all neurons": rates}, "share firing")
            ),
        ]
        rows: list[list[TableCell | str]] = [
            [k, f"{x.shape[1]}", f"{float((x != 0).float().mean()):.4f}"] for k, x in spikes.items()
        ]
        table = Table("rates", "All layers.", ["Layer", "Neurons", "Rate"], rows, folded=True)
        return [Figure("From the first layer to the last.", panels, []), table]

    def _energy(self) -> list[Block]:
        by_part = energy_over_time(self.asked, self.activity)
        shown = {name: (pj / 1e3).tolist() for name, pj in by_part.items() if float(pj.sum())}
        total = sum(float(pj.sum()) for pj in by_part.values()) / 1e3
        caption = (
            f"Arithmetic of this inference, {total:.4g} nJ (45 nm, 32-bit floats), counted by "
            "layer and laid on the time steps by how many inputs of a layer are not zero."
        )
        if not shown:
            return [Text("No layer with weights ran.")]
        figure = draw_shares(shown, "nJ")
        return [Figure(caption, [self._panel("energy", "Energy by modality", figure)], [])]

    def _panel(self, name: str, title: str, figure: Any) -> Panel:
        self.pictures[name] = png(figure)
        return Panel(name, title, image(title, self.pictures[name]))
