"""Weights that a later moment of the training goes back to, on the CPU."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

State = dict[str, Tensor]


def copied_weights(module: nn.Module) -> State:
    """A copy of a module's state, as a checkpoint may hold it."""
    state = module.state_dict()
    return {name: value.detach().cpu().clone() for name, value in state.items()}


class BestOfTask:
    """The weights of a task's best validation, of equal ones the first; the next task's start.

    Attributes:
        score: the best so far; None before the first.
        weights: those behind it.
    """

    def __init__(self) -> None:
        self.score: float | None = None
        self.weights: State | None = None

    def offer(self, score: float, module: nn.Module) -> None:
        """Keep the module's weights if they are better; NaN is not."""
        if score > (-math.inf if self.score is None else self.score):
            self.score = score
            self.weights = copied_weights(module)

    def restore(self, module: nn.Module) -> None:
        """Give the module the best weights, and forget them; nothing if there are none."""
        if self.weights is not None:
            module.load_state_dict(self.weights)
        self.score = self.weights = None

    def state_dict(self) -> dict[str, Any]:
        """Score and weights, as a checkpoint may hold them."""
        return {"score": self.score, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore them."""
        self.score, self.weights = state["score"], state["weights"]
