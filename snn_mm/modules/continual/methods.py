"""Methods of class-incremental learning: what each minimises in a training step.

`Finetune` and `Joint` are the bounds. `LwF`, `SSIL` and `AVCIL` are the three that IEMF was added
to, as weiguoPian/AV-CIL_ICCV2023 and Brain-Cog-Lab/IEMF released them; the formulas are in
`snn_mm.modules.continual.distillation` and `snn_mm.modules.continual.contrast`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from torch import Tensor
from torch.nn.functional import cross_entropy

from snn_mm.contracts import FUSED, LossTerms, StepOutput
from snn_mm.errors import UserError, check_choice
from snn_mm.losses import over_present, weighted_terms
from snn_mm.modules.continual.contrast import Averaging, class_contrast, instance_contrast
from snn_mm.modules.continual.distillation import (
    attention_distillation,
    knowledge_distillation,
    separated_cross_entropy,
)
from snn_mm.modules.continual.step import TaskStep

DISTILLATION = "distillation"
"""Name of the fused distillation term; those of modalities are `distillation_<modality>`."""


class Method(ABC):
    """What a training step minimises.

    Every term of a modality's own head has the weight `TaskStep.joint_weight`, which is 0 outside
    the window of joint learning. There it is no term: optimizers leave the heads alone.
    """

    protocol: Literal["incremental", "joint"] = "incremental"
    """What the data must train on: the current task, or all classes seen so far."""

    has_teacher: bool = False
    """Whether it needs the network of the previous task."""

    starts_anew: bool = False
    """Whether each task starts from the initial weights instead of those of the task before."""

    needs_memory: bool = False
    """Whether it needs exemplars of earlier tasks."""

    needs_attention: bool = False
    """Whether it compares the attention of network and teacher."""

    @abstractmethod
    def terms(self, step: TaskStep) -> LossTerms:
        """The summands of the loss, scalars in nats, by name."""

    def modulated(self, step: TaskStep) -> StepOutput:
        """What modulations see of a step: the current task alone, as in the released IEMF."""
        return step.current()


class Finetune(Method):
    """Cross-entropy on the current task alone: the lower bound, which forgets.

    Args:
        softmax: over which classes: `all` seen so far, as AV-CIL's code does, which pushes old
            classes down; `block`, those of the current task, which leaves their rows alone.
    """

    def __init__(self, softmax: Literal["all", "block"] = "all") -> None:
        check_choice("Finetune.softmax", softmax, ("all", "block"))
        self.softmax = softmax

    def terms(self, step: TaskStep) -> LossTerms:
        """Cross-entropy of the fusion and of every head."""
        return classification(step, separated if self.softmax == "block" else plain)


class Joint(Method):
    """Cross-entropy on the samples of all classes seen so far: the upper bound.

    Args:
        start: what a task starts from: `continue`, the weights of the task before, as every method
            does, so that the bound has trained for as many epochs as what it bounds; `anew`, the
            initial weights, as AV-CIL's upper bound, which a task of few epochs leaves untrained.
    """

    protocol = "joint"

    def __init__(self, start: Literal["continue", "anew"] = "continue") -> None:
        check_choice("Joint.start", start, ("continue", "anew"))
        self.starts_anew = start == "anew"

    def terms(self, step: TaskStep) -> LossTerms:
        """Cross-entropy of the fusion and of every head."""
        return classification(step, plain)

    def modulated(self, step: TaskStep) -> StepOutput:
        """All of it: no task is the current one where all are trained alike."""
        return step.whole()


class LwF(Method):
    """Learning without forgetting: cross-entropy in the current block, distillation of the others.

    Li and Hoiem; without memory. The teacher is asked about samples of the current task.

    Args:
        distillation: weight of the distillation.
        temperature: T of both softmaxes.
    """

    has_teacher = True

    def __init__(self, distillation: float = 1.0, temperature: float = 2.0) -> None:
        check_weights(self, distillation=distillation)
        if temperature <= 0:
            raise UserError(f"{type(self).__name__}.temperature is {temperature}; it must be > 0")
        self.distillation, self.temperature = distillation, temperature

    def terms(self, step: TaskStep) -> LossTerms:
        """Separated cross-entropy and block-wise distillation of the fusion and of every head."""
        terms = classification(step, separated)
        if step.taught is None:
            return terms
        taught, blocks = step.taught, step.old_tasks
        distil = partial(knowledge_distillation, blocks=blocks, temperature=self.temperature)
        distilled = weighted_terms(
            {name: self.distillation * weight for name, weight in step.weights().items()},
            lambda name: over_present(distil, step.rows(name), step.logits[name], taught[name]),
        )
        keys = {name: f"{DISTILLATION}_{name}" for name in distilled} | {FUSED: DISTILLATION}
        return terms | {keys[name]: term for name, term in distilled.items()}


class SSIL(LwF):
    """Separated softmax: as LwF, with exemplars that are judged among the old classes alone.

    Ahn et al. Cross-entropy and distillation are means over samples of the task and exemplars.
    """

    needs_memory = True


class AVCIL(SSIL):
    """AV-CIL (Pian et al.): SSIL, contrast between two modalities, distilled attention.

    Contrast and attention begin with the second task, as released.

    Args:
        instance: weight λ_I of the instance contrast: 0.5 on AVE-CI and 0.1 elsewhere in AV-CIL's
            scripts, 0.1 everywhere in IEMF's; 0 switches it off.
        class_contrast: weight λ_C of the class contrast; 0 switches it off.
        attention: weight of the attention distillation; 0 switches it off, as IEMF's scripts do.
            It needs a trunk that attends.
        spatial_share: λ, the share of its spatial part.
        averaging: how the class contrast is averaged, as `released` or as in the `paper`.
        contrast_temperature: of both contrasts.
        query: the modality that asks in both contrasts; the other one answers.
        options: those of `LwF`, for the distillation of logits.
    """

    def __init__(
        self,
        instance: float = 0.1,
        class_contrast: float = 1.0,
        attention: float = 1.0,
        spatial_share: float = 0.5,
        averaging: Averaging = "released",
        contrast_temperature: float = 0.05,
        query: str = "audio",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_weights(self, instance=instance, class_contrast=class_contrast, attention=attention)
        if not 0 <= spatial_share <= 1:
            raise UserError(f"AVCIL.spatial_share is {spatial_share}; accepted: 0 to 1")
        self.instance, self.class_contrast, self.attention = instance, class_contrast, attention
        self.spatial_share, self.averaging, self.query = spatial_share, averaging, query
        self.contrast_temperature = contrast_temperature
        self.needs_attention = attention > 0

    def terms(self, step: TaskStep) -> LossTerms:
        """Those of SSIL, and what AV-CIL adds from the second task on."""
        terms = super().terms(step)
        if step.taught is None:
            return terms
        pair, both = self._pair(step.features()), step.both()
        heat, averaging = self.contrast_temperature, self.averaging
        instance = partial(instance_contrast, temperature=heat)
        classes = partial(class_contrast, temperature=heat, averaging=averaging)
        summands = {
            "instance": lambda: over_present(instance, both, *pair),
            "class_contrast": lambda: over_present(classes, both, *pair, step.target),
            "attention": lambda: self._attention_loss(step),
        }
        weights = {
            "instance": self.instance,
            "class_contrast": self.class_contrast,
            "attention": self.attention,
        }
        return terms | weighted_terms(weights, lambda name: summands[name]())

    def _pair(self, features: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Features `[N, D]` of the modality that asks and of the one that answers."""
        if self.query not in features or len(features) != 2:
            raise UserError(
                f"AVCIL contrasts two modalities, of which query={self.query!r} is one; "
                f"the model has {', '.join(features)}"
            )
        (other,) = (value for name, value in features.items() if name != self.query)
        return features[self.query], other

    def _attention_loss(self, step: TaskStep) -> Tensor:
        """Attention distillation on exemplars, a scalar."""
        if step.attention is None or step.taught_attention is None:
            raise ValueError("attention distillation needs the maps of network and teacher")
        new, old = (maps.of(step.exemplars) for maps in (step.attention, step.taught_attention))
        return attention_distillation(new, old, self.spatial_share)


def classification(step: TaskStep, loss: Callable[[Tensor, Tensor, int], Tensor]) -> LossTerms:
    """The weighted cross-entropy of the fusion and of every head, by name."""
    return weighted_terms(
        step.weights(),
        lambda name: over_present(
            lambda o, y: loss(o, y, step.start), step.rows(name), step.logits[name], step.target
        ),
    )


def plain(logits: Tensor, target: Tensor, start: int) -> Tensor:
    """Cross-entropy of logits `[N, K]` over all classes seen so far."""
    return cross_entropy(logits, target)


def separated(logits: Tensor, target: Tensor, start: int) -> Tensor:
    """Cross-entropy of logits `[N, K]` within the block of a sample's own time."""
    return separated_cross_entropy(logits, target, start)


def check_weights(method: Method, **weights: float) -> None:
    """Raise a UserError for a weight below zero."""
    for name, value in weights.items():
        if value < 0:
            raise UserError(f"{type(method).__name__}.{name} must not be negative, got {value}")
