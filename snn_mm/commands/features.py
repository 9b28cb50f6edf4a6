"""`snnmm features NAME`: runs a pre-trained network over a folder of videos."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from feature_makers.pretrained.encoders import NETWORKS, VideoNetwork, check_network, load_encoder
from snn_mm.analysis.report.wording import duration
from snn_mm.commands import processing
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from feature_makers.pretrained.engine import EncodedVideos

USAGE = "snnmm features NAME --videos DIR --weights PATH --output DIR [OPTIONS]"
NOTES = """\
Weights are never downloaded. Interrupted, the same command goes on where it was; a file of all
videos is written at the end. Videos that can't be read, or have no sound where sound is needed,
are left out and listed in unreadable.tsv.

  snnmm features videomae --videos AVE --weights videomae-base --frames_per_second 10 \\
      --output data/AVE/visual_pretrained_feature
  snnmm features audiomae --videos AVE --weights audiomae \\
      --output data/AVE/audio_pretrained_feature
  snnmm features resnet18 --videos MUSIC-AVQA --weights resnet18-f37072fd.pth \\
      --output data/music_avqa/feats/res18_14x14 --device cuda"""
LINES = [
    f"  {name:<10} {{}}\n{'':13}{{}}".format(*network.summary) for name, network in NETWORKS.items()
]
NAMES = "\n".join(["networks:", *LINES, "", NOTES])
SETTINGS = ("frames_per_second", "front_end")
"""Options that only some networks take."""


def run(argv: list[str]) -> int:
    """Encode what is missing; too many unreadable videos are refused."""
    options = _parser().parse_args(argv[1:])
    if options.name is None:
        print(f"usage: {USAGE}\n\n{NAMES}")
        return 0
    network = check_network(options.name, _settings(options))
    _check(options, network)
    begin = time.monotonic()
    outcome = _encode(options, network)
    where = options.output / network.file if network.file else options.output
    processing.print_fact(options.name, f"{outcome.encoded} videos encoded, now in {where}")
    processing.print_unreadable(len(outcome.unreadable), options.output)
    processing.print_fact("time", duration(time.monotonic() - begin))
    return 0


def _encode(options: argparse.Namespace, network: VideoNetwork) -> EncodedVideos:
    """Load the network and run it."""
    from feature_makers.pretrained.engine import encode_videos, find_videos
    from feature_makers.pretrained.output import FeatureOutput

    videos = find_videos(options.videos)
    encoder = load_encoder(options.name, options.weights, options.device, **_settings(options))
    print(f"{len(videos)} videos found in {options.videos}", flush=True)
    output = FeatureOutput(options.output, network.file)
    how = processing.processing_options(options)
    with processing.notes_as_lines(), processing.ClipProgress() as progress:
        return encode_videos(videos, encoder, output, how, progress)


def _settings(options: argparse.Namespace) -> dict[str, float | str]:
    """Return the settings that were typed."""
    typed = {name: getattr(options, name) for name in SETTINGS}
    return {name: value for name, value in typed.items() if value is not None}


def _check(options: argparse.Namespace, network: VideoNetwork) -> None:
    """Refuse what is missing or out of range, before any time is spent."""
    for flag in ("videos", "weights", "output"):
        if getattr(options, flag) is None:
            hint = f"\naccepted for {options.name}: {network.weights}" if flag == "weights" else ""
            raise UserError(f"which --{flag}?{hint}\nusage: {USAGE}")
    processing.check_options(options, "videos")
    rate = options.frames_per_second
    if rate is not None and not 0 < rate <= 240:
        raise UserError(f"--frames_per_second {rate:g}: accepted are above 0 to 240")
    _check_device(options.device)


def _check_device(name: str) -> None:
    """Refuse a device that is not there."""
    import torch

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UserError(
            f"--device {name}: {reason}\naccepted are cpu, cuda, cuda:0, ..."
        ) from error


def _parser() -> argparse.ArgumentParser:
    description = "Compute features of videos with a frozen, pre-trained network."
    workers = "videos decoded at the same time"
    parser = processing.new_parser(USAGE, description, NAMES, "videos", "encoded", workers)
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="which network; without it, show the names")
    add("--videos", type=Path, metavar="DIR", help="the videos, <name>.mp4 or another film")
    add("--weights", type=Path, metavar="PATH", help="of the network; see below")
    add("--output", type=Path, metavar="DIR", help="where the features go")
    text = "frames to choose from; default: 8 for videomae (AV-CIL's AVE: 10), 1 for resnet18"
    add("--frames_per_second", type=float, metavar="X", help=text)
    text = (
        "what audiomae hears: audiomae, as it was trained (default), or av_cil, as AV-CIL's scripts"
    )
    add("--front_end", metavar="NAME", help=text)
    add("--device", default="cpu", metavar="NAME", help="such as cuda; default: cpu")
    return parser
