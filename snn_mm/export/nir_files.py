"""A network as NIR files, one a modality, whose outputs add up to the fused logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from spikingjelly.activation_based.neuron import BaseNode
from torch import Tensor, nn

from datamodules.store.source import sha256
from snn_mm.contracts import FUSED
from snn_mm.encoders.base import ImageEncoder
from snn_mm.errors import UserError
from snn_mm.export import card
from snn_mm.export.files import UNPROVEN, Allowed, Subject, check_proof, write_card
from snn_mm.export.graph import Port, quietly
from snn_mm.export.nir_graph import DT, encoder_nodes
from snn_mm.export.proof import Proof, prove, tracing_batch
from snn_mm.fusion import Concat, Fusion, Sum
from snn_mm.modules.base import MultimodalModule
from snn_mm.run.replace import writing

READOUT = (
    "run every file for T steps from rest and add up their outputs: the mean over the steps of the "
    "sum is the fused logits, their softmax the probabilities"
)
DISCRETISATION = (
    f"forward Euler with dt = {DT:g} s: v += dt/tau (v_leak - v + r I); a neuron fires strictly "
    "above its threshold, then v = v_reset; a static input is the same current in all T steps"
)


def export_nir(subject: Subject, path: Path, allow: Allowed) -> Proof:
    """Write `<name>.<modality>.nir` for each modality and one card, all proven together.

    Raises:
        UserError: NIR lacks something of the network; or the files say something else.
    """
    import nir

    module: Any = subject.module
    fusion = check_module(module)
    ports = [_port(n, x) for n, x in tracing_batch(subject.batches())["inputs"].items()
             if n in module.encoders]  # fmt: skip
    graphs = {p.name: modality_graph(module, fusion, p) for p in ports}
    drafts = {n: path.with_name(f"{path.stem}.{n}{UNPROVEN}{path.suffix}") for n in graphs}
    for name, graph in graphs.items():
        with writing(drafts[name]):
            nir.write(drafts[name], graph)
    answer = _Answer(module, drafts)
    proof = prove(module, subject.batches(), ports, "probability", answer)
    check_proof(next(iter(drafts.values())), proof, allow)
    finals = {n: path.with_name(f"{path.stem}.{n}{path.suffix}") for n in graphs}
    content = {
        "format": "nir",
        "files": {n: {"file": finals[n].name, "sha256": sha256(drafts[n])} for n in finals},
        "inputs": card.describe_ports(ports),
        "readout": READOUT,
        "discretisation": DISCRETISATION,
        **card.describe_network(module, subject.data),
        **subject.origin,
    }
    write_card(path, proof, allow, content)
    for name, draft in drafts.items():
        draft.replace(finals[name])
    return proof


def check_module(module: Any) -> Fusion:
    """The fusion of a module whose fused logits are a sum over modalities and a mean over time.

    Raises:
        UserError: it is no such module.
    """
    plain = isinstance(module, MultimodalModule)
    if not plain or type(module).readout is not MultimodalModule.readout:
        raise UserError(
            f"{type(module).__name__}: NIR has no form for how it makes one prediction of its time "
            "steps\naccepted: a module whose readout is the mean, such as IEMFModule; or --to onnx"
        )
    if not isinstance(module.fusion, Concat | Sum):
        raise UserError(
            f"model.fusion: NIR has no form for {type(module.fusion).__name__}\n"
            "accepted: Concat, Sum; or --to onnx, --to pt2"
        )
    return module.fusion


def modality_graph(module: Any, fusion: Fusion, port: Port) -> Any:
    """The NIR graph from one time step of a modality to its summand of the fused logits `[K]`."""
    import nir

    encoder = module.encoders[port.name]
    shape = port.shape[1:] if _in_time(encoder) else port.shape
    nodes = encoder_nodes(port.name, encoder, shape)
    weight, bias = summand(fusion, port.name)
    nodes += [nir.Affine(weight, bias), nir.Output(output_type=np.array([len(bias)]))]
    return nir.NIRGraph.from_list(*nodes)


def summand(fusion: Any, modality: str) -> tuple[Any, Any]:
    """Weight `[K, D]` and bias `[K]` of what a modality adds to the fused logits."""
    if isinstance(fusion, Sum):
        part: Any = fusion.classifiers[modality]
        return part.weight.detach().numpy(), part.bias.detach().numpy()
    dims, classifier = fusion.feature_dims, fusion.classifier
    columns = torch.split(classifier.weight.detach(), list(dims.values()), dim=1)
    weight = columns[list(dims).index(modality)].numpy().copy()
    return weight, (classifier.bias.detach() / len(dims)).numpy()


def _in_time(encoder: nn.Module) -> bool:
    return isinstance(encoder, ImageEncoder) and encoder.input_kind == "events"


def _port(name: str, x: Tensor) -> Port:
    return Port(name, tuple(x.shape[1:]), str(x.dtype).removeprefix("torch."))


class _Answer:
    """What the files say by spikingjelly's reader, its thresholds moved to where NIR has them.

    spikingjelly fires at the threshold of a file, NIR strictly above it.
    """

    def __init__(self, module: Any, paths: dict[str, Path]) -> None:
        self.encoders = module.encoders
        self.networks = {name: read_strictly(path) for name, path in paths.items()}

    @torch.no_grad()
    def __call__(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        summands = [
            network(self._in_steps(name, inputs[name]))[0].mean(dim=0)  # [T, N, K] -> [N, K]
            for name, network in self.networks.items()
        ]
        return {FUSED: torch.stack(summands).sum(dim=0).softmax(dim=-1)}

    def _in_steps(self, name: str, x: Tensor) -> Tensor:
        encoder = self.encoders[name]
        if _in_time(encoder):
            return x.transpose(0, 1)  # [T, N, C, H, W]
        return x.expand(encoder.time_steps, *x.shape)  # [T, N, ...]


def read_strictly(path: Path) -> nn.Module:
    """What spikingjelly makes of a NIR file, over `[T, N, ...]`, firing strictly above."""
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    with quietly():
        network: nn.Module = import_from_nir(path, dt=DT, step_mode="m")
    for part in network.modules():
        if isinstance(part, BaseNode):
            threshold = np.float32(part.v_threshold)
            part.v_threshold = float(np.nextafter(threshold, np.float32(np.inf)))
    return network
