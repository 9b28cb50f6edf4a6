"""Whether numbers are numbers: of tensors, of weights, and of what an optimizer step came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

RUNNING = "running"
"""How the names of buffers begin that hold statistics of what was seen."""


def is_finite(value: Any) -> bool:
    """Whether a tensor of any shape holds finite numbers alone; so does what is no tensor."""
    return not isinstance(value, Tensor) or bool(torch.isfinite(value.detach()).all())


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """One norm `[P]` of each of some tensors, of any shape but empty: not finite where it is not.

    On a GPU it is the largest absolute value. On a CPU that takes nine times as long as squares,
    whose sum may overflow though every number is finite.

    Example:
        >>> norms([torch.tensor([3.0, 4.0]), torch.tensor([torch.nan])])
        tensor([5., nan])
    """
    if not tensors:
        return torch.zeros(0)
    dense = [each._values() if each.is_sparse else each for each in tensors]
    order = 2.0 if all(each.device.type == "cpu" for each in dense) else torch.inf
    return torch.stack(torch._foreach_norm(dense, order))


def broken_weights(module: nn.Module, state: Mapping[str, Any] | None = None) -> list[str]:
    """Names of parameters, and of running statistics, that hold NaN or infinity.

    Args:
        module: says what is a parameter.
        state: what is looked at instead of the module's own, such as that of a checkpoint.
    """
    weights = dict(module.named_parameters())
    held = {**weights, **dict(module.named_buffers())} if state is None else state
    tensors = ((name, x) for name, x in held.items() if isinstance(x, Tensor))
    return broken_tensors((n, x) for n, x in tensors if n in weights or is_running(n))


def is_running(name: str) -> bool:
    """Whether a buffer holds running statistics; others may hold infinity, such as a mask."""
    return name.rpartition(".")[2].startswith(RUNNING)


def broken_tensors(named: Iterable[tuple[str, Tensor]]) -> list[str]:
    """Names of those that hold NaN or infinity; a device is waited for once."""
    kept = {name: x.detach() for name, x in named if x.is_floating_point() and x.numel()}
    if not kept:
        return []
    suspects = zip(kept.items(), norms(list(kept.values())).isfinite().tolist(), strict=True)
    return [name for (name, x), finite in suspects if not finite and not is_finite(x)]


class BatchLoss(NamedTuple):
    """What one micro-batch came to.

    Attributes:
        ids: of its samples.
        value: its loss, `[]`.
        summands: of it, `[]` by name, where the module leaves them.
    """

    ids: list[str]
    value: Tensor
    summands: Mapping[str, Tensor]


class OptimizerStep(NamedTuple):
    """What is looked at of one optimizer step.

    Attributes:
        number: from 1.
        epoch: from 1.
        losses: of its micro-batches.
        parameters: those with a gradient.
        norms: of their gradients, `[P]`.
        fine: whether losses and norms are finite, `[]`.
    """

    number: int
    epoch: int
    losses: list[BatchLoss]
    parameters: list[Tensor]
    norms: Tensor
    fine: Tensor


def is_broken(step: OptimizerStep) -> bool:
    """Whether a step whose norms are not finite has a loss or gradient that is not."""
    return any(not is_finite(loss.value) for loss in step.losses) or bool(broken_gradients(step))


def broken_gradients(step: OptimizerStep) -> list[int]:
    """Places of the gradients that are not finite.

    A norm may be infinite where no element is: it adds squares, unless it was taken on a GPU.
    """
    places: list[int] = step.norms.isfinite().logical_not().nonzero().flatten().tolist()
    if step.norms.device.type != "cpu":
        return places
    return [place for place in places if not is_finite(step.parameters[place].grad)]


def describe(step: OptimizerStep, module: nn.Module) -> str:
    """What of a step is not finite, and whose batch it was."""
    broken = next((loss for loss in step.losses if not is_finite(loss.value)), None)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    gradients = [names.get(id(step.parameters[i]), "?") for i in broken_gradients(step)]
    loss = broken or (step.losses[-1] if step.losses else None)
    found = []
    if broken is not None:
        summands = [name for name, term in broken.summands.items() if not is_finite(term)]
        of = f", by its summand {some(summands)}" if summands else ""
        found.append(f"the loss is {float(broken.value)}{of}")
    if gradients:
        found.append(f"gradients, of {len(step.parameters)}: {some(gradients)}")
    batch = f"\nbatch: {some(loss.ids, 8)}" if loss is not None and loss.ids else ""
    where = f"step {step.number} (epoch {step.epoch})"
    return f"{where} gave numbers that are not finite\n{'; '.join(found)}{batch}"


def some(names: list[str], count: int = 3) -> str:
    """The first names, and how many there are beside."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
