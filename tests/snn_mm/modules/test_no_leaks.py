"""Nothing of one batch reaches another: through membranes, metrics or order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from snn_mm.contracts import FUSED, Batch
from snn_mm.encoders import ConvNet
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule

Inputs = dict[str, Tensor]


@pytest.fixture(scope="module")
def module() -> IEMFModule:
    """A spiking audio-event network in float64 whose running statistics fit its inputs."""
    torch.manual_seed(0)
    audio = ConvNet(1, time_steps=5, channels=(8, 8), feature_dim=16)
    events = ConvNet(2, input_kind="events", channels=(8, 8), feature_dim=16)
    network = IEMFModule({"audio": audio, "events": events}, Concat, num_classes=3).double()
    for _ in range(60):  # without fitting statistics the layers fall silent in eval mode
        network(inputs(8))
    return network.eval()


def inputs(size: int) -> Inputs:
    """Smooth inputs: white noise leaves deep spiking layers silent."""
    generator = torch.Generator().manual_seed(1)
    audio = torch.randn(size, 1, 8, 8, generator=generator, dtype=torch.float64).cumsum(-1)
    events = torch.randn(size, 5, 2, 8, 8, generator=generator, dtype=torch.float64).cumsum(-1)
    return {"audio": audio, "events": events}


def logits(module: IEMFModule, values: Inputs) -> Tensor:
    """Fused logits `[N, K]`, after making sure that the batch is not silent."""
    result = module.readout(module(values))[FUSED]
    assert result.std(dim=0).min() > 0.01  # over samples, in every class
    return result


def rows(values: Inputs, index: Tensor | slice) -> Inputs:
    return {name: value[index] for name, value in values.items()}


def test_same_batch_twice_gives_equal_logits(module: IEMFModule) -> None:
    batch = inputs(6)
    assert torch.equal(logits(module, batch), logits(module, batch))


def test_what_came_before_does_not_matter(module: IEMFModule) -> None:
    batch = inputs(6)
    first = logits(module, batch)
    module(rows(inputs(9), slice(3, 9)))
    assert torch.equal(first, logits(module, batch))


def test_batch_order_does_not_matter(module: IEMFModule) -> None:
    batch, order = inputs(6), torch.tensor([3, 1, 5, 0, 4, 2])
    torch.testing.assert_close(
        logits(module, rows(batch, order)), logits(module, batch)[order], rtol=1e-9, atol=1e-9
    )


def test_short_last_batch_equals_the_same_samples_in_a_full_batch(module: IEMFModule) -> None:
    batch = inputs(6)
    full = logits(module, batch)
    torch.testing.assert_close(
        logits(module, rows(batch, slice(0, 2))), full[:2], rtol=1e-9, atol=1e-9
    )


def test_torchmetrics_survive_the_resets_of_the_encoders(module: IEMFModule) -> None:
    metric = module.val_metrics[FUSED]
    batch = Batch(inputs=inputs(6), target=torch.tensor([0, 1, 2, 0, 1, 2]), id=["x"] * 6)
    metric.reset()
    for expected in (1, 2):
        prediction = module.readout(module(batch["inputs"]))[FUSED]
        metric.update(prediction, batch["target"])
        assert metric._update_count == expected
