"""A small spiking network says in onnxruntime what it says here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from snn_mm.encoders import MLP, ConvNet, Encoder
from snn_mm.export.formats import read_onnx, write_onnx
from snn_mm.export.graph import as_batch, trace
from snn_mm.export.proof import Proof
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.neurons import IEMFLIF

pytest.importorskip("onnxruntime", reason="needs snn_mm[export]")
pytest.importorskip("onnxscript", reason="needs snn_mm[export]")


def test_an_onnx_file_repeats_a_spiking_network_for_one_sample_and_for_many(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoders: dict[str, Encoder] = {
        "audio": MLP(5, IEMFLIF, 2, feature_dim=6),
        "visual": ConvNet(1, IEMFLIF, 2, channels=(3, 4), feature_dim=6),
    }
    module = IEMFModule(encoders, Concat, 4)
    given = {"audio": 2 * torch.randn(9, 5), "visual": 2 * torch.randn(9, 1, 8, 8)}
    module(given)  # norms that have seen data
    traced = trace(module.eval(), as_batch(given))
    write_onnx(traced, tmp_path / "network.onnx")
    answer, proof = read_onnx(traced, tmp_path / "network.onnx"), Proof()
    for rows in (slice(None), slice(1)):
        inputs = {name: x[rows] for name, x in given.items()}
        with torch.no_grad():
            wanted = module.predict_step(as_batch(inputs), 0)["probability"]
        found = answer(inputs)
        assert list(found) == ["audio", "visual", "fused"]
        proof.add(wanted, found)
    assert (proof.samples, proof.off, proof.decided_otherwise) == (10, 0, 0)
    assert float(wanted["fused"].std()) > 0
