"""The contract of every network that scores sequences: SGMT and its baselines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import chain

from torch import Tensor, nn

from snn_mm.contracts import FUSED, Presence, Scope
from snn_mm.modules.sentiment.heads import widen
from snn_mm.neurons import StartsAtRest


class SentimentNetwork(StartsAtRest, ABC):
    """Sequences of features by modality in, one score per sample and head out.

    Padding never changes a result: a clip alone scores as it does in a batch with longer ones. Nor
    does a modality that a sample lacks: it has no step, its encoder and its head never see the
    sample, its own score is 0, and where modalities meet its features are zero.

    Args:
        feature_dims: D by modality, in the order of fusion.
        max_lengths: the longest sequence of the data by modality.

    Attributes:
        encoders: what belongs to one modality alone, by modality; empty where nothing does.
        unimodal_heads: by modality, what makes its own score; empty without such heads.
        fused_head: makes the fused score.
        num_classes: K where heads say classes in place of a score; see `classify`.
    """

    encoders: nn.ModuleDict
    unimodal_heads: nn.ModuleDict
    fused_head: nn.Module
    num_classes: int | None = None

    def __init__(self, feature_dims: dict[str, int], max_lengths: dict[str, int]) -> None:
        super().__init__()
        self.feature_dims = dict(feature_dims)
        self.max_lengths = {name: max_lengths[name] for name in feature_dims}
        self.encoders, self.unimodal_heads = nn.ModuleDict(), nn.ModuleDict()

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of fusion."""
        return tuple(self.feature_dims)

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the scores that `forward` gives; the fused one is the last."""
        return tuple(self.head_modules)

    @property
    def head_modules(self) -> dict[str, nn.Module]:
        """What makes each score, in the order of `heads`."""
        return {**dict(self.unimodal_heads.items()), FUSED: self.fused_head}

    def classify(self, num_classes: int) -> None:
        """Give every head a logit for each class, `[N, K]`, in place of its score `[N]`.

        The last linear layer of a head is drawn anew with K outputs.
        """
        self.num_classes = num_classes
        for name, head in self.head_modules.items():
            widen(head, num_classes, name)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """What a head says of one sample: a score, `()`, or a logit a class, `(K,)`."""
        return () if self.num_classes is None else (self.num_classes,)

    @abstractmethod
    def forward(
        self,
        inputs: dict[str, Tensor],
        lengths: dict[str, Tensor],
        present: Presence | None = None,
    ) -> dict[str, Tensor]:
        """Scores `[N]` by head; of classes, logits `[N, K]`.

        Args:
            inputs: sequences `[N, L, D]` by modality.
            lengths: `[N]` by modality.
            present: which samples have a modality, bool `[N]`; then lengths of the others are 0 and
                their sequences zero. None where all have all: then no length is 0.
        """

    def modality_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters that belong to one modality: its encoder and its own head."""
        for parts in (self.encoders, self.unimodal_heads):
            if modality in parts:
                yield from parts[modality].parameters()

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """Parameters of the fused head, or all that belong to no single modality."""
        if scope == "classifier":
            yield from self.fused_head.parameters()
            return
        owned = chain.from_iterable(map(self.modality_parameters, self.modalities))
        taken = {id(parameter) for parameter in owned}
        yield from (parameter for parameter in self.parameters() if id(parameter) not in taken)


NetworkFactory = Callable[[dict[str, int], dict[str, int]], SentimentNetwork]
"""Makes a network from feature widths and longest lengths by modality."""
