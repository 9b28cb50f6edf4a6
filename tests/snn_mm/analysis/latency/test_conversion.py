"""ANNs made SNNs, against spikingjelly's own conversion and against the ANN."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from spikingjelly.activation_based import functional
from spikingjelly.activation_based.ann2snn import Converter, RateCodingRecipe
from torch import Tensor, nn

from snn_mm.analysis.latency.conversion import PERCENTILE, averaged, convert, converts
from snn_mm.analysis.latency.gated_pool import GatedMaxPool
from snn_mm.analysis.latency.steps import set_steps
from snn_mm.contracts import Batch
from snn_mm.encoders import MLP, ConvNet
from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.fusion import Concat, FusionFactory, Sum
from snn_mm.metrics.coalitions import predict
from snn_mm.modules import IEMFModule
from snn_mm.neurons import IEMFLIF


class SkippedMLP(MLP):
    """A network that is no chain."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x, lengths) + x.sum()


def trained(fusion: FusionFactory = Concat, size: int = 8, **encoders: Encoder) -> IEMFModule:
    """A module whose batch norms have seen something."""
    image = ConvNet(2, nn.ReLU, 1, (6, 8), 12)
    module = IEMFModule(
        {"visual": image, "audio": MLP(4, nn.ReLU, 1, [9], 7)} | encoders, fusion, 3
    )
    for _ in range(20):
        module(batch_of(size)["inputs"])
    return module.eval()


def batch_of(size: int = 8) -> Batch:
    inputs = {"visual": torch.rand(32, 2, size, size), "audio": torch.randn(32, 4)}
    return {"inputs": inputs, "target": torch.zeros(32).long(), "id": [str(n) for n in range(32)]}


def test_spikes_are_those_of_spikingjellys_recipe() -> None:
    """Where nothing is pooled; it keeps scales beside the neurons, which go into the weights."""
    module, batch = trained(size=4), batch_of(4)
    images, steps = batch["inputs"]["visual"], 10
    ann = module.encoders["visual"]
    first, last = ann.stages[0], ann.projection
    plain = [nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU()]
    plain += [nn.Conv2d(6, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()]
    plain += [nn.Linear(128, 12, bias=False), nn.BatchNorm1d(12), nn.ReLU()]
    theirs = nn.Sequential(*plain).eval()
    own = [ann.conv, ann.norm, ann.neuron, *first, nn.Flatten(), *last]
    for layer, source in zip(theirs, own, strict=True):
        layer.load_state_dict(source.state_dict())
    recipe = RateCodingRecipe([images], mode=PERCENTILE)
    converted = Converter(recipe).convert(theirs)
    with torch.no_grad():
        functional.reset_net(converted)
        rates = torch.stack([converted(images) for _ in range(steps)])  # [T, N, D], scaled
        convert(module, [batch])
        set_steps(module, steps)
        spikes = module.encoders["visual"](images)
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    scale = rates.max()
    assert (rates > 0).double().mean() > 0.05
    # one in some thousands may fall on the other side of the threshold by rounding
    assert ((rates / scale).round() != spikes).double().mean() < 1e-3


@torch.no_grad()
@pytest.mark.parametrize("fusion", [Concat, Sum])
def test_with_many_steps_it_says_what_the_ann_says(fusion: FusionFactory) -> None:
    module, batch = trained(fusion, 16), batch_of(16)
    before = predict(module, batch)
    apart = []
    convert(module, [batch])
    for steps in (4, 400):
        set_steps(module, steps)
        with torch.no_grad():
            after = predict(module, batch)
        apart.append({n: float((after[n] - before[n]).abs().max()) for n in before})
    assert all(apart[1][n] < 0.03 for n in before), apart
    assert all(apart[1][n] < apart[0][n] / 3 for n in before), apart


def test_who_fired_most_passes_a_gated_pool() -> None:
    rates = torch.rand(1, 1, 6, 6)
    spikes = (torch.rand(3000, 1, 1, 6, 6) < rates).float()
    gated = GatedMaxPool(nn.MaxPool2d(2))(spikes)
    assert set(gated.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(gated.mean(0), nn.functional.max_pool2d(rates, 2), rtol=0, atol=0.05)
    plain = functional.seq_to_ann_forward(spikes, nn.MaxPool2d(2)).mean(0)
    assert (plain - gated.mean(0)).max() > 0.1  # the union of a window fires more


@torch.no_grad()
def test_an_ann_of_events_sees_their_mean() -> None:
    events = torch.rand(32, 5, 2, 8, 8)
    image = ConvNet(2, nn.ReLU, 1, (6,), 12, input_kind="events")
    module = trained(visual=ConvNet(2, nn.ReLU, 1, (6,), 12))
    module.encoders["visual"] = image.eval()
    batch = batch_of()
    batch["inputs"]["visual"] = events
    before = predict(module, batch)
    convert(module, [batch])
    set_steps(module, 400)
    with torch.no_grad():
        after = predict(module, averaged(batch, ["visual"]))
    assert float((after["visual"] - before["visual"]).abs().max()) < 0.05


def test_what_cannot_be_converted_is_told_apart() -> None:
    assert converts(trained())
    spiking = trained(audio=MLP(4, IEMFLIF, 1, [9], 7))
    assert not converts(spiking)
    skipped = trained(audio=SkippedMLP(4, nn.ReLU, 1, [9], 7))
    with pytest.raises(UserError, match="no chain"):
        convert(deepcopy(skipped), [batch_of()])
