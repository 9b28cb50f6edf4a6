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


class Fusion(StartsAtRest, ABC):
    """Base class of every fusion.

    Args:
        feature_dims: D of each modality, by name; the order is the order of concatenation.
        num_classes: K.
        unimodal: where the unimodal logits come from, `heads` or `shared`.
    """

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
        return FusionOutput(self.fuse(features), unimodal, features)

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

    @abstractmethod
    def classifier_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the fused classifier."""

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


class Concat(Fusion):
    """Concatenation and one linear classifier (IEMF Eq. 5); any number of modalities.

    Shared unimodal logits are W_m z_m + b / M, so that they sum to the fused logits.
    """

    def __init__(
        self, feature_dims: dict[str, int], num_classes: int, unimodal: UnimodalLogits = "heads"
    ) -> None:
        super().__init__(feature_dims, num_classes, unimodal)
        self.classifier = nn.Linear(sum(feature_dims.values()), num_classes)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]`."""
        joined = torch.cat([features[name] for name in self.feature_dims], dim=-1)  # [T, N, ΣD]
        return apply(self.classifier, joined)

    def shared_logits(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """W_m z_m + b / M, `[T, N, K]`."""
        columns = torch.split(self.classifier.weight, list(self.feature_dims.values()), dim=1)
        weight = columns[list(self.feature_dims).index(modality)]  # [K, D_m]
        bias = self.classifier.bias / len(self.feature_dims)
        return nn.functional.linear(features[modality], weight, bias)

    def classifier_parameters(self) -> Iterator[nn.Parameter]:
        """Weight and bias of the classifier, which is the whole fusion."""
        return self.classifier.parameters()


class Sum(Fusion):
    """One linear classifier per modality, logits added; any number of modalities.

    Shared unimodal logits are each modality's summand with its own bias, as in OGM-GE.
    """

    def __init__(
        self, feature_dims: dict[str, int], num_classes: int, unimodal: UnimodalLogits = "heads"
    ) -> None:
        super().__init__(feature_dims, num_classes, unimodal)
        self.classifiers = nn.ModuleDict(
            {name: nn.Linear(dim, num_classes) for name, dim in feature_dims.items()}
        )

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]`."""
        summands = [self.shared_logits(name, features) for name in self.feature_dims]
        return torch.stack(summands).sum(dim=0)  # [M, T, N, K] -> [T, N, K]

    def shared_logits(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """W_m z_m + b_m, `[T, N, K]`."""
        return apply(self.classifiers[modality], features[modality])

    def classifier_parameters(self) -> Iterator[nn.Parameter]:
        """Weights and biases of all classifiers, which are the whole fusion."""
        return self.classifiers.parameters()


class _Conditioned(Fusion):
    """A fusion in which one modality is conditioned on all others, concatenated.

    Args:
        feature_dims: D of each modality, by name; at least two.
        num_classes: K.
        unimodal: where the unimodal logits come from, `heads` or `shared`.
        conditioned: the modality that the others act on; default the last one.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        unimodal: UnimodalLogits = "heads",
        conditioned: str | None = None,
    ) -> None:
        super().__init__(feature_dims, num_classes, unimodal)
        name = type(self).__name__
        if len(feature_dims) < 2:
            raise UserError(f"{name} needs at least two modalities, got {', '.join(feature_dims)}")
        self.conditioned = conditioned or list(feature_dims)[-1]
        if self.conditioned not in feature_dims:
            raise UserError(
                f"{name}: conditioned={conditioned!r} is no modality; "
                f"accepted: {', '.join(feature_dims)}"
            )
        self.conditioning = [key for key in feature_dims if key != self.conditioned]
        self.condition_dim = sum(feature_dims[key] for key in self.conditioning)
        self.hidden_dim = feature_dims[self.conditioned]
        self.classifier = nn.Linear(self.hidden_dim, num_classes)
        self.add_layers()

    @abstractmethod
    def add_layers(self) -> None:
        """Build the layers between features and classifier."""

    def condition(self, features: dict[str, Tensor]) -> Tensor:
        """Features of the conditioning modalities side by side, `[T, N, ΣD]`."""
        return torch.cat([features[key] for key in self.conditioning], dim=-1)

    def classifier_parameters(self) -> Iterator[nn.Parameter]:
        """Weight and bias of the last linear layer."""
        return self.classifier.parameters()


class FiLM(_Conditioned):
    """Feature-wise linear modulation: classifier(γ ⊙ z_m + β), γ and β from the other modalities.

    Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", Eq. 2. In the
    audio-visual papers audio modulates visual. Shared unimodal logits: the others set to zero.
    """

    def add_layers(self) -> None:
        """The generator of γ and β."""
        self.generator = nn.Linear(self.condition_dim, 2 * self.hidden_dim)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]`."""
        scale, shift = self.generator(self.condition(features)).chunk(2, dim=-1)  # [T, N, D] each
        return apply(self.classifier, scale * features[self.conditioned] + shift)


class Gated(_Conditioned):
    """Gated fusion: classifier(σ(W_c z_c) ⊙ W_m z_m), the gate from the other modalities.

    Kiela et al., "Efficient Large-Scale Multi-Modal Classification", section 3. In the
    audio-visual papers audio gates visual. Shared unimodal logits: the others set to zero.
    """

    def add_layers(self) -> None:
        """The gate and the value it acts on."""
        self.gate = nn.Linear(self.condition_dim, self.hidden_dim)
        self.value = nn.Linear(self.hidden_dim, self.hidden_dim)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]`."""
        gate = self.gate(self.condition(features)).sigmoid()  # [T, N, D]
        return apply(self.classifier, gate * self.value(features[self.conditioned]))


def apply(layer: nn.Module, value: Tensor) -> Tensor:
    """Call a layer; torch types the result as Any."""
    result: Tensor = layer(value)
    return result


FusionFactory = Callable[[dict[str, int], int], Fusion]
"""Makes a fusion from the feature widths by modality and the number of classes."""
