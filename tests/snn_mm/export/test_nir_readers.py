"""What other libraries read in our NIR files fires as our encoders do, spike by spike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from snn_mm.encoders import ConvNet, Encoder
from snn_mm.export.graph import Port
from snn_mm.export.nir_files import modality_graph, read_strictly
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.neurons import IEMFLIF, TAAFLIF

nir = pytest.importorskip("nir", reason="needs snn_mm[export]")
pytest.importorskip("nirtorch", reason="needs snn_mm[export]")

STEPS, SHAPE = 4, (1, 16, 32)


def module_of(neuron: type) -> IEMFModule:
    """A network whose norms have seen data, so that folding them is no identity."""
    encoders: dict[str, Encoder] = {
        "visual": ConvNet(1, neuron, STEPS, channels=(4, 6), feature_dim=8, pool="average")
    }
    module = IEMFModule(encoders, Concat, 3)
    for norm in (part for part in module.modules() if isinstance(part, _BatchNorm)):
        norm.momentum = 1.0  # the statistics of the next batch
    module({"visual": 2 * torch.randn(16, *SHAPE)})
    return module.eval()


@torch.no_grad()
def ours(module: Any, x: torch.Tensor) -> list[torch.Tensor]:
    """Spikes `[T, N, ...]` of each layer of neurons."""
    heard: list[torch.Tensor] = []
    layers = [part for part in module.encoders.modules() if hasattr(part, "fires_at_threshold")]
    handles = [part.register_forward_hook(lambda *seen: heard.append(seen[2])) for part in layers]
    module({"visual": x})
    for handle in handles:
        handle.remove()
    return heard


def written(module: Any, path: Path) -> Path:
    graph = modality_graph(module, module.fusion, Port("visual", SHAPE, "float32"))
    nir.write(path, graph)
    return path


@pytest.mark.parametrize("neuron", [IEMFLIF, TAAFLIF])
def test_spikingjelly_fires_alike_in_every_layer(neuron: type, tmp_path: Path) -> None:
    module, x = module_of(neuron), 2 * torch.randn(20, *SHAPE)
    network = read_strictly(written(module, tmp_path / "network.nir"))
    heard: list[torch.Tensor] = []
    for part in network.modules():
        if type(part).__name__ == "_NIRStatefulModule":
            part.register_forward_hook(lambda *seen: heard.append(seen[2][0]))
    with torch.no_grad():
        network(x.expand(STEPS, *x.shape))
    wanted = ours(module, x)
    assert [h.shape for h in heard] == [w.shape for w in wanted]
    assert all(torch.equal(h, w) for h, w in zip(heard, wanted, strict=True))
    assert all(0 < float(spikes.mean()) < 1 for spikes in wanted)


@pytest.mark.parametrize("neuron", [IEMFLIF, TAAFLIF])
def test_snntorch_fires_alike_in_every_layer_sample_by_sample(neuron: type, tmp_path: Path) -> None:
    """Its reader flattens all dimensions, N as well: samples go in alone, each at rest."""
    reader = pytest.importorskip("snntorch.import_nir")
    module, x = module_of(neuron), 2 * torch.randn(3, *SHAPE)
    wanted = ours(module, x)  # [T, N, ...] by layer
    graph = nir.read(written(module, tmp_path / "network.nir"))
    for number, sample in enumerate(x):
        network = reader.import_from_nir(graph)
        heard: list[list[torch.Tensor]] = []
        for part in network.modules():
            if type(part).__name__ == "Leaky":
                heard.append([])
                part.register_forward_hook(lambda *seen, to=heard[-1]: to.append(seen[2]))
        with torch.no_grad():
            for _ in range(STEPS):
                network(sample)
        found = [torch.stack(spikes) for spikes in heard]  # [T, ...]
        assert len(found) == len(wanted)
        assert all(torch.equal(f, w[:, number]) for f, w in zip(found, wanted, strict=True))
