"""What decides the features that are extracted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from snn_mm.errors import UserError, check_choice

Variant = Literal["paper", "released"]
"""Audio features as the paper of SGMT words them, or as the released extractor makes them."""

PitchTracker = Literal["pyin", "yin"]
"""`pyin` tells which frames are voiced; `yin` is about 16 times faster and tells nothing."""

GROUPS: dict[str, re.Pattern[str]] = {
    "gaze": re.compile(r"gaze_.+|eye_lmk_[xyXYZ]_\d+"),
    "pose": re.compile(r"pose_[TR][xyz]"),
    "landmarks": re.compile(r"[xyXYZ]_\d+"),
    "landmarks_2d": re.compile(r"[xy]_\d+"),
    "shape": re.compile(r"p_.+"),
    "action_units": re.compile(r"AU\d+_[rc]"),
}
"""Columns of an OpenFace 2 table by group: 288, 6, 340, 136, 40 and 35 of them."""

ALL_GROUPS = ("gaze", "pose", "landmarks", "shape", "action_units")
"""All 709 columns, as in CH-SIMS; CH-SIMS v2 has `landmarks_2d`, `action_units` and `pose`, 177."""


@dataclass(frozen=True)
class ExtractOptions:
    """What decides the features beside the files.

    Attributes:
        variant: of the audio features.
        pitch: tracker of the fundamental frequency; the variant `released` has none.
        groups: OpenFace columns that are kept, in the order of the table.
        frames_per_step: video frames averaged to one step; 3 in CH-SIMS.
        max_tokens: length that transcripts are cut to, special tokens included.
    """

    variant: Variant = "paper"
    pitch: PitchTracker = "pyin"
    groups: tuple[str, ...] = ALL_GROUPS
    frames_per_step: int = 3
    max_tokens: int = 50

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, get_args(Variant))
        check_choice("pitch", self.pitch, get_args(PitchTracker))
        for group in self.groups:
            check_choice("groups", group, tuple(GROUPS))
        if not self.groups:
            raise UserError(f"groups: none given; accepted are {', '.join(GROUPS)}.")
        if self.frames_per_step < 1 or self.max_tokens < 3:
            raise UserError(
                f"frames_per_step is {self.frames_per_step} and max_tokens {self.max_tokens}; "
                "accepted are at least 1 and at least 3."
            )
