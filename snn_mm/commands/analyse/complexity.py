"""Ω_e of a method, of what its runs hold or else of a count."""

from __future__ import annotations

from typing import Any, Literal, get_args

from snn_mm.analysis.cost.table import EPOCHS
from snn_mm.analysis.report.groups import Group
from snn_mm.errors import UserError
from snn_mm.run.directory import read_json

Complexity = Literal["flops", "synops", "epochs"]
"""`flops`: all matrix products and convolutions of a training epoch, as a GPU computes them.
`synops`: multiply-accumulates and synaptic operations of its forward passes, as a neuromorphic chip
would; no spiking counter defines the backward pass. `epochs`: 1, so that cost is in epochs."""

COMPLEXITIES: tuple[Complexity, ...] = get_args(Complexity)
UNITS: dict[Complexity, str] = {"flops": "FLOPs", "synops": "ops (MAC + SynOps)", "epochs": EPOCHS}


def epoch_complexity(group: Group, kind: Complexity, data_root: str | None = None) -> float:
    """Operations of an epoch of a method, the same for all of its seeds.

    Raises:
        UserError: they cannot be counted, or a count of spikes is asked for and there is none.
    """
    if kind == "epochs":
        return 1.0
    counted = counted_epoch(group, data_root)
    if kind == "flops":
        return float(counted["flops_per_epoch"])
    return operations_per_sample(group) * float(counted["samples"])


def counted_epoch(group: Group, data_root: str | None) -> dict[str, Any]:
    """What `cost.json` of any run of the group says; the first run's is written if none does."""
    runs = [run.path for run in group.counted]
    known = (read_json(run / "cost.json") for run in runs)
    found = next(
        (content for content in known if {"flops_per_epoch", "samples"} <= set(content)), {}
    )
    if found:
        return found
    from snn_mm.commands.analyse.epoch_cost import count_epoch  # torch, which most kinds do without

    return count_epoch(runs[0], data_root)


def operations_per_sample(group: Group) -> float:
    """Multiply-accumulates and synaptic operations of a sample, of any run's `energy.json`.

    Raises:
        UserError: no run of the group has been measured.
    """
    for run in group.counted:
        if {"total.mac", "total.synops"} <= set(run.energy):
            return float(run.energy["total.mac"]) + float(run.energy["total.synops"])
    path = group.counted[0].path
    raise UserError(
        f"--complexity synops: {path} has no energy.json; measure it:\n"
        f"snnmm test --ckpt_path {path} --config {path}/config.yaml "
        "--config experiments/_base/energy.yaml"
    )
