"""`snnmm export RUN --to onnx|pt2|nir`: a trained network as a file, with a card and a proof."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snn_mm.errors import UserError
from snn_mm.run.imports import heavy_imports

if TYPE_CHECKING:
    from snn_mm.config.restore import Restored
    from snn_mm.export.proof import Proof

FORMS = ("onnx", "pt2", "nir")

DESCRIPTION = """\
Write what a run trained as a file that needs no snn_mm: ONNX for onnxruntime and others, pt2 for
torch alone, NIR for neuromorphic simulators and chips. Beside it lies FILE.json, its card: classes,
preparation, shapes, T, versions, hashes. The file is then asked for every test sample. Where it
differs from the network by more than 1e-5, or decides otherwise, the command fails, and the file
keeps `.unproven` in its name."""

EPILOG = """\
examples:
  snnmm export runs/quickstart/RUN --to onnx
  snnmm export runs/quickstart/RUN --to pt2 --output digits.pt2"""


def run(argv: list[str]) -> int:
    """Export one run.

    Raises:
        UserError: no run, no package, a network that the format can't hold, or a failed proof.
    """
    options = _parser().parse_args(argv[1:])
    if options.allow != "rounding" and not options.allow.isdecimal():
        raise UserError(f"--allow {options.allow}: accepted are numbers from 0 on, or rounding")
    with heavy_imports():
        from snn_mm.commands.quiet import silence
        from snn_mm.config.restore import restore
        from snn_mm.export.formats import check_installed

    check_installed(options.to)
    silence()
    restored = restore(
        options.ckpt_path or options.run, data_root=options.data_root, stages=("test",)
    )
    path: Path = options.output or restored.run.path / "export" / f"model.{options.to}"
    path.parent.mkdir(parents=True, exist_ok=True)
    _show(path, _export(restored, options, path))
    return 0


def _export(restored: Restored, options: argparse.Namespace, path: Path) -> Proof:
    from snn_mm.export.files import Subject, export

    module, data, _ = restored
    origin = _origin(restored, options.ckpt_path or options.run)
    allow = options.allow if options.allow == "rounding" else int(options.allow)
    subject = Subject(module, data, lambda: _one(data.test_dataloader()), origin)
    if options.to == "nir":
        from snn_mm.export.nir_files import export_nir

        return export_nir(subject, path, allow)
    return export(subject, options.to, path, allow)


def _one(loaders: Any) -> Any:
    """The loader of all test samples seen so far, of data that come in tasks."""
    return loaders[-1] if isinstance(loaders, list | tuple) else loaders


def _origin(restored: Restored, path: Path) -> dict[str, Any]:
    """Where the network comes from, and how its inputs were prepared."""
    from datamodules.store.source import sha256
    from snn_mm.config.restore import find_checkpoint, read_config

    run, checkpoint = find_checkpoint(path)
    return {
        "run": {"experiment": run.experiment, "run_id": run.run_id},
        "checkpoint": {"file": checkpoint.name, "sha256": sha256(checkpoint)},
        "config_sha256": sha256(run.config),
        "preparation": read_config(run)["data"],
    }


def _show(path: Path, proof: Proof) -> None:
    print(path)
    print(f"{path}.json")
    print(
        f"proof: {proof.samples} test samples, largest difference {proof.largest:.2g}, "
        f"{proof.off} above {proof.tolerance:g} ({proof.rounded} by rounding), "
        f"{proof.decided_otherwise} decided otherwise"
    )
    if proof.left_out:
        print(f"left out: {proof.left_out} samples that lack a modality; the file takes all")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "snnmm export",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="a run directory")
    add("--to", choices=FORMS, required=True, help="the format")
    add("--ckpt_path", type=Path, metavar="FILE", help="a checkpoint of it instead of the best")
    add("--output", type=Path, metavar="FILE", help="default: RUN/export/model.<format>")
    add("--allow", default="0", metavar="N|rounding",
        help="how many test samples may come out otherwise (0); `rounding`, with onnx: those where "
             "only spikes at a rounding error from their threshold differ")  # fmt: skip
    add("--data.root", dest="data_root", metavar="DIR", help="where the data lie now")
    return parser
