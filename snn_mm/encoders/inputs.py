"""Inputs by modality on their way into a network: all there, and finite.

A neuron that is given NaN does not fire, so a spiking network would answer as if nothing were
wrong. On the CPU such inputs are refused. Elsewhere looking at them would mean waiting for the
device in every step, and in a traced network it can't be done: there NaN comes out, as of an ANN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from snn_mm.errors import UserError
from snn_mm.sequences import zero_padding

Inputs = Mapping[str, Tensor]


def encode(encoders: nn.ModuleDict, inputs: Inputs) -> dict[str, Tensor]:
    """Features `[T, N, D]` by modality of inputs `[N, ...]`, each by its own encoder.

    Raises:
        UserError: an input is missing or, on the CPU, not finite.
    """
    check_inputs(inputs, encoders)
    return mark_broken({name: part(inputs[name]) for name, part in encoders.items()}, inputs)


def check_inputs(inputs: Inputs, needed: Iterable[str], lengths: Inputs | None = None) -> None:
    """Refuse inputs that lack a modality or, on the CPU, are not finite.

    Args:
        inputs: `[N, ...]` by modality.
        needed: the modalities of the network.
        lengths: of sequences `[N, L, D]`, `[N]` by modality; beyond them anything may stand.

    Raises:
        UserError: names the modality, and what there is.
    """
    needed, there = list(needed), [name for name in inputs if name in (lengths or inputs)]
    if missing := [name for name in needed if name not in there]:
        raise UserError(
            f"the inputs lack {', '.join(missing)}: the model needs {', '.join(needed)}, "
            f"and there is {', '.join(there) or 'nothing'}"
        )
    for name in needed:
        x = inputs[name]
        if not isinstance(x, Tensor):
            raise UserError(f"inputs: {name} must be a tensor [N, ...], it is a {type(x).__name__}")
        if not _is_at_hand(x) or np.isfinite(_array(x)).all():
            continue
        valid = x if lengths is None else zero_padding(x, lengths[name])
        broken = ~np.isfinite(_array(valid).reshape(len(x), -1)).all(axis=1)  # [N]
        if broken.any():
            samples = ", ".join(map(str, np.flatnonzero(broken)[:5]))
            raise UserError(f"inputs: {name} has NaN or infinity, in sample {samples} of a batch")


def mark_broken(features: Inputs, inputs: Inputs) -> dict[str, Tensor]:
    """Features `[T, N, D]` by modality, NaN for samples whose input `[N, ...]` is not finite."""
    marks = {name: broken(inputs[name]) for name in features if name in inputs}
    return {
        name: x if (mark := marks.get(name)) is None else x + mark.to(x.dtype).unsqueeze(-1)
        for name, x in features.items()
    }


def broken(x: Tensor, lengths: Tensor | None = None) -> Tensor | None:
    """NaN for samples of an input `[N, ...]` that are not finite, else 0; `[N]`.

    None where `check_inputs` looks, and of whole numbers.

    Args:
        x: the input.
        lengths: of a sequence `[N, L, D]`, `[N]`.
    """
    if _is_at_hand(x) or not x.is_floating_point():
        return None
    valid = x if lengths is None else zero_padding(x, lengths)
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    return 0 * valid.sum(tuple(range(1, x.dim())), dtype=dtype)


def _is_at_hand(x: Tensor) -> bool:
    """Whether the numbers of an input can be looked at without waiting or tracing."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[no-untyped-call]
    return x.device.type == "cpu" and type(x) is Tensor and x.is_floating_point() and not traced


def _array(x: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
    """A tensor for NumPy, which is fast and which counters of operations do not see."""
    return (x.float() if x.dtype == torch.bfloat16 else x).detach().numpy()
