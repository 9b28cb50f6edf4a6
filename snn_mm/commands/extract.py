"""`snnmm extract`: makes feature sequences of one's own clips; needs torch for text alone."""

from __future__ import annotations

import argparse
import dataclasses
import re
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from feature_makers.extract.labels import COLUMNS, LabelledUtterance, read_labels
from feature_makers.extract.options import GROUPS, ExtractOptions, PitchTracker, Variant
from snn_mm.analysis.report.wording import duration
from snn_mm.commands import processing
from snn_mm.commands.processing import ClipProgress, notes_as_lines, print_fact
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
    """Extract what is missing and write the store; too many unreadable clips are refused."""
    options = _parser().parse_args(argv[1:])
    if options.clips is None and options.labels is None and options.name is None:
        print(f"usage: {USAGE}\n\n{EPILOG}")
        return 0
    _check(options)
    from feature_makers.extract.assemble import write_config

    begin = time.monotonic()
    with notes_as_lines():
        utterances = read_labels(options.labels, options.clips, options.openface)
    extraction, store = _extract(options, utterances)
    _show(options.name, extraction, store)
    print_fact(
        "time", f"{duration(time.monotonic() - begin)}, {extraction.extracted} clips decoded"
    )
    config = extraction.cache.directory / "config.yaml"
    write_config(config, store, options.root, options.name)
    print_fact("next", f"snnmm fit --config experiments/sgmt_mosi.yaml --config {config}")
    return 0


def _extract(
    options: argparse.Namespace, utterances: list[LabelledUtterance]
) -> tuple[Extraction, FeatureStore]:
    """Extract what is missing and write the store."""
    # Imported here, so that help and mistakes answer at once.
    from datamodules.store.processing import exclusive
    from feature_makers.extract.assemble import assemble, check_replaceable, check_splits
    from feature_makers.extract.engine import FeatureCache, cannot_write, extract

    directory = options.root / "prepared" / options.name
    check_replaceable(directory)
    check_splits(utterances)
    if options.text_encoder:
        from feature_makers.extract.text import check_transcripts, encode_transcripts

        check_transcripts(utterances)
    settings = _settings(options)
    print(f"{len(utterances)} clips in {options.labels}", flush=True)
    cache = FeatureCache(options.root / "extracted" / options.name)
    with exclusive(cache.directory, "in use", cannot_write):
        with notes_as_lines(), ClipProgress() as progress:
            how = processing.processing_options(options)
            extraction = extract(utterances, cache, settings, how, progress)
        modalities = ["audio", *(["visual"] if options.openface else [])]
        if options.text_encoder:
            modalities.insert(0, "text")
            readable = extraction.utterances
            print(f"encoding {len(readable)} transcripts", flush=True)
            with ClipProgress() as progress:
                encode_transcripts(readable, options.text_encoder, settings, cache, progress)
        facts = {"name": options.name, "options": dataclasses.asdict(settings)}
        store = assemble(directory, extraction.utterances, cache, modalities, facts)
    return extraction, store


def _settings(options: argparse.Namespace) -> ExtractOptions:
    return ExtractOptions(
        options.variant,
        options.pitch,
        tuple(options.groups.split(",")) if options.groups else ExtractOptions.groups,
        options.frames_per_step,
        options.max_tokens,
    )


def _show(name: str, extraction: Extraction, store: FeatureStore) -> None:
    """Print what the store holds, a line a fact."""
    parts = Counter(utterance.clip.part for utterance in extraction.utterances)
    found = ", ".join(f"{count} {part}" for part, count in parts.items())
    print_fact(name, f"{len(extraction.utterances)} clips ({found})")
    for modality, array in store.split("train").arrays.items():
        own = ", rated alone" if modality in store.labelled_modalities else ""
        print_fact(modality, f"{array.shape[2]} features, up to {array.shape[1]} steps{own}")
    processing.print_unreadable(len(extraction.unreadable), extraction.cache.directory)
    processing.print_store(store.directory, store.fingerprint[:16])


def _check(options: argparse.Namespace) -> None:
    """Refuse what is missing or out of range, before any time is spent."""
    for flag in ("clips", "labels", "name"):
        if getattr(options, flag) is None:
            raise UserError(f"which --{flag}?\nusage: {USAGE}")
    processing.check_options(options, "clips", "openface")
    if not re.fullmatch(r"\w[\w.-]*", options.name):
        raise UserError(f"--name '{options.name}': accepted are letters, digits, '_', '-', '.'")
    _settings(options)
    if options.text_encoder is not None:
        from feature_makers.extract.text import check_encoder  # needs torch

        check_encoder(options.text_encoder)


def _parser() -> argparse.ArgumentParser:
    description = "Extract feature sequences from clips and their transcripts."
    parser = processing.new_parser(USAGE, description, EPILOG, "clips", "extracted")
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
    return parser
