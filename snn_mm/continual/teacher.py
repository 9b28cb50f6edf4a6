"""The network as it was at the end of the previous task, which the methods distil from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from torch import Tensor, nn

from snn_mm.continual.distillation import AttentionMaps
from snn_mm.contracts import FusionOutput
from snn_mm.fusion import Fusion
from snn_mm.neurons import reset_neurons

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


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
        copied = copy_at_rest(original)
        self.encoders, self.fusion = copied["encoders"], copied["fusion"]
        self.trunk = copied["trunk"] if trunk is not None else None
        self.requires_grad_(requires_grad=False).eval()

    def forward(self, inputs: dict[str, Tensor]) -> FusionOutput:
        """Logits `[T, N, K']` of inputs by modality (shapes: see `Batch`)."""
        output: FusionOutput = self.fusion(encode(self.encoders, self.trunk, inputs))
        return output

    def attention(self) -> AttentionMaps | None:
        """Attention of the last batch."""
        return attention_of(self.trunk)

    def train(self, mode: bool = True) -> Teacher:
        """Stay in evaluation mode: its statistics are those of the task it has learned."""
        return super().train(mode=False)


def encode(
    encoders: nn.ModuleDict, trunk: nn.Module | None, inputs: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Features `[T, N, D]` by modality, of a trunk or of one encoder per modality."""
    if trunk is None:
        return {name: encoder(inputs[name]) for name, encoder in encoders.items()}
    features: dict[str, Tensor] = trunk({name: inputs[name] for name in encoders})
    return features


def attention_of(trunk: nn.Module | None) -> AttentionMaps | None:
    """Attention of a trunk's last batch; None without a trunk that attends."""
    return getattr(trunk, "maps", None)


def copy_at_rest(module: nn.ModuleDict) -> nn.ModuleDict:
    """A copy without hooks and membranes.

    A copy with hooks would report to the monitors of the original, and membranes of a training step
    are part of its graph and can't be copied.
    """
    reset_neurons(module)
    with without_hooks(module):
        return deepcopy(module)


@contextmanager
def without_hooks(module: nn.Module) -> Iterator[None]:
    """Take the forward hooks off a module and its parts for a while."""
    kept = [(part, key, part.__dict__[key]) for part in module.modules() for key in _HOOKS]
    for part, key, _ in kept:
        part.__dict__[key] = OrderedDict()
    try:
        yield
    finally:
        for part, key, hooks in kept:
            part.__dict__[key] = hooks
