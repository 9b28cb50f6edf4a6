"""Samples that lack a modality, in networks of sequences: their length is 0, no layer sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from snn_mm.contracts import Presence
from snn_mm.encoders.inputs import check_inputs
from snn_mm.errors import UserError
from snn_mm.presence import check_presence, given, scattered, taken
from snn_mm.sequences import zero_padding

Tensors = dict[str, Tensor]


def masks(
    present: Presence | None, lengths: Tensors, modalities: Iterable[str]
) -> dict[str, Tensor] | None:
    """Which samples have each modality that some lack, bool `[N]` by modality; None if none does.

    Args:
        present: what a batch says of it.
        lengths: `[N]` by modality. Where a batch says nothing a length of 0 does, but on the CPU
            alone: elsewhere to look would be to wait.
        modalities: those of the network.
    """
    if present is None:
        present = {name: steps > 0 for name, steps in lengths.items() if not _full(steps)}
    found = {name: present[name] for name in modalities if name in present}
    if not found:
        return None
    there = torch.stack(list(found.values())).all(dim=1).tolist()  # one look at all
    return {name: mask for (name, mask), all_of in zip(found.items(), there) if not all_of} or None


def network_arguments(
    inputs: Tensors,
    lengths: Mapping[str, Tensor],
    present: Presence | None,
    widths: Mapping[str, int],
) -> tuple[Any, ...]:
    """What a network of sequences is called with.

    Args:
        inputs: sequences `[N, L, D]` by modality; frames `[N, L, C, H, W]` are made so.
        lengths: `[N]` by modality; what is not named has no padding.
        present: which samples have a modality, bool `[N]`.
        widths: D by modality of the network.

    Returns:
        Inputs, lengths, and which samples have a modality where some lack one.

    Raises:
        UserError: an input is missing or of another shape, or a sample has no modality.
    """
    inputs, lengths = as_sequences(inputs, lengths)
    lacking = masks(present, lengths, widths)
    if lacking is not None:
        check_presence(lacking, [*widths], len(next(iter(lacking.values()))))
        inputs, lengths = without_absent(inputs, lengths, lacking, widths)
    check_inputs(inputs, [*widths], lengths)
    own = {name: inputs[name] for name in widths}, {name: lengths[name] for name in widths}
    return (*own, *given(lacking))


def _full(lengths: Tensor) -> bool:
    """Whether no length `[N]` is known to be 0."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[no-untyped-call]
    return traced or lengths.device.type != "cpu" or bool(lengths.all())


def as_sequences(inputs: Tensors, lengths: Mapping[str, Tensor]) -> tuple[Tensors, Tensors]:
    """Sequences `[N, L, D]` and lengths `[N]` by modality of what has steps.

    Args:
        inputs: sequences, or frames `[N, L, ...]`, of which all values are features.
        lengths: `[N]` by modality; one that is not named has no padding.

    Example:
        >>> inputs, lengths = as_sequences({"depth": torch.zeros(2, 16, 1, 4, 6)}, {})
        >>> inputs["depth"].shape, lengths["depth"]
        (torch.Size([2, 16, 24]), tensor([16, 16]))
    """
    found = {
        name: x.flatten(2) if isinstance(x, Tensor) and x.dim() > 3 else x
        for name, x in inputs.items()
    }
    full = {
        name: torch.full((x.shape[0],), x.shape[1], device=x.device)
        for name, x in found.items()
        if name not in lengths and isinstance(x, Tensor) and x.dim() == 3
    }
    return found, {**lengths, **full}


def without_absent(
    inputs: Tensors, lengths: Tensors, present: Presence, widths: Mapping[str, int]
) -> tuple[Tensors, Tensors]:
    """The batch as it would be if what is absent had never been loaded.

    Args:
        inputs: sequences `[N, L, D]` by modality; of one that no sample has, nothing need be there.
        lengths: `[N]` by modality, likewise.
        present: which samples have a modality, bool `[N]`.
        widths: D by modality.

    Returns:
        Sequences, zero beyond their lengths and as long as the longest of them, at least one step,
        and lengths, 0 where a modality is absent. What is neither there nor absent is left out.

    Example:
        >>> x, there = torch.full((2, 3, 1), math.nan), torch.tensor([False, True])
        >>> x[1, 0] = 2.0
        >>> found = without_absent({"a": x}, {"a": torch.tensor([3, 1])}, {"a": there}, {"a": 1})
        >>> [part["a"].flatten().tolist() for part in found]
        [[0.0, 2.0], [0, 1]]
    """
    like = next(iter(inputs.values()), None)
    if like is None:
        raise UserError("the inputs are empty: no sample has a modality")
    found, kept = {}, {}
    for name, width in widths.items():
        there, x, steps = present.get(name), inputs.get(name), lengths.get(name)
        if x is None or steps is None:
            if there is None or there.any():
                continue
            x, steps = (
                like.new_zeros(like.shape[0], 0, width),
                torch.zeros(like.shape[0], device=like.device).long(),
            )
        steps = steps if there is None else steps.masked_fill(~there, 0)
        longest = int(steps.max())
        x = x[:, :longest] if longest else x.new_zeros(x.shape[0], 1, width)
        found[name], kept[name] = zero_padding(x, steps), steps
    return found, kept


def on_samples(
    layer: Callable[..., Tensor], rows: Tensor | None, *operands: Tensor, shape: tuple[int, ...]
) -> Tensor:
    """What a layer makes of the samples that are there, zero for all others, `[N, *shape]`.

    As `snn_mm.presence.on_present` with the samples first; where none is there the layer is not
    called, so that its parameters have no gradient.

    Args:
        layer: of operands `[n, ...]`, gives `[n, *shape]`.
        rows: which samples are there, `[n]`; None is all of them.
        operands: `[N, ...]` each, sequences or vectors first.
        shape: of what it makes of one.
    """
    if rows is None:
        return layer(*operands)
    samples = len(operands[0])
    if not len(rows):
        return operands[0].new_zeros(samples, *shape)
    with settled(layer, len(rows)):
        made = layer(*(taken(x, rows) for x in operands))
    return scattered(made.unsqueeze(0), rows, samples).squeeze(0)  # [n, ...] -> [N, ...]


@contextmanager
def settled(layer: Any, samples: int) -> Iterator[None]:
    """Let batch norms use their running statistics meanwhile if one sample alone is there.

    Args:
        layer: what runs; anything else than a module is let be.
        samples: how many it sees.
    """
    lone = samples == 1 and isinstance(layer, nn.Module)
    parts = layer.modules() if lone else ()
    norms = [part for part in parts if isinstance(part, _BatchNorm) and part.training]
    for norm in norms:
        norm.training = False
    try:
        yield
    finally:
        for norm in norms:
            norm.training = True
