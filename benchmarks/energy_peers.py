"""Count a spiking audio-visual network with `EnergyEstimator`'s counters and with NeuroBench.

    python benchmarks/energy_peers.py [--samples 4]

NeuroBench (`pip install neurobench`, not a dependency) counts linear and convolutional layers one
by one. Two differences are known: it never counts a multiply-accumulate on padding, and it leaves
out connections whose weight or input is exactly zero, where a dense layer computes all the same. So
the operations of spikes must be equal to the integer, and its multiply-accumulates at most ours.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet, ResNet18
from snn_mm.energy import Counts, count_operations, single_samples
from snn_mm.energy.copies import copy_for_counting
from snn_mm.fusion import FiLM
from snn_mm.modules import IEMFModule

LAYERS = (nn.Linear, nn.Conv2d)


def network() -> IEMFModule:
    torch.manual_seed(0)
    encoders = {"audio": ConvNet(1), "visual": ResNet18(3, width=16, form="postactivation")}
    module = IEMFModule(encoders, FiLM, num_classes=10)  # type: ignore[arg-type]
    inputs = random_batch(8)["inputs"]
    module.train()
    with torch.no_grad():
        for _ in range(20):  # batch statistics, so that every layer fires
            module(inputs)
    return copy_for_counting(module)


def random_batch(size: int) -> Batch:
    inputs = {"audio": torch.randn(size, 1, 32, 32), "visual": torch.randn(size, 3, 48, 48)}
    return Batch(inputs=inputs, target=torch.zeros(size).long(), id=["x"] * size)


def count_with_neurobench(module: IEMFModule, samples: list[Batch]) -> dict[str, dict[str, int]]:
    """AC, MAC and dense connections of every layer, summed over samples."""
    from neurobench.metrics.utils.layers import single_layer_MACs

    counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def watch(name: str, layer: nn.Module) -> Any:
        plain = plain_layer(layer).double()  # its sums overflow the integers of float32

        def hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            x = arguments[0].flatten(0, 1) if is_multistep(layer) else arguments[0]
            operations, spiking = single_layer_MACs(x.double(), plain)
            dense, _ = single_layer_MACs(x.double(), plain, total=True)
            counted[name]["ac" if spiking else "mac"] += int(operations)
            counted[name]["dense"] += int(dense)

        return layer.register_forward_pre_hook(hook)

    handles = [watch(name, m) for name, m in module.named_modules() if isinstance(m, LAYERS)]
    with torch.no_grad():
        for sample in samples:
            module(sample["inputs"])
    for handle in handles:
        handle.remove()
    return counted


def is_multistep(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and getattr(layer, "step_mode", "s") == "m"


def plain_layer(layer: nn.Module) -> nn.Module:
    """The same layer as torch has it; NeuroBench copies and runs it."""
    if isinstance(layer, nn.Conv2d):
        options = {key: getattr(layer, key) for key in ("stride", "padding", "dilation", "groups")}
        plain: nn.Module = nn.Conv2d(
            layer.in_channels, layer.out_channels, layer.kernel_size, bias=False, **options
        )
    else:
        plain = nn.Linear(layer.in_features, layer.out_features, bias=False)
    plain.weight = nn.Parameter(layer.weight.detach().clone())
    return plain


def compare(ours: dict[str, Counts], theirs: dict[str, dict[str, int]]) -> bool:
    print(f"{'layer':<34}{'SynOps':>12}{'NeuroBench':>12}{'MAC':>12}{'NeuroBench':>12}")
    agree = True
    for name, other in theirs.items():
        own = ours[name]
        equal = own.synops == other["ac"] and own.mac >= other["mac"]
        agree &= equal
        row = f"{own.synops:>12,}{other['ac']:>12,}{own.mac:>12,}{other['mac']:>12,}"
        print(f"{name:<34}{row}{'' if equal else '  differs'}")
    return agree


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=4)
    module, samples = network(), list(single_samples(random_batch(parser.parse_args().samples)))
    counters = count_operations(module, samples, lambda sample: module(sample["inputs"]))
    ours = counters.by_layer()
    try:
        theirs = count_with_neurobench(module, samples)
    except ImportError as error:
        print(f"NeuroBench can't be imported ({error}): pip install neurobench", file=sys.stderr)
        return 1
    agree = compare(ours, theirs)
    print("every spike operation agrees" if agree else "the counts differ")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
