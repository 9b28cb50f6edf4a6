"""A learning rate that is scaled for one optimizer step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from snn_mm.errors import UserError


class ScaledRate:
    """Scales the learning rate of some parameters until the optimizer has made its step.

    The rate is back before any schedule advances: those that multiply the present rate would
    otherwise compound the factor.
    """

    def __init__(self) -> None:
        self._base: tuple[dict[str, Any], float] | None = None

    def scale(
        self, optimizer: Optimizer, parameters: Sequence[nn.Parameter], factor: float
    ) -> None:
        """Multiply the learning rate of the group of these parameters for the coming step.

        Raises:
            UserError: they are not a parameter group of their own.
        """
        self.restore()
        group = own_group(optimizer, parameters)
        self._base = (group, group["lr"])
        group["lr"] = group["lr"] * factor

        def after(*_: object) -> None:
            handle.remove()
            self.restore()

        handle = optimizer.register_step_post_hook(after)

    def restore(self) -> None:
        """Set the rate back, if it is scaled."""
        if self._base is not None:
            group, rate = self._base
            group["lr"], self._base = rate, None


def own_group(optimizer: Optimizer, parameters: Sequence[nn.Parameter]) -> dict[str, Any]:
    """The parameter group that holds exactly these parameters.

    Raises:
        UserError: there is none.
    """
    wanted = {id(parameter) for parameter in parameters}
    for group in optimizer.param_groups:
        if {id(parameter) for parameter in group["params"]} == wanted:
            return group
    raise UserError(
        "IEMF: update: learning_rate needs the parameters it scales in a group of their own\n"
        "Set model.parameter_groups: {fusion: {}}, and scope: module where the fusion has more "
        "layers than its classifier"
    )
