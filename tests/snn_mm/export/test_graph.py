"""A traced module gives the module's numbers, for any number of samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from snn_mm.contracts import FusionOutput
from snn_mm.encoders import MLP, ConvNet, Encoder
from snn_mm.errors import UserError
from snn_mm.export.graph import LENGTHS, Traced, as_batch, as_tensors, trace
from snn_mm.fusion import Concat
from snn_mm.modules import AVQAModule, IEMFModule, SGMTModule, TAAFModule
from snn_mm.modules.avqa import GroundedFrames, QuestionFusion, SoundEncoder
from snn_mm.modules.sgmt.firing_rate import FiringRate
from snn_mm.neurons import IEMFLIF, SCMRLLIF, SGMTLIF, TAAFLIF


def encoders(neuron: Callable[[], nn.Module], steps: int) -> dict[str, Encoder]:
    images = ConvNet(1, neuron, steps, channels=(3, 4), feature_dim=6)
    return {"audio": MLP(5, neuron, steps, feature_dim=6), "visual": images}


def inputs(samples: int) -> dict[str, torch.Tensor]:
    return {
        "audio": 2 * torch.randn(samples, 5),
        "visual": 2 * torch.randn(samples, 1, 8, 8),
        "unread": torch.randn(samples, 2),
    }


def answer(traced: Traced, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = traced.program.module()(*(given[port.name] for port in traced.inputs))
    return dict(zip(traced.outputs, found, strict=True))


@pytest.mark.parametrize("kind", [IEMFModule, TAAFModule])
@pytest.mark.parametrize("neuron", [IEMFLIF, TAAFLIF, SGMTLIF, SCMRLLIF, nn.ReLU])
def test_a_trace_equals_its_module_for_one_sample_and_for_many(
    kind: type[IEMFModule | TAAFModule], neuron: Callable[[], nn.Module]
) -> None:
    parts = encoders(neuron, 1 if neuron is nn.ReLU else 3)
    module = kind(parts, fusion=Concat, num_classes=4).eval()
    traced = trace(module, as_batch(inputs(2)))
    assert [port.name for port in traced.inputs] == ["audio", "visual"]
    assert traced.outputs == ["audio", "visual", "fused"]
    for samples in (1, 7):
        given = inputs(samples)
        with torch.no_grad():
            wanted = module.predict_step(as_batch(given), 0)["probability"]
            found = answer(traced, given)
        for name, value in wanted.items():
            torch.testing.assert_close(found[name], value, atol=1e-6, rtol=0)


def test_a_trace_leaves_neither_membranes_nor_frozen_weights() -> None:
    module = IEMFModule(encoders(IEMFLIF, 2), Concat, 4).eval()
    trace(module, as_batch(inputs(2)))
    assert all(weight.requires_grad for weight in module.parameters())
    states = [part.v for part in module.modules() if isinstance(part, IEMFLIF)]
    assert states == [0.0] * len(states)


def test_what_asks_for_values_is_refused_in_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    class Looks(IEMFModule):
        def readout(self, output: FusionOutput) -> dict[str, torch.Tensor]:
            return super().readout(output) if output.fused.sum() > 0 else {}

    module = Looks(encoders(nn.ReLU, 1), Concat, 4).eval()
    with pytest.raises(UserError, match=r"Looks: torch\.export can't trace it"):
        trace(module, as_batch(inputs(3)))
    assert capfd.readouterr() == ("", "")  # torch would print its graph


def test_lengths_are_inputs_of_their_own() -> None:
    batch = as_batch({"text": torch.ones(2, 3, 4), "text" + LENGTHS: torch.tensor([1, 3])})
    assert set(batch["inputs"]) == {"text"}
    assert batch["lengths"]["text"].tolist() == [1, 3]
    assert set(as_tensors(batch)) == {"text", "text.lengths"}


def sentiment(trained: bool) -> tuple[Any, dict[str, torch.Tensor]]:
    dims, steps = {"text": 3, "audio": 2}, {"text": 4, "audio": 6}
    torch.manual_seed(0)
    module = SGMTModule(dims, steps, width=8, heads=2, layers=1, fusion_layers=1, steps=4).eval()
    for part in (part for part in module.modules() if isinstance(part, FiringRate)):
        part.running.fill_(0.2)
        part.batches.fill_(int(trained))
    given = {name: 4 * torch.randn(3, steps[name], dim) for name, dim in dims.items()}
    lengths = {name + LENGTHS: torch.tensor([steps[name], 2, 1]) for name in dims}
    return module, given | lengths


def questions() -> tuple[Any, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    encoders = {"audio": SoundEncoder(3, feature_dim=8), "visual": GroundedFrames(8)}
    fusion = partial(QuestionFusion, attention_heads=2)
    videos = {"audio": torch.randn(3, 5, 3), "visual": torch.randn(3, 5, 8, 2, 3)}
    words = {"question": torch.randint(11, (3, 4))}
    return AVQAModule(encoders, fusion, 6, 11).eval(), videos | words


@pytest.mark.parametrize("made", [partial(sentiment, True), partial(sentiment, False), questions])
def test_what_eager_code_looks_at_is_no_constant_of_a_trace(
    made: Callable[[], tuple[Any, dict[str, torch.Tensor]]],
) -> None:
    """Lengths, numbers of samples and frames, and whether a rate was ever measured."""
    module, given = made()
    traced = trace(module, as_batch(given))
    shorter = {name: x[1:] for name, x in given.items()}  # the longest is gone
    for inputs in (given, shorter, {name: x[2:] for name, x in given.items()}):
        with torch.no_grad():
            wanted = module.predict_step(as_batch(inputs), 0)[traced.kind]
            found = answer(traced, inputs)
        for name, value in found.items():
            torch.testing.assert_close(value, wanted[name], atol=1e-6, rtol=0)
