"""The weights of a task's best validation, which the next task starts from."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

State = dict[str, Tensor]


class BestOfTask:
    """Keeps the weights of the best score on the CPU; of equal scores the first.

    Attributes:
        score: the best so far; None before the first.
        weights: those behind it.
    """

    def __init__(self) -> None:
        self.score: float | None = None
        self.weights: State | None = None

    def offer(self, score: float, module: nn.Module) -> None:
        """Keep the module's weights if they are better."""
        if self.score is None or score > self.score:
            self.score = score
            state = module.state_dict()
            self.weights = {name: value.detach().cpu().clone() for name, value in state.items()}

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
