"""Time one training step of SGMT beside the same network whose neurons are a plain loop over time.

    python benchmarks/sgmt_step.py [--rounds 15] [--batch 32] [--threads 1] [--only NAME ...]

The rival has the same weights, attention and everything else; its neurons are spikingjelly's
single-step nodes, called in a Python loop over T = 50 steps, with ω as a matrix product at each.
Before the clock runs both must give the same scores and the same gradient. The ANN twin stands
beside them, and so do the products of a step that are no layer's, alone: queries with keys and
attention with values, forward and backward, and gradients with ω. All take turns in one process,
one step a round. Measured is CPU time, because seconds on a shared machine say more about
its other users; on one thread of an idle machine they are the same.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from spikingjelly.activation_based.neuron import LIFNode
from torch import Tensor, nn
from torch.nn.functional import linear

import snn_mm
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.modules.sgmt import SGMT
from snn_mm.modules.sgmt.layer import LayerOptions
from snn_mm.modules.sgmt.spike_generated_attention import SpikeGeneratedAttention
from snn_mm.neurons.connected_lif import ConnectedLIF
from snn_mm.neurons.lif import LIF

STEPS = 50
DIMS = {"text": 768, "audio": 25, "visual": 177}
"""Features of CH-SIMS v2."""


class PlainLoop(nn.Module):
    """The neurons of a layer, one step at a time."""

    def __init__(self, layer: LIF) -> None:
        super().__init__()
        self.node = LIFNode(
            layer.tau,
            layer.decay_input,
            layer.v_threshold,
            layer.v_reset,
            layer.surrogate_function,
            layer.detach_reset,
            step_mode="s",
        )
        self.weight: Tensor | None = None
        if isinstance(layer, ConnectedLIF):
            self.weight = layer.strength * layer.connection

    def forward(self, current: Tensor) -> Tensor:
        """Spikes `[T, N, D]` of a current `[T, N, D]`."""
        spikes: list[Tensor] = []
        for x in current:
            arriving = x
            if self.weight is not None and spikes:
                arriving = x + linear(spikes[-1], self.weight)
            spikes.append(self.node(arriving))
        return torch.stack(spikes)


def looped(network: SentimentNetwork) -> SentimentNetwork:
    """A copy of the network with plain loops in place of its neurons."""
    rival = copy.deepcopy(network)
    for part in list(rival.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, LIF):
                part.register_module(name, PlainLoop(child))
    return rival


def sgmt(neuron: Callable[[], nn.Module] | None = None) -> SentimentNetwork:
    torch.manual_seed(0)
    options = LayerOptions() if neuron is None else LayerOptions(neuron=neuron)
    return SGMT(DIMS, dict.fromkeys(DIMS, STEPS), steps=STEPS, options=options)


def objective(network: SentimentNetwork, batch: int) -> Callable[[], Tensor]:
    """The loss of a batch of full-length sequences."""
    generator = torch.Generator().manual_seed(0)
    inputs = {
        name: torch.randn(batch, STEPS, dim, generator=generator) for name, dim in DIMS.items()
    }
    lengths = {name: torch.full((batch,), STEPS) for name in DIMS}
    target = torch.rand(batch, generator=generator) * 2 - 1

    def loss() -> Tensor:
        scores = network(inputs, lengths)
        return torch.stack([(score - target).abs().mean() for score in scores.values()]).sum()

    return loss


def training_step(network: SentimentNetwork, batch: int) -> Callable[[], None]:
    loss, optimizer = objective(network, batch), torch.optim.Adam(network.parameters(), 5e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def check_equal(ours: SentimentNetwork, theirs: SentimentNetwork, batch: int) -> None:
    """Stop unless both networks have the same loss and gradient."""
    losses, gradients = [], []
    for network in (copy.deepcopy(ours), copy.deepcopy(theirs)):
        losses.append(objective(network, batch)())
        grads = torch.autograd.grad(losses[-1], list(network.parameters()))
        gradients.append(torch.cat([grad.flatten() for grad in grads]))
    torch.testing.assert_close(losses[0], losses[1])
    difference = float((gradients[0] - gradients[1]).norm() / gradients[1].norm())
    print(f"relative difference of the gradients: {difference:.1e}")
    if difference > 1e-3:
        raise SystemExit("the two networks are not the same")


def attention_products(network: SentimentNetwork, batch: int) -> Callable[[], None]:
    """The products of all attentions, forward and backward: three shapes of two each."""
    pairs = []
    for part in network.modules():
        if isinstance(part, SpikeGeneratedAttention):
            width = part.query.out_features // part.heads
            rows = torch.randn(batch * part.heads, STEPS, width)
            pairs.append((rows, torch.randn(batch * part.heads, STEPS, STEPS)))

    def step() -> None:
        for rows, attention in pairs:
            for _ in range(2):
                torch.bmm(rows, rows.transpose(1, 2))
                torch.bmm(attention, rows)
                torch.bmm(attention.transpose(1, 2), rows)

    return step


def connection_products(network: SentimentNetwork, batch: int) -> Callable[[], None]:
    """Gradients of connected neurons onto those of the step before, each step but the first."""
    weights = [part.connection for part in network.modules() if isinstance(part, ConnectedLIF)]
    gradients = [torch.randn(STEPS - 1, batch, len(weight)) for weight in weights]

    def step() -> None:
        for weight, steps in zip(weights, gradients):
            for gradient in steps:
                torch.mm(gradient, weight)

    return step


BASE, OURS, TWIN = "plain loop over time", "snn_mm", "ANN twin"


def networks(names: list[str], batch: int) -> dict[str, SentimentNetwork]:
    """What is timed, by name; the base is the first."""
    ours = sgmt()
    rival = looped(ours)
    check_equal(ours, rival, batch)
    choices = {BASE: rival, OURS: ours, TWIN: sgmt(nn.ReLU)}
    return {name: choices[name] for name in [BASE, *names]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    names = [OURS, TWIN]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, snn_mm {snn_mm.__version__}, batch {options.batch}")
    compared = networks(options.only, options.batch)
    steps = {name: training_step(net, options.batch) for name, net in compared.items()}
    steps["attention's products"] = attention_products(compared[BASE], options.batch)
    steps["products of ω, backward"] = connection_products(sgmt(), options.batch)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(options.rounds + 1):
        for name, step in steps.items():
            start = time.process_time()
            step()
            seconds[name].append(time.process_time() - start)
    # The first round compiles and allocates.
    kept = {name: own[1:] for name, own in seconds.items()}
    bases = [base for base in (BASE, TWIN) if base in kept]
    print(f"{'CPU time of a step':<24}{'ms':>8}", *(f"of the {base:<21}" for base in bases))
    for name, own in kept.items():
        shares = (ratio(own, kept[base]) for base in bases)
        print(f"{name:<24}{1e3 * statistics.median(own):>8.1f}", *shares)


def ratio(own: list[float], base: list[float]) -> str:
    """Median and range of the ratios of rounds."""
    ratios = [mine / theirs for mine, theirs in zip(own, base)]
    span = f"[{min(ratios):.2f}, {max(ratios):.2f}]"
    return f"{statistics.median(ratios):>8.2f} {span:<19}"


if __name__ == "__main__":
    main()
