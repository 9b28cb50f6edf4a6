"""Where a training step of the quickstart's network goes, in shares of its floor.

    python benchmarks/step_account.py [--rounds 15] [--batch 64]

Every layer of the two encoders runs alone, forward and backward, on what it is given in a step: CPU
time on one thread, medians. Beside neurons stands what bounds them below, whatever the code: the
time in which memory is copied that they must read and write, and that of as many numbers in a layer
so small that it stays in the cache.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from snn_mm.encoders import ConvNet
from snn_mm.neurons import IEMFLIF, pooled_spikes, repeated
from snn_mm.neurons.fused_lif import NO_NORM, loop_settings
from snn_mm.neurons.loops.backward import backward_loop
from snn_mm.neurons.loops.lif import forward_loop
from snn_mm.run.malloc import keep_large_blocks

ENCODERS = {"audio": ((16, 32), (1, 32, 32)), "visual": ((32, 64), (1, 8, 8))}
"""Channels and input of the quickstart's encoders."""
CACHED = 4 * 16384
"""Numbers of a layer whose loops run in the cache, over four steps."""
FLOOR, NORMS, NEURONS, GRID = "convolutions, linear layers", "batch norms", "neurons", "last pool"


class Account:
    """Milliseconds of layers by kind, forward and backward."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self.numbers, self.bytes = 0, 0

    def run(self, kind: str, layer: Callable[[Tensor], Tensor], x: Tensor, grad: bool) -> Tensor:
        """What a layer makes of `x` `[...]`; its time is added to its kind."""
        x = x.detach().requires_grad_(grad)
        y = layer(x)
        gradient = torch.randn_like(y)
        wanted = [x] if grad else []
        if isinstance(layer, nn.Module):
            wanted += list(layer.parameters())
        forward = milliseconds(lambda: layer(x), self.rounds)
        both = milliseconds(lambda: torch.autograd.grad(layer(x), wanted, gradient), self.rounds)
        self.spent[kind][0] += forward
        self.spent[kind][1] += both - forward
        return y.detach()

    def neurons(self, layer: Callable[[Tensor], Tensor], x: Tensor, steps: int) -> Tensor:
        """Spikes of neurons, pooled or not; `x` `[...]` is repeated where `steps` is above 1."""
        y = self.run(NEURONS, layer, x, grad=True)
        self.numbers += x.numel() * steps
        self.bytes += 4 * (3 * x.numel() + 2 * y.numel())  # x twice, its gradient, y and its own
        return y


def milliseconds(call: Callable[[], Any], rounds: int) -> float:
    """Median CPU time of a call, of some in a row where one is short."""
    found = []
    for _ in range(rounds + 1):
        start, calls = time.process_time(), 0
        while calls == 0 or time.process_time() - start < 1e-3:
            call()
            calls += 1
        found.append((time.process_time() - start) / calls)
    return 1e3 * statistics.median(found[1:])


def account_of(account: Account, net: ConvNet, x: Tensor) -> None:
    """Run the layers of an encoder, one after the other, on images `x` `[N, C, H, W]`."""
    steps = net.time_steps
    x = x.contiguous(memory_format=torch.channels_last)
    x = account.run(NORMS, net.norm, account.run(FLOOR, net.conv, x, grad=False), grad=True)
    fired = lambda x: pooled_spikes(at_rest(net.neuron), net.halve, repeated(x, steps))  # noqa: E731
    x = account.neurons(fired, x, steps)
    for conv, norm, neuron in net.stages:
        x = account.run(NORMS, norm, account.run(FLOOR, conv, x, grad=True), grad=True)
        halves, pool = net.halves(*x.shape[-2:]), net.halve
        if halves:
            x = account.neurons(lambda x, n=neuron, p=pool: pooled_spikes(at_rest(n), p, x), x, 1)
        else:
            x = account.neurons(lambda x, n=neuron: at_rest(n)(x), x, 1)
    x = account.run(GRID, net.to_grid, x, grad=True).flatten(-3)
    linear, norm, neuron = net.projection
    x = account.run(NORMS, norm, account.run(FLOOR, linear, x, grad=True), grad=True)
    account.neurons(lambda x: at_rest(neuron)(x), x, 1)


def at_rest(neuron: nn.Module) -> nn.Module:
    neuron.reset()
    return neuron


def whole_step(nets: dict[str, ConvNet], inputs: dict[str, Tensor]) -> Callable[[], None]:
    """A step with a head, cross-entropy and SGD."""
    head = nn.Linear(sum(net.feature_dim for net in nets.values()), 10)
    parameters = [p for part in (*nets.values(), head) for p in part.parameters()]
    optimizer = torch.optim.SGD(parameters, 0.05, momentum=0.9)
    target = torch.arange(len(inputs["audio"])) % 10

    def step() -> None:
        optimizer.zero_grad()
        features = torch.cat([net(inputs[name]) for name, net in nets.items()], -1)
        cross_entropy(head(features).mean(0), target).backward()
        optimizer.step()

    return step


def bounds(account: Account) -> tuple[float, float]:
    """Milliseconds of the neurons: memory at the rate of a copy, and loops in the cache."""
    source = torch.randn(1 << 23)
    target = torch.empty_like(source)
    copy = milliseconds(lambda: target.copy_(source), account.rounds) / (2 * source.nbytes)
    lif, size = loop_settings(IEMFLIF()._settings()), CACHED // 4
    x, given, out = np.random.default_rng(0).normal(size=(3, CACHED)).astype(np.float32)
    last, none = np.empty(size, np.float32), np.empty(0, np.float32)
    rows, states = (x, size, given, out), (none, none, last)
    sums = np.empty((0, 2, 0))

    def loops() -> None:
        forward_loop(0, size, x, size, none, out, last, NO_NORM, lif)
        backward_loop(0, size, size, rows, states, NO_NORM, sums, lif)

    return copy * account.bytes, milliseconds(loops, account.rounds) / CACHED * account.numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_large_blocks()
    nets = {name: ConvNet(1, channels=channels) for name, (channels, _) in ENCODERS.items()}
    inputs = {name: torch.randn(options.batch, *shape) for name, (_, shape) in ENCODERS.items()}
    account = Account(options.rounds)
    for name, net in nets.items():
        account_of(account, net, inputs[name])
    whole = milliseconds(whole_step(nets, inputs), options.rounds)
    floor = sum(account.spent[FLOOR])
    rows = [(name, *spent, sum(spent)) for name, spent in account.spent.items()]
    rest = whole - sum(row[-1] for row in rows)
    memory, work = bounds(account)
    print("| | forward, ms | backward, ms | of the floor |\n|---|---:|---:|---:|")
    for name, forward, backward, both in sorted(rows, key=lambda row: -row[-1]):
        print(f"| {name} | {forward:.1f} | {backward:.1f} | {both / floor:.2f} |")
    for name, both in (("all else", rest), ("the step", whole)):
        print(f"| {name} | | {both:.1f} | {both / floor:.2f} |")
    print(f"neurons: {account.numbers / 1e6:.2f} million numbers, {account.bytes / 2**20:.0f} MiB")
    print(f"copied: {memory / floor:.2f} of the floor; in the cache: {work / floor:.2f}")


if __name__ == "__main__":
    main()
