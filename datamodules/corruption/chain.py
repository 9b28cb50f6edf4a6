"""The corruptions of one modality of a split, one after the other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.corruption.forms import Array, Form
from datamodules.corruption.kinds import CORRUPTIONS, Corruption, level_of
from datamodules.pairing import stream
from datamodules.split import Draw, Source
from snn_mm.errors import UserError

PROBES = 64
"""Samples from which the deviation of features is taken, spread evenly over the split."""


class Chain:
    """The corruptions of one modality.

    Args:
        source: the split.
        modality: its name.
        form: what of it is corrupted.
        corruptions: one after the other.
        seed: of what is drawn.

    Raises:
        UserError: a corruption is of another kind of input.
    """

    def __init__(
        self,
        source: Source,
        modality: str,
        form: Form,
        corruptions: Sequence[Corruption],
        seed: int,
    ) -> None:
        self.source, self.modality, self.form = source, modality, form
        self.corruptions, self.seed = tuple(corruptions), seed
        self.kinds = [kind_of(form, each.kind, modality) for each in corruptions]
        needs = {need for kind in self.kinds for need in kind.needs}
        # Here, in the process that workers are forked from; also what the functions import.
        self.given: dict[str, Any] = {"sample_rate": form.sample_rate}
        if "deviation" in needs:
            self.given["deviation"] = deviation(source, modality, form)
        for each, kind in zip(self.corruptions, self.kinds):
            function(kind.room, each.kind)

    def __call__(self, draw: Draw, clean: Tensor) -> Tensor:
        """Corrupt an input `[...]`."""
        recording = self.form.recording(draw, clean.numpy)
        for place, (chosen, kind) in enumerate(zip(self.corruptions, self.kinds)):
            rng = stream(
                self.seed,
                "corruption",
                *(self.modality, place, chosen.kind, draw.epoch, self.source.ids[draw.row]),
            )
            if chosen.probability < 1 and rng.random() >= chosen.probability:
                continue
            given = self.given | {"others": functools.partial(self._others, draw)}
            level = level_of(kind, chosen.severity)
            options = {need: given[need] for need in kind.needs}
            recording = function(kind.room, chosen.kind)(recording, level, rng, **options)
        finished = self.form.finish(recording, draw)
        return torch.from_numpy(np.ascontiguousarray(finished, np.float32))

    def _others(self, draw: Draw, rng: np.random.Generator) -> Iterator[Array]:
        """Yield the clean recordings of other samples, in random order."""
        for row in rng.permutation(len(self.source.ids)).tolist():
            if row != draw.row and is_present(self.source, self.modality, row):
                yield recording_of(self.source, self.modality, self.form, row)


def kind_of(form: Form, name: str, modality: str) -> Any:
    """Return the corruption of a name that fits a form.

    Raises:
        UserError: none does; names those that do.
    """
    fitting = CORRUPTIONS[form.kind]
    if name not in fitting:
        raise UserError(
            f"data.corruptions.{modality}: {name} does not fit what the modality is here "
            f"({form.kind})\naccepted: {', '.join(fitting)}"
        )
    return fitting[name]


def function(room: str, name: str) -> Callable[..., Array]:
    """Return the function of a corruption, importing what it needs when first asked for."""
    found: Callable[..., Array] = getattr(import_module(f"{__package__}.{room}"), name)
    return found


def is_present(source: Source, modality: str, row: int) -> bool:
    """Whether a sample has a modality, as far as the split says."""
    present = getattr(source, "present", None) or {}
    return modality not in present or bool(present[modality][row])


def recording_of(source: Source, modality: str, form: Form, row: int) -> Array:
    """Return the clean recording `[...]` of a sample, as in evaluation."""
    return form.recording(Draw(0, row), lambda: source[row].inputs[modality].numpy())


def deviation(source: Source, modality: str, form: Form) -> NDArray[np.float64]:
    """Return the deviation `[...]` of each feature over samples, and over the steps of sequences.

    Samples of which there are many count by 64 that are spread evenly.
    """
    rows = [row for row in range(len(source.ids)) if is_present(source, modality, row)]
    places = np.linspace(0, len(rows) - 1, min(len(rows), PROBES)).round().astype(int)
    number, total, squares = 0, 0.0, 0.0
    for row in (rows[place] for place in places.tolist()):
        values = np.asarray(recording_of(source, modality, form, row), np.float64)
        steps = values if form.kind == "sequence" else values[None]  # [L, ...], or [1, ...]
        number += len(steps)
        total = total + steps.sum(axis=0)
        squares = squares + np.square(steps).sum(axis=0)
    mean = total / max(number, 1)
    variance = np.maximum(squares / max(number, 1) - np.square(mean), 0)
    return np.asarray(np.sqrt(variance))
