"""A trained module as a graph of plain operators: tensors in, tensors out, no snn_mm."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, NamedTuple, cast

import torch
from lightning import LightningModule
from torch import Tensor, nn

from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.neurons import reset_neurons

KINDS = ("probability", "score")
"""What `predict_step` may give: probabilities `[N, K]` by head, or scores `[N]`."""

LENGTHS = ".lengths"
"""Ends the name of an input that says how long the sequences of another one are, `[N]`."""

TRACED_SAMPLES = 3
"""N of the batch that is traced; torch would take a size of 0 or 1 for a constant."""


class Port(NamedTuple):
    """One input of an exported network.

    Attributes:
        name: the modality, or `<modality>.lengths`.
        shape: without N, which is free; L of a sequence is the longest that the file takes.
        dtype: as torch names it, such as `float32`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


class Traced(NamedTuple):
    """A module as torch.export has it.

    Attributes:
        program: the graph, with N free.
        inputs: in the order of the arguments.
        outputs: names of the heads, in the order of the results.
        kind: what the results are, one of `KINDS`.
    """

    program: torch.export.ExportedProgram
    inputs: list[Port]
    outputs: list[str]
    kind: str


class TensorsIn(nn.Module):
    """A module's `predict_step` as a function of tensors, which is what a graph can be made of.

    Args:
        module: the trained module.
        names: of the inputs, in the order of the arguments.
        outputs: of the heads, in the order of the results.
        kind: one of `KINDS`.
    """

    def __init__(
        self, module: LightningModule, names: list[str], outputs: list[str], kind: str
    ) -> None:
        super().__init__()
        self.module = module
        self.names, self.outputs, self.kind = names, outputs, kind

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Probabilities `[N, K]` or scores `[N]` by head, of inputs `[N, ...]` in their order."""
        batch = as_batch(dict(zip(self.names, tensors, strict=True)))
        predicted: Any = cast("Any", self.module).predict_step(batch, 0)
        return tuple(predicted[self.kind][name] for name in self.outputs)


def as_batch(tensors: dict[str, Tensor]) -> Batch:
    """A batch of named inputs `[N, ...]`, those of lengths `[N]` among them."""
    inputs = {name: x for name, x in tensors.items() if not name.endswith(LENGTHS)}
    lengths = {name[: -len(LENGTHS)]: x for name, x in tensors.items() if name not in inputs}
    batch: dict[str, Any] = {"inputs": inputs, "id": []}
    return cast("Batch", batch | ({"lengths": lengths} if lengths else {}))


def as_tensors(batch: Batch) -> dict[str, Tensor]:
    """What a batch holds for a network, by the name of its port, `[N, ...]`."""
    lengths = {name + LENGTHS: x for name, x in batch.get("lengths", {}).items()}
    return {**batch["inputs"], **lengths}


def predicted_kind(module: LightningModule, batch: Batch) -> tuple[str, list[str]]:
    """Which of `KINDS` a module gives, and its heads.

    Raises:
        UserError: neither.
    """
    with torch.no_grad():
        predicted: Any = cast("Any", module).predict_step(batch, 0)
    kind = next((kind for kind in KINDS if kind in predicted), None)
    if kind is None:
        raise UserError(
            f"{type(module).__name__}: predict_step gives no `probability` and no `score`"
        )
    return kind, list(predicted[kind])


def trace(module: LightningModule, batch: Batch) -> Traced:
    """Trace a module in evaluation mode with N free and all else fixed.

    Args:
        module: the trained module.
        batch: of samples that have all modalities; sequences as long as the file is to take.

    Raises:
        UserError: torch.export can't follow the module.
    """
    example = {
        name: x[torch.arange(TRACED_SAMPLES) % len(x)] for name, x in as_tensors(batch).items()
    }
    kind, outputs = predicted_kind(module, as_batch(example))
    program = _program(module, example, outputs, kind)
    used = {name: example[name] for name in _used(program, list(example))}
    if len(used) < len(example):  # such as modalities that the module leaves out
        program = _program(module, used, outputs, kind)
    inputs = [
        Port(name, tuple(x.shape[1:]), str(x.dtype).removeprefix("torch."))
        for name, x in used.items()
    ]
    return Traced(program, inputs, outputs, kind)


def _program(
    module: LightningModule, example: dict[str, Tensor], outputs: list[str], kind: str
) -> torch.export.ExportedProgram:
    network = TensorsIn(module, list(example), outputs, kind).eval()
    samples = torch.export.Dim("N", min=1)
    free = tuple({0: samples} for _ in example)
    try:
        with quietly(), _untouched(module), torch.no_grad():
            return torch.export.export(
                network, tuple(example.values()), dynamic_shapes=(free,), strict=False
            )
    except Exception as error:  # torch.export raises errors of many kinds
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"{type(module).__name__}: torch.export can't trace it: {lines[0]}"
        ) from error


def _used(program: torch.export.ExportedProgram, names: list[str]) -> Iterator[str]:
    """Those of the inputs, given in their order, that something is made of."""
    users = {node.name: node.users for node in program.graph.nodes if node.op == "placeholder"}
    for name, argument in zip(names, program.graph_signature.user_inputs, strict=True):
        if any("sym_size" not in str(user.target) for user in users[str(argument)]):
            yield name


@contextmanager
def _untouched(module: nn.Module) -> Iterator[None]:
    """Leave no membrane of the trace behind, and have weights take no gradient meanwhile."""
    wanted = [weight for weight in module.parameters() if weight.requires_grad]
    reset_neurons(module)
    module.requires_grad_(False)
    try:
        yield
    finally:
        reset_neurons(module)
        for weight in wanted:
            weight.requires_grad_(True)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep what exporters say of their own workings from the terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        said = io.StringIO()  # such as the graph so far, before the error that is raised
        with warnings.catch_warnings(), redirect_stdout(said), redirect_stderr(said):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
