"""A file that fires otherwise is told from one whose membranes were rounded otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from snn_mm.encoders import MLP, Encoder
from snn_mm.export.formats import read_onnx, write_onnx
from snn_mm.export.graph import Traced, as_batch, trace
from snn_mm.export.proof import worst_gap
from snn_mm.export.rounding import CLOSE, rounds_onnx
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.neurons import SGMTLIF

pytest.importorskip("onnxruntime", reason="needs snn_mm[export]")
pytest.importorskip("onnxscript", reason="needs snn_mm[export]")


def traced(threshold: float) -> Traced:
    """A network whose neurons integrate its input, and fire from a threshold on."""
    torch.manual_seed(0)
    encoder: Any = MLP(4, SGMTLIF, 2, feature_dim=4, input_norm=False)
    encoder.norm = torch.nn.Identity()
    encoder.linear.weight.data.copy_(torch.eye(4))
    encoder.neuron.v_threshold = threshold
    encoders: dict[str, Encoder] = {"audio": encoder}
    return trace(IEMFModule(encoders, Concat, 3).eval(), as_batch({"audio": torch.randn(3, 4)}))


@pytest.mark.parametrize(("moved", "rounded"), [(0.2 * CLOSE, True), (0.2, False)])
def test_spikes_of_another_threshold_are_rounding_only_within_a_rounding_error(
    moved: float, rounded: bool, tmp_path: Path
) -> None:
    write_onnx(traced(0.5), tmp_path / "file.onnx")
    network = traced(0.5 + moved)
    between = 2 * (0.5 + moved / 2)  # u = x / 2 in the first step
    given = {"audio": torch.tensor([[between] * 4, [3.0] * 4])}
    found = read_onnx(network, tmp_path / "file.onnx")(given)
    with torch.no_grad():
        own = network.program.module()(given["audio"])
    differs = worst_gap(dict(zip(network.outputs, own, strict=True)), found)[0] > CLOSE
    assert differs.tolist() == [True, False]
    with_spikes, close = rounds_onnx(network, tmp_path / "file.onnx")(given)
    assert close.tolist() == [rounded, True]
    assert float(worst_gap(with_spikes, found)[0].max()) < CLOSE
