"""Fusions: features by modality become fused and unimodal logits.

Every fusion says which of its parameters are the fused classifier and which are the whole fusion,
so that a modulation never has to search parameters by name.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from snn_mm.contracts import FusionOutput, Presence, Scope
from snn_mm.errors import UserError, check_choice
from snn_mm.fusion.operands import masked, renormalised, with_tokens
from snn_mm.neurons import StartsAtRest
from snn_mm.presence import on_present, present_rows, restricted

UnimodalLogits = Literal["heads", "shared"]
"""`heads`: an own linear classifier per modality (IEMF Eq. 7). `shared`: the part of the fused
classifier that belongs to the modality, without extra parameters (OGM-GE, TAAF Eq. 4)."""

Absent = Literal["zeros", "learned", "renormalised"]
"""What stands for a modality that a sample lacks. `zeros`: nothing, a zero that carries no current.
`learned`: a token, zero before training. `renormalised`: nothing, and the features of those that
are there times M over their number, so that the sum keeps its size."""

_OVER_TIME = ("forward", "fuse", "fuse_present", "joint", "mix", "shared_logits")

GIVE_ONE = "Give the encoders one feature_dim"


class Fusion(StartsAtRest, ABC):
    """Base class of every fusion.

    Args:
        feature_dims: D of each modality, by name; the order is the order of concatenation.
        num_classes: K.
        unimodal: where the unimodal logits come from, `heads` or `shared`.
        absent: what stands for a modality that a sample lacks: `zeros`, a `learned` token, or zeros
            with the others `renormalised`; see `Absent`.
    """

    classifier: nn.Linear
    causal: bool = False
    """Whether no time step sees a later one, and what it keeps of earlier ones are states of
    spikingjelly's `MemoryModule`: then the fusion runs step by step. A class says so itself."""

    _takes_presence = False
    _PASS_PRESENCE: tuple[str, ...] = ("fuse",)
    """Methods that hand `present` on; it is given to a class of which each of them takes it."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "causal" not in vars(cls) and any(name in vars(cls) for name in _OVER_TIME):
            cls.causal = False  # what it does over time is its own
        steps = (getattr(cls, name, None) for name in cls._PASS_PRESENCE)
        signatures = [inspect.signature(step).parameters for step in steps if step]
        cls._takes_presence = all("present" in names for names in signatures)

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        unimodal: UnimodalLogits = "heads",
        absent: Absent = "zeros",
    ) -> None:
        super().__init__()
        check_choice(f"{type(self).__name__}: absent", absent, get_args(Absent))
        self.absent = absent
        self.feature_dims = dict(feature_dims)
        self.num_classes = num_classes
        self.heads = nn.ModuleDict(
            {name: nn.Linear(dim, num_classes) for name, dim in feature_dims.items()}
            if unimodal == "heads"
            else {}
        )
        tokens = feature_dims if absent == "learned" else {}
        self.tokens = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(dim)) for name, dim in tokens.items()}
        )

    def forward(self, features: dict[str, Tensor], present: Presence | None = None) -> FusionOutput:
        """Fuse features `[T, N, D]` by modality to logits `[T, N, K]`.

        Args:
            features: what stands for a sample without the modality is never read.
            present: which samples have it, bool `[N]` by modality; without it all.
        """
        self._check(features)
        features = masked(features, present)
        unimodal = self.unimodal_logits(features, present)
        fused = self.fuse_present(features, present)
        if not isinstance(fused, Tensor) or fused.dim() != 3:
            found = list(fused.shape) if isinstance(fused, Tensor) else type(fused).__name__
            raise UserError(f"{type(self).__name__}: fuse must give logits [T, N, K], not {found}")
        return FusionOutput(fused, unimodal, features, present=restricted(present, features))

    @abstractmethod
    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]` of features `[T, N, D]` by modality.

        Features are zero for a sample without the modality. A class whose layers make something of
        a zero takes a second argument, `present`: which samples have a modality, bool `[N]`.
        """

    def fuse_present(self, features: dict[str, Tensor], present: Presence | None) -> Tensor:
        """`fuse` of modalities that some samples may lack, as `absent` says."""
        present = restricted(present, features)
        if present is None:
            return self.fuse(features)
        features = masked(features, present)
        if self.absent == "learned":
            return self.fuse(with_tokens(features, present, dict(self.tokens.items())))
        if self.absent == "renormalised":
            features = renormalised(features, present)
        fuse: Callable[..., Tensor] = self.fuse
        return fuse(features, present) if self._takes_presence else fuse(features)

    def unimodal_logits(
        self, features: dict[str, Tensor], present: Presence | None = None
    ) -> dict[str, Tensor]:
        """Logits `[T, N, K]` of each modality alone, zero for samples that lack it."""
        if not self.heads:
            return {name: self.shared_present(name, features, present) for name in features}
        return {
            name: self.on_own(name, present, head, features[name])
            for name, head in self.heads.items()
        }

    def shared_present(
        self, modality: str, features: dict[str, Tensor], present: Presence | None = None
    ) -> Tensor:
        """`shared_logits` of the samples that have a modality, zero for all others."""

        def judge(*operands: Tensor) -> Tensor:
            return self.shared_logits(modality, dict(zip(features, operands, strict=True)))

        return self.on_own(modality, present, judge, *features.values())

    def on_own(
        self,
        modality: str,
        present: Presence | None,
        layer: Callable[..., Tensor],
        *operands: Tensor,
        width: int | None = None,
    ) -> Tensor:
        """What a layer makes of samples that have a modality, zero for all others; `[T, N, K]`.

        Args:
            modality: whose samples.
            present: which they are, bool `[N]` by modality.
            layer: of operands `[T, n, D]`.
            operands: `[T, N, D]` each.
            width: of what it makes; K by default.
        """
        rows = present_rows(present, modality)
        width = self.num_classes if width is None else width
        return on_present(layer, rows, *operands, width=width, within=self)

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
