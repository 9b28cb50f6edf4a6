"""What a sample of each class counts for in the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from snn_mm.errors import UserError

ClassWeights = Literal["inverse_frequency"] | dict[str, float] | None
"""`inverse_frequency` of the training part, weights by class name (1 for what is not named), or
None: all count alike."""

_ACCEPTED = "accepted: inverse_frequency, weights above 0 by class name, or null"


def inverse_frequency(counts: Sequence[int]) -> list[float]:
    """Weights with which all classes together count alike, w_k = n / (K' n_k).

    n samples, n_k of class k, and K' classes that have some; the mean over the samples is 1, which
    a class without any has too.

    Source: King and Zeng, "Logistic regression in rare events data" (2001), section 4; as
    scikit-learn's `class_weight: balanced`.

    Args:
        counts: n_k, K.

    Example:
        >>> inverse_frequency([6, 2, 0])
        [0.6666666666666666, 2.0, 1.0]
    """
    total, some = sum(counts), sum(count > 0 for count in counts)
    return [total / (some * count) if count else 1.0 for count in counts]


def relative_weights(class_weight: Tensor, target: Tensor) -> Tensor:
    """What each sample counts for, relative to the mean of a batch, `[N]`.

    The mean of a loss times these divides by the sum of weights.

    Args:
        class_weight: `[K]`.
        target: class indices `[N]`.

    Example:
        >>> relative_weights(torch.tensor([3.0, 1.0]), torch.tensor([0, 1]))
        tensor([1.5000, 0.5000])
    """
    weights = class_weight[target]
    return weights / weights.mean()


class ClassWeighting(nn.Module):
    """The weights of the classes: as asked for, then as numbers once the data are known.

    A cross-entropy, and the regulariser of TAAF, is the sum of its samples' losses times their
    weights over the sum of these weights, as torch's; over ranks too, while micro-batches that are
    accumulated are means of their own. What is logged is over all samples of an epoch. Validation
    and test lose by the same weights. Evidence, metrics and what modulations add count samples
    alike.

    Args:
        asked: what `model.class_weights` says.
        module: what has the loss.

    Raises:
        UserError: weights that are none, or a loss that knows none.
    """

    values: Tensor | None

    def __init__(self, asked: ClassWeights, module: nn.Module) -> None:
        super().__init__()
        if asked is not None and not getattr(module, "weighs_classes", False):
            raise UserError(
                f"model.class_weights: the loss of {type(module).__name__} has no weights of "
                "classes\naccepted: null; data.sampling: balanced shows all equally often"
            )
        if asked not in (None, "inverse_frequency") and not isinstance(asked, dict):
            raise UserError(f"model.class_weights is {asked!r}; {_ACCEPTED}")
        for name, value in asked.items() if isinstance(asked, dict) else ():
            if not 0 < value < float("inf"):
                raise UserError(f"model.class_weights.{name} is {value}; {_ACCEPTED}")
        self.asked = asked
        self.register_buffer("values", None, persistent=False)

    def learn(self, data: object, num_classes: int, like: Tensor) -> None:
        """Ask the data for names or counts of their classes.

        Args:
            data: a data module.
            num_classes: K.
            like: has type and device of the model.

        Raises:
            UserError: they don't say, or know no such class.
        """
        if self.asked is None:
            return
        named = isinstance(self.asked, dict)
        found = self._named(data, num_classes) if named else self._counted(data)
        if len(found) != num_classes:
            raise UserError(f"model.class_weights: {len(found)} classes for {num_classes}")
        self.values = torch.tensor(found, dtype=torch.float64).to(like)

    def _named(self, data: object, num_classes: int) -> list[float]:
        names = getattr(data, "class_names", None) or range(num_classes)
        given = {str(name): x for name, x in dict(self.asked or {}).items()}  # type: ignore[arg-type]
        found = [given.pop(str(name), 1.0) for name in names]
        if given:
            raise UserError(
                f"model.class_weights: {type(data).__name__} has no class {next(iter(given))}; "
                f"accepted: {', '.join(map(str, names))}"
            )
        return found

    def _counted(self, data: object) -> list[float]:
        if getattr(data, "sampling", "natural") == "balanced":
            raise UserError(
                "model.class_weights: inverse_frequency beside data.sampling: balanced would make "
                "up for rare classes twice\naccepted: one of the two"
            )
        counts: Any = getattr(data, "class_counts", None)
        if counts is None:
            raise UserError(
                f"model.class_weights: {type(data).__name__} does not count its classes, as "
                "inverse_frequency needs it\naccepted: weights by class name, or a data module "
                "with class_counts()"
            )
        return inverse_frequency(counts())

    @property
    def of_classes(self) -> Tensor | None:
        """Weights `[K]`; None where all classes count alike.

        Raises:
            UserError: they are wanted, and no trainer has set the module up.
        """
        if self.asked is not None and self.values is None:
            raise UserError(
                "model.class_weights follow from the data: they are known once a trainer has set "
                "the module up"
            )
        return self.values

    def of_samples(self, target: Tensor) -> Tensor | None:
        """Weights `[N]` of samples of classes `[N]`; None where all count alike."""
        weights = self.of_classes
        return None if weights is None else weights[target]
