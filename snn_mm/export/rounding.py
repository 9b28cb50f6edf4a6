"""Whether an ONNX file differs from its network only where a membrane stood at its threshold.

Kernels add in another order, so that a membrane of onnxruntime is a rounding error off. Where that
error decides a spike, probabilities jump. Here the network is run with the spikes of the file: the
file is the network if every spike on which they disagree was a matter of rounding, and nothing else
is different.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx

from snn_mm.export.formats import output_names
from snn_mm.export.graph import Traced

CLOSE = 1e-5
"""How far from its threshold a membrane may be to count as rounded to the other side."""

Rounds = Callable[[dict[str, Tensor]], tuple[dict[str, Tensor], Tensor]]
"""Of inputs `[N, ...]`: what the network says with the spikes of the file, `[N, K]` or `[N]` by
head, and for which samples all spikes it would not have fired itself were close, bool `[N]`."""


def rounds_onnx(traced: Traced, path: Path) -> Rounds:
    """Run a network with the spikes that its ONNX file fires in onnxruntime."""
    import onnx
    import onnxruntime

    program = traced.program.run_decompositions()
    model = onnx.load(path)
    written = {n.output[0] for n in model.graph.node if n.op_type == "GreaterOrEqual"}
    shared = [n.name for n in program.graph.nodes if _is_threshold(n) and n.name in written]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in shared)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    graph = program.module()

    @torch.no_grad()
    def rounds(inputs: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        given = {port.name: inputs[port.name] for port in traced.inputs}
        arrays = {name: x.numpy() for name, x in given.items()}
        spikes: list[Any] = session.run([*shared, *output_names(traced)], arrays)
        fired = {name: torch.from_numpy(x) for name, x in zip(shared, spikes, strict=False)}
        run = WithSpikes(graph, fired, len(next(iter(given.values()))))
        found = run.run(*given.values())
        return dict(zip(traced.outputs, found, strict=True)), run.close

    return rounds


class WithSpikes(fx.Interpreter):
    """A graph that fires the given spikes, and sees how far from firing its membranes were.

    Args:
        graph: compares membranes less thresholds `[N, ...]` with 0.
        fired: the spikes, bool `[N, ...]` by the name of the comparison.
        samples: N.

    Attributes:
        close: for which samples all spikes it would not have fired were close, bool `[N]`.
    """

    def __init__(self, graph: fx.GraphModule, fired: dict[str, Tensor], samples: int) -> None:
        super().__init__(graph)
        self.fired = fired
        self.close = torch.ones(samples, dtype=torch.bool)

    def run_node(self, n: fx.Node) -> Any:
        """What a node gives; of a comparison, what the file found."""
        own = super().run_node(n)
        spikes = self.fired.get(n.name) if _is_threshold(n) else None
        if spikes is None:
            return own
        above: Tensor = self.env[n.args[0]]  # type: ignore[index]  # [N, ...]
        far = (own != spikes) & ~(above.abs() <= CLOSE)
        self.close &= ~far.flatten(1).any(dim=1)  # [N]
        return spikes


def _is_threshold(node: fx.Node) -> bool:
    return bool(node.target == torch.ops.aten.ge.Scalar and node.args[1] == 0)
