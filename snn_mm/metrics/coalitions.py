"""Batches of which only some modalities are present, and what a network is worth on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError


class Worth(NamedTuple):
    """What a network is worth for samples.

    Attributes:
        value: `[N]` in float64: the fused probability of the true class, or minus the absolute
            error of the fused score.
        right: whether the fused class is right, `[N]`; None for scores.
    """

    value: Tensor
    right: Tensor | None

    @property
    def counted(self) -> Tensor:
        """What a mean over the set is made of, `[N]`: right classes, else the values."""
        return self.value if self.right is None else self.right.double()


def keep_only(batch: Batch, modalities: Sequence[str], kept: Collection[str]) -> Batch:
    """A batch in which other modalities than some are absent, whatever their inputs hold.

    Samples are left out that have none of those which are kept; see `rows_seen`.

    Args:
        batch: any.
        modalities: those of the network.
        kept: the ones that stay.
    """
    rows = rows_seen(batch, kept)
    size, device = len(batch["target"]), batch["target"].device
    nowhere = torch.zeros(size, dtype=torch.bool, device=device)
    absent = [name for name in modalities if name not in kept]
    changed: dict[str, Any] = dict(batch)
    changed["present"] = {**batch.get("present", {}), **dict.fromkeys(absent, nowhere)}
    if "lengths" in batch:
        lengths = batch["lengths"]
        none = {name: torch.zeros_like(lengths[name]) for name in absent if name in lengths}
        changed["lengths"] = {**lengths, **none}
    if not changed["present"]:
        del changed["present"]
    return cast("Batch", changed if bool(rows.all()) else choose_rows(changed, rows))


def rows_seen(batch: Batch, kept: Collection[str]) -> Tensor:
    """Which samples have any of some modalities, bool `[N]`."""
    target = batch["target"]
    everywhere = torch.ones(len(target), dtype=torch.bool, device=target.device)
    present = batch.get("present", {})
    return torch.stack([present.get(name, everywhere) for name in kept]).any(dim=0)


def choose_rows(values: Any, rows: Tensor) -> Any:
    """Some samples of a batch, or of anything made of tensors `[N, ...]`, lists and dictionaries.

    Args:
        values: what to choose from.
        rows: bool `[N]`.
    """
    if isinstance(values, Mapping):
        return {name: choose_rows(value, rows) for name, value in values.items()}
    if isinstance(values, Tensor):
        return values[rows.to(values.device)]
    return [value for value, chosen in zip(values, rows.tolist(), strict=True) if chosen]


def predict(module: Any, batch: Batch) -> dict[str, Tensor]:
    """What a module says of a batch: probabilities `[N, K]`, or scores `[N]`, by head.

    Raises:
        UserError: it predicts something else.
    """
    said = module.predict_step(batch, 0)
    for kind in ("probability", "score"):
        if isinstance(said, dict) and FUSED in said.get(kind, {}):
            return dict(said[kind])
    raise UserError(
        f"{type(module).__name__}: its predict_step gives no fused probability or score, "
        "so nobody can say what a modality is worth to it"
    )


def targets(module: Any, batch: Batch, heads: Collection[str]) -> dict[str, Tensor]:
    """What each head should say, `[N]`: a class, or a score, which may be of its own."""
    if callable(getattr(module, "targets", None)):
        own = module.targets(batch)
        return {head: own[head] for head in heads}
    return dict.fromkeys(heads, batch["target"])


def worth_of(said: Tensor, target: Tensor) -> Worth:
    """What a fused prediction is worth for each sample.

    Args:
        said: probabilities `[N, K]`, or scores `[N]`.
        target: classes `[N]`, or scores.

    Example:
        >>> worth_of(torch.tensor([[0.25, 0.75]]), torch.tensor([1]))
        Worth(value=tensor([0.7500], dtype=torch.float64), right=tensor([True]))
    """
    if said.dim() == 1:
        return Worth(-(said.double() - target.double()).abs(), None)
    true = said.double().gather(-1, target.unsqueeze(-1)).squeeze(-1)  # [N, K] -> [N]
    return Worth(true, said.argmax(dim=-1) == target)


def worth_of_nothing(target: Tensor, classes: int | None) -> Worth:
    """What one is worth who sees nothing, v(∅): all classes alike, or the neutral score 0.

    The probability of the true class is then 1 / K, and so is that of being right.

    Args:
        target: `[N]`.
        classes: K; None for scores.

    Example:
        >>> worth_of_nothing(torch.tensor([-2.0, 1.0]), None).value
        tensor([-2., -1.], dtype=torch.float64)
    """
    if classes is None:
        return worth_of(torch.zeros_like(target), target)
    chance = torch.full_like(target, 1.0 / classes, dtype=torch.float64)
    return Worth(chance, chance)
