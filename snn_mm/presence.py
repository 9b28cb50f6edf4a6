"""Samples that lack a modality: a layer sees those that have it, and nobody sees the others.

Which samples have a modality is a mask `[N]` in bool by name; a modality that is not named is there
for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from snn_mm.contracts import Batch, Presence
from snn_mm.errors import UserError


def present_rows(present: Presence | None, modality: str) -> Tensor | None:
    """Which samples have a modality, indices `[n]`; None where all of them do.

    Example:
        >>> present_rows({"audio": torch.tensor([True, False, True])}, "audio")
        tensor([0, 2])
    """
    mask = None if present is None else present.get(modality)
    if mask is None:
        return None
    rows = mask.nonzero().squeeze(1)
    return None if len(rows) == len(mask) else rows


def taken(x: Tensor, rows: Tensor | None, dim: int = 0) -> Tensor:
    """The given rows of a tensor of any shape along one dimension; of None all of them."""
    return x if rows is None else x.index_select(dim, rows)


def scattered(x: Tensor, rows: Tensor, samples: int) -> Tensor:
    """Values `[T, n, ...]` of some samples at their places in `[T, N, ...]`, zero elsewhere.

    Args:
        x: `[T, n, ...]`.
        rows: the places, `[n]`.
        samples: N.

    Example:
        >>> scattered(torch.ones(1, 1, 1), torch.tensor([1]), 3).flatten()
        tensor([0., 1., 0.])
    """
    return x.new_zeros(len(x), samples, *x.shape[2:]).index_copy(1, rows, x)


def on_present(
    layer: Callable[..., Tensor],
    rows: Tensor | None,
    *operands: Tensor,
    width: int,
    within: nn.Module | None = None,
) -> Tensor:
    """What a layer makes of the samples that are there, zero for all others, `[T, N, D']`.

    The layer never sees an absent sample, be it a bias, a batch norm or neurons; where no sample is
    there it is not called, so that its parameters have no gradient.

    Args:
        layer: of operands `[T, n, D]`.
        rows: which samples are there, `[n]`; None is all of them.
        operands: `[T, N, D]` each.
        width: D' of what it makes.
        within: whose batch norms it runs; by default its own.

    Example:
        >>> on_present(lambda x: x + 1, torch.tensor([1]), torch.ones(1, 2, 1), width=1).flatten()
        tensor([0., 2.])
    """
    if rows is None:
        return layer(*operands)
    steps, samples = operands[0].shape[:2]
    if not len(rows):
        return operands[0].new_zeros(steps, samples, width)
    with lone_values(within or layer, len(rows)):
        made = layer(*(taken(x, rows, dim=1) for x in operands))
    return scattered(made, rows, samples)


@contextmanager
def lone_values(layer: object, samples: int) -> Iterator[None]:
    """Let batch norms that get one value a channel use their running statistics meanwhile.

    One value has no variance, so that in training torch refuses it.

    Args:
        layer: what runs; anything else than a module is let be.
        samples: how many it sees.
    """
    lone = isinstance(layer, nn.Module) and layer.training and samples == 1
    norms = [m for m in layer.modules() if _takes_statistics(m)] if lone else []  # type: ignore[attr-defined]
    handles = [norm.register_forward_pre_hook(_settle) for norm in norms]
    try:
        yield
    finally:
        for handle, norm in zip(handles, norms, strict=True):
            handle.remove()
            norm.training = True


def _takes_statistics(layer: nn.Module) -> bool:
    return isinstance(layer, _BatchNorm) and layer.training and layer.running_mean is not None


def _settle(norm: nn.Module, operands: tuple[Tensor, ...]) -> None:
    norm.training = operands[0].numel() != norm.num_features  # one value of each


def presence_of(batch: Batch, modalities: Iterable[str]) -> tuple[()] | tuple[dict[str, Tensor]]:
    """What a batch says of some modalities, as the last argument of a call, or no argument.

    So a module of one's own that knows of no absence is called as ever where all are there.

    Raises:
        UserError: a sample has none of them.
    """
    if "present" not in batch:
        return ()
    modalities = list(modalities)
    check_presence(batch["present"], modalities, len(batch["id"]), batch["id"])
    present = restricted(batch["present"], modalities) or {}
    lacking = {name: mask for name, mask in present.items() if not mask.all()}
    return (lacking,) if lacking else ()


def given(present: Presence | None) -> tuple[()] | tuple[Presence]:
    """The last argument of a call, or none where all samples have all modalities."""
    return () if present is None else (present,)


def stacked_masks(present: Presence | None, modalities: Iterable[str]) -> Tensor | None:
    """Which samples have which modality, bool `[M, N]`; None where all have all."""
    if not (masks := restricted(present, modalities := list(modalities))):
        return None
    every = torch.ones_like(next(iter(masks.values())))
    return torch.stack([masks.get(name, every) for name in modalities])


def restricted(present: Presence | None, modalities: Iterable[str]) -> dict[str, Tensor] | None:
    """The masks of some modalities; None where there is none."""
    return {n: present[n] for n in modalities if n in present} or None if present else None


def sample_counts(
    present: Presence | None, modalities: Sequence[str], samples: int, several: str
) -> dict[str, int]:
    """How many samples have each modality, and how many more than one.

    Args:
        present: bool `[N]` by modality.
        modalities: all there are.
        samples: N.
        several: name of the last count.

    Example:
        >>> sample_counts({"audio": torch.tensor([True, False])}, ["audio", "visual"], 2, "both")
        {'audio': 1, 'visual': 2, 'both': 1}
    """
    counts = dict.fromkeys((*modalities, several), samples)
    if masks := restricted(present, modalities):
        table = torch.stack(list(masks.values())).long()  # [M', N]
        many = table.sum(dim=0) + len(modalities) - len(masks) > 1  # [N]
        sums = torch.cat([table.sum(dim=1), many.sum().unsqueeze(0)]).tolist()  # one look at all
        counts |= dict(zip((*masks, several), sums, strict=True))
    return counts


def check_presence(
    present: object, modalities: Collection[str], samples: int, ids: Sequence[str] | None = None
) -> None:
    """Refuse masks that are none, and samples without any modality.

    Args:
        present: what a batch says, by modality.
        modalities: those of the model.
        samples: N.
        ids: names of the samples.

    Raises:
        UserError: names the modality or the sample.
    """
    if not isinstance(present, Mapping):
        raise UserError(f"data: present must be a dict by modality, not {type(present).__name__}")
    for name, mask in present.items():
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != (samples,):
            raise UserError(f"data: present of {name} must be a bool tensor [N] with N = {samples}")
    if any(name not in present for name in modalities):
        return
    absent = ~torch.stack([present[name] for name in modalities]).any(dim=0)  # [N]
    if absent.any():
        first = int(absent.nonzero()[0])
        name = f"{first} of a batch" if ids is None else f"'{ids[first]}'"
        raise UserError(f"data: sample {name} has none of {', '.join(modalities)}")
