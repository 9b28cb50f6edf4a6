"""`snnmm demo RUN`: a page on this machine where people try a trained network."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from snn_mm.commands.analyse.runs import add_data_root
from snn_mm.errors import UserError
from snn_mm.run.imports import heavy_imports

DESCRIPTION = """\
A page on this machine alone: drop a film, a sound and a picture, events or features, speak, or
choose a sample of the test split; see the decision, evidence over time, what changes without a
modality, and spikes. It ends with Ctrl-C."""

NEEDS_GRADIO = 'the page needs gradio: pip install "snn_mm[page]"'


def run(argv: list[str]) -> int:
    """Serve the page until it is interrupted.

    Args:
        argv: what was typed after `snnmm`, `demo` first.

    Returns:
        The exit code.

    Raises:
        UserError: no gradio, no such run, or a port that is taken.
    """
    options = _parser().parse_args(argv[1:])
    if not 0 <= options.port <= 65535:
        raise UserError(f"--port {options.port}; accepted: 1 to 65535, or 0 for a free one")
    if find_spec("gradio") is None:
        raise UserError(NEEDS_GRADIO)
    from snn_mm.commands.demo.port import free_port

    free_port(options.port)  # a mistake before the network is there
    with heavy_imports():
        from snn_mm.commands.demo.network import RunOnShow
        from snn_mm.commands.demo.page import serve
        from snn_mm.commands.quiet import silence

    silence()
    serve(RunOnShow.load(options.ckpt_path or options.run, options.data_root), options.port)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "snnmm demo",
        description=DESCRIPTION,
        epilog="example:\n  snnmm demo runs/quickstart/RUN",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="a run directory, or a checkpoint")
    add("--ckpt_path", type=Path, metavar="P", help="another checkpoint of the run")
    add("--port", type=int, default=0, metavar="N", help="of 127.0.0.1 (a free one)")
    add_data_root(parser)
    return parser
