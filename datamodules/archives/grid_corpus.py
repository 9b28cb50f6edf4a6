"""GRID: sentences of six words, heard and read off the lips, with the time of every word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from datamodules.archives.archive import (
    Array,
    check_equally_many,
    check_within,
    content_digest,
    read_archive,
    sequence_facts,
)
from datamodules.archives.sentences import (
    BANDS,
    CELL,
    COLUMN_RATE,
    COLUMNS,
    FRAME_RATE,
    FRAMES,
    HEIGHT,
    WIDTH,
    ClipReader,
    Lips,
    lip_reader,
)
from datamodules.archives.split import Reader, RecordingSplit
from datamodules.base import MultimodalDataModule, SplitName
from datamodules.batches import collate_ragged
from datamodules.made_up import Shapes
from datamodules.pairing import Rows, check_fractions, stratified_cut, stream
from datamodules.raw.reads import RawReader
from datamodules.split import FeatureScale
from snn_mm.errors import UserError, check_choice, check_range

VOCABULARY: dict[str, tuple[str, ...]] = {
    "command": ("bin", "lay", "place", "set"),
    "color": ("blue", "green", "red", "white"),
    "preposition": ("at", "by", "in", "with"),
    "letter": tuple("abcdefghijklmnopqrstuvxyz"),
    "digit": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "adverb": ("again", "now", "please", "soon"),
}
"""The words at each place of a sentence; W is no letter of GRID, for it is three syllables."""
Word = Literal["command", "color", "preposition", "letter", "digit", "adverb"]
Window = Literal["whole", "word"]
LAYOUT = {
    "lips": ("u", (None, FRAMES, HEIGHT, WIDTH)),
    "logmel": ("f", (None, COLUMNS, BANDS)),
    "words": ("iu", (None, len(VOCABULARY))),
    "word_times": ("f", (None, len(VOCABULARY), 2)),
    "clip": ("U", (None,)),
} | {f"vocab_{place}": ("U", (len(words),)) for place, words in VOCABULARY.items()}
SOURCE = (
    "Accepted is an archive of one speaker of GRID (Cooke et al. 2006; speaker 1 is\n"
    "in TVR28/LipNet), with the keys of docs/data.md; set file."
)


class GridCorpus(MultimodalDataModule):
    """GRID: one speaker's sentences of six words, of which one is the class.

    A sentence is "command colour preposition letter digit adverb" and takes three seconds. Audio is
    its log-mel spectrogram as a sequence `[L, 40]`, 50 columns a second; visual are grey pictures
    of the mouth, 25 a second. Both are shifted and scaled by the training part. From the whole clip
    a model must find out *when* the word is said; in its own window that is known.

    Training, validation and test are cut class by class; the test part is the same for every seed.

    Args:
        file: the archive; None is `root/grid_s1.npz`.
        word: which of the six is the class.
        window: what is seen and heard: the `whole` clip, or the `word` alone.
        lips: what the film is for its encoder: a `sequence` `[L, 70]` of means of 4x4 pixels,
            `frames` `[L, 1, 28, 40]`, or `channels` of one image `[L, 28, 40]`.
        frames: L of `frames` and `channels`, evenly spread over the window.
        test_fraction: part of the sentences that tests.
        val_fraction: part of the other sentences that validates.
    """

    modalities = ("audio", "visual")

    def __init__(
        self,
        root: str = "data",
        file: str | None = None,
        word: Word = "digit",
        window: Window = "whole",
        lips: Lips = "sequence",
        frames: int = 15,
        test_fraction: float = 0.3,
        val_fraction: float = 0.15,
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        check_choice("word", word, get_args(Word))
        check_choice("window", window, get_args(Window))
        check_choice("lips", lips, get_args(Lips))
        check_range("frames", frames, 1, FRAMES)
        check_fractions(test_fraction=test_fraction)
        check_fractions(val_fraction=val_fraction)
        self.file = Path(file or Path(root) / "grid_s1.npz")
        self.class_names: Sequence[str] = VOCABULARY[word]
        self.word, self.frames = word, frames
        film = {"visual": 1 / FRAME_RATE} if lips == "sequence" else {}
        self.step_seconds = {"audio": 1 / COLUMN_RATE, **film}
        self.window: Window = window
        self.lips: Lips = lips
        self.test_fraction, self.val_fraction = test_fraction, val_fraction

    def facts(self) -> dict[str, Any]:
        """K, widths of the sequences, and what the film is for its encoder."""
        visual: dict[str, dict[str, object]] = {
            "sequence": {"in_features": HEIGHT * WIDTH // CELL**2},
            "frames": {"in_channels": 1, "input_kind": "frames"},
            "channels": {"in_channels": self.frames, "input_kind": "static"},
        }
        inputs = {"audio": {"in_features": BANDS}, "visual": visual[self.lips]}
        return super().facts() | {"inputs": inputs, **sequence_facts(self._shapes(1.0))}

    def sample_shapes(self) -> Shapes:
        """Those of a clip; a word is shorter by nine tenths."""
        return self._shapes(1.0 if self.window == "whole" else 0.1)

    def _shapes(self, share: float) -> Shapes:
        film = {
            "sequence": (round(share * FRAMES), HEIGHT * WIDTH // CELL**2),
            "frames": (self.frames, 1, HEIGHT, WIDTH),
            "channels": (self.frames, HEIGHT, WIDTH),
        }
        return {"audio": (round(share * COLUMNS), BANDS), "visual": film[self.lips]}

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The archive, read when it is first asked for."""
        arrays = read_archive(self.file, LAYOUT, SOURCE)
        sentences = {key: x for key, x in arrays.items() if not key.startswith("vocab_")}
        check_equally_many(self.file, sentences)
        for place, (key, words) in enumerate(VOCABULARY.items()):
            check_within(self.file, f"words ({key})", arrays["words"][:, place], 0, len(words) - 1)
            if tuple(arrays[f"vocab_{key}"]) != words:
                raise UserError(f"vocab_{key} of {self.file}: accepted are {', '.join(words)}")
        _check_times(self.file, arrays["word_times"])
        return arrays

    @property
    def labels(self) -> Rows:
        """The class of each sentence, `[n]`."""
        return self.arrays["words"][:, list(VOCABULARY).index(self.word)].astype(np.int64)

    @cached_property
    def parts(self) -> dict[SplitName, Rows]:
        """Rows of the sentences that train, validate and test."""
        labels = self.labels
        test, others = stratified_cut(labels, [self.test_fraction], stream(0, "grid", "test"))
        val, train = stratified_cut(
            labels[others], [self.val_fraction], stream(self.seed, "grid", "val")
        )
        return {"train": others[train], "val": others[val], "test": test}

    def load_split(self, name: SplitName) -> RecordingSplit:
        """Take the sentences of one part."""
        ids = [str(clip) for clip in self.arrays["clip"]]
        return RecordingSplit(self.readers, self.parts[name], self.labels, ids, self.content)

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        names = ("word", "window", "lips", "frames", "test_fraction", "val_fraction")
        return {name: getattr(self, name) for name in names}

    collate = staticmethod(collate_ragged)

    @cached_property
    def content(self) -> str:
        """A digest of the archive."""
        return content_digest(self.arrays)

    def learn_preparation(self) -> dict[str, Any]:
        """Names of the classes, and what clips are shifted and scaled by."""
        scales = {name: scale.record() for name, scale in self.scales.items()}
        return {**super().learn_preparation(), "scales": scales}

    def raw_readers(self) -> Mapping[str, RawReader]:
        """Arrays of a clip, as the archive has them.

        Raises:
            UserError: a word's window is wanted, which no file tells.
        """
        from datamodules.archives.raw import sentence_readers  # training reads no raw files

        if self.window != "whole":
            raise UserError(
                f"data.window is {self.window}: when it is said, a file does not tell\n"
                "accepted: a run with data.window whole"
            )
        scales = {name: FeatureScale.of_record(x) for name, x in self.preparation["scales"].items()}
        return sentence_readers(scales, self.lips, self.frames)

    @cached_property
    def scales(self) -> dict[str, FeatureScale]:
        """What clips are shifted and scaled by, from the training part."""
        train = self.parts["train"]
        heard, seen = self.arrays["logmel"][train].astype(np.float64), self.arrays["lips"][train]
        return {
            "audio": FeatureScale.fit(heard.reshape(-1, BANDS)),
            "visual": FeatureScale(float(seen.mean()), float(seen.std())),
        }

    @cached_property
    def readers(self) -> dict[str, Reader]:
        """What makes the inputs of a sentence, by modality."""
        place = list(VOCABULARY).index(self.word)
        times = None if self.window == "whole" else self.arrays["word_times"][:, place]
        sound, film = self.arrays["logmel"], self.arrays["lips"]
        return {
            "audio": ClipReader(sound, COLUMN_RATE, times, self.scales["audio"]),
            "visual": lip_reader(film, times, self.scales["visual"], self.lips, self.frames),
        }


def _check_times(path: Path, times: Array) -> None:
    """Refuse windows `[n, words, 2]` that are empty or begin before the clip."""
    wrong = (times[..., 0] < 0) | ~(times[..., 1] > times[..., 0])
    if len(rows := np.argwhere(wrong)):
        row, word = rows[0]
        raise UserError(
            f"word_times of {path}: word {word} of row {row} has {times[row, word].tolist()}; "
            "accepted are a begin of at least 0 and a later end, in seconds"
        )
