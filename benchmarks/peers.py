"""Training steps of one network on snn_mm and on other libraries, and their LIF layers alone.

    python benchmarks/peers.py [--rounds 7] [--only PEER ...] [--note TEXT]
    python benchmarks/peers.py --show

Each peer's network has the same layers as ours, and once the dynamics and the surrogate of ours;
before the clock runs, both get the same weights and their spikes are compared. "Tutorial" is the
neuron as the library's own tutorial writes it, beside the neuron of IEMF. Networks of the peers are
loops over time, as their tutorials have them; the last of spikingjelly's is our network with its
neurons, all steps at once. Both take turns in one process on one thread, one step a round, and what
is measured is the time of the processor; a ratio is ours over theirs in one round. It goes to
`benchmarks/results/peers/<processor>.json`. A peer that is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from measures import kept_bytes
from peer_neurons import PEERS, Peer
from plain_loop import PlainLoopConvNet, PlainLoopResNet18, Reset
from spikingjelly.activation_based.functional import reset_net
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from experiments import RESULTS, file_name, save
from snn_mm.commands.bench.measure import machine, spread
from snn_mm.encoders import ConvNet, ResNet18
from snn_mm.neurons.lif import LIF

CLASSES = 10
Step = Callable[[], Any]


class Layer(nn.Module):
    """A layer of neurons over all time steps, from rest.

    Args:
        neurons: the layer.
        reset: sets it back to rest.
        loops: whether it takes one step at a time.
    """

    def __init__(self, neurons: nn.Module, reset: Reset, loops: bool) -> None:
        super().__init__()
        self.neurons, self.to_rest, self.loops = neurons, reset, loops

    def forward(self, x: Tensor) -> Tensor:
        """Spikes `[T, N, ...]` of a current `[T, N, ...]`."""
        self.to_rest(self)
        return torch.stack([self.neurons(step) for step in x]) if self.loops else self.neurons(x)


def layers(peer: Peer) -> tuple[nn.Module, nn.Module]:
    """The LIF layer of both."""
    theirs = Layer(peer.neuron(), peer.reset, loops=not peer.at_once)
    return Layer(peer.twin(), reset_net, loops=False), theirs


def networks(peer: Peer, name: str) -> tuple[nn.Module, nn.Module]:
    """The network of both, with a classifier and the same weights."""
    build, loop = {
        "ConvNet": (ConvNet, PlainLoopConvNet),
        "ResNet-18": (partial(ResNet18, width=16), partial(PlainLoopResNet18, width=16)),
    }[name]
    mine: nn.Module = build(2, neuron=peer.twin)
    if peer.at_once:
        theirs = build(2, neuron=peer.neuron)
    else:
        theirs = loop(2, peer.neuron, reset=peer.reset)
    with torch.no_grad():
        for _ in range(10):  # batch statistics, so that every layer fires
            mine(torch.randn(INPUTS[name]))
    for own, other in zip(weighted(mine), weighted(theirs), strict=True):
        other.load_state_dict(own.state_dict())
    return mine, theirs


SHORT = 1 << 14
"""Numbers of an input below which a step is too short for a clock."""
INPUTS = {
    "LIF layer": (4, 8, 64, 28, 28),
    "of T = 16": (16, 8, 64, 14, 14),
    "of 128 neurons": (4, 8, 128, 1, 1),
    "ConvNet": (32, 2, 32, 32),
    "ResNet-18": (8, 2, 64, 64),
}
"""What is compared, by the shape of its input: `[T, N, C, H, W]` and `[N, C, H, W]`."""


def weighted(network: nn.Module) -> Iterator[nn.Module]:
    kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d)
    return (part for part in network.modules() if isinstance(part, kinds))


def training(model: nn.Module, x: Tensor) -> tuple[Callable[[], Tensor], Step]:
    """The forward pass of a network up to its loss, or of a layer, and a training step of it."""
    if x.dim() == 5:
        gradient = torch.randn(x.shape)
        return (lambda: model(x)), lambda: model(x).backward(gradient)
    head, target = nn.Linear(model.feature_dim, CLASSES), torch.arange(len(x)) % CLASSES
    optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], 1e-3, momentum=0.9)

    def loss() -> Tensor:
        return cross_entropy(head(model(x)).mean(0), target)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return loss, step


def compare(peer: Peer, name: str, rounds: int) -> dict[str, Any]:
    """Ratios of a step of ours to one of theirs, and how far their spikes are the same."""
    torch.manual_seed(0)
    pair = layers(peer) if len(INPUTS[name]) == 5 else networks(peer, name)
    x = torch.randn(INPUTS[name])
    agreement = agree(peer, pair, x) if peer.same else None
    x.requires_grad_(x.dim() == 5)
    works = [training(model, x) for model in pair]
    times = 100 if x.numel() < SHORT else 1
    rows = [[timed(step, times) for _, step in works] for _ in range(rounds + 1)]
    seconds = rows[1:]  # the first round allocates
    return {
        "ratio": spread([mine / theirs for mine, theirs in seconds]),
        "seconds": [spread(list(column))["median"] for column in zip(*seconds)],
        "kept": [kept_bytes(work[0], model.parameters()) for model, work in zip(pair, works)],
        "agreement": agreement,
    }


def timed(step: Step, times: int) -> float:
    """Seconds of the processor for one step, of so many."""
    start = time.process_time()
    for _ in range(times):
        step()
    return (time.process_time() - start) / times


def agree(peer: Peer, pair: tuple[nn.Module, nn.Module], x: Tensor) -> dict[str, float]:
    """Share of all spikes that differ, the firing rate, and the difference of gradients.

    In evaluation: a loop over time takes batch statistics of each step alone.
    """
    kinds = (LIF, type(peer.neuron()))
    fired, gradients = zip(*(spikes(model.eval(), kind, x) for model, kind in zip(pair, kinds)))
    for model in pair:
        model.train()
    mine, theirs = fired
    differing = float((mine != theirs).float().mean())
    away = float((gradients[0] - gradients[1]).norm() / gradients[0].norm())
    return {"differing": differing, "rate": float(mine.mean()), "gradient": away}


def spikes(model: nn.Module, kind: type[nn.Module], x: Tensor) -> tuple[Tensor, Tensor]:
    """All spikes of a network `[...]`, layer by layer, and the gradient of its input."""
    x = x.clone().requires_grad_()
    found: dict[nn.Module, list[Tensor]] = {}
    for part in model.modules():
        if type(part) is kind:
            part.register_forward_hook(
                lambda layer, _, out: found.setdefault(layer, []).append(out.detach())
            )
    out = model(x)
    (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
    for part in found:
        part._forward_hooks.clear()
    return torch.cat([torch.stack(outs).flatten() for outs in found.values()]), x.grad


def table(results: dict[str, Any]) -> str:
    """Ratios of steps and of what is kept for the backward pass, in Markdown."""
    names = list(INPUTS)
    head = ["peer", *names, *(f"kept, {name}" for name in names)]
    lines = [head, ["---"] * len(head)]
    lines += [
        [f"{peer} {found['version']}", *cells(found, names)] for peer, found in results.items()
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(found: dict[str, Any], names: list[str]) -> list[str]:
    """Those of one peer, behind its name."""
    ratios = [found[name]["ratio"] for name in names]
    times = [f"{r['median']:.2f} [{r['low']:.2f}, {r['high']:.2f}]" for r in ratios]
    pairs = [found[name]["kept"] for name in names]
    return [*times, *(f"{mine / theirs:.2f}" for mine, theirs in pairs)]


def agreement(results: dict[str, Any]) -> str:
    """How far the spikes of both are the same, a line for each that should be."""
    return "\n".join(
        f"{peer}, {name}: {same['differing']:.2g} of all spikes differ at a firing rate of "
        f"{same['rate']:.2f}, gradients by {same['gradient']:.1e}"
        for peer, found in results.items()
        for name in INPUTS
        if (same := found[name]["agreement"])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--show", action="store_true", help="what was measured on this processor")
    parser.add_argument("--note", default="", help="what else to know, such as: shared machine")
    options = parser.parse_args()
    torch.set_num_threads(1)
    on = machine(torch.device("cpu"), "32-true")
    file = RESULTS / "peers" / file_name(on)
    results = json.loads(file.read_text())["peers"] if file.exists() else {}
    for name in [] if options.show else options.only:
        peer = PEERS[name]
        try:
            installed = version(peer.package)
        except PackageNotFoundError:
            print(f"{name} is left out: pip install {peer.package}", file=sys.stderr)
            continue
        found = {each: compare(peer, each, options.rounds) for each in INPUTS}
        results[name] = {"version": installed, **found}
        print(name, file=sys.stderr, flush=True)
        save(file, {"machine": on, "note": options.note, "peers": results})
    print(table(results), agreement(results), sep="\n\n")


if __name__ == "__main__":
    main()
