"""Copies of a module to count operations on, so that the module itself is left alone."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn

from snn_mm.encoders.base import Encoder
from snn_mm.neurons import LIF, fires, is_spiking, reset_neurons, unused

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def copy_for_counting(module: ModuleT) -> ModuleT:
    """Copy a module to where its operations can be counted: CPU, float32, evaluation, no hooks.

    There every operation goes through the dispatcher, in one form: on a GPU neurons and batch norm
    are kernels that no counter knows. So counts depend on neither device nor precision.
    """
    with torch.inference_mode(False), torch.no_grad():
        with unused(module):
            copy = _copied(module).cpu().float().eval()
        _unshare(copy, set())
    for part in copy.modules():
        if isinstance(part, LIF):
            part.implementation = "reference"  # the compiled loop is invisible to counters
    reset_neurons(copy)
    return copy


def ann_twin(copy: ModuleT) -> ModuleT:
    """Return the ANN of a copy: activations instead of neurons, one time step in the encoders.

    The activation is softplus, a ReLU that is never exactly zero: a map that happens to be silent
    would be taken for spikes, and an ANN is charged for every connection.
    """
    with torch.inference_mode(False), torch.no_grad():
        twin = _copied(copy)
    for part in list(twin.modules()):
        for name, child in list(part._modules.items()):  # named_children skips repetitions
            if child is not None and fires(child):
                part.register_module(name, nn.Softplus())
        if isinstance(part, Encoder):
            part.time_steps = 1
    return twin


def _copied(module: ModuleT) -> ModuleT:
    """A copy with its own layers; other attributes are shared, for they may reach the trainer."""
    twin = module.__new__(type(module))
    layers = {key: module.__dict__[key] for key in ("_modules", "_parameters", "_buffers")}
    twin.__dict__.update({**module.__dict__, "_trainer": None, **deepcopy(layers)})
    return twin


def _unshare(parent: nn.Module, seen: set[nn.Module]) -> None:
    """Give each place its own layer, so that a layer used in two places is counted in each.

    Neurons stay shared, for they may carry their membrane from one place to the other; encoders
    begin at rest each time.
    """
    for name, child in list(parent._modules.items()):
        if child is None:
            continue
        own = child
        if child in seen and (isinstance(child, Encoder) or not is_spiking(child)):
            own = deepcopy(child)
            parent.register_module(name, own)
        seen.add(own)
        _unshare(own, seen)
