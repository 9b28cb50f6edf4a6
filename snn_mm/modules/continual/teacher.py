"""The network as it was at the end of the previous task, which the methods distil from."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from snn_mm.contracts import FusionOutput, Presence
from snn_mm.encoders.inputs import Inputs, check_inputs, encode, mark_broken
from snn_mm.errors import UserError
from snn_mm.fusion import Fusion
from snn_mm.modules.continual.distillation import AttentionMaps
from snn_mm.modules.continual.dual_attention import TrunkOutput
from snn_mm.neurons import reset_neurons, unused


class Teacher(nn.Module):
    """A frozen copy of encoders (or trunk) and fusion, always in evaluation mode.

    Args:
        encoders: by modality.
        fusion: with the classes seen up to its task.
        trunk: what computes the features of all modalities together, if anything does; it contains
            the encoders.
    """

    def __init__(
        self, encoders: nn.ModuleDict, fusion: Fusion, trunk: nn.Module | None = None
    ) -> None:
        super().__init__()
        original = nn.ModuleDict({"encoders": encoders, "fusion": fusion})
        if trunk is not None:
            original["trunk"] = trunk
        reset_neurons(original)
        with unused(original):
            copied: Any = deepcopy(original)  # torch types what a ModuleDict holds as plain modules
        reset_neurons(copied)
        self.encoders: nn.ModuleDict = copied["encoders"]
        self.fusion: Fusion = copied["fusion"]
        self.trunk = copied["trunk"] if trunk is not None else None
        self.requires_grad_(requires_grad=False).eval()

    def forward(
        self,
        inputs: dict[str, Tensor],
        keep_attention: bool = False,
        present: Presence | None = None,
        **lengths: Inputs,
    ) -> tuple[FusionOutput, AttentionMaps | None]:
        """Logits `[T, N, K']` of inputs by modality (shapes: see `Batch`), and attention.

        Args:
            inputs: by modality.
            keep_attention: whether to return the trunk's attention.
            present: which samples have a modality, bool `[N]`; without it all.
            lengths: `lengths` of sequences, as in a batch.
        """
        extracted = extract_features(
            self.encoders, self.trunk, inputs, keep_attention, present, **lengths
        )
        given = () if present is None else (present,)
        return self.fusion(extracted.features, *given), extracted.attention

    def train(self, mode: bool = True) -> Teacher:
        """Stay in evaluation mode: its statistics are those of the task it has learned."""
        return super().train(mode=False)


def extract_features(
    encoders: nn.ModuleDict,
    trunk: nn.Module | None,
    inputs: dict[str, Tensor],
    keep_attention: bool = False,
    present: Presence | None = None,
    **lengths: Inputs,
) -> TrunkOutput:
    """Features `[T, N, D]` by modality, of a trunk or of one encoder per modality; attention.

    Args:
        encoders: by modality.
        trunk: what computes the features of all modalities together, if anything does.
        inputs: by modality (shapes: see `Batch`).
        keep_attention: whether to return the trunk's attention.
        present: which samples have a modality, bool `[N]`; a trunk, in which each modality guides
            the other, needs all.
        lengths: `lengths` of sequences, as in a batch; a trunk takes none.

    Raises:
        UserError: a sample lacks a modality that the trunk needs.
    """
    if trunk is None:
        return TrunkOutput(encode(encoders, inputs, present, **lengths), None)
    if present is not None:
        raise UserError(
            f"model.trunk: {type(trunk).__name__} attends to one modality by the other; samples "
            f"without {', '.join(present)} are not accepted: encoders instead of a trunk take them"
        )
    check_inputs(inputs, encoders)
    extracted: TrunkOutput = trunk(inputs, keep_attention)
    return extracted._replace(features=mark_broken(extracted.features, inputs))
