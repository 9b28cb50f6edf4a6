"""The inverse gain γ, and vanilla against joint learning against IEMF (IEMF Fig. 2c)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snn_mm.analysis.bars import KIND_COLOURS, draw_bars, zoom
from snn_mm.analysis.differences import difference_text
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.statistics import MeanDeviation
from snn_mm.analysis.report.wording import NOTHING
from snn_mm.analysis.variants import IEMF, JOINT, VANILLA, Variant, vanilla_partner
from snn_mm.errors import UserError
from snn_mm.figures.style import STYLE, panel_list

Bars = dict[str, dict[str, MeanDeviation]]
"""Summaries by group of bars and by name of the bar."""


def gamma_series(variants: Sequence[Variant]) -> dict[str, list[Variant]]:
    """IEMF by γ, for each family that was trained with two values of γ or more."""
    families: dict[str, list[Variant]] = {}
    for variant in variants:
        if variant.name == IEMF:
            families.setdefault(variant.family, []).append(variant)
    return {family: found for family, found in families.items() if len(found) > 1}


def at_gamma(variants: Sequence[Variant], gamma: float) -> list[Variant]:
    """Vanilla, joint learning, and IEMF at one γ: at most one of each in a family."""
    return [v for v in variants if v.name in (VANILLA, JOINT) or (v.name, v.gamma) == (IEMF, gamma)]


def check_ablation(variants: Sequence[Variant], gamma: float) -> None:
    """Refuse runs that vary nothing this figure is about.

    Raises:
        UserError: says what they are, and what would be enough.
    """
    compared = at_gamma(variants, gamma)
    if not gamma_series(variants) and len({variant.name for variant in compared}) < 2:
        found = ", ".join(dict.fromkeys(variant.label for variant in variants))
        raise UserError(
            f"ablation: the runs vary nothing: {found}\naccepted: several IEMF.gamma or "
            "model.modalities, or two of vanilla (joint_weight 0), joint learning and IEMF"
        )


def ablation_table(variants: Sequence[Variant], metric: str) -> Table:
    """Every variant, and its gain over vanilla and over joint learning of its family."""
    shown = Metric(metric)
    rows = []
    for variant in variants:
        joint = next((v for v in variants if (v.family, v.name) == (variant.family, JOINT)), None)
        partners = (vanilla_partner(variant, variants), joint)
        gains = [difference_text(variant.group, p and p.group, metric) for p in partners]
        gamma = NOTHING if variant.gamma is None else f"{variant.gamma:g}"
        mean = shown.write(variant.group.summary(metric))
        rows.append([variant.family, variant.name, gamma, mean, *gains])
    caption = (
        f"{metric}{shown.unit}: mean ± standard deviation over seeds (number of seeds). Gain: "
        "difference over shared seeds, p of the exact sign-flip test, not corrected for several "
        "comparisons."
    )
    heads = ["Family", "Variant", "γ", metric, f"over {VANILLA}", f"over {JOINT}"]
    return Table("ablation", caption, heads, rows)


@mpl.rc_context(STYLE)
def draw_ablation(variants: Sequence[Variant], metric: str, gamma: float) -> Figure:
    """Draw accuracy by γ, a panel for each family, and bars of vanilla, joint learning and IEMF.

    Args:
        variants: what was trained.
        metric: a final accuracy.
        gamma: γ of the bars.
    """
    series = gamma_series(variants)
    compared = at_gamma(variants, gamma)
    with_bars = len({variant.name for variant in compared}) > 1
    figure, drawn = panel_list(len(series) + with_bars, 2, 2.4)
    for panel, (family, found) in zip(drawn, series.items()):
        _draw_gammas(panel, family, found, variants, metric)
    if with_bars:
        _draw_variants(drawn[-1], compared, metric)
    drawn[0].set_ylabel(Metric(metric).axis)
    _add_legend(figure, drawn)
    return figure


def _draw_gammas(
    panel: Axes, family: str, found: Sequence[Variant], variants: Sequence[Variant], metric: str
) -> None:
    """Bars by γ; dashed lines are what the family reaches without IEMF."""
    bars = {f"{v.gamma:g}": {IEMF: scaled(v, metric)} for v in found}
    draw_bars(panel, bars, {IEMF: KIND_COLOURS[IEMF]})
    shown = [summary for group in bars.values() for summary in group.values()]
    for kind in (VANILLA, JOINT):
        base = next((v for v in variants if (v.family, v.name) == (family, kind)), None)
        if base is not None:
            shown.append(scaled(base, metric))
            panel.axhline(shown[-1].mean, color=KIND_COLOURS[kind], ls="--", label=kind)
    zoom(panel, shown)
    panel.set_xlabel("inverse gain γ")
    panel.set_title(family)


def _draw_variants(panel: Axes, compared: Sequence[Variant], metric: str) -> None:
    bars: Bars = {}
    for variant in compared:
        bars.setdefault(variant.family, {})[variant.name] = scaled(variant, metric)
    draw_bars(panel, bars, KIND_COLOURS)
    zoom(panel, [summary for group in bars.values() for summary in group.values()])


def _add_legend(figure: Figure, drawn: Sequence[Axes]) -> None:
    """One legend for all panels, which share their colours; a bar stands for a line too."""
    keys: dict[str, Artist] = {}
    for panel in drawn:
        handles, labels = panel.get_legend_handles_labels()
        keys.update(zip(labels, handles))
    shown = [kind for kind in KIND_COLOURS if kind in keys]
    figure.legend([keys[kind] for kind in shown], shown, loc="outside right center")


def scaled(variant: Variant, metric: str) -> MeanDeviation:
    """Mean and deviation of a variant, in percent for a share.

    Raises:
        UserError: none of its runs has the metric.
    """
    summary = variant.group.summary(metric)
    if summary is None:
        raise UserError(f"{variant.group.counted[0].path}: results.json has no {metric}")
    return summary.times(Metric(metric).scale)
