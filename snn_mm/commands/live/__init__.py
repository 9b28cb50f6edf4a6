"""`snnmm live`: what a network says while its input comes in."""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from snn_mm.commands.predict import one_sample
from snn_mm.commands.processing import print_fact
from snn_mm.contracts import FUSED
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from datamodules.raw.moving import MovingPicture, MovingSound
    from snn_mm.config.restore import Restored
    from snn_mm.modules.streaming import StreamingNetwork, StreamOutput

DESCRIPTION = """\
Feeds a trained network time step by time step and prints its running decision after each.

FILES are one clip, read as the run's data are: its time steps follow each other at its own speed.
--microphone and --camera, of which each takes a file too, go on until it ends or Ctrl-C: each time
step sees the sound of the last --seconds and the last picture. The membranes are never reset; the
decision is that of the last --window time steps."""

EXAMPLES = """\
  snnmm live --run RUN audio=four.wav events=four.bin
  snnmm live --run RUN --microphone --camera
  snnmm live --run RUN --microphone lecture.wav --fast"""


class Chunk(NamedTuple):
    """What comes in at a time step.

    Attributes:
        at: seconds since the start when it has come in.
        inputs: of one time step, `[1, ...]` by modality.
        prepared: seconds that it took to make them.
    """

    at: float
    inputs: dict[str, Tensor]
    prepared: float


def run(argv: list[str]) -> int:
    """Print decisions until the input ends."""
    options = _parser().parse_args(argv[1:])
    _check(options)
    from snn_mm.commands.quiet import silence
    from snn_mm.config.restore import restore
    from snn_mm.modules.streaming import StreamingNetwork

    silence()
    restored = restore(options.run, data_root=options.data_root, stages=())
    network = StreamingNetwork(restored.module, options.window)
    moving = options.microphone is not None or options.camera is not None
    names = [str(name) for name in getattr(restored.data, "class_names", ())]
    chunks = _moving(restored, network, options) if moving else _clip(restored, network, options)
    taken = _play(network, chunks, names, options.fast)
    if not taken:
        raise UserError("the input ends before its first time step")
    print_fact("time steps", f"{len(taken)}")
    for name, each in zip(("of the network", "of the preparation"), zip(*taken)):
        if any(each):
            half, most = (sorted(each)[int(part * (len(each) - 1))] for part in (0.5, 0.95))
            print_fact(name, f"{1e3 * half:.1f} ms a step, 95 % below {1e3 * most:.1f} ms")
    return 0


def _play(
    network: StreamingNetwork, chunks: Iterator[Chunk], names: list[str], fast: bool
) -> list[tuple[float, float]]:
    """Run the network on chunks of one time step, each at its time.

    Returns:
        Seconds that each step took, and its preparation.
    """
    taken: list[tuple[float, float]] = []
    state, start = network.start(), time.monotonic()
    try:
        for at, chunk, prepared in chunks:
            if not taken:
                network.step(chunk, state)  # compiled loops are loaded, which takes a while
            if not fast:
                time.sleep(max(0.0, start + at - time.monotonic()))
            begin = time.perf_counter()
            output, state = network.step(chunk, state)
            taken.append((time.perf_counter() - begin, prepared))
            print(f"{at:8.2f} s  {_decision(output, names, set(chunk))}", flush=True)
    except KeyboardInterrupt:
        if not taken:
            raise
        print()
    return taken


def _decision(output: StreamOutput, names: list[str], there: set[str]) -> str:
    """The classes that the fusion and each modality decide for, and how sure they are."""
    said = []
    for head in (FUSED, *(name for name in output.logits if name in there)):
        share, index = output.logits[head][0].softmax(0).max(0)
        said.append(f"{head}: {names[int(index)]} {float(share):.2f}")
    return "   ".join(said)


def _clip(
    restored: Restored, network: StreamingNetwork, options: argparse.Namespace
) -> Iterator[Chunk]:
    """The time steps of a clip."""
    files = one_sample(options.files)
    chunks = network.chunks(read(restored.data, files))
    paths = [files] if isinstance(files, str) else files.values()
    seconds = 0.0 if options.fast else _seconds(paths)
    for number, chunk in enumerate(chunks, 1):
        yield Chunk(seconds * number / len(chunks), chunk, 0.0)


def _moving(
    restored: Restored, network: StreamingNetwork, options: argparse.Namespace
) -> Iterator[Chunk]:
    """What is heard and seen at each time step."""
    data: Any = restored.data
    number = 1
    sources = _sources(data, options)
    with tempfile.TemporaryDirectory() as folder:
        try:
            while all(source.until(number * options.every) for source in sources.values()):
                begin = time.perf_counter()
                with _unsaid():
                    inputs = {name: source.input(Path(folder)) for name, source in sources.items()}
                given = _inputs(data, data.raw_sample(data.finish_raw(inputs), "live"))
                _check_moves(network, sources, given)
                chunk = network.chunks(given)[-1]
                yield Chunk(number * options.every, chunk, time.perf_counter() - begin)
                number += 1
        finally:
            for source in sources.values():
                source.close()


def _check_moves(network: StreamingNetwork, sources: Mapping[str, Any], given: Any) -> None:
    """Refuse sound that is prepared as a whole for an encoder of its columns, one after another."""
    for name, source in sources.items():
        encoder = network.encoders[name]
        moves = getattr(source, "listener", None) is not None
        if not moves and encoder.cut(encoder.timed(given[name])) is not None:
            raise UserError(
                f"--microphone: {type(encoder).__name__} takes columns as they come, and the data "
                f"of the run prepare each {name} as a whole\naccepted: {name}=FILE"
            )


def _sources(data: Any, options: argparse.Namespace) -> dict[str, MovingSound | MovingPicture]:
    """What was asked for, by the modality that it is for."""
    from datamodules.raw.moving import MovingPicture, MovingSound

    sources: dict[str, MovingSound | MovingPicture] = {}
    readers = data.raw_readers()
    for option, suffix in (("microphone", ".wav"), ("camera", ".png")):
        source = getattr(options, option)
        if source is None:
            continue
        name = next((name for name, reader in readers.items() if suffix in reader.suffixes), None)
        if name is None:
            raise UserError(f"--{option}: no modality of {type(data).__name__} reads a {suffix}")
        sources[name] = (
            MovingSound(source, name, readers[name], options.seconds)
            if option == "microphone"
            else MovingPicture(source, name, readers[name])
        )
    return sources


def read(data: Any, files: str | Mapping[str, str | Path]) -> dict[str, Tensor]:
    """Inputs `[1, ...]` by modality of raw files, as the run's data make them."""
    with _unsaid():
        return _inputs(data, data.read_raw(files))


@contextmanager
def _unsaid() -> Iterator[None]:
    """Cut, resampled: said once a step, it would hide the rest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _inputs(data: Any, sample: Any) -> dict[str, Tensor]:
    """Inputs `[1, ...]` by modality that a sample has."""
    batch = data.raw_batch([sample])
    present = batch.get("present", {})
    there = [name for name in batch["inputs"] if name not in present or present[name].all()]
    return {name: batch["inputs"][name] for name in there}


def _seconds(files: Iterable[str]) -> float:
    """How long a clip is: its sound or film; 0 where neither is there."""
    from datamodules.raw.recordings import extent_of

    lengths = [0.0]
    for path in files:
        try:
            extent = extent_of(Path(path))
        except UserError:  # no sound nor film, and read as such long ago
            continue
        lengths.append(max(extent.sound, extent.picture))
    return max(lengths)


def _check(options: argparse.Namespace) -> None:
    moving = options.microphone is not None or options.camera is not None
    if moving == bool(options.files):
        raise UserError("live: accepted: FILES, or --microphone and --camera")
    if options.files:
        one_sample(options.files)  # a mistake before the network is there
    if options.every <= 0 or (options.seconds is not None and options.seconds <= 0):
        raise UserError("live: --every and --seconds are above 0")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "snnmm live",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("files", nargs="*", metavar="FILES", help="one file with all, or MODALITY=FILE of each")
    add("--run", type=Path, required=True, metavar="RUN", help="a run directory or a checkpoint")
    add("--microphone", nargs="?", const="default", metavar="DEVICE", help="of ALSA, or a file")
    add("--camera", nargs="?", const="/dev/video0", metavar="DEVICE", help="of V4L2, or a file")
    add("--every", type=float, default=0.1, metavar="S", help="seconds of a time step (0.1)")
    add(
        "--seconds", type=float, metavar="S", help="of sound that a step sees (the run's own, or 1)"
    )
    add("--window", type=int, metavar="STEPS", help="of the decision (T of the run)")
    add("--fast", action="store_true", help="files as fast as they can be read")
    add("--data.root", dest="data_root", metavar="DIR", help="where data lie now")
    return parser
