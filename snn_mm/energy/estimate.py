"""From a module and samples to an energy report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import torch
from lightning import LightningModule
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from snn_mm.contracts import Batch
from snn_mm.energy.copies import ann_twin, copy_for_counting
from snn_mm.energy.cost import CostModel
from snn_mm.energy.counting import OperationCounters, count_operations
from snn_mm.energy.layers import Layer, label_layers
from snn_mm.energy.report import EnergyReport
from snn_mm.neurons import is_spiking


def estimate_energy(
    module: LightningModule,
    samples: Sequence[Batch],
    cost: CostModel,
    with_twin: bool = True,
    arithmetic_only: bool = False,
) -> EnergyReport:
    """Measure operations and energy of what `predict_step` computes.

    The module is left as it is: counting runs on a copy, and the random state is restored.

    Args:
        module: the network.
        samples: batches of one sample on the CPU; see `single_samples`.
        cost: pJ per operation and byte.
        with_twin: whether to count the ANN twin too; a network without neurons has none.
        arithmetic_only: leave out what no multiply-accumulate and accumulate is.
    """
    with torch.random.fork_rng(devices=[]):
        copy = copy_for_counting(module)
        counters = _count(copy, samples, arithmetic_only)
        layers = label_layers(copy, counters.by_layer())
        twin = _count_twin(copy, samples[:1]) if with_twin and is_spiking(copy) else None
    return EnergyReport(cost, len(samples), layers, twin, counters.without_rule())


def single_samples(batch: Batch, limit: int | None = None) -> Iterator[Batch]:
    """Split a batch into batches of one sample, on the CPU and in float32.

    Args:
        batch: inputs `[N, ...]` by modality.
        limit: at most this many of the N samples; None for all.
    """
    size = batch["target"].shape[0]
    with torch.inference_mode(False), torch.no_grad():
        for i in range(size if limit is None else min(size, limit)):
            inputs = _pick(batch["inputs"], i)
            sample = {
                "inputs": inputs,
                "target": batch["target"][i : i + 1].cpu().clone(),
                "id": batch["id"][i : i + 1],
            }
            if "lengths" in batch:
                lengths = sample["lengths"] = _pick(batch["lengths"], i)
                sample["inputs"] = {  # padding is no cost; of what is absent one step is left
                    name: x[:, : max(int(lengths[name]), 1)] if name in lengths else x
                    for name, x in inputs.items()
                }
            if "present" in batch:  # what does not run costs nothing
                sample["present"] = _pick(dict(batch["present"]), i)
            yield cast("Batch", sample)


def _pick(tensors: Mapping[str, Tensor], i: int) -> dict[str, Tensor]:
    """Sample `i` `[1, ...]` of tensors `[N, ...]`; clones, as inference tensors can't be used."""
    picked = {name: value[i : i + 1].cpu().clone() for name, value in tensors.items()}
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in picked.items()
    }


def _count(
    module: LightningModule, samples: Sequence[Batch], arithmetic_only: bool = False
) -> OperationCounters:
    def predict(sample: Batch) -> object:
        return module.predict_step(sample, 0)

    return count_operations(module, samples, predict, arithmetic_only)


def _count_twin(copy: LightningModule, samples: Sequence[Batch]) -> list[Layer] | None:
    try:
        twin = ann_twin(copy)
        return label_layers(twin, _count(twin, samples).by_layer())
    except (RuntimeError, ValueError, IndexError) as error:
        rank_zero_warn(f"EnergyEstimator: no ANN twin, it does not run with one time step: {error}")
        return None
