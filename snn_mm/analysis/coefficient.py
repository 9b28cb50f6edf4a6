"""The IEMF coefficient over training, beside the accuracy (IEMF Fig. 2e)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snn_mm.analysis.bands import draw_band
from snn_mm.analysis.report.curves import Point
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.metric import Metric, title_of
from snn_mm.analysis.report.wording import NOTHING
from snn_mm.analysis.variants import Variant
from snn_mm.errors import UserError
from snn_mm.figures.style import COLOURS, STYLE, panel_list, share_range

TRAINED = "iemf/xi"
"""ξ of the optimizer steps, a mean over the epoch: what the update really used."""


def select_modulated(variants: Sequence[Variant], name: str = TRAINED) -> list[Variant]:
    """The variants that logged a coefficient.

    Args:
        variants: what was trained.
        name: `iemf/xi`, or a logged metric such as `val/xi` of `CoefficientMonitor`.

    Raises:
        UserError: none did.
    """
    found = [variant for variant in variants if variant.group.curve(name)]
    if not found:
        first = variants[0].group.counted[0].path
        raise UserError(f"no run logged {name}: none trained with IEMF\nfirst: {first}")
    return found


def coefficient_table(variants: Sequence[Variant], metric: str, name: str = TRAINED) -> Table:
    """Where ξ and the accuracy begin, peak and end."""
    rows = [coefficient_row(variant, metric, name) for variant in variants]
    columns = ["Method", "ξ, epoch 1", "largest ξ", "in epoch", "ξ, last", "first %", "last %"]
    caption = (
        f"{name} and {metric} by epoch, means over seeds ± standard deviation of the last epoch."
    )
    return Table("coefficient", caption, columns, rows)


def coefficient_row(variant: Variant, metric: str, name: str) -> list[str]:
    """One row of the table."""
    xi, accuracy = variant.group.curve(name), variant.group.needed_curve(metric)
    peak = max(xi, key=lambda point: point.mean)
    scale = Metric(metric).scale
    return [
        variant.label,
        f"{xi[0].mean:.4f}",
        f"{peak.mean:.4f}",
        str(peak.epoch),
        f"{xi[-1].mean:.4f}{_deviation(xi[-1])}",
        f"{scale * accuracy[0].mean:.2f}",
        f"{scale * accuracy[-1].mean:.2f}{_deviation(accuracy[-1], scale, 2)}",
    ]


def curves_table(variants: Sequence[Variant], metric: str, name: str = TRAINED) -> Table:
    """Every point of the figure, to draw it anew."""
    rows = []
    for variant in variants:
        xi = {point.epoch: point for point in variant.group.curve(name)}
        for point in variant.group.needed_curve(metric):
            known = xi.get(point.epoch)
            numbers = [*point[1:], *(known[1:] if known else [])]
            cells = [f"{number:.6g}" for number in numbers] + [NOTHING] * (6 - len(numbers))
            rows.append([variant.label, str(point.epoch), *cells])
    heads = ["Method", "epoch", metric, "low", "high", name, "ξ low", "ξ high"]
    caption = "Means and bands of one standard deviation over seeds."
    return Table("curves", caption, heads, rows, folded=True)


@mpl.rc_context(STYLE)
def draw_coefficient(variants: Sequence[Variant], metric: str, name: str = TRAINED) -> Figure:
    """Draw a panel for each method, all on one scale: accuracy (left) and ξ (right, dashed)."""
    figure, drawn = panel_list(len(variants), 2, 2.4)
    rights = [_draw_panel(panel, v, metric, name) for panel, v in zip(drawn, variants)]
    share_range(drawn)
    share_range(rights)
    for panel, variant in zip(drawn, variants):
        panel.set_title(variant.label)
        panel.set_xlabel("epoch")
        panel.tick_params(labelbottom=True)
    return figure


def _draw_panel(panel: Axes, variant: Variant, metric: str, name: str) -> Axes:
    """Draw a method; returns the axes of its coefficient."""
    blue, orange = COLOURS[0], COLOURS[1]
    draw_band(panel, variant.group.needed_curve(metric), blue, scale=Metric(metric).scale)
    panel.set_ylabel(Metric(metric).axis, color=blue)
    right = panel.twinx()
    right.spines["right"].set_visible(True)
    draw_band(right, variant.group.curve(name), orange, style="--")
    if variant.gamma is not None:
        right.axhline(variant.gamma, color=orange, lw=0.6, ls=":")
        right.annotate(
            "γ", (1.0, variant.gamma), (-8, 2), xycoords=("axes fraction", "data"),
            textcoords="offset points", color=orange,
        )  # fmt: skip
    right.set_ylabel(title_of(name), color=orange)
    return right


def _deviation(point: Point, scale: float = 1.0, digits: int = 4) -> str:
    """`± 0.0123`, or nothing for a single seed."""
    spread = scale * (point.high - point.mean)
    return f" ± {spread:.{digits}f}" if spread else ""
