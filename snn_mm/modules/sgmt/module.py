"""SGMT: spike-generated self-attention for sentiment from text, audio and video.

"Enhancing Multimodal Sentiment Analysis through the Integration of Attention Mechanisms and Spiking
Neural Networks" (anonymous ACL submission). No code of the authors is public: wherever the paper is
silent the choice is an option, and its docstring says what the paper says.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from snn_mm.contracts import FUSED, FUSION_ONLY
from snn_mm.modules.sentiment.module import SentimentModule
from snn_mm.modules.sgmt.fusion import Absent, Merge
from snn_mm.modules.sgmt.layer import Connection, LayerOptions
from snn_mm.modules.sgmt.network import SGMT, Pooling
from snn_mm.neurons import SGMTLIF, NeuronFactory
from snn_mm.sequences import Padding


class SGMTModule(SentimentModule):
    """Spiking single-modal networks and a fusion network of connected neurons, with five heads.

    The loss is the weighted sum of the heads' absolute errors (section 3.3). The ANN twin is
    `neuron: torch.nn.ReLU`: then LIF and LIF' are activations and scale_2 is that of vanilla
    attention.

    Args:
        modalities: two or three of them, in this order (Table 3); all if left out.
        loss_weights: λ by head; the paper's are 1 for each modality, 3 for `fusion_only` (O_tav)
            and 6 for `fused` (O_m).
        scale_1: factor of every normalised current (Eq. 3); 0.5 is the best of Table 4.
        strength: of the fixed random connection ω of LIF'; 0.01 is the best of Table 4.
        width: d_m; not printed.
        heads: of the attention; not printed.
        layers: of each single-modal network; not printed.
        fusion_layers: of the fusion network; not printed.
        neuron: of all layers; threshold and time constant are not printed.
        steps: T, the length that all modalities are brought to; 50 is the paper's example.
        padding: how longer sequences are averaged down: over `masked` valid steps, or by MMSA's
            rule, `averaged`.
        pooling: over time, before a head: `mean` of the valid steps, or `last`; not printed.
        kernel_size: of the projection of the features, for all or by modality; not printed.
        merge: how modalities come together: by `features`, by `projection`, `pairwise` or in
            `time`; the paper's text allows each.
        connection_seed: of ω, which is drawn once and never trained.
        connection_normalised: whether ω is divided by the root of its width, as in the paper's
            source for it, Nicola & Clopath; SGMT prints no such factor.
        absent: what stands for a modality that a sample lacks where modalities meet: `zeros`, or
            `renormalised`, where those that are there make up for it (`fusion.Absent`).
        options: those of `SentimentModule`.
    """

    def __init__(
        self,
        feature_dims: dict[str, int],
        max_lengths: dict[str, int],
        modalities: list[str] | None = None,
        loss_weights: dict[str, float] | None = None,
        scale_1: float = 0.5,
        strength: float = 0.01,
        width: int = 128,
        heads: int = 8,
        layers: int = 2,
        fusion_layers: int = 2,
        neuron: NeuronFactory = SGMTLIF,
        steps: int = 50,
        padding: Padding = "masked",
        pooling: Pooling = "mean",
        kernel_size: int | dict[str, int] = 1,
        merge: Merge = "features",
        connection_seed: int = 0,
        connection_normalised: bool = False,
        absent: Absent = "zeros",
        **options: Any,
    ) -> None:
        network = partial(
            SGMT,
            width=width,
            layers=layers,
            fusion_layers=fusion_layers,
            steps=steps,
            padding=padding,
            pooling=pooling,
            kernel_size=kernel_size,
            merge=merge,
            options=LayerOptions(heads=heads, scale_1=scale_1, neuron=neuron),
            connection=Connection(strength, connection_seed, connection_normalised),
            absent=absent,
        )
        super().__init__(
            network,
            feature_dims,
            max_lengths,
            modalities,
            loss_weights or paper_weights(modalities or list(feature_dims)),
            **options,
        )


def paper_weights(modalities: list[str]) -> dict[str, float]:
    """λ of section 3.3: 1 for each modality, 3 for the fusion network, 6 for all together."""
    return {**dict.fromkeys(modalities, 1.0), FUSION_ONLY: 3.0, FUSED: 6.0}
