"""Counts the operations of a network with spikingjelly's counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from spikingjelly.activation_based.op_counter import (
    DispatchCounterMode,
    ModuleCounterMode,
    NeuromorphicMemoryAccessCounter,
)
from spikingjelly.activation_based.op_counter.base import BaseCounter, ModuleCounter
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from snn_mm.energy.layers import Counts
from snn_mm.energy.rules import PRODUCTS, UnpricedCounter, extended_counters, operation_name
from snn_mm.energy.tracker import TOTAL, LayerTracker, outer_modules, scope
from snn_mm.energy.weight_reads import WeightReads
from snn_mm.neurons import reset_neurons, spiking_layers


class OperationCounters:
    """spikingjelly's counters for one network, side by side.

    Convolutions: a multiply-accumulate is booked for every output, kernel tap and input channel, on
    padding too; a spike is booked only where a kernel really meets it, so never on padding.

    Memory is what a neuromorphic chip moves: a weight for each use, a bias for each output, and
    each membrane in and out at each time step. It depends on no batch size.

    Args:
        model: the network.
        arithmetic_only: leave memory, membrane updates and what the counts need beside `mac`, `ac`
            and `sites` at 0, in half the time.
    """

    def __init__(self, model: nn.Module, arithmetic_only: bool = False) -> None:
        self.model, self.arithmetic_only = model, arithmetic_only
        self.tracker = LayerTracker(model)
        self.mac, self.ac, self.synops, self.sites = extended_counters()
        self.weights = WeightReads(model, self.mac, self.ac)
        self.unpriced = UnpricedCounter(self.mac, self.ac)
        self.memory = NeuromorphicMemoryAccessCounter()
        self.updates = ModuleCounter()
        kinds = {type(layer) for _, layer in spiking_layers(model)}
        self.updates.rules = {("forward", kind): _neuron_updates for kind in kinds}

    def run(self, forward: Callable[[], Any]) -> None:
        """Count what `forward` computes, in addition to what was counted before.

        It runs twice: the module counters compute with tensors themselves, in hooks where the
        operation counters would see it.
        """
        more = [] if self.arithmetic_only else [self.synops, self.weights, self.unpriced]
        operations = DispatchCounterMode([self.sites, self.mac, self.ac, *more])
        operations.module_tracker = self.tracker
        modes: list[Any] = [operations]
        if not self.arithmetic_only:
            modes.append(ModuleCounterMode([self.memory, self.updates], model=self.model))
        for mode in modes:
            reset_neurons(self.model)
            with mode:
                forward()

    def by_layer(self) -> dict[str, Counts]:
        """Counts by module name, in the order in which modules began to run.

        What ran while no module was running, a readout for instance, is the network's own: name "".
        """
        names = {scope(self.model, name): name for name in outer_modules(self.model)}
        counts = {names[key]: self._counts(key) for key in self.tracker.visited}
        inside = sum(counts.values(), Counts())
        everything = self._operations(TOTAL) + self._traffic(TOTAL)
        counts[""] = counts.get("", Counts()) + (everything - inside)
        return {name: numbers for name, numbers in counts.items() if numbers != Counts()}

    def without_rule(self) -> dict[str, int]:
        """Results of operations that no rule charges for, by their names, most frequent first."""
        results: Counter[str] = Counter()
        for op, number in self.unpriced.records[TOTAL].items():
            results[operation_name(op)] += number
        return {name: number for name, number in results.most_common() if number}

    def _counts(self, key: str) -> Counts:
        module = self.model.get_submodule(key.partition(".")[2])
        # Module counters book under containers too; only what has a rule counts by itself.
        own = any(c.has_rule(("forward", module)) for c in (self.memory, self.updates))
        return self._operations(key) + (self._traffic(key) if own else Counts())

    def _operations(self, key: str) -> Counts:
        return Counts(
            mac=_sum(self.mac, key),
            ac=_sum(self.ac, key),
            synops=_sum(self.synops, key),
            sites=_sum(self.sites, key),
            mac_sites=sum(self.mac.records[key][op] for op in PRODUCTS),
            memory_bytes=_sum(self.weights, key),
        )

    def _traffic(self, key: str) -> Counts:
        return Counts(neuron_updates=_sum(self.updates, key), memory_bytes=_sum(self.memory, key))


def count_operations(
    model: nn.Module,
    samples: Iterable[Any],
    forward: Callable[[Any], Any] | None = None,
    arithmetic_only: bool = False,
) -> OperationCounters:
    """Count the operations of a network, summed over samples.

    Samples run one by one: whether a tensor is binary, and what batch norm computes once a call,
    would otherwise depend on the batch size.

    Args:
        model: a network on the CPU; its neurons must be of spikingjelly's reference implementation,
            and are left at rest.
        samples: batches of one sample.
        forward: what to count; default, the call of the network.
        arithmetic_only: see `OperationCounters`.
    """
    counters = OperationCounters(model, arithmetic_only)
    compute = forward or model
    with (
        _written_out(),
        torch.inference_mode(False),  # dispatch counters see nothing under inference mode
        torch.no_grad(),
        torch.autocast("cpu", enabled=False),
        sdpa_kernel(SDPBackend.MATH),  # fused attention is one operation that no rule knows
    ):
        for sample in samples:
            counters.run(partial(compute, sample))
        reset_neurons(model)
    return counters


@contextmanager
def _written_out() -> Iterator[None]:
    """Let the CPU compute by single operations that rules know.

    oneDNN's LSTM and the fast path of torch's attention in evaluation are one operation each.
    """
    before, fast = torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled()
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]  # a property in disguise
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before
        torch.backends.mha.set_fastpath_enabled(fast)


def _neuron_updates(module: nn.Module, args: Any, kwargs: Any, out: Tensor) -> int:
    return out.numel()


def _sum(counter: BaseCounter, key: str) -> int:
    return sum(counter.records[key].values()) if key in counter.records else 0
