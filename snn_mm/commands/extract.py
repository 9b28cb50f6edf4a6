"""`snnmm extract`: makes feature sequences of one's own clips; needs torch for text alone."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from feature_makers.extract.labels import COLUMNS, Utterance, read_labels
from feature_makers.extract.options import GROUPS, ExtractOptions, PitchTracker, Variant
from snn_mm.analysis.report.wording import duration
from snn_mm.commands.prepare_progress import PrepareProgress, notes_as_lines
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from datamodules.feature_files.store import FeatureStore
    from feature_makers.extract.engine import Extraction

USAGE = "snnmm extract --clips DIR --labels FILE --name NAME [OPTIONS]"
EPILOG = f"""\
The labels are a CSV file with the columns
{COLUMNS}.
The clip of a row is <id>.mp4, or another film or recording; OpenFace's table of it is <id>.csv.

audio   33 features of librosa, always
visual  with --openface: the user runs OpenFace 2, FeatureExtraction -f CLIP -out_dir DIR
text    with --text_encoder: the last hidden states of a frozen encoder, never downloaded

Interrupted, the same command goes on where it was. Clips that can't be read are left out and
listed in unreadable.tsv.

  snnmm extract --clips Raw --labels label.csv --name my_clips --workers 8
  snnmm extract --clips Raw --labels label.csv --name my_clips --openface OpenFace \\
      --text_encoder bert-base-uncased"""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm`, `extract` first.

    Returns:
        The exit code.

    Raises:
        UserError: a mistake in the command, the labels or the encoder, or too many unreadable
            clips.
    """
    options = _parser().parse_args(argv[1:])
    if options.clips is None and options.labels is None and options.name is None:
        print(f"usage: {USAGE}\n\n{EPILOG}")
        return 0
    _check(options)
    begin = time.monotonic()
    with notes_as_lines():
        utterances = read_labels(options.labels, options.clips, options.openface)
    extraction, store = _extract(options, utterances)
    for line in _summary(options, extraction, store):
        print(line)
    print(
        f"{'time':<12} {duration(time.monotonic() - begin)}, {extraction.extracted} clips decoded"
    )
    print(f"{'next':<12} {_next(options, extraction, store)}")
    return 0


def _extract(
    options: argparse.Namespace, utterances: list[Utterance]
) -> tuple[Extraction, FeatureStore]:
    """Extract what is missing and write the store."""
    # Imported here, so that help and mistakes answer at once.
    from feature_makers.extract.assemble import assemble, check_place, check_splits
    from feature_makers.extract.engine import Request, extract, held
    from feature_makers.extract.transcripts import check_transcripts, encode_transcripts

    directory = options.root / "prepared" / options.name
    check_place(directory)
    check_splits(utterances)
    if options.text_encoder:
        check_transcripts(utterances)
    settings = _settings(options)
    print(f"{len(utterances)} clips in {options.labels}", flush=True)
    place = options.root / "extracted" / options.name
    request = Request(
        utterances, place, settings, options.workers, options.max_unreadable, options.verify
    )
    with held(place):
        with notes_as_lines(), PrepareProgress() as progress:
            extraction = extract(request, progress)
        modalities = ["audio", *(["visual"] if options.openface else [])]
        if options.text_encoder:
            modalities.insert(0, "text")
            readable, cache = extraction.utterances, extraction.cache
            print(f"encoding {len(readable)} transcripts", flush=True)
            with PrepareProgress() as progress:
                encode_transcripts(readable, options.text_encoder, settings, cache, progress)
        facts = {"name": options.name, "options": dataclasses.asdict(settings)}
        store = assemble(directory, extraction.utterances, extraction.cache, modalities, facts)
    return extraction, store


def _settings(options: argparse.Namespace) -> ExtractOptions:
    return ExtractOptions(
        options.variant,
        options.pitch,
        tuple(options.groups.split(",")) if options.groups else ExtractOptions.groups,
        options.frames_per_step,
        options.max_tokens,
    )


def _summary(
    options: argparse.Namespace, extraction: Extraction, store: FeatureStore
) -> Iterator[str]:
    """Yield what the store holds, a line a fact."""
    parts = Counter(utterance.clip.part for utterance in extraction.utterances)
    found = ", ".join(f"{count} {part}" for part, count in parts.items())
    yield f"{options.name:<12} {len(extraction.utterances)} clips ({found})"
    train = store.split("train")
    for modality, array in train.arrays.items():
        own = ", rated alone" if modality in store.labelled_modalities else ""
        yield f"{modality:<12} {array.shape[2]} features, up to {array.shape[1]} steps{own}"
    if extraction.unreadable:
        listing = extraction.cache.directory / "unreadable.tsv"
        yield f"{'unreadable':<12} {len(extraction.unreadable)}, listed in {listing}"
    size = sum(file.stat().st_size for file in store.directory.iterdir())
    yield f"{'size':<12} {size / 1e6:.1f} MB in {store.directory}"
    yield f"{'fingerprint':<12} {store.fingerprint[:16]}"


def _next(options: argparse.Namespace, extraction: Extraction, store: FeatureStore) -> str:
    """Write what fits a model to the features, and return the command to type next."""
    from feature_makers.extract.config import write_config

    path = extraction.cache.directory / "config.yaml"
    write_config(path, store, options.root, options.name)
    return f"snnmm fit --config experiments/sgmt_mosi.yaml --config {path}"


def _check(options: argparse.Namespace) -> None:
    """Refuse what is missing or out of range, before any time is spent."""
    for flag in ("clips", "labels", "name"):
        if getattr(options, flag) is None:
            raise UserError(f"which --{flag}?\nusage: {USAGE}")
    for flag in ("clips", "openface"):
        folder = getattr(options, flag)
        if folder is not None and not folder.is_dir():
            raise UserError(f"--{flag} {folder}: no such directory")
    if not re.fullmatch(r"\w[\w.-]*", options.name):
        raise UserError(f"--name '{options.name}': accepted are letters, digits, '_', '-', '.'")
    if options.workers < 1:
        raise UserError(f"--workers {options.workers}: accepted are 1 and more")
    if not 0 <= options.max_unreadable < 1:
        raise UserError(f"--max_unreadable {options.max_unreadable}: accepted are 0 to below 1")
    _settings(options)
    if options.text_encoder is not None:
        from feature_makers.extract.text import check_encoder  # needs torch

        check_encoder(options.text_encoder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="snnmm extract",
        usage=USAGE,
        description="Extract feature sequences from clips and their transcripts.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--clips", type=Path, metavar="DIR", help="the films or recordings")
    add("--labels", type=Path, metavar="FILE", help="CSV: split, score and transcript of each")
    add("--name", metavar="NAME", help="what the data module will call them")
    add("--openface", type=Path, metavar="DIR", help="OpenFace's tables; laid out like the clips")
    add("--text_encoder", type=Path, metavar="DIR", help="config.json, tokenizer, *.safetensors")
    add("--root", type=Path, default=Path("data"), metavar="DIR", help="where to; default: data")
    names = ", ".join(get_args(Variant))
    add("--variant", default="paper", help=f"of the audio features: {names}; default: paper")
    names = ", ".join(get_args(PitchTracker))
    add("--pitch", default="pyin", help=f"tracker of F0: {names}, 16 times faster; default: pyin")
    text = f"columns of OpenFace, such as pose,action_units; of {', '.join(GROUPS)}; default: all"
    add("--groups", metavar="A,B", help=text)
    text = "video frames averaged to one step; default: 3"
    add("--frames_per_step", type=int, default=3, metavar="N", help=text)
    text = "tokens that a transcript is cut to; default: 50"
    add("--max_tokens", type=int, default=50, metavar="N", help=text)
    cores = os.cpu_count() or 1
    add("--workers", type=int, default=cores, metavar="N", help=f"processes; default: {cores}")
    text = "the largest share of clips to leave out; default: 0.02"
    add("--max_unreadable", type=float, default=0.02, metavar="SHARE", help=text)
    text = "compare the contents of clips that were extracted, too, not only size and time"
    add("--verify", action="store_true", help=text)
    return parser
