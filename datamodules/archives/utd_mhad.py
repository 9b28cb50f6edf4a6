"""UTD-MHAD: actions seen by a depth camera, as a skeleton, and felt by a sensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np

from datamodules.archives.archive import (
    Array,
    check_equally_many,
    check_within,
    content_digest,
    read_archive,
    sequence_facts,
    starts_of,
)
from datamodules.archives.augmentation import MovementAugmentation
from datamodules.archives.movements import (
    ACTIONS,
    FRAMES,
    HEIGHT,
    JOINTS,
    WIDTH,
    Depth,
    FilmReader,
    steps_of,
    trunk_lengths,
)
from datamodules.archives.split import RecordingSplit, StepReader
from datamodules.base import MultimodalDataModule, SplitName
from datamodules.batches import collate_ragged
from datamodules.division import Standardise, members_of
from datamodules.made_up import Shapes
from datamodules.pairing import Rows
from datamodules.raw.reads import RawReader
from datamodules.split import FeatureScale
from snn_mm.errors import UserError, check_choice

LONGEST_SKELETON, LONGEST_INERTIAL = 125, 326
"""Steps of the longest recordings of the data set."""
SUBJECTS = 8
TRAINING_SUBJECTS, TEST_SUBJECTS = (1, 3, 5, 7), (2, 4, 6, 8)
VAL_FRACTION = 0.25
"""Of the subjects of the training folds, where there are folds."""
LAYOUT = {
    "depth": ("u", (None, FRAMES, HEIGHT, WIDTH)),
    "skeleton": ("f", (None, JOINTS, 3)),
    "skeleton_len": ("iu", (None,)),
    "inertial": ("f", (None, 6)),
    "inertial_len": ("iu", (None,)),
    "label": ("iu", (None,)),
    "subject": ("iu", (None,)),
    "trial": ("iu", (None,)),
}
SOURCE = (
    "Accepted is an archive of UTD-MHAD (Chen et al. 2015; a copy of the recordings is in\n"
    "woo-chia-wei/kinect-sequence-classification) with the keys of docs/data.md; set file."
)
DEFAULT_AUGMENTATION = MovementAugmentation()


class UtdMhad(MultimodalDataModule):
    """UTD-MHAD: 861 recordings of 27 actions by 8 subjects, in three modalities.

    Depth is a film of 16 frames, 48x64 pixels. The skeleton has 20 joints in space, `[L, 60]`, 30
    times a second: relative to where the hip is in the first frame, in lengths of the trunk. The
    inertial sensor, on the right wrist or thigh, has acceleration and angular velocity, `[L, 6]`,
    50 times a second; lengths are each recording's own.

    The split is the authors': subjects 1, 3, 5 and 7 train, 2, 4, 6 and 8 test. Subjects of the
    training part validate, so that validation too is on somebody who was never seen. Folds
    (`folds`) are cut through all eight subjects instead.

    Args:
        file: the archive; None is `root/utd_mhad.npz`.
        val_subjects: those of the training subjects that validate.
        refit: train on the subjects that validate as well, as one does when nothing is left to
            choose; validation then says nothing about anybody else.
        depth: what the film is for its encoder: `frames` `[16, 1, 48, 64]`, whose features it
            averages; `steps` of time, as events are; or `channels` of one image `[16, 48, 64]`.
        standardise: how skeletons and inertial recordings are shifted and scaled: by the
            `training_part`, by `each_group` (a subject), which reads test subjects too, or by
            `none`. Depth is by the training part, unless it is `none`.
        augmentation: what training changes in skeletons and inertial recordings, anew in each
            epoch; as a function of (seed, epoch, recording).
    """

    modalities = ("depth", "skeleton", "inertial")
    fold_group = "subject"
    class_names = ACTIONS

    def __init__(
        self,
        root: str = "data",
        file: str | None = None,
        val_subjects: Sequence[int] = (7,),
        refit: bool = False,
        depth: Depth = "channels",
        augmentation: MovementAugmentation | None = DEFAULT_AUGMENTATION,
        standardise: Standardise = "training_part",
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        check_choice("depth", depth, get_args(Depth))
        check_choice("data.standardise", standardise, get_args(Standardise))
        if not set(val_subjects) < set(TRAINING_SUBJECTS) or not val_subjects:
            raise UserError(
                f"val_subjects is {list(val_subjects)}; accepted are some, not all, of "
                f"{', '.join(map(str, TRAINING_SUBJECTS))}"
            )
        self.file = Path(file or Path(root) / "utd_mhad.npz")
        self.val_subjects, self.refit = tuple(val_subjects), refit
        self.depth: Depth = depth
        self.augmentation, self.standardise = augmentation, standardise
        self.may_share: tuple[SplitName, ...] = ("train", "val") if refit else ()

    def facts(self) -> dict[str, Any]:
        """K, widths and longest lengths of the sequences, and what the film is for its encoder."""
        kinds = {"frames": "frames", "steps": "events", "channels": "static"}
        channels = FRAMES if self.depth == "channels" else 1
        inputs = {
            "depth": {"in_channels": channels, "input_kind": kinds[self.depth]},
            "skeleton": {"in_features": 3 * JOINTS},
            "inertial": {"in_features": 6},
        }
        longest = {"skeleton": (LONGEST_SKELETON, 3 * JOINTS), "inertial": (LONGEST_INERTIAL, 6)}
        sequences = sequence_facts({**self.sample_shapes(), **longest})
        return super().facts() | {"inputs": inputs, **sequences}

    def sample_shapes(self) -> Shapes:
        """Those of a film, and of sequences of about the mean length."""
        film = (HEIGHT, WIDTH)
        depth = (FRAMES, *film) if self.depth == "channels" else (FRAMES, 1, *film)
        return {"depth": depth, "skeleton": (68, 3 * JOINTS), "inertial": (181, 6)}

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The archive, read when it is first asked for."""
        arrays = read_archive(self.file, LAYOUT, SOURCE)
        per_recording = [key for key in LAYOUT if key not in ("skeleton", "inertial")]
        check_equally_many(self.file, {key: arrays[key] for key in per_recording})
        check_within(self.file, "label", arrays["label"], 0, len(ACTIONS) - 1)
        check_within(self.file, "subject", arrays["subject"], 0, SUBJECTS - 1)
        return arrays

    @cached_property
    def parts(self) -> dict[SplitName, Rows]:
        """Rows of the recordings that train, validate and test."""
        subjects = self.arrays["subject"].astype(np.int64) + 1
        names, labels = [str(subject) for subject in subjects], self.arrays["label"]
        parts = self.fold_rows(labels.astype(np.int64), names, VAL_FRACTION)
        if parts is None:
            test, val = np.isin(subjects, TEST_SUBJECTS), np.isin(subjects, self.val_subjects)
            parts = {
                "train": np.flatnonzero(~(val | test)),
                "val": np.flatnonzero(val),
                "test": np.flatnonzero(test),
            }
        if self.refit:
            parts = {**parts, "train": np.sort(np.concatenate([parts["train"], parts["val"]]))}
        return parts

    def load_split(self, name: SplitName) -> RecordingSplit:
        """Take the recordings of one part."""
        labels = self.arrays["label"].astype(np.int64)
        numbers = zip(labels + 1, self.arrays["subject"] + 1, self.arrays["trial"])
        return RecordingSplit(
            self.readers,
            self.parts[name],
            labels,
            ids=[f"a{action}_s{subject}_t{trial}" for action, subject, trial in numbers],
            content=self.content,
            augment_seed=self.seed if name == "train" else None,
        )

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        augmentation = self.augmentation and asdict(self.augmentation)
        names = ("val_subjects", "refit", "depth")
        options = {name: getattr(self, name) for name in names} | {"augmentation": augmentation}
        if self.standardise == "training_part":  # as in runs of before there was a choice
            return options
        return options | {"standardise": self.standardise}

    collate = staticmethod(collate_ragged)

    @cached_property
    def content(self) -> str:
        """A digest of the archive."""
        return content_digest(self.arrays)

    def learn_preparation(self) -> dict[str, Any]:
        """Names of the classes, and what recordings are shifted and scaled by."""
        own = {"depth": self.film_scale} | {
            name: reader.scales[""]
            for name, reader in self.readers.items()
            if isinstance(reader, StepReader) and "" in reader.scales
        }
        scales = {name: scale.record() for name, scale in own.items()}
        return {**super().learn_preparation(), "scales": scales}

    def raw_readers(self) -> Mapping[str, RawReader]:
        """Arrays of a recording, as the archive has them."""
        from datamodules.archives.raw import movement_readers  # training reads no raw files

        if self.standardise == "each_group":
            raise UserError(
                "data.standardise was each_group: the subject of a file is not known\n"
                "accepted: a run with data.standardise training_part or none"
            )
        scales = {name: FeatureScale.of_record(x) for name, x in self.preparation["scales"].items()}
        return movement_readers(scales, self.depth)

    @cached_property
    def readers(self) -> dict[str, FilmReader | StepReader]:
        """What makes the inputs of a recording, by modality."""
        skeleton, inertial = (
            starts_of(self.file, f"{name}_len", self.arrays[f"{name}_len"], len(self.arrays[name]))
            for name in ("skeleton", "inertial")
        )
        joints = trunk_lengths(self.arrays["skeleton"].astype(np.float32), skeleton)
        vectors = self.arrays["inertial"].astype(np.float32).reshape(-1, 2, 3)
        return {
            "depth": FilmReader(self.arrays["depth"], self.film_scale, self.depth),
            "skeleton": self._steps(joints, skeleton),
            "inertial": self._steps(vectors, inertial),
        }

    def _steps(self, steps: Array, starts: Rows) -> StepReader:
        """Read sequences out of all their steps `[sum of L, ...]`."""
        by_group = self.standardise == "each_group"
        groups = [str(subject) for subject in self.arrays["subject"]] if by_group else None
        members = {} if self.standardise == "none" else members_of(self.parts["train"], groups)
        own = {name: steps_of(np.asarray(rows), starts) for name, rows in members.items()}
        flat = steps.reshape(len(steps), -1)
        scales = {name: FeatureScale.fit(flat[rows]) for name, rows in own.items()}
        return StepReader(steps, starts, scales, self.augmentation, groups)

    @cached_property
    def film_scale(self) -> FeatureScale:
        """What films are shifted and scaled by."""
        if self.standardise == "none":
            return FeatureScale(0.0, 1.0)
        seen = self.arrays["depth"][self.parts["train"]]
        return FeatureScale(float(seen.mean()), float(seen.std()))
