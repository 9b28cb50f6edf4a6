from __future__ import annotations

import pytest
import torch
from torch import nn

from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet, ResNet18
from snn_mm.energy import EnergyReport, estimate_energy, preset_cost_model, single_samples
from snn_mm.fusion import AVAttention, Concat, FiLM, Fusion, Gated, Sum
from snn_mm.modules import IEMFModule


def report(fusion: type[Fusion], backbone: type[ConvNet | ResNet18] = ConvNet) -> EnergyReport:
    options = {"channels": (4,), "feature_dim": 6} if backbone is ConvNet else {"width": 2}
    encoders = {name: backbone(1, time_steps=2, **options) for name in ("a", "b")}
    module = IEMFModule(encoders, fusion, num_classes=3)  # type: ignore[arg-type]
    inputs = {name: torch.randn(1, 1, 16, 16) for name in ("a", "b")}
    batch = Batch(inputs=inputs, target=torch.zeros(1).long(), id=["x"])
    return estimate_energy(module, list(single_samples(batch)), preset_cost_model("45nm-fp32"))


@pytest.mark.parametrize("fusion", [AVAttention, Concat, Sum, FiLM, Gated])
def test_encoder_and_own_classifier_are_the_modality_and_the_rest_is_fusion(
    fusion: type[Fusion],
) -> None:
    for layer in report(fusion).layers:
        owned = layer.name.startswith(("encoders.", "fusion.heads."))
        assert layer.part == (
            layer.name.split(".")[-1 if "heads" in layer.name else 1] if owned else "fusion"
        )


def test_film_counts_its_generator_classifier_and_modulation_by_hand() -> None:
    counted = {layer.name: layer.counts for layer in report(FiLM).layers}
    assert counted["fusion.generator"].sites == 2 * 6 * 12  # T, features, scale and shift
    assert counted["fusion.classifier"].sites == 2 * 6 * 3
    assert counted["fusion"].ac == 2 * 6  # the shift


def test_first_layer_of_every_encoder_is_the_stem_and_no_other() -> None:
    first = [layer.name for layer in report(Concat, ResNet18).layers if layer.is_first]
    assert first == ["encoders.a.conv", "encoders.b.conv"]


def test_stem_of_a_static_input_is_counted_once_for_all_time_steps() -> None:
    counted = {layer.name: layer.counts for layer in report(Concat).layers}
    assert counted["encoders.a.conv"].mac == 16 * 16 * 4 * 9
    assert counted["encoders.a.neuron"].neuron_updates == 2 * 16 * 16 * 4


def test_network_without_neurons_has_no_twin() -> None:
    encoder = ConvNet(1, neuron=nn.ReLU, time_steps=1, channels=(4,), feature_dim=6)
    module = IEMFModule({"a": encoder}, Concat, num_classes=3)
    batch = Batch(inputs={"a": torch.randn(1, 1, 8, 8)}, target=torch.zeros(1).long(), id=["x"])
    cost = preset_cost_model("45nm-fp32")
    assert estimate_energy(module, list(single_samples(batch)), cost).ann_twin is None


def test_twin_is_charged_for_every_connection_of_a_binary_input_too() -> None:
    module = IEMFModule({"a": ConvNet(1, channels=(4,), feature_dim=6)}, Concat, num_classes=3)
    batch = Batch(inputs={"a": torch.ones(1, 1, 8, 8)}, target=torch.zeros(1).long(), id=["x"])
    measured = estimate_energy(module, list(single_samples(batch)), preset_cost_model("45nm-fp32"))
    assert measured.ann_twin is not None
    synaptic = 64 * 4 * 9 + 4 * 16 * 6 + 2 * 6 * 3  # stem, projection, head and classifier
    assert measured.ann_twin.total.formula_pj == pytest.approx(4.6 * synaptic)
    assert measured.ann_twin.total.mac == synaptic + 64 * 4 + 6  # and batch norm


class Noisy(ConvNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x + torch.rand_like(x))


def test_noise_of_a_network_leaves_the_random_state_alone() -> None:
    module = IEMFModule({"a": Noisy(1, channels=(4,), feature_dim=6)}, Concat, num_classes=3)
    batch = Batch(inputs={"a": torch.ones(1, 1, 8, 8)}, target=torch.zeros(1).long(), id=["x"])
    before = torch.get_rng_state()
    estimate_energy(module, list(single_samples(batch)), preset_cost_model("45nm-fp32"))
    assert torch.equal(before, torch.get_rng_state())


def test_a_single_sample_brings_no_padding() -> None:
    batch = Batch(
        inputs={"a": torch.ones(2, 5, 3)},
        target=torch.zeros(2),
        id=["x", "y"],
        lengths={"a": torch.tensor([2, 5])},
    )
    samples = list(single_samples(batch))
    assert [sample["inputs"]["a"].shape for sample in samples] == [(1, 2, 3), (1, 5, 3)]
