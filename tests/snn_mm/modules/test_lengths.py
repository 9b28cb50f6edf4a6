"""Lengths reach the encoders of sequences: padding changes nothing of a training."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snn_mm.contracts import Batch
from snn_mm.encoders import MLP, ConvNet, Encoder, SequenceRNN, SequenceTCN
from snn_mm.encoders.inputs import lengths_of
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule, MultimodalModule, TAAFModule
from snn_mm.neurons import IEMFLIF
from snn_mm.presence import presence_of

SKELETON, INERTIAL = torch.tensor([3, 9, 5, 9]), torch.tensor([7, 2, 12, 4])


def encoders(neuron: Callable[[], nn.Module] = IEMFLIF, steps: int = 4) -> dict[str, Encoder]:
    """Two kinds of sequences beside a vector and a picture."""
    options: dict[str, Any] = {"neuron": neuron, "time_steps": steps, "feature_dim": 6}
    return {
        "skeleton": SequenceTCN(3, steps=8, hidden=(5,), **options),
        "inertial": SequenceRNN(2, steps=4, hidden=(), **options),
        "motion": MLP(2, statistics=("mean", "std"), **options),
        "text": MLP(4, **options),
        "depth": ConvNet(1, channels=(3,), **options),
    }


MODULES: dict[str, Callable[..., MultimodalModule]] = {
    "iemf": lambda own: IEMFModule(own, Concat, 3),
    "taaf": lambda own: TAAFModule(own, 3, width=7),
}


@pytest.fixture(params=MODULES.values(), ids=MODULES.keys())
def make(request: pytest.FixtureRequest) -> Callable[..., MultimodalModule]:
    torch.manual_seed(0)
    return lambda *options: request.param(encoders(*options)).double()


def batch(padding: float = 0.0, more: int = 0) -> Batch:
    """Four samples, the sequences of which have anything behind them."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return 3 * torch.randn(shape, generator=generator, dtype=torch.float64)

    inputs = {"skeleton": draw(4, 9, 3), "inertial": draw(4, 12, 2)}
    lengths = {"skeleton": SKELETON, "inertial": INERTIAL}
    for name, x in inputs.items():
        room = torch.full((4, more, x.shape[2]), padding).double()
        inputs[name] = torch.cat([x, room], dim=1)
        for row, length in enumerate(lengths[name].tolist()):
            inputs[name][row, length:] = padding
    inputs |= {"motion": inputs["inertial"], "text": draw(4, 4), "depth": draw(4, 1, 8, 8)}
    lengths["motion"] = INERTIAL
    target, ids = torch.tensor([0, 1, 2, 1]), list("abcd")
    return {"inputs": inputs, "lengths": lengths, "target": target, "id": ids}


def trained_step(module: MultimodalModule, given: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss, gradients and statistics of a training step."""
    own = copy.deepcopy(module)
    loss = own.shared_step(given, "train")
    loss.backward()
    grads = {name: p.grad for name, p in own.named_parameters() if p.grad is not None}
    return loss, {**grads, **dict(own.named_buffers())}


@pytest.mark.parametrize("padding", [math.nan, 1e6])
def test_padding_changes_no_loss_gradient_or_statistic(
    make: Callable[..., MultimodalModule], padding: float
) -> None:
    module = make()
    loss, state = trained_step(module, batch())
    again, other = trained_step(module, batch(padding, more=6))
    torch.testing.assert_close(again, loss, rtol=0, atol=1e-12)
    assert state.keys() == other.keys()
    for name, value in state.items():
        torch.testing.assert_close(other[name], value, rtol=0, atol=1e-12)


def test_a_sample_is_predicted_as_it_is_alone(make: Callable[..., MultimodalModule]) -> None:
    module, given = make().eval(), batch(math.nan, more=2)
    together = module.predict_step(given, 0)["probability"]
    for row in range(4):
        own = {name: x[row : row + 1] for name, x in given["inputs"].items()}
        lengths = {name: length[row : row + 1] for name, length in given["lengths"].items()}
        cut = {n: x[:, : int(lengths[n])] if n in lengths else x for n, x in own.items()}
        alone = module.readout(module(cut, lengths={}))
        for name, logits in alone.items():
            wanted = together[name][row : row + 1]
            torch.testing.assert_close(logits.softmax(-1), wanted, rtol=0, atol=1e-12)


def test_the_ann_twin_takes_the_same_batch(make: Callable[..., MultimodalModule]) -> None:
    module = make(nn.ReLU, 1)
    assert module.shared_step(batch(), "train").isfinite()
    assert {len(x) for x in module.step.features.values()} == {1}  # type: ignore[union-attr]


def test_absent_samples_have_no_length_and_count_nowhere(
    make: Callable[..., MultimodalModule],
) -> None:
    module = make()
    given, garbage = batch(), batch(math.nan, more=3)
    there = torch.tensor([True, False, True, True])
    for one in (given, garbage):
        one["present"] = {"inertial": there, "motion": there}
        one["lengths"] = {
            **one["lengths"],
            "inertial": INERTIAL * there,
            "motion": INERTIAL * there,
        }
    garbage["inputs"]["inertial"][1] = math.inf
    (loss, state), (again, other) = (trained_step(module, one) for one in (given, garbage))
    torch.testing.assert_close(again, loss, rtol=0, atol=1e-12)
    for name, value in state.items():
        torch.testing.assert_close(other[name], value, rtol=0, atol=1e-12)
    features = module.encode(
        given["inputs"], *presence_of(given, module.modalities), **lengths_of(module, given)
    )
    assert not features["inertial"][:, 1].any()


def test_forgotten_lengths_and_encoders_that_take_none_are_refused(
    make: Callable[..., MultimodalModule],
) -> None:
    module, given = make(), batch()
    with pytest.raises(UserError, match=r"skeleton, inertial, motion: .* needs their lengths"):
        module(given["inputs"])
    given["lengths"] = {**given["lengths"], "text": SKELETON}
    with pytest.raises(UserError, match=r"model\.encoders\.text: \w+ does not take the lengths"):
        module.shared_step(given, "train")
    plain = IEMFModule({"text": MLP(4)}, Concat, 3).double()
    assert plain({"text": given["inputs"]["text"]}).fused.shape == (4, 4, 3)
