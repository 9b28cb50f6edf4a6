"""Whether a file says what the module says, sample by sample over a whole test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from lightning import LightningModule
from torch import Tensor
from torch.nn.functional import pad

from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.export.formats import Answer
from snn_mm.export.graph import LENGTHS, Port, as_batch, as_tensors
from snn_mm.export.rounding import Rounds
from snn_mm.neurons import reset_neurons

TOLERANCE = 1e-5
"""By how much a probability, or a score, of a file may differ from the module's."""


@dataclass
class Proof:
    """What came of asking file and module for every sample.

    Attributes:
        samples: asked for; each in the batches of the test set.
        alone: of these, how many were asked for once more as a batch of one.
        left_out: lack a modality, which a file does not take.
        decided_otherwise: for how many the largest probability of some head is another one.
        off: for how many some number differs by more than the tolerance.
        rounded: of these, for how many only spikes at a rounding error from their threshold do it,
            and nothing is decided otherwise.
        largest: difference of all.
        tolerance: what may differ.
        correct: how many the file's fused decision gets right; None of scores.
    """

    samples: int = 0
    alone: int = 0
    left_out: int = 0
    decided_otherwise: int = 0
    off: int = 0
    rounded: int = 0
    largest: float = 0.0
    tolerance: float = TOLERANCE
    correct: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Its numbers by name, and the accuracy of the file where it decides."""
        correct = self.correct
        rate = {} if correct is None or not self.samples else {"accuracy": correct / self.samples}
        return asdict(self) | rate

    def add(
        self,
        wanted: dict[str, Tensor],
        found: dict[str, Tensor],
        rounds: Callable[[], tuple[dict[str, Tensor], Tensor]] | None = None,
    ) -> None:
        """Count a batch.

        Args:
            wanted: of the module, `[N, K]` or `[N]` by head.
            found: of the file.
            rounds: what the module says with the spikes of the file; see `rounding.Rounds`.
        """
        worst, otherwise = worst_gap(wanted, found)
        self.samples += len(worst)
        off = ~(worst <= self.tolerance)  # not `>`: NaN is no agreement
        self.off += int(off.sum())
        self.decided_otherwise += int(otherwise.sum())
        self.largest = max(self.largest, float(worst.nan_to_num(torch.inf).max()))
        if rounds is not None and off.any():
            with_spikes, close = rounds()
            same = worst_gap(with_spikes, found)[0] <= self.tolerance
            self.rounded += int((off & same & close & ~otherwise).sum())


def worst_gap(wanted: dict[str, Tensor], found: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The largest `gap` of all heads, and whether one decides otherwise, `[N]` each.

    Args:
        wanted: `[N, K]` or `[N]` by head.
        found: of the same shapes.
    """
    gaps, otherwise = zip(*(gap(wanted[name], found[name]) for name in found), strict=True)
    return torch.stack(gaps).amax(dim=0), torch.stack(otherwise).any(dim=0)


def gap(wanted: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
    """By how much a head differs at most, and whether it decides otherwise, `[N]` each.

    Args:
        wanted: `[N, K]`, or scores `[N]`, which decide nothing.
        found: of the same shape.

    Example:
        >>> gap(torch.tensor([[0.4, 0.6]]), torch.tensor([[0.5, 0.25]]))
        (tensor([0.3500]), tensor([True]))
    """
    if wanted.shape != found.shape:
        raise UserError(f"the file gives {list(found.shape)}, the module {list(wanted.shape)}")
    difference = (wanted - found).abs().flatten(1) if wanted.dim() > 1 else (wanted - found).abs()
    if wanted.dim() == 1:
        return difference, torch.zeros_like(difference, dtype=torch.bool)
    return difference.amax(dim=1), wanted.argmax(dim=1) != found.argmax(dim=1)


def prove(
    module: LightningModule,
    batches: Iterable[Batch],
    ports: list[Port],
    kind: str,
    answer: Answer,
    rounds: Rounds | None = None,
) -> Proof:
    """Ask file and module for all samples of a test set that have all modalities.

    Args:
        module: in evaluation mode.
        batches: of the test set.
        ports: what the file takes.
        kind: `probability` or `score`.
        answer: what the file says.
        rounds: what the module says with the spikes of the file, for samples that differ.

    Raises:
        UserError: no sample has all modalities.
    """
    proof = Proof(correct=0 if kind == "probability" else None)
    for batch in batches:
        batch, left_out = complete(batch)
        proof.left_out += left_out
        if len(batch["id"]):
            _compare(proof, module, batch, FileAsked(ports, kind, answer, rounds))
    reset_neurons(module)
    if not proof.samples:
        raise UserError(f"export: none of {proof.left_out} test samples has all modalities")
    return proof


class FileAsked(NamedTuple):
    """What `prove` was given of a file."""

    ports: list[Port]
    kind: str
    answer: Answer
    rounds: Rounds | None


def _compare(proof: Proof, module: LightningModule, batch: Batch, file: FileAsked) -> None:
    with torch.no_grad():
        wanted: dict[str, Tensor] = cast("Any", module).predict_step(batch, 0)[file.kind]
    inputs, answer = fitted(batch, file.ports), file.answer
    found = answer(inputs)
    proof.add(wanted, found, partial(file.rounds, inputs) if file.rounds else None)
    if proof.correct is not None and FUSED in found:
        proof.correct += int((found[FUSED].argmax(dim=1) == batch["target"]).sum())
    if not proof.alone:
        one = {name: x[:1] for name, x in inputs.items()}
        rounds = partial(file.rounds, one) if file.rounds else None
        proof.add({name: x[:1] for name, x in wanted.items()}, answer(one), rounds)
        proof.alone, proof.samples = 1, proof.samples - 1


def complete(batch: Batch) -> tuple[Batch, int]:
    """The samples of a batch that have all modalities, and how many have not."""
    masks = list(batch.get("present", {}).values())
    if not masks:
        return batch, 0
    rows = torch.stack(masks).all(dim=0).nonzero().squeeze(1)  # [n]
    kept = as_batch({name: x[rows] for name, x in as_tensors(batch).items() if len(x)})
    kept["id"] = [batch["id"][row] for row in rows.tolist()]
    kept["target"] = batch["target"][rows]
    return kept, len(batch["id"]) - len(rows)


def fitted(batch: Batch, ports: list[Port]) -> dict[str, Tensor]:
    """What a file takes of a batch: sequences padded with zeros to the file's L, `[N, L, D]`.

    Raises:
        UserError: a sequence is longer.
    """
    given = as_tensors(batch)
    return {port.name: _stretched(given[port.name], port) for port in ports}


def _stretched(x: Tensor, port: Port) -> Tensor:
    if tuple(x.shape[1:]) == port.shape or port.name.endswith(LENGTHS):
        return x
    if x.dim() != 3 or x.shape[2] != port.shape[1] or x.shape[1] > port.shape[0]:
        raise UserError(
            f"export: {port.name} is {list(x.shape[1:])} here; the file takes {list(port.shape)}"
        )
    return pad(x, (0, 0, 0, port.shape[0] - x.shape[1]))


def tracing_batch(batches: Iterable[Batch]) -> Batch:
    """Complete samples to trace a module with, their sequences as long as any batch has them.

    Raises:
        UserError: there is none.
    """
    best: dict[str, Tensor] = {}
    sizes: dict[str, int] = {}
    for batch in batches:
        kept, _ = complete(batch)
        found = as_tensors(kept) if kept["id"] else {}
        for name in (name for name in found if name + LENGTHS in found):
            sizes[name] = max(sizes.get(name, 0), found[name].shape[1])
        best = best or found
    if not best:
        raise UserError("export: no test sample has all modalities")
    ports = [
        Port(n, (sizes.get(n, 0) or x.shape[1], *x.shape[2:]), "")
        if x.dim() > 1
        else Port(n, (), "")
        for n, x in best.items()
    ]
    return as_batch(fitted(as_batch(best), ports))
