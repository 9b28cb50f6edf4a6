"""Fusions: features by modality become fused and unimodal logits.

Every fusion says which of its parameters are the fused classifier and which are the whole fusion,
so that a modulation never has to search parameters by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from snn_mm.contracts import FusionOutput, Scope
from snn_mm.errors import UserError
from snn_mm.neurons import StartsAtRest

UnimodalLogits = Literal["heads", "shared"]
"""`heads`: an own linear classifier per modality (IEMF Eq. 7). `shared`: the part of the fused
classifier that belongs to the modality, without extra parameters (OGM-GE, TAAF Eq. 4)."""

GIVE_ONE = "Give the encoders one feature_dim"


class Fusion(StartsAtRest, ABC):
    """Base class of every fusion.

    Args:
        feature_dims: D of each modality, by name; the order is the order of concatenation.
        num_classes: K.
        unimodal: where the unimodal logits come from, `heads` or `shared`.
    """

    classifier: nn.Linear

    def __init__(
        self, feature_dims: dict[str, int], num_classes: int, unimodal: UnimodalLogits = "heads"
    ) -> None:
        super().__init__()
        self.feature_dims = dict(feature_dims)
        self.num_classes = num_classes
        self.heads = nn.ModuleDict(
            {name: nn.Linear(dim, num_classes) for name, dim in feature_dims.items()}
            if unimodal == "heads"
            else {}
        )

    def forward(self, features: dict[str, Tensor]) -> FusionOutput:
        """Fuse features `[T, N, D]` by modality to logits `[T, N, K]`."""
        self._check(features)
        if self.heads:
            unimodal = {name: head(features[name]) for name, head in self.heads.items()}
        else:
            unimodal = {name: self.shared_logits(name, features) for name in features}
        fused = self.fuse(features)
        if not isinstance(fused, Tensor) or fused.dim() != 3:
            found = list(fused.shape) if isinstance(fused, Tensor) else type(fused).__name__
            raise UserError(f"{type(self).__name__}: fuse must give logits [T, N, K], not {found}")
        return FusionOutput(fused, unimodal, features)

    @abstractmethod
    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]` of features `[T, N, D]` by modality."""

    def shared_logits(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """Logits `[T, N, K]` of one modality from the fused classifier.

        Rule for fusions that do not split into a sum over modalities: fuse with the features of
        all other modalities set to zero.
        """
        alone = {
            name: value if name == modality else torch.zeros_like(value)
            for name, value in features.items()
        }
        return self.fuse(alone)

    def classifier_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the fused classifier: the layer `classifier`, where there is one."""
        return self.classifier.parameters()

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """Parameters of the fused classifier or of the whole fusion, never of the heads."""
        if scope == "classifier":
            return self.classifier_parameters()
        heads = {id(parameter) for parameter in self.heads.parameters()}
        return (parameter for parameter in self.parameters() if id(parameter) not in heads)

    def head_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters of one modality's own classifier; none if logits are shared."""
        return self.heads[modality].parameters() if self.heads else iter(())

    def _check(self, features: dict[str, Tensor]) -> None:
        steps = {name: features[name].shape[0] for name in features}
        if len(set(steps.values())) > 1:
            listed = ", ".join(f"{name}: {count}" for name, count in steps.items())
            raise UserError(
                f"{type(self).__name__}: the modalities differ in their time steps ({listed}).\n"
                "Give every encoder the same number of time steps."
            )


def common_width(owner: str, feature_dims: dict[str, int], hint: str = GIVE_ONE) -> int:
    """The width D that all modalities have.

    Args:
        owner: what needs it, for the message.
        feature_dims: D of each modality, by name.
        hint: what the message says besides.

    Raises:
        UserError: they differ.
    """
    widths = set(feature_dims.values())
    if len(widths) != 1:
        listed = ", ".join(f"{name}: {dim}" for name, dim in feature_dims.items())
        raise UserError(f"{owner}: features of different widths ({listed}).\n{hint}.")
    return widths.pop()


def check_several(fusion: Fusion) -> None:
    """Raise a UserError for a fusion of one modality alone, which needs others."""
    if len(fusion.feature_dims) < 2:
        names = ", ".join(fusion.feature_dims)
        raise UserError(f"{type(fusion).__name__} needs at least two modalities, got {names}")


def apply(layer: nn.Module, value: Tensor) -> Tensor:
    """Call a layer; torch types the result as Any."""
    result: Tensor = layer(value)
    return result


FusionFactory = Callable[[dict[str, int], int], Fusion]
"""Makes a fusion from the feature widths by modality and the number of classes."""
