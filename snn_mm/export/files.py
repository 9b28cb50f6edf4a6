"""From a restored run to a proven file and its card."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lightning import LightningModule

from datamodules.store.source import sha256
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.export import card, formats
from snn_mm.export.graph import Traced, trace
from snn_mm.export.proof import Proof, prove, tracing_batch
from snn_mm.export.rounding import CLOSE, Rounds, rounds_onnx
from snn_mm.run.replace import replacing, writing

ROUNDING = "rounding"
Allowed = int | Literal["rounding"]
"""For how many samples a file may say something else; `rounding`: for those of `Proof.rounded`."""

UNPROVEN = ".unproven"
"""Stands in the name of a file until it is proven, and stays there if it is not."""


class FileForm(NamedTuple):
    """A format that a traced graph is written in.

    Attributes:
        write: the file.
        read: what the file says.
        rounds: what the network says with the spikes of the file; None where kernels are torch's.
    """

    write: Callable[[Traced, Path], None]
    read: Callable[[Traced, Path], formats.Answer]
    rounds: Callable[[Traced, Path], Rounds] | None = None


FORMS = {
    "onnx": FileForm(formats.write_onnx, formats.read_onnx, rounds_onnx),
    "pt2": FileForm(formats.write_pt2, formats.read_pt2),
}


class Subject(NamedTuple):
    """What is exported.

    Attributes:
        module: in evaluation mode, on the CPU.
        data: its data module.
        batches: reads the test set anew.
        origin: run, checkpoint and preparation, as the card tells them.
    """

    module: LightningModule
    data: Any
    batches: Callable[[], Iterable[Batch]]
    origin: dict[str, Any]


def export(subject: Subject, form: str, path: Path, allow: Allowed) -> Proof:
    """Write a file that is proven, and its card `<file>.json`.

    Args:
        subject: what is exported.
        form: one of `FORMS`.
        path: the file.
        allow: for how many samples it may say something else; or `rounding`.

    Raises:
        UserError: it can't be written, or says something else for more samples: then it is left
            with `UNPROVEN` in its name.
    """
    traced = trace(subject.module, tracing_batch(subject.batches()))
    draft = path.with_name(f"{path.stem}{UNPROVEN}{path.suffix}")
    with writing(draft):
        FORMS[form].write(traced, draft)
    answer, rounds = FORMS[form].read(traced, draft), FORMS[form].rounds
    proof = prove(subject.module, subject.batches(), traced.inputs, traced.kind, answer,
                  rounds(traced, draft) if rounds else None)  # fmt: skip
    check_proof(draft, proof, allow)
    content = {
        "format": form,
        "file": path.name,
        "sha256": sha256(draft),
        "inputs": card.describe_ports(traced.inputs),
        "outputs": _outputs(traced),
        "readout": card.READOUT,
        **card.describe_network(subject.module, subject.data),
        **subject.origin,
    }
    write_card(path, proof, allow, content)
    draft.replace(path)
    return proof


def check_proof(draft: Path, proof: Proof, allow: Allowed) -> None:
    """Refuse a file that says something else for more samples than may be.

    Raises:
        UserError: says for how many.
    """
    others, most = (proof.off, allow) if isinstance(allow, int) else (proof.off - proof.rounded, 0)
    if max(others, proof.decided_otherwise) > most:
        raise UserError(failure(draft, proof))


def write_card(path: Path, proof: Proof, allow: Allowed, content: dict[str, Any]) -> None:
    """Write the card of a proven file beside it."""
    content = {
        **content,
        "proof": {**proof.as_dict(), "allowed": allow},
        "versions": card.describe_versions(content["format"]),
    }
    with replacing(path.with_name(f"{path.name}.json")) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def failure(draft: Path, proof: Proof) -> str:
    """What is said of a file that is not proven."""
    rounded = f", --allow {ROUNDING}" if proof.rounded == proof.off else ""
    rounded = "" if proof.decided_otherwise else rounded
    return (
        f"{draft}: not proven: {proof.off} of {proof.samples} test samples differ by more than "
        f"{proof.tolerance:g} (by {proof.largest:.2g} at most), {proof.decided_otherwise} are "
        f"decided otherwise\n{proof.rounded} of them only because a membrane within {CLOSE:g} of "
        "its threshold was rounded to the other side by other kernels; pt2 runs torch's own.\n"
        f"accepted: --to pt2{rounded}, or --allow {proof.off} if so many may differ"
    )


def _outputs(traced: Traced) -> list[dict[str, Any]]:
    names = formats.output_names(traced)
    shape = ["N", "K"] if traced.kind == "probability" else ["N"]
    return [
        {"name": name, "head": head, "kind": traced.kind, "shape": shape, "position": position}
        for position, (name, head) in enumerate(zip(names, traced.outputs, strict=True))
    ]
