"""MSLR: a learning rate of its own for each modality."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lightning import LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch.optim import Optimizer

from snn_mm.callbacks.modulation.base import accuracies, epoch_of
from snn_mm.callbacks.modulation.functional.mslr import accuracy_ratio, smooth_scale
from snn_mm.callbacks.modulation.gradient import (
    GradientModulation,
    Strength,
    by_modality,
)
from snn_mm.contracts import Modulated
from snn_mm.errors import UserError

Strategy = Literal["keep", "smooth", "dynamic", "released"]
Source = Literal["validation", "training"]

RELEASED_SCALES = {"audio": 0.9, "visual": 1.1}
STAGES: dict[Source, str] = {"validation": "val", "training": "train"}


@dataclass(eq=False)
class MSLR(GradientModulation):
    """Give each modality its own learning rate: `keep`, `smooth` or `dynamic`.

    The factor multiplies all gradients of the modality. Under SGD that is its learning rate, but
    for weight decay, which is not scaled; under Adam, which divides by the gradient's size, it
    does nearly nothing: use `model.parameter_groups` there. A factor of 0 freezes the modality:
    neither weight decay nor momentum moves it. Unimodal accuracy means something only
    if the unimodal logits are trained: `joint_weight` above 0, or a fusion with
    `unimodal: shared`. It never comes from the test set, as it does in the released code.

    Args:
        strategy: `keep` holds the own rates; `smooth` goes from the common to the own rates;
            `dynamic` multiplies the own rates by the last unimodal accuracy over the mean of the
            `window` ones before; `released` is that with 0.9 for audio and 1.1 for visual, as in
            the codes of IEMF and AGM.
        scales: own rate over the common rate, by modality; those left out have 1.
        window: accuracies that the last one is compared with.
        ramp_epochs: epochs in which `smooth` goes from the common to the own rates.
        evidence: accuracy of which part of the data, `validation` or `training`.
    """

    name = "mslr"
    min_modalities = 2

    strategy: Strategy = "dynamic"
    scales: dict[str, float] | None = None
    window: int = 5
    ramp_epochs: int = 5
    evidence: Source = "validation"
    accuracies: dict[int, dict[str, float]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, count in (("window", self.window), ("ramp_epochs", self.ramp_epochs)):
            if count < 1:
                raise UserError(f"MSLR.{key} must be at least 1, got {count}")
        if self.strategy in ("keep", "smooth") and not self.scales:
            raise UserError(
                f"MSLR: strategy {self.strategy} needs `scales`, such as {RELEASED_SCALES}"
            )
        if self.scales and min(self.scales.values()) < 0:
            raise UserError(f"MSLR.scales must not be negative, got {self.scales}")
        self._own = self.scales or (RELEASED_SCALES if self.strategy == "released" else {})
        self._epoch_scales: dict[str, float] = {}

    @property
    def is_dynamic(self) -> bool:
        """Whether accuracies decide."""
        return self.strategy in ("dynamic", "released")

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse scales of modalities that the model does not have."""
        super().setup(trainer, pl_module, stage)
        names = self.modulated(pl_module).modalities
        unknown = [name for name in self._own if name not in names]
        if unknown:
            raise UserError(
                f"MSLR.scales ({self.strategy}): the model has no modality {', '.join(unknown)}; "
                f"accepted: {', '.join(names)}"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse to wait for validations that never come."""
        if self.is_dynamic and self.evidence == "validation" and not trainer.enable_validation:
            raise UserError(
                "MSLR: evidence: validation, but no validation runs; "
                "set `evidence: training` or give the data a validation part"
            )

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Settle the factors of this epoch."""
        super().on_train_epoch_start(trainer, pl_module)
        self._settle(trainer, pl_module)

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gather nothing: accuracies of whole epochs decide."""

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Scale the gradients by the factors of this epoch."""
        if self.is_active(epoch_of(trainer, pl_module)):
            if not self._epoch_scales:  # resumed amid an epoch
                self._settle(trainer, pl_module)
            self.apply_factors(trainer, pl_module, self.compute_factors({}))

    def compute_factors(self, strength: Strength) -> dict[str, float]:
        """The factors of this epoch; a step's evidence plays no part."""
        return by_modality("scale", self._epoch_scales)

    def rewrite_gradients(
        self, module: Modulated, factors: dict[str, float], optimizer_step: int
    ) -> None:
        """Multiply all gradients of each modality by its factor, in place; 0 takes them away."""
        for name in module.modalities:
            scale = factors[f"scale_{name}"]
            for parameter in module.modality_parameters(name):
                if parameter.grad is not None:
                    parameter.grad = parameter.grad.mul_(scale) if scale else None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the unimodal accuracies of a validation during training."""
        fitting = trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
        if fitting and self.evidence == "validation":
            self._keep_accuracies(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the unimodal accuracies of the training epoch."""
        if self.evidence == "training":
            self._keep_accuracies(trainer, pl_module)

    def _settle(self, trainer: Trainer, pl_module: LightningModule) -> None:
        names, epoch = self.modulated(pl_module).modalities, epoch_of(trainer, pl_module)
        begun = trainer.current_epoch - epoch  # a new task is judged by its own accuracies alone
        known = [
            self.accuracies[key]
            for key in sorted(self.accuracies)
            if begun <= key < trainer.current_epoch
        ]
        self._epoch_scales = {
            name: self._scale(name, epoch, [a for k in known if (a := k[name]) == a])
            for name in names  # NaN is that of a modality which no sample had
        }

    def _scale(self, name: str, epoch: int, known: list[float]) -> float:
        own = self._own.get(name, 1.0)
        if self.strategy == "smooth":
            return smooth_scale(own, max(0, epoch - self.start_epoch), self.ramp_epochs)
        if self.strategy == "keep":
            return own
        return own * accuracy_ratio(known, self.window)

    def _keep_accuracies(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.is_dynamic:
            return
        names = self.modulated(pl_module).modalities
        found = accuracies(
            trainer, STAGES[self.evidence], names, f"MSLR: evidence: {self.evidence}"
        )
        self.accuracies[trainer.current_epoch] = found
