"""What the spiking fusions share: neurons at rest when a batch begins, and one linear classifier.

The originals sit in networks of their own (Spikformer blocks on maps of patches). Here they read
pooled features `[T, N, D]` of any encoder, so that fusions are compared and nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from snn_mm.contracts import Presence
from snn_mm.errors import check_choice
from snn_mm.fusion.base import Fusion, apply, check_several, common_width
from snn_mm.neurons import reset_neurons

Join = Literal["add", "concat"]
"""How modalities meet before the classifier: `add`, which needs equal widths, or `concat`."""


class SpikingFusion(Fusion, ABC):
    """Base of the fusions whose layers keep membranes over the time steps.

    Membranes are set back to rest whenever the fusion is asked. Shared unimodal logits: the others
    are silent, that is zero; batch norm then uses statistics of that batch and keeps none of them.

    Args:
        joint_dim: D of what the classifier reads.
        options: those of `Fusion`.
    """

    def __init__(
        self, feature_dims: dict[str, int], num_classes: int, joint_dim: int, **options: Any
    ) -> None:
        super().__init__(feature_dims, num_classes, **options)
        check_several(self)
        self.classifier = nn.Linear(joint_dim, num_classes)

    _PASS_PRESENCE = ("fuse", "joint", "mix")

    @abstractmethod
    def joint(self, features: dict[str, Tensor], present: Presence | None = None) -> Tensor:
        """What the classifier reads, `[T, N, D]`, of features `[T, N, D]` by modality."""

    def fuse(self, features: dict[str, Tensor], present: Presence | None = None) -> Tensor:
        """Fused logits `[T, N, K]` of features `[T, N, D]` by modality."""
        reset_neurons(self)
        joint = self.joint(features) if present is None else self.joint(features, present)
        return apply(self.classifier, joint)

    def shared_logits(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """Logits `[T, N, K]` of one modality from the fused classifier, the others silent."""
        with frozen_statistics(self):
            return super().shared_logits(modality, features)


class MixingFusion(SpikingFusion, ABC):
    """Base of the fusions that rewrite each modality with the help of all others, then join them.

    The papers have two modalities; with more, "the other" is all others, concatenated.

    Args:
        join: `add` as in the S-CMRL repository by default, or `concat`.
        options: those of `Fusion`.
    """

    attention: nn.ModuleDict

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        join: Join = "add",
        **options: Any,
    ) -> None:
        dims = list(feature_dims.values())
        self._check_join(join, feature_dims)
        joint_dim = sum(dims) if join == "concat" else dims[0]
        super().__init__(feature_dims, num_classes, joint_dim=joint_dim, **options)
        self.join = join

    @abstractmethod
    def mix(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """Rewritten features `[T, N, D]` by modality, each as wide as before."""

    def joint(self, features: dict[str, Tensor], present: Presence | None = None) -> Tensor:
        """Sum or concatenation of the rewritten features, `[T, N, D]`."""
        mixed = self.mix(features) if present is None else self.mix(features, present)
        ordered = [mixed[name] for name in self.feature_dims]
        if self.join == "concat":
            return torch.cat(ordered, dim=-1)  # [T, N, ΣD]
        return torch.stack(ordered).sum(dim=0)  # [M, T, N, D] -> [T, N, D]

    def attend(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """What the layers `attention` of each modality find in the others, `[T, N, D]`.

        Zero for samples that lack it, or lack all others: who is absent does not ask, and is
        neither key nor value.
        """
        meets = None if present is None else meetings(present, list(self.attention))
        return {
            name: self.on_own(
                name,
                meets,
                layer,
                features[name],
                self.others(name, features),
                width=self.feature_dims[name],
            )
            for name, layer in self.attention.items()
        }

    def others(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """Features of all other modalities side by side, `[T, N, ΣD]`."""
        rest = [features[name] for name in self.feature_dims if name != modality]
        return torch.cat(rest, dim=-1)  # [T, N, ΣD]

    def others_dim(self, modality: str) -> int:
        """Width of `others`."""
        return sum(self.feature_dims.values()) - self.feature_dims[modality]

    def _check_join(self, join: str, dims: dict[str, int]) -> None:
        name = type(self).__name__
        check_choice(f"{name}: join", join, get_args(Join))
        if join == "add":
            common_width(name, dims, "Give the encoders one feature_dim, or set join: concat")


def meetings(present: Presence, modalities: list[str]) -> dict[str, Tensor]:
    """Which samples have a modality and at least one other, bool `[N]` by modality.

    Example:
        >>> meetings({"audio": torch.tensor([True, False])}, ["audio", "visual"])["visual"]
        tensor([ True, False])
    """
    like = next(iter(present.values()))
    masks = {name: present.get(name, torch.ones_like(like)) for name in modalities}
    several = torch.stack(list(masks.values())).sum(dim=0) > 1  # [N]
    return {name: mask & several for name, mask in masks.items()}


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Keep the running statistics of batch norms as they are for what runs meanwhile.

    A batch norm in training still normalises by its batch.
    """
    norms = [p for p in module.modules() if isinstance(p, _BatchNorm) and p.track_running_stats]
    frozen = norms if module.training else []  # in evaluation they are read, never written
    for norm in frozen:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in frozen:
            norm.track_running_stats = True
