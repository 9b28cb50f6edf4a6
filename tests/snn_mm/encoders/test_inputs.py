"""Inputs that are missing or not finite do not pass for others, in any module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snn_mm.encoders import Encoder
from snn_mm.encoders import inputs as inputs_module
from snn_mm.encoders.inputs import broken, check_inputs
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.modules import ContinualModule, IEMFModule, SGMTModule, TAAFModule
from snn_mm.modules.continual.dual_attention import DualAttention
from snn_mm.neurons import IEMFLIF

DIMS = {"audio": 4, "visual": 4}


class Spiking(Encoder):
    """One layer of neurons: `[N, D]` to `[T, N, D]`."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = width, 2
        self.linear, self.neuron = nn.Linear(4, width), IEMFLIF()

    def forward(self, x: Tensor) -> Tensor:
        current = self.linear(x)  # [N, D]
        return self.neuron(current.expand(2, *current.shape))


def encoders() -> dict[str, Encoder]:
    return {name: Spiking() for name in DIMS}


def static(samples: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: 3 * torch.randn(samples, 4, generator=generator) for name in DIMS}


def iemf(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    module = IEMFModule(encoders(), Concat, num_classes=3)
    return module.readout(module(inputs))


def taaf(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    module = TAAFModule(encoders(), num_classes=3, width=4).eval()
    return module.readout(module(inputs))


def tasks(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    module = ContinualModule(4, 2, encoders())
    return module.readout(module(inputs))


def trunk(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    network = DualAttention(4, 4, 4, frames=2, neuron=IEMFLIF, time_steps=2)
    module = ContinualModule(4, 2, trunk=network)
    visual = inputs["visual"].unsqueeze(1).repeat(1, 4, 1) if "visual" in inputs else None
    given = inputs if visual is None else {**inputs, "visual": visual}
    return module.readout(module(given))


def sentiment(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    module = SGMTModule(DIMS, dict.fromkeys(DIMS, 5), width=8, heads=2, steps=5)
    sequences = {name: x.unsqueeze(1).repeat(1, 5, 1) for name, x in inputs.items()}
    return module(sequences, dict.fromkeys(inputs, torch.tensor([5, 3, 4])))


MODULES = [iemf, taaf, tasks, trunk, sentiment]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_spiking_module_refuses_what_is_not_finite(
    module: Callable[[dict[str, Tensor]], Any], value: float
) -> None:
    inputs = static()
    inputs["visual"][1, 2] = value
    with pytest.raises(UserError, match="visual has NaN or infinity, in sample 1 of a batch"):
        module(inputs)


@pytest.mark.parametrize("module", MODULES)
def test_a_missing_modality_is_named(module: Callable[[dict[str, Tensor]], Any]) -> None:
    inputs = {"audio": static()["audio"]}
    expected = "inputs lack visual: the model needs audio, visual, and there is audio"
    with pytest.raises(UserError, match=expected):
        module(inputs)


@pytest.mark.parametrize("module", MODULES)
def test_where_nobody_can_look_nan_comes_out_as_of_an_ann(
    module: Callable[[dict[str, Tensor]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU or in an exported network."""
    monkeypatch.setattr(inputs_module, "_is_at_hand", lambda x: False)
    inputs = static()
    whole = module(inputs)
    assert all(value.isfinite().all() for value in whole.values())
    inputs["visual"][1, 2] = float("nan")
    torch.manual_seed(0)
    heads = module(inputs)
    for head in ("visual", "fused"):
        assert heads[head][1].isnan().all()
    assert heads["audio"].isfinite().all()


def test_an_exported_module_gives_nan_for_nan() -> None:
    module = IEMFModule(encoders(), Concat, num_classes=3).eval()
    exported = torch.export.export(module, (static(),)).module()
    inputs = static()
    torch.testing.assert_close(exported(inputs).fused, module(inputs).fused)
    inputs["audio"][2, 0] = float("nan")
    assert exported(inputs).fused[:, 2].isnan().all()
    assert exported(inputs).fused[:, :2].isfinite().all()


def test_padding_may_hold_anything() -> None:
    x, lengths = torch.ones(2, 3, 4), {"a": torch.tensor([1, 3])}
    x[0, 1:] = float("nan")
    check_inputs({"a": x}, ["a"], lengths)
    with pytest.raises(UserError, match="a has NaN or infinity, in sample 0 of"):
        check_inputs({"a": x}, ["a"])


def test_large_half_precision_inputs_are_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs_module, "_is_at_hand", lambda x: False)
    x = torch.full((2, 100), 60_000.0, dtype=torch.float16)
    assert broken(x).tolist() == [0.0, 0.0]  # type: ignore[union-attr]
    check_inputs({"a": torch.ones(2, 3, dtype=torch.bfloat16)}, ["a"])


def test_what_is_no_tensor_is_named() -> None:
    with pytest.raises(UserError, match="inputs: a must be a tensor"):
        check_inputs({"a": [1.0]}, ["a"])  # type: ignore[dict-item]
