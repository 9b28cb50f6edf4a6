"""GRID: sentences of six words, heard and read off the lips, with the time of every word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from datamodules.archives.archive import Array, content_digest, sequence_facts
from datamodules.archives.augmentation import ClipAugmentation
from datamodules.archives.mouth import Region, Template, cut_mouths, learn_template
from datamodules.archives.sentences import (
    AREAS,
    BANDS,
    COLUMN_RATE,
    COLUMNS,
    FRAME_RATE,
    FRAMES,
    VOCABULARY,
    ClipReader,
    Lips,
    lip_reader,
    read_sentences,
)
from datamodules.archives.split import Reader, RecordingSplit
from datamodules.base import MultimodalDataModule, SplitName
from datamodules.batches import collate_ragged
from datamodules.made_up import Shapes
from datamodules.pairing import Rows, check_fractions, stratified_cut, stream
from datamodules.raw.reads import RawReader
from datamodules.split import FeatureScale
from snn_mm.errors import UserError, check_choice, check_range

Word = Literal["command", "color", "preposition", "letter", "digit", "adverb"]
Window = Literal["whole", "word"]


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
        region: what is seen of the pictures, in which the head is now here, now there: all of the
            `picture`, 28x40 pixels; or the `mouth`, 16x20 pixels, found in each clip by laying its
            mean picture over that of the training part.
        lips: what the film is for its encoder: a `sequence` `[L, D]` of means of 4x4 pixels, D =
            70, or of a mouth of 2x2, D = 80; `frames` `[L, 1, H, W]`; or `channels` of one image
            `[L, H, W]`.
        frames: L of `frames` and `channels`, evenly spread over the window.
        test_fraction: part of the sentences that tests.
        val_fraction: part of the other sentences that validates.
        augmentation: what training changes in clips, anew in each epoch, in sound and film alike;
            as a function of (seed, epoch, sentence).
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
        region: Region = "picture",
        augmentation: ClipAugmentation | None = None,
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        check_choice("word", word, get_args(Word))
        check_choice("window", window, get_args(Window))
        check_choice("lips", lips, get_args(Lips))
        check_choice("region", region, get_args(Region))
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
        self.region: Region = region
        self.augmentation = augmentation
        self.test_fraction, self.val_fraction = test_fraction, val_fraction

    def facts(self) -> dict[str, Any]:
        """K, widths of the sequences, and what the film is for its encoder."""
        visual: dict[str, dict[str, object]] = {
            "sequence": {"in_features": AREAS[self.region].features},
            "frames": {"in_channels": 1, "input_kind": "frames"},
            "channels": {"in_channels": self.frames, "input_kind": "static"},
        }
        inputs = {"audio": {"in_features": BANDS}, "visual": visual[self.lips]}
        return super().facts() | {"inputs": inputs, **sequence_facts(self._shapes(1.0))}

    def sample_shapes(self) -> Shapes:
        """Those of a clip; a word is shorter by nine tenths."""
        return self._shapes(1.0 if self.window == "whole" else 0.1)

    def _shapes(self, share: float) -> Shapes:
        area = AREAS[self.region]
        film = {
            "sequence": (round(share * FRAMES), area.features),
            "frames": (self.frames, 1, area.height, area.width),
            "channels": (self.frames, area.height, area.width),
        }
        return {"audio": (round(share * COLUMNS), BANDS), "visual": film[self.lips]}

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The archive, read when it is first asked for."""
        return read_sentences(self.file)

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
        seed = self.seed if name == "train" else None
        rows = self.parts[name]
        return RecordingSplit(
            self.readers, rows, self.labels, ids, self.content, seed, in_time=True
        )

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        names = ("word", "window", "lips", "frames", "test_fraction", "val_fraction")
        options: dict[str, object] = {name: getattr(self, name) for name in names}
        if self.region != "picture":  # runs of before there was a choice name none
            options["region"] = self.region
        if self.augmentation is not None:
            options["augmentation"] = asdict(self.augmentation)
        return options

    collate = staticmethod(collate_ragged)

    @cached_property
    def content(self) -> str:
        """A digest of the archive."""
        return content_digest(self.arrays)

    def learn_preparation(self) -> dict[str, Any]:
        """Names of the classes, and what clips are shifted and scaled by."""
        scales = {name: scale.record() for name, scale in self.scales.items()}
        mouth = {"mouth": self.template.tolist()} if self.region == "mouth" else {}
        return {**super().learn_preparation(), "scales": scales, **mouth}

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
        mouth = self.preparation.get("mouth")  # runs of before there was a choice have none
        template = None if mouth is None else np.array(mouth, np.float32)
        return sentence_readers(scales, self.lips, self.frames, template)

    @cached_property
    def template(self) -> Template:
        """What clips are laid over, from the training part."""
        return learn_template(self.arrays["lips"][self.parts["train"]])

    @cached_property
    def films(self) -> Array:
        """What is seen of each sentence, `[n, 75, H, W]`."""
        films = self.arrays["lips"]
        return films if self.region == "picture" else cut_mouths(films, self.template)

    @cached_property
    def scales(self) -> dict[str, FeatureScale]:
        """What clips are shifted and scaled by, from the training part."""
        train = self.parts["train"]
        heard, seen = self.arrays["logmel"][train].astype(np.float64), self.films[train]
        return {
            "audio": FeatureScale.fit(heard.reshape(-1, BANDS)),
            "visual": FeatureScale(float(seen.mean()), float(seen.std())),
        }

    @cached_property
    def readers(self) -> dict[str, Reader]:
        """What makes the inputs of a sentence, by modality."""
        place = list(VOCABULARY).index(self.word)
        times = None if self.window == "whole" else self.arrays["word_times"][:, place]
        sound, scales, augment = self.arrays["logmel"], self.scales, self.augmentation
        film = self.films, times, scales["visual"], augment
        return {
            "audio": ClipReader(sound, COLUMN_RATE, times, scales["audio"], augment),
            "visual": lip_reader(*film, self.lips, self.frames, AREAS[self.region]),
        }
