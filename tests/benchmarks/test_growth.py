"""No step grows faster than what it is made for, by counts that no other load can change."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def modules() -> tuple[ModuleType, ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return importlib.import_module("growth"), importlib.import_module("measures")


def test_memory_and_graph_of_every_network_grow_in_proportion(
    modules: tuple[ModuleType, ModuleType],
) -> None:
    growth, measures = modules
    steep = {}
    for case in growth.CASES:
        if case.why or case.network == "ResNet-18":
            continue  # ResNet-18 is large, and built of what ConvNet is built of
        costs = []
        for value in case.values[1:3]:
            network, loss = case.build(value)
            graph = measures.graph_nodes(loss())
            costs.append((measures.kept_bytes(loss, network.parameters()), graph))
        found = [growth.exponents(case.values[1:3], pair)[0] for pair in zip(*costs)]
        if max(found) > growth.STEEP:
            steep[case.network, case.axis] = found
    assert steep == {}


def test_kept_bytes_are_those_of_each_piece_of_memory_once(
    modules: tuple[ModuleType, ModuleType],
) -> None:
    weight, x = torch.ones(10, requires_grad=True), torch.ones(10)
    # x twice, the product twice (it is squared by itself), the weight not at all
    product_and_x = 2 * x.nbytes
    counted = modules[1].kept_bytes(
        lambda: ((lambda y: y * y)(weight * x) + weight * x).sum(), [weight]
    )
    assert counted == product_and_x


def test_what_a_graph_lets_go_is_not_kept(modules: tuple[ModuleType, ModuleType]) -> None:
    weight, x = torch.ones(10, requires_grad=True), torch.ones(10)

    def loss() -> torch.Tensor:
        (weight * torch.ones(10)).square().detach()
        return (weight * x).sum()

    assert modules[1].kept_bytes(loss, [weight]) == x.nbytes


def test_graph_nodes_are_each_counted_once(modules: tuple[ModuleType, ModuleType]) -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    assert modules[1].graph_nodes((y + y).sum()) == 4  # leaf, product, sum of both, sum


def test_a_child_brings_back_what_it_made(modules: tuple[ModuleType, ModuleType]) -> None:
    assert modules[1].in_child(lambda: {"kept": 3}) == {"kept": 3}
