"""The question meets both modalities: temporal grounding, fusion and answer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn

from snn_mm.contracts import FusionOutput, Presence, Scope
from snn_mm.errors import check_choice
from snn_mm.fusion import Fusion, apply, common_width
from snn_mm.fusion.operands import masked, renormalised, with_tokens
from snn_mm.modules.avqa.activation import activation
from snn_mm.modules.avqa.temporal import TemporalGrounding
from snn_mm.neurons import NeuronFactory, is_spiking, reset_neurons
from snn_mm.presence import restricted

QUESTION = "question"
"""Name of the question among inputs and features; it is no modality."""

Form = Literal["iemf", "original"]
"""`original` has a tanh before the fusion and before the answer; in IEMF's copy both are commented
out, for its vanilla runs as well."""

_JOINED, _COMBINED = "joined", "combined"


class QuestionFusion(Fusion):
    """Answers from what a question finds in each modality (ST-AVQA, section 4.4).

    Fused: W_ans (W_fusion [z_a, z_v] ⊙ q). Unimodal heads: W_m (z_m ⊙ q), IEMF's addition. Shared
    unimodal logits: the other modality's z set to zero.

    Args:
        form: `iemf` or `original`, which see.
        temporal_mean: whether a modality's mean over the video is added to what was found in it:
            ST-AVQA does, Baseline does not.
        attention_heads: H of the temporal grounding.
        dropout: of the temporal grounding.
        neuron: makes what stands within its feed-forward part; a spiking preset stands in place of
            the tanh of `original` too, whatever the form.
        options: those of `Fusion`; modalities are all of one width, and classes are answers.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        num_classes: int,
        form: Form = "iemf",
        temporal_mean: bool = False,
        attention_heads: int = 4,
        dropout: float = 0.1,
        neuron: NeuronFactory = nn.ReLU,
        **options: Any,
    ) -> None:
        super().__init__(feature_dims, num_classes, **options)
        check_options(feature_dims, form)
        self.width = next(iter(feature_dims.values()))
        self.temporal = nn.ModuleDict(
            {
                name: TemporalGrounding(self.width, attention_heads, dropout, neuron, temporal_mean)
                for name in feature_dims
            }
        )
        widths = {_JOINED: self.width * len(feature_dims), _COMBINED: self.width}
        widths |= dict.fromkeys(self.heads, self.width)
        self.gates = nn.ModuleDict({k: gate(form, neuron, width) for k, width in widths.items()})
        self.projection = nn.Linear(widths[_JOINED], self.width)
        self.answer = nn.Linear(self.width, num_classes)

    def forward(self, features: dict[str, Tensor], present: Presence | None = None) -> FusionOutput:
        """Answers of a question `[1, N, D]` about modalities `[L, N, D]`.

        Logits are `[1, N, K]`, of spiking neurons `[L, N, K]`; the features of the output are what
        the question found in each modality.
        """
        question = features[QUESTION]
        found = {
            name: self._found(name, question, features[name], present) for name in self.temporal
        }
        asked = {**found, QUESTION: question}
        unimodal = {
            name: self.on_own(name, present, partial(self._read, name), found[name], question)
            for name in self.heads
        } or {name: self.shared_present(name, asked, present) for name in found}
        fused = self.fuse_present(asked, present)
        return FusionOutput(fused, unimodal, found, present=restricted(present, found))

    def fuse_present(self, features: dict[str, Tensor], present: Presence | None) -> Tensor:
        """`fuse` of modalities that some samples may lack, as `absent` says; questions all have."""
        own = {name: x for name, x in features.items() if name != QUESTION}
        present = restricted(present, own)
        if present is None:
            return self.fuse(features)
        own, asked = masked(own, present), {QUESTION: features[QUESTION]}
        if self.absent == "learned":
            return self.fuse(with_tokens(own, present, dict(self.tokens.items())) | asked)
        own = renormalised(own, present) if self.absent == "renormalised" else own
        return self.fuse(own | asked, present)

    def fuse(self, features: dict[str, Tensor], present: Presence | None = None) -> Tensor:
        """Fused logits `[T, N, K]` of what was found `[T, N, D]` and the question `[1, N, D]`.

        Args:
            features: zero for samples that lack the modality.
            present: which samples have it, bool `[N]`: neurons of all others are silent.
        """
        joined = torch.cat([features[name] for name in self.feature_dims], dim=-1)  # [T, N, ΣD]
        gated = self._gated(_JOINED, joined)
        if present is not None:  # a norm or a bias in the gate makes something of zeros
            slots = gated.chunk(len(self.feature_dims), dim=-1)
            parts = dict(zip(self.feature_dims, slots, strict=True))
            gated = torch.cat([*masked(parts, present).values()], dim=-1)
        fused = apply(self.projection, gated)
        return apply(self.answer, self._gated(_COMBINED, fused * features[QUESTION]))

    def shared_logits(self, modality: str, features: dict[str, Tensor]) -> Tensor:
        """Logits `[T, N, K]` of one modality and the question, all other features zero."""
        alone = {
            name: value if name in (modality, QUESTION) else torch.zeros_like(value)
            for name, value in features.items()
        }
        return self.fuse(alone)

    def classifier_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the fusion projection: what IEMF scales in question answering.

        In classification it scales the fused classifier; here the released code scales `fc_fusion`
        and leaves `fc_ans` alone.
        """
        return self.projection.parameters()

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """Parameters of the projection, or of it, answer, the gates before them and tokens."""
        if scope == "classifier":
            return self.classifier_parameters()
        gates = (self.gates[_JOINED], self.gates[_COMBINED])
        parts = (self.projection, self.answer, *gates)
        own = chain.from_iterable(part.parameters() for part in parts)
        return chain(own, self.tokens.parameters())

    def head_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters of one modality's temporal grounding and, if it has one, its own head."""
        own = [self.temporal[modality]]
        if modality in self.heads:
            own += [self.gates[modality], self.heads[modality]]
        return chain.from_iterable(part.parameters() for part in own)

    def _found(self, name: str, question: Tensor, x: Tensor, present: Presence | None) -> Tensor:
        """What a question `[1, N, D]` finds in `[L, N, D]`, zero for samples that lack it."""
        grounding = cast("TemporalGrounding", self.temporal[name])
        if grounding.keeps_time:
            return self.on_own(
                *(name, present, lambda x, q: grounding(q.squeeze(0), x), x, question),
                width=self.width,
            )
        return self.on_own(
            *(name, present, lambda q, x: grounding(q.squeeze(0), x), question, x),
            width=self.width,
        )

    def _read(self, name: str, found: Tensor, question: Tensor) -> Tensor:
        """Logits `[T, N, K]` of one modality's own head."""
        return apply(self.heads[name], self._gated(name, found * question))

    def _gated(self, name: str, value: Tensor) -> Tensor:
        reset_neurons(self.gates[name])  # shared logits run the same gates again
        return apply(self.gates[name], value)


def gate(form: Form, neuron: NeuronFactory, width: int) -> nn.Module:
    """What stands before a layer of the fusion: neurons if they spike, else what the form says.

    Args:
        form: `iemf` or `original`.
        neuron: makes neurons or an activation.
        width: D of what it gets.
    """
    layer = activation(neuron, width)
    if is_spiking(layer):
        return layer
    return nn.Tanh() if form == "original" else nn.Identity()


def check_options(feature_dims: dict[str, int], form: str) -> None:
    """Refuse modalities of different widths, or an unknown form.

    Raises:
        UserError: names what is accepted.
    """
    check_choice("QuestionFusion: form", form, get_args(Form))
    hint = "It is also the width of the question, which each is multiplied with"
    common_width("QuestionFusion", feature_dims, hint)
