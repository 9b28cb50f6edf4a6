from __future__ import annotations

from pathlib import Path

import torch
from spikingjelly.activation_based.neuron import BaseNode
from torch import nn

from snn_mm.encoders import ConvNet
from snn_mm.energy.copies import ann_twin, copy_for_counting
from snn_mm.neurons import LIF


def network() -> nn.ModuleDict:
    encoder = ConvNet(1, time_steps=3, channels=(2,), feature_dim=4)
    return nn.ModuleDict({"a": encoder, "b": encoder})


def test_copy_runs_spikingjellys_own_operations_on_the_cpu_in_float32() -> None:
    copy = copy_for_counting(network().double().train())
    neurons = [part for part in copy.modules() if isinstance(part, LIF)]
    assert [neuron.implementation for neuron in neurons] == ["reference"] * 4
    assert not copy.training
    assert {value.dtype for value in copy.parameters()} == {torch.float32}


def test_original_keeps_its_hooks_membranes_and_mode() -> None:
    original = network().eval()
    seen: list[int] = []
    original["a"].register_forward_hook(lambda *_: seen.append(1))
    original["a"](torch.randn(1, 1, 8, 8))
    membrane = original["a"].neuron.v.clone()
    copy = copy_for_counting(original.train())
    copy["a"](torch.randn(1, 1, 8, 8))
    assert original.training
    assert torch.equal(original["a"].neuron.v, membrane)
    original["a"](torch.randn(1, 1, 8, 8))
    assert len(seen) == 2  # the copy reported to no hook


def test_copy_made_under_inference_mode_can_be_counted() -> None:
    original = network()
    with torch.inference_mode():
        copy = copy_for_counting(original)
    assert not any(value.is_inference() for value in copy.parameters())


def test_modalities_that_share_an_encoder_get_one_each_in_the_copy() -> None:
    original = network()
    copy = copy_for_counting(original)
    assert original["a"] is original["b"]
    assert copy["a"] is not copy["b"]
    assert copy["a"].neuron is not copy["b"].neuron


def test_a_neuron_used_in_two_places_stays_one_since_it_may_carry_its_membrane() -> None:
    neuron = LIF()
    copy = copy_for_counting(nn.Sequential(neuron, nn.Sequential(neuron)))
    assert copy[0] is copy[1][0]


def test_attributes_that_cannot_be_copied_are_shared(tmp_path: Path) -> None:
    original = network()
    with (tmp_path / "log").open("w") as log:
        original.__dict__["log_file"] = log
        assert copy_for_counting(original).__dict__["log_file"] is log


def test_twin_has_no_neurons_and_one_time_step_and_the_same_weights() -> None:
    copy = copy_for_counting(network())
    twin = ann_twin(copy)
    assert not any(isinstance(part, BaseNode) for part in twin.modules())
    assert (twin["a"].time_steps, copy["a"].time_steps) == (1, 3)
    assert twin["a"](torch.randn(2, 1, 8, 8)).shape == (1, 2, 4)
    assert torch.equal(twin["a"].conv.weight, copy["a"].conv.weight)
