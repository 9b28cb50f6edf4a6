"""What a network loses when modalities are taken away (SGMT Table 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from snn_mm.analysis.bars import draw_bars, zoom
from snn_mm.analysis.differences import difference_text
from snn_mm.analysis.report.config_facts import Facts, select
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.naming import Library, labelled, method_name
from snn_mm.analysis.report.statistics import MeanDeviation
from snn_mm.figures.style import COLOURS, STYLE, panel_list

MODALITIES = "model.modalities"
_WIDTHS = "model.feature_dims."
PANELS_PER_LINE = 3


class Subset(NamedTuple):
    """A group of runs and the modalities that it was given.

    Attributes:
        group: runs that differ in their seeds.
        family: the method, whatever its modalities.
        modalities: their names, in the order of the config.
    """

    group: Group
    family: str
    modalities: tuple[str, ...]

    @property
    def title(self) -> str:
        """The modalities in one line."""
        return " + ".join(self.modalities)


def modalities_of(facts: Facts) -> tuple[str, ...]:
    """The modalities of a config; all that it has widths for, if it does not choose."""
    chosen = facts.get(MODALITIES)
    if chosen:
        return tuple(map(str, chosen))
    return tuple(key.removeprefix(_WIDTHS) for key in facts if key.startswith(_WIDTHS))


def find_subsets(groups: Sequence[Group], library: Library) -> list[Subset]:
    """Sort groups by method, and each method's by its modalities, those with fewer first."""
    facts = [group.facts for group in groups]
    families = family_names(facts, library)
    found = [
        Subset(group, family, modalities_of(fact))
        for group, family, fact in zip(groups, families, facts)
    ]
    return sorted(found, key=lambda s: (s.family, len(s.modalities), s.modalities))


def family_names(many: Sequence[Facts], library: Library) -> list[str]:
    """The method of each config without its modalities, told apart by what else differs."""
    plain = [{key: v for key, v in facts.items() if key != MODALITIES} for facts in many]
    own = [select(facts, "method", library.observers) for facts in plain]
    return labelled([method_name(facts, library) for facts in plain], own, ", ")


def varies_modalities(subsets: Sequence[Subset]) -> bool:
    """Whether any method was trained with several choices of modalities."""
    pairs = {(subset.family, frozenset(subset.modalities)) for subset in subsets}
    return len(pairs) > len({family for family, _ in pairs})


def modality_table(subsets: Sequence[Subset], metrics: Sequence[str]) -> Table:
    """Every choice of modalities, and its difference from the method's largest choice.

    Args:
        subsets: what was trained.
        metrics: final metrics; the difference is in the first of them.
    """
    rows = []
    for subset in subsets:
        kin = [other for other in subsets if other.family == subset.family]
        whole = max(kin, key=lambda other: len(other.modalities))
        scores = [Metric(name).write(subset.group.summary(name)) for name in metrics]
        change = difference_text(subset.group, whole.group, metrics[0])
        rows.append([subset.family, subset.title, *scores, change])
    caption = (
        "Mean ± standard deviation over seeds (number of seeds); shares in percent. The last "
        f"column is the difference in {metrics[0]} over shared seeds, p of the exact sign-flip "
        "test, not corrected for several comparisons."
    )
    names = [Metric(name).label for name in metrics]
    shown = names if len(set(names)) == len(names) else metrics
    heads = ["Method", "Modalities", *shown, f"{Metric(metrics[0]).label} against all"]
    return Table("ablation", caption, heads, rows)


@mpl.rc_context(STYLE)
def draw_modalities(subsets: Sequence[Subset], metrics: Sequence[str]) -> Figure:
    """Draw a panel for each metric, with the modalities side by side and a colour a method."""
    figure, drawn = panel_list(len(metrics), PANELS_PER_LINE, 1.9, extra=0.6)
    families = list(dict.fromkeys(subset.family for subset in subsets))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(families)}
    for panel, metric in zip(drawn, metrics):
        bars = bars_of(subsets, metric)
        draw_bars(panel, bars, colours)
        zoom(panel, [summary for group in bars.values() for summary in group.values()])
        unit = ", %" if Metric(metric).is_share else ""
        panel.set_title(f"{Metric(metric).label}{unit}", loc="left")
        panel.tick_params(labelbottom=True)
    if len(families) > 1:
        handles, labels = drawn[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left")
    return figure


def bars_of(subsets: Sequence[Subset], metric: str) -> dict[str, dict[str, MeanDeviation]]:
    """Means in the unit of the figure, by modalities and then by method."""
    bars: dict[str, dict[str, MeanDeviation]] = {}
    for subset in sorted(subsets, key=lambda s: (len(s.modalities), s.modalities)):
        found = subset.group.summary(metric)
        if found is not None:
            scaled = found.times(Metric(metric).scale)
            bars.setdefault(subset.title, {})[subset.family] = scaled
    return bars
