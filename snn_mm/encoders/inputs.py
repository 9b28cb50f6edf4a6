"""Inputs by modality on their way into a network: all there, and finite.

A neuron that is given NaN does not fire, so a spiking network would answer as if nothing were
wrong. On the CPU such inputs are refused. Elsewhere looking at them would mean waiting for the
device in every step, and in a traced network it can't be done: there NaN comes out, as of an ANN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from snn_mm.contracts import Batch, Presence
from snn_mm.encoders.base import Encoder, feature_width
from snn_mm.errors import UserError
from snn_mm.presence import (
    check_presence,
    lone_values,
    present_rows,
    restricted,
    scattered,
    taken,
)
from snn_mm.sequences import zero_padding

Inputs = Mapping[str, Tensor]


def encode(
    encoders: nn.ModuleDict,
    inputs: Inputs,
    present: Presence | None = None,
    lengths: Inputs | None = None,
) -> dict[str, Tensor]:
    """Features `[T, N, D]` by modality of inputs `[N, ...]`, each by its own encoder.

    Encoders see the samples that have their modality; for the others features are zero. Those of
    sequences are told the lengths, and beyond them see zeros, whatever stands there.

    Args:
        encoders: by modality.
        inputs: by modality.
        present: which samples have a modality, bool `[N]`; without it all.
        lengths: of sequences `[N, L, D]`, `[N]` by modality; one that is not named has no padding.

    Raises:
        UserError: an input is missing or, on the CPU, not finite; a sample has no modality; lengths
            of sequences are not given, or an encoder can't take them.
    """
    own = own_lengths(encoders, lengths)
    inputs = {**inputs, **{n: zero_padding(inputs[n], own[n]) for n in own if n in inputs}}
    present = restricted(present, encoders)
    if present is None:
        check_inputs(inputs, encoders)
        features = {
            name: part(inputs[name], own[name]) if name in own else part(inputs[name])
            for name, part in encoders.items()
        }
        return mark_broken(features, {name: inputs[name] for name in encoders})
    samples = len(next(iter(present.values())))
    check_presence(present, list(encoders), samples)
    rows = {name: present_rows(present, name) for name in encoders}
    held = inputs_of(rows, inputs)
    check_inputs(held, [name for name, own in rows.items() if own is None or len(own)])
    found: dict[str, Tensor] = {}
    for name, x in held.items():
        with lone_values(encoders[name], len(x)):
            given = (taken(own[name], rows[name]),) if name in own else ()
            found[name] = encoders[name](x, *given)
    return placed(mark_broken(found, held), rows, samples, widths(encoders))


def own_lengths(encoders: nn.ModuleDict, lengths: Inputs | None) -> Inputs:
    """Lengths `[N]` of the modalities that have an encoder.

    Raises:
        UserError: none are given where sequences are read, or an encoder can't take them.
    """
    readers = [name for name, part in encoders.items() if getattr(part, "takes_lengths", False)]
    if readers and lengths is None:
        raise UserError(
            f"{', '.join(readers)}: a network that reads sequences needs their lengths\n"
            "accepted: module(inputs, lengths=batch['lengths']), or lengths={} without any padding"
        )
    own = {name: lengths[name] for name in encoders if name in lengths} if lengths else {}
    if deaf := [name for name in own if name not in readers]:
        part = type(encoders[deaf[0]]).__name__
        raise UserError(
            f"model.encoders.{deaf[0]}: {part} does not take the lengths of padded sequences\n"
            "accepted: SequenceRNN, SequenceTCN, MLP with statistics, or an encoder with "
            "takes_lengths = True and forward(x, lengths)"
        )
    return own


def lengths_of(module: object, batch: Batch) -> dict[str, Any]:
    """The argument `lengths` for a network that takes any, of a batch; else no argument.

    So a module of one's own that knows of no sequences is called as ever.

    Args:
        module: with `encoders`.
        batch: of any data.
    """
    encoders, lengths = getattr(module, "encoders", {}), batch.get("lengths", {})
    reads = any(getattr(encoders[name], "takes_lengths", False) for name in encoders)
    return {"lengths": lengths} if reads or any(name in lengths for name in encoders) else {}


def inputs_of(rows: Mapping[str, Tensor | None], inputs: Inputs) -> dict[str, Tensor]:
    """The inputs `[n, ...]` of the samples that have them, by modality; none of which none has.

    Args:
        rows: which samples, `[n]` by modality; None is all.
        inputs: `[N, ...]` by modality.
    """
    there = [name for name, own in rows.items() if name in inputs and (own is None or len(own))]
    return {name: taken(inputs[name], rows[name]) for name in there}


def placed(
    found: Inputs, rows: Mapping[str, Tensor | None], samples: int, widths: Mapping[str, int]
) -> dict[str, Tensor]:
    """Features `[T, N, D]` of all modalities, zero where a sample has none.

    Args:
        found: `[T, n, D]` by modality, of those that some sample has.
        rows: which samples, `[n]` by modality; None is all.
        samples: N.
        widths: D by modality.
    """
    like = next(iter(found.values()))
    features = {}
    for name, own in rows.items():
        if name not in found:
            features[name] = like.new_zeros(len(like), samples, widths[name])
        else:
            features[name] = found[name] if own is None else scattered(found[name], own, samples)
    return features


def widths(encoders: nn.ModuleDict) -> dict[str, int]:
    """D of each encoder."""
    return {name: feature_width(cast("Encoder", encoder)) for name, encoder in encoders.items()}


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
