"""What the base class does for an encoder of one's own, whatever its `forward` is."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import neuron
from torch import Tensor, nn

from snn_mm.encoders import ConvNet, Encoder, RecurrentNet, ResNet18
from snn_mm.errors import UserError
from snn_mm.fusion import SCMRL, Concat
from snn_mm.modules import IEMFModule
from snn_mm.modules.continual.dual_attention import DualAttention
from snn_mm.modules.sgmt import SGMT
from snn_mm.neurons import IEMFLIF, NeuronFactory

X = 3 * torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


class Forgetful(Encoder):
    """One layer of neurons that `forward` never resets."""

    def __init__(self, make: NeuronFactory = IEMFLIF) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 4, 4
        self.neuron = make()

    def forward(self, x: Tensor) -> Tensor:
        return self.neuron((x / 5).expand(4, *x.shape))


class Gives(Encoder):
    """Gives what it is told to, of whatever input."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.feature_dim, self.time_steps, self.output = 4, 3, output

    def forward(self, x: Tensor) -> Any:
        return self.output


def test_the_base_class_resets_where_forward_forgets() -> None:
    encoder = Forgetful(neuron.IFNode)
    encoder.neuron.step_mode = "m"
    first = encoder(X)
    assert 0 < first.mean() < 1
    assert torch.equal(encoder(X), first)


WRONG = {
    "no time": (torch.ones(3, 4), r"\[T, 3, 4\]; it gave \[3, 4\]\nwithout time T is 1"),
    "batch first": (torch.ones(5, 3, 4).transpose(0, 1), r"it gave \[3, 5, 4\]"),
    "another width": (torch.ones(2, 3, 5), r"it gave \[2, 3, 5\]"),
    "more dimensions": (torch.ones(2, 1, 3, 4), r"it gave \[2, 1, 3, 4\]"),
    "a tuple": ((torch.ones(2, 3, 4), None), "it gave tuple"),
    "nothing": (None, "it gave NoneType"),
}


@pytest.mark.parametrize(("output", "message"), WRONG.values(), ids=WRONG)
def test_features_of_another_shape_are_refused_where_they_are_made(
    output: Any, message: str
) -> None:
    with pytest.raises(UserError, match=f"Gives: forward must give a tensor .*{message}"):
        Gives(output)(X)


@pytest.mark.parametrize(
    ("make", "x"), [(partial(ConvNet, 1), torch.randn(3, 1, 8, 8)), (Forgetful, X)]
)
def test_a_neuron_layer_that_adds_dimensions_is_named(
    make: Callable[[NeuronFactory], Encoder], x: Tensor
) -> None:
    encoder = make(partial(neuron.GatedLIFNode, T=4, step_mode="m"))
    with pytest.raises(UserError, match=r"its neuron, GatedLIFNode, makes \[4, 1, 1, 1, 128\] of"):
        encoder(x)


def test_neurons_without_state_are_neurons() -> None:
    torch.manual_seed(1)
    encoder = ConvNet(1, partial(neuron.PSN, T=4), 4, channels=(4, 4), feature_dim=8)
    assert encoder(torch.randn(3, 1, 8, 8)).unique().tolist() == [0.0, 1.0]


def test_neurons_of_another_number_of_steps_are_named() -> None:
    encoder = ConvNet(1, partial(neuron.PSN, T=3), 4, channels=(4, 4), feature_dim=8)
    with pytest.raises(UserError, match="its neuron, PSN, has T = 3, the encoder time_steps: 4"):
        encoder(torch.randn(3, 1, 8, 8))


def resnet() -> tuple[nn.Module, tuple[Any, ...]]:
    return ResNet18(1, width=2, checkpoint_blocks=True), (torch.randn(2, 1, 16, 16),)


def recurrent() -> tuple[nn.Module, tuple[Any, ...]]:
    return RecurrentNet(4, 6, hidden=(5,), feature_dim=4), (torch.randn(2, 1, 4, 6),)


def classifier() -> tuple[nn.Module, tuple[Any, ...]]:
    encoders: dict[str, Encoder] = {"a": recurrent()[0], "b": recurrent()[0]}  # type: ignore[dict-item]
    inputs = {name: torch.randn(2, 1, 4, 6) for name in encoders}
    return IEMFModule(encoders, partial(SCMRL, groups=2), num_classes=2), (inputs,)


def trunk() -> tuple[nn.Module, tuple[Any, ...]]:
    inputs = {"audio": torch.randn(2, 4), "visual": torch.randn(2, 4, 4)}
    network = DualAttention(4, 4, 4, frames=2, neuron=IEMFLIF, time_steps=2, frames_at_once=1)
    return network, (inputs,)


def sentiment() -> tuple[nn.Module, tuple[Any, ...]]:
    dims = {"text": 4, "audio": 3}
    inputs = {name: torch.randn(2, 5, dim) for name, dim in dims.items()}
    network = SGMT(dims, dict.fromkeys(dims, 5), width=8, steps=5)
    return network, (inputs, dict.fromkeys(dims, torch.tensor([5, 3])))


def loss(output: Any) -> Tensor:
    """A scalar that depends on all tensors of an output."""
    if isinstance(output, Tensor):
        return output.sum()
    parts = output.values() if isinstance(output, dict) else output
    return sum((loss(part) for part in parts if part is not None), torch.zeros(()))


@pytest.mark.parametrize("make", [resnet, recurrent, classifier, trunk, sentiment])
def test_a_network_can_be_copied_after_a_step(
    make: Callable[[], tuple[nn.Module, tuple[Any, ...]]],
) -> None:
    network, inputs = make()
    output = network(*inputs)
    deepcopy(network)
    loss(output).backward()  # recomputes the blocks of the ResNet, and what the trunk attends to
    copied = deepcopy(network.eval())
    torch.testing.assert_close(loss(copied(*inputs)), loss(network(*inputs)))


def test_membranes_stay_readable_after_a_call_in_evaluation() -> None:
    encoder = Forgetful().eval()
    encoder(X)
    assert encoder.neuron.v.shape == X.shape
    assert not encoder.neuron.v.requires_grad


@pytest.mark.parametrize("make", [resnet, recurrent, classifier, trunk, sentiment])
def test_a_training_step_keeps_no_membrane(
    make: Callable[[], tuple[nn.Module, tuple[Any, ...]]],
) -> None:
    network, inputs = make()
    output = network(*inputs)
    held = [m for part in network.modules() for m in getattr(part, "_memories", {}).values()]
    assert len(held) > 1
    assert not any(isinstance(each, Tensor) for each in held)
    loss(output).backward()


def test_a_fusion_that_forgets_the_reset_is_reset_too() -> None:
    class Leaky(Concat):
        def __init__(self, dims: dict[str, int], classes: int) -> None:
            super().__init__(dims, classes)
            self.neuron = IEMFLIF()

        def fuse(self, features: dict[str, Tensor]) -> Tensor:
            return super().fuse({"a": self.neuron(features["a"])})

    fusion, features = Leaky({"a": 4}, 2), {"a": X.expand(2, 3, 4) / 5}
    assert torch.equal(fusion(features).fused, fusion(features).fused)
