"""What writes each format of a traced graph, and what reads it back to prove it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snn_mm.errors import UserError
from snn_mm.export.graph import Traced, quietly

Answer = Callable[[dict[str, Tensor]], dict[str, Tensor]]
"""What a file says of named inputs `[N, ...]`: `[N, K]` or `[N]` by head."""

NEEDED = {
    "pt2": (),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "nir": ("nir", "nirtorch"),
}
"""Packages of the extra that each format asks for."""


def check_installed(form: str) -> None:
    """Refuse a format whose packages are missing.

    Raises:
        UserError: names them.
    """
    if missing := [package for package in NEEDED[form] if find_spec(package) is None]:
        raise UserError(
            f'--to {form}: {", ".join(missing)} is not installed; pip install "snn_mm[export]"'
        )


def write_pt2(traced: Traced, path: Path) -> None:
    """Write what `torch.export.load` reads."""
    with quietly():
        torch.export.save(traced.program, path)


def read_pt2(traced: Traced, path: Path) -> Answer:
    """What a file that `write_pt2` wrote says."""
    with quietly():
        network = torch.export.load(path).module()

    @torch.no_grad()
    def answer(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        found = network(*(inputs[port.name] for port in traced.inputs))
        return dict(zip(traced.outputs, found, strict=True))

    return answer


def write_onnx(traced: Traced, path: Path) -> None:
    """Write one ONNX file, weights and all; outputs are `probability.audio`, `score.fused`, ...

    Raises:
        UserError: ONNX has no operator for something that the network does.
    """
    try:
        with quietly():
            torch.onnx.export(
                traced.program,
                (),
                path,
                input_names=[port.name for port in traced.inputs],
                output_names=output_names(traced),
                external_data=False,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        line = str(error).strip().splitlines()[0]
        raise UserError(f"--to onnx: {line}\naccepted: --to pt2") from error


def read_onnx(traced: Traced, path: Path) -> Answer:
    """What onnxruntime makes of a file that `write_onnx` wrote, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def answer(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        given = {port.name: inputs[port.name].numpy() for port in traced.inputs}
        found: list[Any] = session.run(output_names(traced), given)
        return {n: torch.from_numpy(x) for n, x in zip(traced.outputs, found, strict=True)}

    return answer


def output_names(traced: Traced) -> list[str]:
    """What the outputs are called in a file: an input and an output may not share a name."""
    return [f"{traced.kind}.{name}" for name in traced.outputs]
