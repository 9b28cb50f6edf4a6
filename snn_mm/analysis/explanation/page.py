"""The explanation of one sample as a page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any, NamedTuple

from snn_mm.analysis.explanation.activity import (
    energy_over_time,
    some_layers,
    time_attention,
    watch,
)
from snn_mm.analysis.explanation.asked import Asked
from snn_mm.analysis.explanation.attribution import (
    NEEDS_CAPTUM,
    Attribution,
    completeness,
    integrated_gradients,
)
from snn_mm.analysis.explanation.contribution import ask_coalitions
from snn_mm.analysis.explanation.evidence import evidence_over_steps, scores_of_prefixes
from snn_mm.analysis.explanation.figures import (
    draw_inputs,
    draw_lines,
    draw_maps,
    draw_rasters,
    draw_shares,
    draw_signed,
    image,
    png,
)
from snn_mm.analysis.explanation.verdict import Verdict
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
from snn_mm.analysis.sentiment.clip_figures import attention_map
from snn_mm.analysis.sentiment.clip_record import record_clip
from snn_mm.contracts import FusionOutput
from snn_mm.errors import UserError
from snn_mm.modules.sgmt import SGMT

MANY_LAYERS = 12
"""More layers of neurons than a page shows rasters of; the table has all."""
UNITS_OF_ENERGY = {"mJ": 1e9, "µJ": 1e6, "nJ": 1e3}
"""In pJ, the largest first."""


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
        points: of integrated gradients; see `integrated_gradients`.
        step_seconds: of its inputs, by modality, where they are known; see `draw_inputs`.
        texts: inputs that are words, such as a question, by name.
    """

    def __init__(
        self,
        module: Any,
        sample: Any,
        class_names: Sequence[str],
        is_labelled: bool = True,
        points: int | None = None,
        step_seconds: Mapping[str, float] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        self.asked, self.points = Asked(module, sample), points
        self.step_seconds = step_seconds or {}
        self.texts = [Text(f"{name}: {text}") for name, text in (texts or {}).items()]
        self.pictures: dict[str, bytes] = {}
        self.activity = watch(self.asked)
        self.classes = self.asked.predicted()
        self.verdict = Verdict(self.asked, self.classes, class_names, is_labelled)

    def write(self, run: str) -> Page:
        """Make the page.

        Args:
            run: what the run is called.
        """
        name = self.asked.batch["id"][0]
        evidence, attention, modalities = self._evidence(), self._attention(), self._modalities()
        with ThreadPoolExecutor(1) as beside:  # torch needs no interpreter, drawing little else
            found = beside.submit(self._attribution)
            spikes = self._spikes()
            inputs = self._inputs(found.result())
        sections = [
            Section("Decision", [self.verdict.table()]),
            Section("Input", [*self.texts, *inputs]),
            Section("Evidence over time", evidence),
            *attention,
            Section("Modalities", modalities),
            Section("Spikes", spikes),
            Section("Energy", self._energy()),
        ]
        summary = f"What {run} made of the sample {name}: {self.verdict.said}."
        return Page(to_html(Document(f"Explanation of {name}", summary, sections)), self.pictures)

    def at_once(self) -> dict[str, str]:
        """What takes a moment, as HTML by section: without gradients and energy."""
        blocks: dict[str, list[Block]] = {
            "Decision": [Text(self.verdict.sentence), self.verdict.table()],
            "Input": [*self.texts, Figure("As the network gets it.", [self._seen()], [])],
            "Evidence over time": self._evidence(),
            "Modalities": self._modalities(),
            "Spikes": self._spikes(),
        }
        return {title: "\n".join(map(block_html, each)) for title, each in blocks.items()}

    def _seen(self) -> Panel:
        drawn = draw_inputs(self.asked.there, step_seconds=self.step_seconds)
        return self._panel("input", "What the network was given", drawn)

    def _attribution(self) -> Attribution | None:
        if find_spec("captum") is None:
            return None
        return integrated_gradients(self.asked, self.classes, self.points)

    def _inputs(self, found: Attribution | None) -> list[Block]:
        seen = self._seen()
        if found is None:
            return [Figure("As the network gets them.", [seen], []), Text(NEEDS_CAPTUM)]
        drawn = draw_inputs(self.asked.there, found.values, self.step_seconds)
        why = self._panel("attribution", "Integrated gradients", drawn)
        caption = (
            "Inputs as the network gets them, each over its time, and what each place adds to the "
            "decision: red speaks for it, blue against, each modality on its own scale; from zeros."
        )
        return [Figure(caption, [seen, why], []), Text(completeness(found))]

    def _evidence(self) -> list[Block]:
        said = self.activity.said
        if isinstance(said, FusionOutput):
            if len(said.fused) == 1:
                return [Text("It decides in one time step: nothing builds up.")]
            lines = evidence_over_steps(said, self.verdict.shown)
            figure = draw_lines(lines, "probability")
            caption = "What the logits of each time step alone say, by modality and fused."
        else:
            shares, scores = scores_of_prefixes(self.asked, self.verdict.predicted)
            label = "score" if self.verdict.predicted is None else "probability"
            figure = draw_lines({label: scores}, label, "share of the clip that was read", shares)
            caption = "What each head says after it has read only the beginning of the clip."
        return [self._figure(caption, "evidence", "Evidence", figure)]

    def _attention(self) -> list[Section]:
        network = getattr(self.asked.module, "network", None)
        if isinstance(network, SGMT):
            parts = record_clip(network, self.asked.batch)
            maps = [(part.name, attention_map(part, None, None)) for part in parts]
            figure = draw_maps({f"{name}: {which}": values for name, (values, which) in maps})
            caption = "How much each step looks at each other one, in each part of the network."
            shown = self._figure(caption, "attention", "Attention between steps", figure)
            return [Section("Attention", [shown])]
        weights = time_attention(self.asked, self.activity)
        if not weights:
            return []
        lines = {"attention": {name: values.tolist() for name, values in weights.items()}}
        what, axis, places = "each step has", "time step", None
        step = self.step_seconds.get(next(iter(weights)))
        if self.activity.grounding and step is not None:
            what, axis = "the question pays to each second that was read", "second"
            places = [step * place for place in range(max(map(len, weights.values())))]
        figure, caption = draw_lines(lines, "weight", axis, places), f"The weight that {what}."
        shown = self._figure(caption, "attention", "Attention over time", figure)
        return [Section("Attention", [shown])]

    def _modalities(self) -> list[Block]:
        try:
            said = ask_coalitions(self.asked)
        except UserError as error:  # such as a trunk that attends to one modality by the other
            return [Text(f"What each is worth nobody can say. {error}")]
        values = said.shapley(self.verdict.predicted)
        scored = self.verdict.predicted is None
        what = "score" if scored else "probability of the predicted class"
        figure = draw_signed(values, f"part of the {what}")
        caption = (
            f"What each modality adds to the {what}: they add up to the difference to "
            f"{'the neutral score 0' if self.verdict.predicted is None else 'even chances, 1 / K'}."
        )
        return [
            self._figure(caption, "shapley", "Shapley values", figure),
            self.verdict.without(said),
        ]

    def _spikes(self) -> list[Block]:
        spikes = self.activity.spikes
        if not spikes:
            return [Text("This network has no spiking neurons.")]
        shown = some_layers(spikes, MANY_LAYERS)
        of_all = f": {len(shown)} of {len(spikes)}, the table has all"
        which = of_all if len(shown) < len(spikes) else ""
        rates = {k: (x != 0).float().mean(dim=1).tolist() for k, x in shown.items()}
        drawn = draw_lines({"all neurons": rates}, "share firing")
        raster = self._panel("raster", "Spikes of some neurons", draw_rasters(shown))
        panels = [raster, self._panel("rates", "Firing rates", drawn)]
        rows: list[list[TableCell | str]] = [
            [k, f"{x.shape[1]}", f"{float((x != 0).float().mean()):.4f}"] for k, x in spikes.items()
        ]
        table = Table("rates", "All layers.", ["Layer", "Neurons", "Rate"], rows, folded=True)
        return [Figure(f"From the first layer to the last{which}.", panels, []), table]

    def _energy(self) -> list[Block]:
        by_part = energy_over_time(self.asked, self.activity)
        total = sum(float(pj.sum()) for pj in by_part.values())
        unit, size = next(((u, s) for u, s in UNITS_OF_ENERGY.items() if total >= s), ("pJ", 1.0))
        shown = {name: (pj / size).tolist() for name, pj in by_part.items() if float(pj.sum())}
        caption = (
            f"Arithmetic of this inference, {total / size:.4g} {unit} (45 nm, 32-bit floats), "
            "counted by layer and laid on the time steps by how many inputs of one are not zero."
        )
        if not shown:
            return [Text("No layer with weights ran.")]
        return [self._figure(caption, "energy", "Energy by modality", draw_shares(shown, unit))]

    def _figure(self, caption: str, name: str, title: str, figure: Any) -> Figure:
        return Figure(caption, [self._panel(name, title, figure)], [])

    def _panel(self, name: str, title: str, figure: Any) -> Panel:
        self.pictures[name] = png(figure)
        return Panel(name, title, image(title, self.pictures[name]))
