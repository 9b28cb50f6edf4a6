"""What a network did over its time steps with one sample: spikes, attention, energy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snn_mm.analysis.explanation.asked import Asked
from snn_mm.contracts import FusionOutput, ScoresTimeSteps
from snn_mm.energy import energy_compute_pj, estimate_energy, preset_cost_model
from snn_mm.modules.avqa.temporal import TemporalGrounding, temporal_weights
from snn_mm.neurons import spiking_layers

COST_MODEL = preset_cost_model("45nm-fp32")
UNITS = 48
"""Neurons of a layer that a raster shows."""


class Activity(NamedTuple):
    """One sample in a network.

    Attributes:
        said: what it gave; see `Asked.output`.
        spikes: `[T, U]` by layer, what each neuron of it fired at each step.
        driven: for each layer with weights by name, how many of its inputs were not zero `[T]`;
            T is the layer's own, 1 where it was computed once.
        grounding: weights of the question over the seconds `[L]` by modality, of AVQA.
    """

    said: FusionOutput | dict[str, Tensor]
    spikes: dict[str, Tensor]
    driven: dict[str, Tensor]
    grounding: dict[str, Tensor]

    @property
    def steps(self) -> int:
        """T, the longest of any layer of neurons, or of the output."""
        own = [len(fired) for fired in self.spikes.values()]
        if isinstance(self.said, FusionOutput):
            own.append(len(self.said.fused))
        return max(own, default=1)


@torch.no_grad()
def watch(asked: Asked) -> Activity:
    """Run a network on a batch of one sample, and keep what happens in it."""
    spikes: dict[str, Tensor] = {}
    driven: dict[str, Tensor] = {}
    seen: dict[str, Tensor] = {}
    grounded = _groundings(asked.module)
    with _hooks() as hooks:
        for name, neurons in spiking_layers(asked.module):
            hooks.append(neurons.register_forward_hook(partial(_keep_spikes, spikes, name)))
        for name, layer in asked.module.named_modules():
            if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
                hooks.append(layer.register_forward_pre_hook(partial(_keep_driven, driven, name)))
        for name, part in grounded.items():
            hooks.append(part.query.register_forward_hook(partial(_keep, seen, f"{name}/query")))
            hooks.append(part.key.register_forward_hook(partial(_keep, seen, f"{name}/key")))
        vars(asked).pop("answer", None)  # it may have been asked before, without the hooks
        said = asked.answer.output
    grounding = {
        name: _grounding_weights(part, seen[f"{name}/query"], seen[f"{name}/key"])
        for name, part in grounded.items()
        if f"{name}/key" in seen
    }
    return Activity(said, spikes, driven, grounding)


def some_layers(spikes: Mapping[str, Tensor], most: int) -> dict[str, Tensor]:
    """Spikes `[T, U]` of so many layers at most, evenly chosen from the first to the last.

    Example:
        >>> list(some_layers(dict.fromkeys("abcde", torch.zeros(1, 1)), 3))
        ['a', 'c', 'e']
    """
    names, count = list(spikes), min(len(spikes), most)
    places = torch.linspace(0, len(names) - 1, count).round().int().tolist()
    return {names[place]: spikes[names[place]] for place in places}


def time_attention(asked: Asked, activity: Activity) -> dict[str, Tensor]:
    """Attention over time steps `[T]`, by modality and fused, of a module that has any."""
    if isinstance(asked.module, ScoresTimeSteps) and isinstance(activity.said, FusionOutput):
        with torch.no_grad():
            scores = asked.module.scores(activity.said)  # [T, 1] each
        return {name: score[:, 0] for name, score in scores.items()}
    return activity.grounding


def energy_over_time(asked: Asked, activity: Activity) -> dict[str, Tensor]:
    """Energy of arithmetic in pJ at each time step `[T]`, by modality and of the fusion.

    Each layer's energy is counted, as `EnergyEstimator` does, and laid on the steps by how many of
    its inputs are not zero; what runs once for all steps, such as the first layer of a direct
    encoding, stands at the first. What no layer with weights does is spread evenly.
    """
    report = estimate_energy(
        asked.module, [asked.batch], COST_MODEL, with_twin=False, arithmetic_only=True
    )
    parts: dict[str, Tensor] = defaultdict(lambda: torch.zeros(activity.steps, dtype=torch.float64))
    for layer in report.layers:
        energy = energy_compute_pj(layer.counts.mac, layer.counts.ac, COST_MODEL)
        driven = activity.driven.get(layer.name)
        if driven is not None and layer.is_first and _is_direct(asked.module, layer.part):
            driven = driven.sum(dim=0, keepdim=True)
        parts[layer.part] = parts[layer.part] + energy * shares_of_steps(driven, activity.steps)
    return dict(parts)


def shares_of_steps(driven: Tensor | None, steps: int) -> Tensor:
    """What part of a layer's work each of T time steps is, `[T]`, adding up to 1.

    Args:
        driven: inputs that are not zero, `[S]`: S = 1 ran once, at the first step; S a multiple of
            T has other things folded in. None, or nothing driven, is spread evenly.
        steps: T.

    Example:
        >>> shares_of_steps(torch.tensor([1.0, 2.0, 0.0, 1.0]), 2).tolist()
        [0.75, 0.25]
    """
    if driven is None or not driven.sum():
        return torch.full((steps,), 1.0 / steps, dtype=torch.float64)
    if len(driven) > steps:
        folds = len(driven) % steps == 0
        driven = driven.view(steps, -1).sum(dim=1) if folds else driven.sum(dim=0, keepdim=True)
    shares = torch.zeros(steps, dtype=torch.float64)
    shares[: len(driven)] = driven / driven.sum()
    return shares


def _is_direct(module: Any, modality: str) -> bool:
    """Whether an encoder sees its input once, not step by step."""
    encoder = module.encoders[modality] if modality in module.modalities else nn.Module()
    kinds = [m.input_kind for m in encoder.modules() if hasattr(m, "input_kind")]
    return bool(kinds) and kinds[0] != "events"


def _keep_spikes(found: dict[str, Tensor], name: str, _: nn.Module, __: Any, out: Tensor) -> None:
    found[name] = out.detach().flatten(1).cpu() if out.dim() > 1 else out.detach()[None].cpu()


def _keep_driven(found: dict[str, Tensor], name: str, layer: nn.Module, inputs: Any) -> None:
    x = inputs[0].detach()
    found[name] = (x != 0).flatten(1).sum(dim=1, dtype=torch.float64).cpu()  # [T] or [T * L]


def _keep(found: dict[str, Tensor], name: str, _: nn.Module, __: Any, out: Tensor) -> None:
    found[name] = out.detach()


def _groundings(module: nn.Module) -> dict[str, TemporalGrounding]:
    temporal = getattr(getattr(module, "fusion", None), "temporal", None)
    parts = dict(temporal.items()) if isinstance(temporal, nn.ModuleDict) else {}
    return {name: part for name, part in parts.items() if isinstance(part, TemporalGrounding)}


def _grounding_weights(part: TemporalGrounding, query: Tensor, key: Tensor) -> Tensor:
    """Mean over the heads of what the question attends to, `[L]`."""
    queries, keys = (x.view(*x.shape[:-1], part.heads, -1) for x in (query, key))
    return temporal_weights(queries, keys)[:, 0].mean(dim=-1).cpu()


@contextmanager
def _hooks() -> Iterator[list[Any]]:
    hooks: list[Any] = []
    try:
        yield hooks
    finally:
        for hook in hooks:
            hook.remove()
