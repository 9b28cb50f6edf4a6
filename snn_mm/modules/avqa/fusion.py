"""The question meets both modalities: temporal grounding, fusion and answer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from snn_mm.contracts import FusionOutput, Presence, Scope
from snn_mm.errors import check_choice
from snn_mm.fusion import Fusion, apply, common_width
from snn_mm.modules.avqa.activation import activation
from snn_mm.modules.avqa.temporal import TemporalGrounding
from snn_mm.neurons import NeuronFactory, is_spiking, reset_neurons

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
            name: grounding(question.squeeze(0), features[name])
            for name, grounding in self.temporal.items()
        }
        asked = {**found, QUESTION: question}
        unimodal = {
            name: apply(head, self._gated(name, found[name] * question))
            for name, head in self.heads.items()
        } or {name: self.shared_logits(name, asked) for name in found}
        return FusionOutput(self.fuse(asked), unimodal, found)

    def fuse(self, features: dict[str, Tensor]) -> Tensor:
        """Fused logits `[T, N, K]` of what was found `[T, N, D]` and the question `[1, N, D]`."""
        joined = torch.cat([features[name] for name in self.feature_dims], dim=-1)  # [T, N, ΣD]
        fused = apply(self.projection, self._gated(_JOINED, joined))
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
        """Parameters of the projection, or of projection, answer and the gates before them."""
        if scope == "classifier":
            return self.classifier_parameters()
        gates = (self.gates[_JOINED], self.gates[_COMBINED])
        parts = (self.projection, self.answer, *gates)
        return chain.from_iterable(part.parameters() for part in parts)

    def head_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Parameters of one modality's temporal grounding and, if it has one, its own head."""
        own = [self.temporal[modality]]
        if modality in self.heads:
            own += [self.gates[modality], self.heads[modality]]
        return chain.from_iterable(part.parameters() for part in own)

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
