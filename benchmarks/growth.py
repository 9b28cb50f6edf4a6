"""How a training step grows with time steps, batch, frames, event bins, modalities and width.

    python benchmarks/growth.py [--only NETWORK ...] [--figure FILE.png] [--note TEXT]
    python benchmarks/growth.py --show [--steep] [--figure FILE.png]

A step is forward, backward and SGD, on one thread. Each point has a process of its own. A row of
the table is the exponent p of cost ~ value^p for each measure, a straight line through the
logarithms (1 is linear), and behind it that of the last two points, where what does not grow weighs
least.
What was measured goes to `benchmarks/results/growth/<processor>.json`.
"""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from growth_cases import CASES, IMAGES, Case, Network
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator
from measures import Calls, Cost, cpu_seconds, graph_nodes, in_child, kept_bytes, peak_rss, rss
from torch import Tensor, nn

from experiments import RESULTS, file_name, save
from snn_mm.commands.bench.measure import machine
from snn_mm.figures.style import COLOURS, STYLE, panels, save_figure
from snn_mm.run.malloc import keep_large_blocks

STEEP = 1.1
"""An exponent above it is not near-linear."""
DRAWN = (*IMAGES, "SGMT", "RecurrentNet")


def cost(build: Callable[[int], Network], smallest: int, value: int) -> Cost:
    """What a step of a network takes; run in a process of its own."""
    training(*build(smallest))()  # loads what libraries load when they are first used
    gc.collect()
    start = rss()
    keep_large_blocks()
    network, loss = build(value)
    step = training(network, loss)
    step()
    seconds, peak = cpu_seconds(step), peak_rss() - start
    kept, nodes = kept_bytes(loss, network.parameters()), graph_nodes(loss())
    with Calls() as calls:
        loss().backward()  # type: ignore[no-untyped-call]
    return Cost(seconds, kept, peak, calls.number, nodes)


def training(network: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """A training step."""
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def measure(case: Case) -> dict[str, Any]:
    """The costs at all values, as plain values, and the exponents."""
    costs = [in_child(partial(cost, case.build, case.values[0], value)) for value in case.values]
    measured = {name: list(column) for name, column in zip(Cost._fields, zip(*costs))}
    return {
        "network": case.network,
        "axis": case.axis,
        "values": case.values,
        "why": case.why,
        **measured,
        "exponents": {name: exponents(case.values, ys) for name, ys in measured.items()},
    }


def exponents(values: tuple[int, ...], costs: list[float]) -> tuple[float, float]:
    """Exponents p of cost ~ value^p, of all points and of the last two.

    Example:
        >>> exponents((1, 2, 4), [3.0, 6.0, 24.0])
        (1.5, 2.0)
    """
    x, y = np.log(values), np.log(costs)
    whole = float(np.polyfit(x, y, 1)[0])
    return round(whole, 3), round(float((y[-1] - y[-2]) / (x[-1] - x[-2])), 3)


def table(rows: list[dict[str, Any]]) -> str:
    """The exponents in Markdown."""
    head = [
        "| network | axis | seconds | kept for backward | peak memory | calls | nodes "
        "| why more than linear |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(line, rows)])


def line(row: dict[str, Any]) -> str:
    """A row of the table; the reason where the last doubling of anything is above 1.1."""
    pairs = row["exponents"].values()
    cells = [f"{whole:.2f} ({last:.2f})".replace("-0.00", "0.00") for whole, last in pairs]
    values = f"{row['axis']} {row['values'][0]} to {row['values'][-1]}"
    why = (row["why"] or "?") if is_steep(row) else ""
    return f"| {row['network']} | {values} | {' | '.join(cells)} | {why} |"


def is_steep(row: dict[str, Any]) -> bool:
    """Whether anything is not near-linear: a count in its last doubling, or the seconds in all."""
    found = row["exponents"]
    counts = (found[name][1] for name in ("kept", "calls", "nodes"))
    return max(found["seconds"][0], *counts) > STEEP


@mpl.rc_context(STYLE)
def draw(rows: list[dict[str, Any]]) -> Figure:
    """Seconds and kept bytes over each axis, as multiples of those at its first value."""
    axes = list(dict.fromkeys(row["axis"] for row in rows))
    figure, grid = panels(2, len(axes), 3.8)
    for panel_row, (what, label) in zip(grid, (("seconds", "seconds"), ("kept", "bytes kept"))):
        for panel, axis in zip(panel_row, axes):
            along_axis = [row for row in rows if row["axis"] == axis]
            draw_axis(panel, along_axis, what)
            panel.set_xlabel(f"{axis}, × first" if what == "kept" else "")
        panel_row[0].set_ylabel(f"{label}, × first")
    labelled = {h.get_label(): h for panel in grid[0] for h in panel.lines}
    figure.legend(list(labelled.values()), list(labelled), loc="outside lower center", ncols=5)
    return figure


def draw_axis(panel: Axes, rows: list[dict[str, Any]], what: str) -> None:
    """A line for each network, over a broad grey one that is linear."""
    longest = max((row["values"] for row in rows), key=lambda values: values[-1] / values[0])
    x = np.array(longest) / longest[0]
    panel.plot(x, x, color="0.85", lw=4, zorder=0, label="linear")
    for row in rows:
        x, y = np.array(row["values"]), np.array(row[what])
        panel.plot(x / x[0], y / y[0], marker=".", ms=3, **look(row["network"]))
    panel.set(xscale="log", yscale="log")
    panel.xaxis.set_major_locator(FixedLocator([1, 2, 4, 8, 16]))
    panel.xaxis.set_major_formatter("{x:.0f}")
    panel.yaxis.set_major_locator(FixedLocator([1, 2, 4, 8, 16, 32, 64]))
    panel.yaxis.set_major_formatter("{x:.0f}")
    panel.minorticks_off()


def look(network: str) -> dict[str, Any]:
    """Colour and label of a network; fusions alone are many, and thin."""
    if network in DRAWN:
        return {"color": COLOURS[DRAWN.index(network)], "label": network}
    if network.startswith("SGMT"):
        return {"color": COLOURS[DRAWN.index("SGMT")], "ls": ":", "label": "SGMT, each merge"}
    shared = network.endswith("shared logits")
    return {
        "color": "0.3",
        "lw": 0.5,
        "ls": ":" if shared else "-",
        "label": "fusions alone, shared logits" if shared else "fusions alone",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = list(dict.fromkeys(case.network for case in CASES))
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--show", action="store_true", help="what was measured on this processor")
    parser.add_argument("--steep", action="store_true", help="a table of what is not near-linear")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--note", default="", help="what else to know, such as: shared machine")
    options = parser.parse_args()
    torch.set_num_threads(1)
    on = machine(torch.device("cpu"), "32-true")
    file = RESULTS / "growth" / file_name(on)
    held = json.loads(file.read_text()) if file.exists() else {"rows": []}
    rows = {(row["network"], row["axis"]): row for row in held["rows"]}
    for case in CASES if not options.show else []:
        if case.network in options.only:
            rows[case.network, case.axis] = row = measure(case)
            print(line(row), flush=True)
            save(file, {"machine": on, "note": options.note, "rows": list(rows.values())})
    print(table([row for row in rows.values() if is_steep(row) or not options.steep]))
    if options.figure:
        save_figure(draw(list(rows.values())), options.figure)


if __name__ == "__main__":
    main()
