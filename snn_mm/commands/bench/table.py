"""The result of a measurement as text."""

from __future__ import annotations

from typing import Any


def describe(result: dict[str, Any]) -> str:
    """Lines of what the steps took, on what."""
    seconds = result["seconds"]
    step = seconds["step"]["median"]
    rows = [
        f"  {part:<11}{spread['median']:>10.4f}  [{spread['low']:.4f}, {spread['high']:.4f}]"
        f"{spread['median'] / step:>8.0%}"
        for part, spread in seconds.items()
    ]
    return "\n".join([*_head(result), *rows, *_foot(result)])


def _head(result: dict[str, Any]) -> list[str]:
    on = f"{result['data']} data, batch {result['batch_size']}"
    return [
        f"{result['experiment']}: {result['steps']} steps after {result['warmup']}, {on}",
        f"  {'seconds':<11}{'median':>10}  [quartiles]       of the step",
    ]


def _foot(result: dict[str, Any]) -> list[str]:
    rate, ratio, on = result["samples_per_second"], result["step_over_floor"], result["machine"]
    over = "no layer" if ratio is None else _spread(ratio)
    sets = " ".join(on["instruction_sets"]) or "none known"
    apart = "  parts were timed in other steps, which wait for the GPU after each"
    return [
        *([apart] if result["parts_waited_for"] else []),
        f"  samples a second  {_spread(rate)}",
        f"  step over floor   {over} ({result['floor_layers']} of {result['layers']} "
        "convolutions and linear layers alone, forward and backward)",
        f"  peak memory       {result['peak_bytes'] / 2**30:.2f} GiB "
        f"({result['start_bytes'] / 2**30:.2f} before the first step)",
        f"  on {on['device']}, {on['processor']}: {sets}",
        f"  {on['threads']} threads, precision {on['precision']}, torch {on['torch']}, "
        f"snn_mm {on['snn_mm']}",
    ]


def _spread(values: dict[str, float]) -> str:
    return f"{values['median']:.3g} [{values['low']:.3g}, {values['high']:.3g}]"
