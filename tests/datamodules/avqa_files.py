"""MUSIC-AVQA as it is distributed, with made-up questions and features of a few videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from datamodules.music_avqa.module import FeatureLayout
from datamodules.music_avqa.questions import QUESTION_KINDS
from datamodules.music_avqa.vocabulary import NUM_WORDS, RELEASED_ANSWERS

VIDEOS = ("00000028", "00000108", "va00000271", "00000288", "sa00001025")
"""Those of the training questions; the other parts ask about the last three."""

WORDS = tuple(f"word{index}" for index in range(NUM_WORDS - 1))
AUDIO_SHAPE, VISUAL_SHAPE = (60, 128), (60, 512, 14, 14)
SMALL = FeatureLayout(audio_shape=(60, 5), visual_shape=(60, 4, 3, 3))
"""Features of the real layout with fewer channels and positions, for quick tests."""


def entry(number: int, answer: str | None = None, video: str | None = None) -> dict[str, Any]:
    """An entry with a slot; ten in a row use up all words, 42 all answers, 9 all kinds."""
    words = [WORDS[(10 * number + place) % len(WORDS)] for place in range(10)]
    template = " ".join(["<Object>", *words[1:]])
    return {
        "video_id": video or VIDEOS[number % len(VIDEOS)],
        "question_id": number,
        "type": json.dumps(list(QUESTION_KINDS[number % 9])),
        "question_content": template + ("？" if number % 2 else "? "),
        "templ_values": json.dumps(words[:1]),
        "question_deleted": 0,
        "anser": answer or RELEASED_ANSWERS[::-1][number % 42],
    }


def write_questions(root: Path, counts: tuple[int, int, int] = (42, 9, 9)) -> None:
    """Write `json/avqa-{train,val,test}.json` below `root`."""
    (root / "json").mkdir(parents=True, exist_ok=True)
    for part, count in zip(("train", "val", "test"), counts, strict=True):
        videos = VIDEOS if part == "train" else VIDEOS[-3:]
        entries = [entry(number, video=videos[number % len(videos)]) for number in range(count)]
        for question in entries if part == "val" else ():
            question["question_id"] += 1000  # numbers are those of one question
        text = json.dumps(entries, indent=2)  # the official files escape the full-width sign, too
        (root / "json" / f"avqa-{part}.json").write_text(text)


def write_features(root: Path, layout: FeatureLayout = SMALL, suffix: str = ".npy") -> None:
    """Write the features of all videos: second s of video v holds v + s / 100 everywhere."""
    shapes = {layout.audio_dir: layout.audio_shape, layout.visual_dir: layout.visual_shape}
    for folder, shape in shapes.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number, video in enumerate(VIDEOS):
            seconds = number + np.arange(shape[0], dtype=np.float32) / 100
            values = np.broadcast_to(seconds.reshape(-1, *[1] * (len(shape) - 1)), shape)
            visual = folder == layout.visual_dir
            write_array(root / folder / f"{video}{suffix if visual else '.npy'}", values)


def write_array(path: Path, values: np.ndarray) -> None:
    """Write one file in the format that its suffix says."""
    if path.suffix == ".npy":
        np.save(path, values)
        return
    with h5py.File(path, "w") as file:
        file["features"] = values


def write_avqa(root: Path, layout: FeatureLayout = SMALL, suffix: str = ".npy") -> Path:
    """Write questions and features below `root`, which is returned."""
    write_questions(root)
    write_features(root, layout, suffix)
    return root
