"""TAAF: temporal attention-guided adaptive fusion of spiking networks.

"Temporal attention-guided adaptive fusion for imbalanced multimodal spiking neural networks"
(arXiv 2505.14535; ACM MM 2025). No code of the authors is public: wherever the paper is silent the
choice is an option, and its docstring says what the paper says. The modulation factors of Eq. 10
are the callback `snn_mm.callbacks.LossAdjustment`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from snn_mm.contracts import FUSED, FusionOutput, LossTerms, Presence, Scope
from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError, check_choice
from snn_mm.fusion import Concat, FusionFactory
from snn_mm.losses import attention_guided_loss, weighted_terms
from snn_mm.modules.base import MultimodalModule
from snn_mm.modules.class_weights import relative_weights
from snn_mm.modules.taaf.alignment import AlignedEncoder, Kernel
from snn_mm.modules.taaf.attention import (
    TemporalAttention,
    attention_entropy,
    scores_of_present,
)
from snn_mm.neurons import TAAFLIF, NeuronFactory
from snn_mm.presence import present_rows, taken

Attended = Literal["logits", "features", "none"]
Readout = Literal["attention", "mean"]
AttentionOn = Literal["loss", "fusion", "both"]


def shared_concat(feature_dims: dict[str, int], num_classes: int) -> Concat:
    """Concatenation whose unimodal logits are W_u h_u + b/M of one classifier (TAAF Eq. 4)."""
    return Concat(feature_dims, num_classes, unimodal="shared")


class TAAFModule(MultimodalModule):
    """Attention over time steps in the loss of each modality and of the fusion (TAAF Eqs 4-10).

    Every encoder is followed by a spiking projection to `width` features and by time alignment.
    The ablations of Table 2 are `attention: none` and `time_steps: null`.

    Args:
        encoders: one backbone per modality, by name; their time steps may differ.
        fusion: the paper shares one classifier: Concat or Sum with `unimodal: shared`.
        width: features a modality; the paper's classifier takes 128 of each. None: the backbone's.
        time_steps: T after time alignment; None is the ablation without it.
        kernel: of the alignment, `shared` by all channels or `depthwise`; the paper refers to a
            paper that is not public.
        neuron: of projection and alignment.
        attention: what queries and keys are made of. Eq. 5 writes the outputs, the text says fused
            features; `none` is the ablation, all steps alike.
        attention_on: what the scores weigh. `loss`: Eqs 8 and 9, all that the equations say.
            `fusion`: the features that enter the fused prediction, each time step times T α(t) of
            the fusion's scores; the paper says in words that scores modulate the fused features.
            `both`. Scaled spikes are no spikes: the fusion then multiplies.
        detach_attention: whether the loss does not reach the scores. The paper learns them by
            backpropagation; then the easiest step draws the attention.
        readout: how time steps become one prediction: weighted by the scores, or their `mean`; the
            paper says that scores modulate the fusion, its equations weight the loss alone.
        beta: β of Eq. 10, weight of the unimodal losses; not printed.
        phi: Φ of the regulariser; not printed, TET's firing threshold.
        lam: λ of Eq. 9; not printed, TET's 1e-3.
        options: those of `MultimodalModule`.
    """

    weighs_classes = True

    def __init__(
        self,
        encoders: dict[str, Encoder],
        num_classes: int,
        fusion: FusionFactory = shared_concat,
        width: int | None = 128,
        time_steps: int | None = None,
        kernel: Kernel = "shared",
        neuron: NeuronFactory = TAAFLIF,
        attention: Attended = "logits",
        attention_on: AttentionOn = "loss",
        detach_attention: bool = False,
        readout: Readout = "attention",
        beta: float = 1.0,
        phi: float = 1.0,
        lam: float = 1e-3,
        **options: Any,
    ) -> None:
        if beta < 0 or not 0 <= lam <= 1:
            raise UserError(f"model: 0 <= beta and 0 <= lam <= 1; got beta={beta}, lam={lam}")
        aligned: dict[str, Encoder] = {
            name: AlignedEncoder(encoder, width, time_steps, neuron, kernel)
            for name, encoder in encoders.items()
        }
        super().__init__(aligned, fusion, num_classes, **options)
        check_choice("model.attention_on", attention_on, get_args(AttentionOn))
        self.attended, self.detach_attention = attention, detach_attention
        self.attention_on = attention_on
        self.readout_by, self.beta, self.phi, self.lam = readout, beta, phi, lam
        self.attention = nn.ModuleDict() if attention == "none" else self._build_attention()

    def _build_attention(self) -> nn.ModuleDict:
        """Query and key matrices of every output; C is the number of classes, as in the paper."""
        dims = dict.fromkeys((*self.modalities, FUSED), self.num_classes)
        if self.attended == "features":
            dims = dict(self.fusion.feature_dims)
            dims[FUSED] = sum(dims.values())
        return nn.ModuleDict(
            {name: TemporalAttention(d, self.num_classes) for name, d in dims.items()}
        )

    def fuse(self, features: dict[str, Tensor], present: Presence | None = None) -> FusionOutput:
        """Logits `[T, N, K]` of features `[T, N, D]`, scaled by attention if it acts on them."""
        output = super().fuse(features, present)
        if self.attention_on == "loss" or not self.attention:
            return output
        scores = self.scores(output)
        attended = scores[FUSED].detach() if self.detach_attention else scores[FUSED]
        scale = len(attended) * attended.unsqueeze(-1)  # [T, N, 1]; even attention changes nothing
        scaled = {name: scale * value for name, value in output.features.items()}
        fused = self.fusion.fuse_present(scaled, output.present)
        return output._replace(fused=fused, scores=scores)

    def scores(self, output: FusionOutput) -> dict[str, Tensor]:
        """Attention scores α `[T, N]`, by modality and for `FUSED`; 1/T each without attention."""
        if not self.attention:
            return self._even_scores(output)
        if output.scores is not None:
            return output.scores
        attended = output.by_name()
        if self.attended == "features":
            joined = torch.cat([output.features[name] for name in self.modalities], dim=-1)
            attended = {**output.features, FUSED: joined}  # [T, N, ΣD]
        present = output.present
        return {
            name: scores_of_present(attend, attended[name], present_rows(present, name))
            for name, attend in self.attention.items()
        }

    @staticmethod
    def _even_scores(output: FusionOutput) -> dict[str, Tensor]:
        uniform = output.fused.new_full(output.fused.shape[:2], 1.0 / len(output.fused))
        even = dict.fromkeys(output.by_name(), uniform)
        absent = {n: ~mask for n, mask in (output.present or {}).items() if n in even}
        return even | {name: uniform.masked_fill(mask, 0.0) for name, mask in absent.items()}

    def readout(self, output: FusionOutput) -> dict[str, Tensor]:
        """One prediction per sample: logits `[N, K]` by modality and fused."""
        if self.readout_by == "mean" or not self.attention:
            return super().readout(output)
        scores = self.scores(output)
        return {
            name: (scores[name].unsqueeze(-1) * logits).sum(dim=0)  # [T, N, K] -> [N, K]
            for name, logits in output.by_name().items()
        }

    def loss_terms(
        self, output: FusionOutput, logits: dict[str, Tensor], target: Tensor
    ) -> LossTerms:
        """L_f and β L_u of Eq. 10, each by Eq. 9."""
        return self.time_weighted_terms(output, target, {})

    def time_weighted_terms(
        self, output: FusionOutput, target: Tensor, factors: dict[str, Tensor]
    ) -> LossTerms:
        """The summands of the loss with factors k `[T, N]` by modality on each time step."""
        on_loss = self.attention_on != "fusion"
        scores = self.scores(output) if on_loss else self._even_scores(output)
        if self.detach_attention:
            scores = {name: score.detach() for name, score in scores.items()}
        values, class_weight = output.by_name(), self.class_weights.of_classes

        def loss(name: str) -> Tensor:
            rows, factor = present_rows(output.present, name), factors.get(name)
            if rows is not None and not len(rows):
                return values[name].new_zeros(())
            own = taken(target, rows)
            factor = None if factor is None else taken(factor, rows, dim=1)
            if class_weight is not None:  # a mean of so weighed samples divides by their sum
                weight = relative_weights(class_weight, own).expand_as(scores[name][:, : len(own)])
                factor = weight if factor is None else weight * factor
            return attention_guided_loss(
                taken(values[name], rows, dim=1),
                own,
                taken(scores[name], rows, dim=1),
                self.phi,
                self.lam,
                factor,
            )

        return weighted_terms({FUSED: 1.0, **dict.fromkeys(output.unimodal, self.beta)}, loss)

    def skips_parameters(self) -> bool:
        """Whether heads or attention may be out of the loss: β = 0, λ = 1, unlearnt scores."""
        attends = bool(self.attention)
        silent = not self.beta and (attends or bool(self.fusion.heads))
        unlearnt = attends and (
            self.detach_attention or self.lam == 1.0 or self.attention_on == "fusion"
        )
        return silent or unlearnt or super().skips_parameters()

    @torch.no_grad()
    def tracked_factors(self) -> dict[str, float | Tensor]:
        """Entropy of the scores of the last training step, 1 where all time steps weigh alike."""
        if self.step is None:
            return {}
        scores = self.scores(self.step.output)
        entropies = {
            name: taken(attention_entropy(score), present_rows(self.step.present, name))
            for name, score in scores.items()
        }
        return {f"attention_entropy/{name}": e for name, e in entropies.items() if len(e)}

    def modality_parameters(self, modality: str) -> Iterator[nn.Parameter]:
        """Encoder, projection, alignment, own classifier and attention of one modality."""
        return chain(super().modality_parameters(modality), self._attention_parameters(modality))

    def fusion_parameters(self, scope: Scope = "classifier") -> Iterator[nn.Parameter]:
        """The fused classifier; with the whole fusion also the attention of its output."""
        own = self._attention_parameters(FUSED) if scope == "module" else iter(())
        return chain(super().fusion_parameters(scope), own)

    def _attention_parameters(self, name: str) -> Iterator[nn.Parameter]:
        return self.attention[name].parameters() if self.attention else iter(())
