"""A trained network, asked for what it says of inputs that someone changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import torch
from lightning import LightningDataModule
from torch import Tensor

from snn_mm.analysis.sentiment.clip_loading import Part, batches, unknown_clip
from snn_mm.contracts import FUSED, Batch, Classifies, FusionOutput, ScoresSequences
from snn_mm.encoders.inputs import lengths_of
from snn_mm.energy import single_samples
from snn_mm.errors import UserError
from snn_mm.metrics.coalitions import choose_rows, predict
from snn_mm.presence import presence_of

Output = FusionOutput | dict[str, Tensor]


class Answer(NamedTuple):
    """What a network says of a batch.

    Attributes:
        output: logits `[T, N, K]`, or what each head says `[N]`; see `Asked.output`.
        heads: probabilities `[N, K]`, or scores `[N]`; see `predict`.
    """

    output: Output
    heads: dict[str, Tensor]


class Asked:
    """A module and the batch it is asked about.

    Args:
        module: in evaluation mode.
        batch: inputs `[N, ...]`; all but the inputs stays as it is.

    Raises:
        UserError: the module neither sorts into classes nor scores.
    """

    def __init__(self, module: Any, batch: Batch) -> None:
        if not hasattr(module, "num_classes") or not hasattr(module, "modalities"):
            raise UserError(
                f"a {type(module).__name__} has no modalities and fused prediction to explain"
            )
        self.module, self.batch = module, batch
        self.is_score = isinstance(module, ScoresSequences)

    @property
    def there(self) -> dict[str, Tensor]:
        """Inputs `[N, ...]` of modalities that some sample of the batch has."""
        present, inputs = self.batch.get("present", {}), self.batch["inputs"]
        named = [m for m in self.module.modalities if m in inputs]
        return {m: inputs[m] for m in named if m not in present or bool(present[m].any())}

    @property
    def attributable(self) -> list[str]:
        """Those of them whose inputs are numbers."""
        return [m for m, x in self.there.items() if x.is_floating_point()]

    @cached_property
    def answer(self) -> Answer:
        """What it says of the batch as it is, asked once."""
        given: list[Output] = []
        hook = self.module.register_forward_hook(lambda *passed: given.append(passed[-1]))
        try:
            with torch.no_grad():
                heads = predict(self.module, self.batch)
        finally:
            hook.remove()
        return Answer(given[-1], heads)

    def output(self, inputs: Mapping[str, Tensor]) -> Output:
        """Logits `[T, B, K]`, or what each head says `[B]`, of inputs `[B, ...]`.

        Args:
            inputs: B a multiple of N, sample after sample, again and again; those of the batch are
                repeated where a modality is not named.
        """
        batch: Any = self._repeated(inputs)
        if isinstance(self.module, Classifies):
            given = presence_of(batch, self.module.modalities)
            said: FusionOutput = self.module(
                batch["inputs"], *given, **lengths_of(self.module, batch)
            )
            return said
        heads: dict[str, Tensor] = self.module(
            batch["inputs"], batch.get("lengths", {}), self.module.presence(batch)
        )
        return heads

    def fused(self, inputs: Mapping[str, Tensor] | None = None) -> Tensor:
        """Fused logits `[B, K]`, or scores `[B]`, of inputs as in `output`."""
        said = self.answer.output if inputs is None else self.output(inputs)
        if isinstance(said, FusionOutput):
            said = self.module.readout(said)
        return said[FUSED]

    def chosen(self, inputs: Mapping[str, Tensor] | None, classes: Tensor | None) -> Tensor:
        """Logit `[B]` of a class `[N]`, or the score, of inputs as in `output`."""
        said = self.fused(inputs)
        if classes is None:
            return said
        wanted = classes.repeat(len(said) // len(classes)).unsqueeze(-1)  # [B, 1]
        return said.gather(-1, wanted).squeeze(-1)

    @torch.no_grad()
    def predicted(self) -> Tensor | None:
        """The fused class `[N]`; None of a module that scores."""
        return None if self.is_score else self.fused().argmax(dim=-1)

    def _repeated(self, inputs: Mapping[str, Tensor]) -> dict[str, Any]:
        count = len(self.batch["target"])
        times = len(next(iter(inputs.values()))) // count if inputs else 1
        again: Any = _again(self.batch, times)
        return {**again, "inputs": {**again["inputs"], **inputs}}


def _again(values: Any, times: int) -> Any:
    """Tensors `[N, ...]`, lists and dictionaries of them, so many times after each other."""
    if isinstance(values, Mapping):
        return {name: _again(value, times) for name, value in values.items()}
    if isinstance(values, Tensor):
        return values.repeat(times, *(1 for _ in values.shape[1:]))
    return list(values) * times


def take_sample(data: LightningDataModule, wanted: str | None, part: Part = "test") -> Batch:
    """One sample of a part as a batch of its own; the first if nobody says which.

    Raises:
        UserError: there is no sample of this id; names some that are near, or there.
    """
    known: list[str] = []
    for batch in batches(data, part):
        if wanted is None or wanted in batch["id"]:
            place = 0 if wanted is None else batch["id"].index(wanted)
            rows = torch.arange(len(batch["target"])) == place
            return next(single_samples(choose_rows(batch, rows)))
        known += batch["id"]
    raise unknown_clip(wanted or "", known, part)


def take_samples(data: LightningDataModule, count: int, part: Part = "test") -> Iterator[Batch]:
    """The first samples of a part, in its batches."""
    for batch in batches(data, part):
        rows = torch.arange(len(batch["target"])) < count
        yield batch if bool(rows.all()) else choose_rows(batch, rows)
        count -= int(rows.sum())
        if count <= 0:
            return
