"""The inverse-effectiveness driven update of the fusion (IEMF Eqs 7-11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lightning import LightningModule, Trainer
from torch import nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from snn_mm.callbacks.modulation.base import epoch_of
from snn_mm.callbacks.modulation.functional.iemf import (
    Kappa,
    check_iemf_options,
    iemf_coefficient,
)
from snn_mm.callbacks.modulation.gradient import (
    NoisyGradientModulation,
    Strength,
    scale_gradients,
    unimodal_strengths,
)
from snn_mm.contracts import FUSED, Modulated, Scope
from snn_mm.errors import UserError

Update = Literal["gradient", "learning_rate"]
"""What ξ multiplies: the fusion's gradient, or the learning rate of its parameter group."""


@dataclass(eq=False)
class IEMF(NoisyGradientModulation):
    """Scale the fusion's update by the inverse-effectiveness coefficient ξ (Eq. 11).

    Weak unimodal evidence speeds the fusion up, strong unimodal evidence slows it down. Under SGD
    scaling the gradient is Eq. 11: the learning rate of the fusion times ξ, with the momentum
    buffer holding scaled gradients and weight decay left alone. Under Adam a factor on the gradient
    nearly cancels, for Adam divides by the gradient's own size: there use `update: learning_rate`,
    as the released code for continual learning does. It needs the fusion in a parameter group of
    its own: `model.parameter_groups: {fusion: {}}`. In the code the window begins in epoch 60 for
    CREMA-D.

    Args:
        gamma: inverse gain coefficient γ of Eq. 10.
        kappa: bounded gating function κ of Eq. 10.
        scope: `classifier` scales the fused classifier, as the released code does; `module` every
            parameter of the fusion.
        grad_noise: `none` is the paper; `ge` adds Gaussian noise of the gradient's own standard
            deviation, as the released code does when it scales gradients.
        update: `gradient`, or `learning_rate` for Adam and its kin.
        after_window: what the learning rate is after `end_epoch`: the optimizer's own (`restore`),
            or, until the task ends, its own times the last ξ (`keep`): the released code sets the
            rate within the window and never sets it back.
    """

    name = "iemf"

    gamma: float = 1.0
    kappa: Kappa = "tanh"
    scope: Scope = "classifier"
    grad_noise: Literal["none", "ge"] = "none"
    update: Update = "gradient"
    after_window: Literal["restore", "keep"] = "restore"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_iemf_options(self.gamma, self.kappa)
        if self.update == "learning_rate" and self.grad_noise != "none":
            raise UserError(
                "IEMF: update: learning_rate leaves gradients alone; set grad_noise: none"
            )
        if self.update == "gradient" and self.after_window == "keep":
            raise UserError("IEMF: after_window: keep needs update: learning_rate")
        self._rate = ScaledRate()

    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """The coefficient ξ of Eq. 10."""
        unimodal = unimodal_strengths(strength)
        return {"xi": iemf_coefficient(unimodal, strength[FUSED], self.gamma, self.kappa)}

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Compute ξ and scale the gradient by it, or the learning rate of this step."""
        super().on_before_optimizer_step(trainer, pl_module, optimizer)
        if self.update == "learning_rate" and self._scales_rate(epoch_of(trainer, pl_module)):
            parameters = self.modulated(pl_module).fusion_parameters(self.scope)
            self._rate.scale(optimizer, list(parameters), self.factors["xi"])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Restore the learning rate also where mixed precision skipped the optimizer step."""
        self._rate.release()

    def _scales_rate(self, epoch: int) -> bool:
        """Whether the learning rate is scaled in this epoch (counted within the task)."""
        over = self.end_epoch is not None and epoch > self.end_epoch
        kept = over and self.after_window == "keep"
        return bool(self.factors) and (kept or self.is_active(epoch))

    def rewrite_gradients(
        self, module: Modulated, factors: dict[str, float], optimizer_step: int
    ) -> None:
        """Multiply the fusion's gradient by ξ, in place, unless ξ goes to the learning rate."""
        if self.update == "learning_rate":
            return
        gradients = [p.grad for p in module.fusion_parameters(self.scope) if p.grad is not None]
        noisy = self.grad_noise == "ge"
        generator = self.generator(optimizer_step, module.device) if noisy else None
        scale_gradients(gradients, factors["xi"], generator)


class ScaledRate:
    """Scales the learning rate of some parameters until the optimizer has made its step.

    The rate is back before any schedule advances: those that multiply the present rate would
    otherwise compound the factor.
    """

    def __init__(self) -> None:
        self._base: tuple[dict[str, Any], float] | None = None
        self._hook: RemovableHandle | None = None

    def scale(
        self, optimizer: Optimizer, parameters: Sequence[nn.Parameter], factor: float
    ) -> None:
        """Multiply the learning rate of the group of these parameters for the coming step.

        Raises:
            UserError: they are not a parameter group of their own.
        """
        self.release()
        group = own_group(optimizer, parameters)
        self._base = (group, group["lr"])
        group["lr"] = group["lr"] * factor
        self._hook = optimizer.register_step_post_hook(lambda *_: self.restore())

    def restore(self) -> None:
        """Set the rate back, if it is scaled."""
        if self._base is not None:
            group, rate = self._base
            group["lr"], self._base = rate, None

    def release(self) -> None:
        """Set the rate back and leave the optimizer; not from its hooks, which it goes through."""
        self.restore()
        if self._hook is not None:
            self._hook.remove()
            self._hook = None


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
