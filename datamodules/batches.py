"""From samples to a batch, without a second copy of what was read together."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing import resource_sharer
from operator import is_
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate, get_worker_info

from snn_mm.contracts import Batch
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from datamodules.split import Draw, Sample, Source

SampleT = TypeVar("SampleT")

HAND_OVER = resource_sharer._ResourceSharer._serve.__code__  # type: ignore[attr-defined]
"""What a worker's thread does that gives the main process its batches."""


class Together(list[SampleT]):
    """Samples that were read at once.

    Args:
        samples: N of them; their inputs are views of `inputs`,
            all of them in each sample.
        inputs: `[N, ...]` by name, zero for a sample that lacks one.
        modalities: names that may be lacking in all of them; by default those of `inputs`.
    """

    def __init__(
        self,
        samples: Iterable[SampleT],
        inputs: Mapping[str, Tensor],
        modalities: Iterable[str] | None = None,
    ) -> None:
        super().__init__(samples)
        self._inputs, self._views = dict(inputs), self._held()
        self.modalities = tuple(inputs if modalities is None else modalities)

    def whole(self) -> dict[str, Tensor] | None:
        """Return what they were read into; None if one was replaced, added or taken away since."""
        held = self._held()
        same = len(held) == len(self._views) and all(map(is_, held, self._views))
        return self._inputs if same else None

    def _held(self) -> list[Tensor]:
        return [x for sample in self for x in sample.inputs.values()]  # type: ignore[attr-defined]


def read(source: Source, indices: Sequence[int | Draw]) -> list[Any]:
    """Read samples, at once where the split offers it (PyTorch's `__getitems__`)."""
    together = getattr(source, "__getitems__", None)
    if together is None:
        return [source[index] for index in indices]
    samples: list[Any] = together(indices)
    return samples


def room(*shape: int) -> Tensor:
    """Return room for float32 values of a batch, `[*shape]`.

    A worker hands its batches on in shared memory: filled there, they are not copied.
    """
    if get_worker_info() is None:
        return torch.empty(shape)
    size = 4 * int(np.prod(shape))
    shared = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
    return torch.empty(0).set_(shared).view(shape)


def filled(rows: Sequence[NDArray[Any] | Tensor | None]) -> Tensor:
    """Copy arrays `[...]` of one shape into a batch `[N, ...]` in float32, zeros in place of None.

    Some row is not None.
    """
    first = rows[0] if rows[0] is not None else next(row for row in rows if row is not None)
    batch = room(len(rows), *first.shape)
    for place, row in zip(batch.numpy(), rows):
        if row is None:
            place[...] = 0
            continue
        if place.shape != row.shape:  # or NumPy would repeat it
            raise ValueError(f"inputs of shapes {list(place.shape)} and {list(row.shape)}")
        place[...] = row
    return batch


def padded(rows: Sequence[NDArray[Any] | Tensor]) -> Tensor:
    """Copy sequences `[L, D]` into a batch `[N, longest L, D]` in float32, zeros behind them.

    One of sequences without steps has a step of zeros.
    """
    batch = room(len(rows), max(1, *map(len, rows)), *rows[0].shape[1:])
    for place, row in zip(batch.numpy(), rows):
        place[: len(row)] = row
        place[len(row) :] = 0
    return batch


def stacked(samples: Sequence[Any]) -> dict[str, Tensor]:
    """The inputs `[N, ...]` of samples: as they were read, or put together here."""
    if isinstance(samples, Together) and (whole := samples.whole()):
        return whole
    batch = {}
    for name in modalities_of(samples):
        rows = [sample.inputs.get(name) for sample in samples]
        if (like := next((x for x in rows if x is not None), None)) is not None:
            absent = torch.zeros_like(like)
            batch[name] = default_collate([absent if x is None else x for x in rows])
    return batch


def presence(samples: Sequence[Any]) -> dict[str, Tensor]:
    """Which samples have a modality, bool `[N]`, of those modalities that some lack."""
    names = modalities_of(samples)
    if all(len(sample.inputs) == len(names) for sample in samples):
        return {}
    masks = {name: [name in sample.inputs for sample in samples] for name in names}
    return {name: torch.tensor(mask) for name, mask in masks.items() if not all(mask)}


def modalities_of(samples: Sequence[Any]) -> tuple[str, ...]:
    """Names of all inputs that samples have, in their order."""
    if isinstance(samples, Together):
        return samples.modalities
    return tuple(dict.fromkeys(name for sample in samples for name in sample.inputs))


def collate(samples: Sequence[Sample]) -> Batch:
    """Make a `Batch` of samples, refusing inputs that are not finite.

    A sample that lacks a modality has zeros there, and is told in `present`.
    """
    return _batch(samples, stacked(samples))


def collate_ragged(samples: Sequence[Sample]) -> Batch:
    """Make a `Batch`: sequences `[L, D]` padded with zeros and their lengths told, 0 if absent."""
    inputs: dict[str, Tensor] = {}
    lengths: dict[str, Tensor] = {}
    for name in modalities_of(samples):
        rows = [sample.inputs.get(name) for sample in samples]
        like = next((x for x in rows if x is not None), None)
        if like is None:
            continue
        if like.dim() == 2:
            sequences = [like[:0] if x is None else x for x in rows]
            lengths[name] = torch.tensor(list(map(len, sequences)))
            inputs[name] = padded(sequences)
        else:
            inputs[name] = filled(rows)
    batch = _batch(samples, inputs)
    return {**batch, "lengths": lengths} if lengths else batch


def _batch(samples: Sequence[Sample], inputs: dict[str, Tensor]) -> Batch:
    """Make a `Batch` of inputs `[N, ...]`, refusing those that are not finite."""
    ids = [sample.id for sample in samples]
    for name, values in inputs.items():
        check_finite(name, values, ids)
    target = torch.tensor([sample.target for sample in samples])
    batch: Batch = {"inputs": inputs, "target": target, "id": ids}
    return {**batch, "present": present} if (present := presence(samples)) else batch


def check_finite(modality: str, values: Tensor, ids: Sequence[str]) -> None:
    """Refuse inputs `[N, ...]` with NaN or infinity.

    Raises:
        UserError: names the modality and the first such sample.
    """
    # A sum takes a thirtieth of the time of asking each value. Too large a one is infinite, too.
    if not values.is_floating_point() or values.sum().isfinite():
        return
    finite = values.flatten(1).isfinite().all(dim=1)  # [N, ...] -> [N]
    if not finite.all():
        first = ids[int(finite.logical_not().nonzero()[0])]
        raise UserError(f"NaN or infinity in modality '{modality}' of sample '{first}'.")


def begin_worker(worker_id: int) -> None:
    """What a worker of a loader does first.

    It collects no garbage of the process that it was forked from. A loader that has ended, or that
    an error has stopped, may lie there: collected in a worker, it would try to shut down workers
    that are not its own and print tracebacks of `multiprocessing`. Pages that stay untouched also
    stay shared.

    Ctrl-C, which a terminal sends to workers too, is the main process's to answer. That may leave
    amid a batch that is handed over: it says why, the worker has nothing to add.
    """
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = tell_unless_receiver_left


def tell_unless_receiver_left(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an error as Python does, but none of a receiver that left amid a hand-over."""
    hands_over = trace is not None and trace.tb_frame.f_code is HAND_OVER
    if not (hands_over and isinstance(error, EOFError | ConnectionError)):
        sys.__excepthook__(kind, error, trace)
