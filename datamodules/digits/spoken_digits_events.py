"""Spoken digits (FSDD) with digits seen by an event camera (N-MNIST)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from datamodules.base import Inputs, MultimodalDataModule, SplitName
from datamodules.cache import prepared
from datamodules.corruption.forms import Form, StoredRecording
from datamodules.digits import fsdd, nmnist
from datamodules.digits.forms import UtteranceSound
from datamodules.digits.nmnist import EventOptions
from datamodules.division import warn_of_small_classes
from datamodules.made_up import Shapes
from datamodules.pairing import Rows, check_fractions, pair_by_class, stratified_cut, stream
from datamodules.raw.reads import RawReader
from datamodules.signal.audio import LogMel
from datamodules.signal.noise import Levels
from datamodules.split import FeatureScale, Source, Split
from snn_mm.errors import UserError, check_range

LOG_MEL = LogMel(hop=128, frames=48)
DEFAULT_EVENTS = EventOptions()


@dataclass(frozen=True)
class EventSNR(Levels):
    """Signal-to-noise ratio of each modality in dB; None (or `.inf`) leaves it as recorded."""

    audio: float | None = None
    events: float | None = None


AS_RECORDED = EventSNR()

Prepared = dict[str, NDArray[Any]]


class SpokenDigitsEvents(MultimodalDataModule):
    """FSDD recordings, each paired with N-MNIST event recordings of its class.

    Audio is a log-mel spectrogram `[1, 32, 48]` of 0.77 s at 8 kHz, standardised by the training
    split; events are frames `[T, 2, 34, 34]`. Test pairs join a test recording of FSDD with one of
    N-MNIST's test files; validation recordings of both are cut from the training recordings, class
    by class. With fewer event than audio recordings, as in the small test sets, one event recording
    serves several pairs, always of the same split.

    Args:
        nmnist_dir: directory of N-MNIST; None is `root/nmnist`.
        fsdd_dir: directory of FSDD; None is `root/fsdd`.
        split: FSDD's own test set (`standard`, index below 5) or all of one speaker (`speaker`).
        held_out_speaker: who is the test set of the split `speaker`; the others train and validate.
        val_fraction: part of the training recordings that validates.
        pairs_per_utterance: how many event recordings each training utterance is paired with.
        events: how events become frames.
        snr_db: signal-to-noise ratio of each modality: white noise on the wave, background activity
            of the camera. The noise of a recording is the same in every epoch.
    """

    modalities = ("audio", "events")
    fold_group = "speaker"
    class_names = tuple("0123456789")
    inputs: ClassVar[Inputs] = {
        "audio": {"in_channels": 1, "bands": LOG_MEL.n_mels, "frames": LOG_MEL.frames},
        "events": {"in_channels": 2, "input_kind": "events"},
    }

    def __init__(
        self,
        root: str = "data",
        nmnist_dir: str | None = None,
        fsdd_dir: str | None = None,
        split: Literal["standard", "speaker"] = "standard",
        held_out_speaker: str = "theo",
        val_fraction: float = 0.1,
        pairs_per_utterance: int = 1,
        events: EventOptions = DEFAULT_EVENTS,
        snr_db: EventSNR = AS_RECORDED,
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        check_range("pairs_per_utterance", pairs_per_utterance, 1)
        check_fractions(val_fraction=val_fraction)
        self.fsdd_dir = Path(fsdd_dir or Path(root) / "fsdd")
        self.nmnist_dir = Path(nmnist_dir or Path(root) / "nmnist")
        self.test_split, self.held_out_speaker = split, held_out_speaker
        self.val_fraction, self.pairs_per_utterance = val_fraction, pairs_per_utterance
        self.events, self.snr_db = events, snr_db
        self.step_seconds = {"audio": LOG_MEL.step_seconds}

    def sample_shapes(self) -> Shapes:
        """A spectrogram and frames of events."""
        frames = (self.events.time_steps, 2, nmnist.SIZE, nmnist.SIZE)
        return {"audio": (1, LOG_MEL.n_mels, LOG_MEL.frames), "events": frames}

    def prepare_data(self) -> None:
        """Read all recordings and compute their features, unless that is done."""
        self._open_speech()
        self._open_events()

    def load_split(self, name: SplitName) -> Split:
        """Pair the recordings of one split."""
        speech, events = self._open_speech(), self._open_events()
        rows = self._pair(speech, events, name)
        heard = speech["inputs"][self._speech_parts(speech)["train"]]
        standardise = FeatureScale(float(heard.mean()), float(heard.std()))
        names = zip(speech["names"][rows["audio"]], events["names"][rows["events"]])
        return Split(
            arrays={"audio": speech["inputs"], "events": events["inputs"]},
            rows=rows,
            labels=speech["labels"][rows["audio"]],
            ids=[f"{spoken}:{seen}" for spoken, seen in names],
            transforms={"audio": standardise, "events": self.events.transform},
        )

    def forms(self, name: SplitName, split: Source) -> Mapping[str, Form]:
        """The files' waves, and counts of events; noise of `snr_db` is added to waves after."""
        pairs = cast("Split", split)
        scale = cast("FeatureScale", pairs.transforms["audio"])
        found, rows = fsdd.list_utterances(self.fsdd_dir), pairs.rows["audio"].tolist()
        return {
            "audio": UtteranceSound(
                utterances=tuple(found[row] for row in rows),
                log_mel=LOG_MEL,
                scale=scale,
                snr_db=self.snr_db.audio,
                seed=self.seed,
            ),
            "events": StoredRecording(split=pairs, modality="events"),
        }

    def learn_preparation(self) -> dict[str, Any]:
        """Names of the classes, and what spectrograms are standardised by."""
        scale = cast("FeatureScale", cast("Split", self.split("train")).transforms["audio"])
        return {**super().learn_preparation(), "audio": scale.record()}

    def raw_readers(self) -> Mapping[str, RawReader]:
        """A spoken word, and an event file of N-MNIST."""
        from datamodules.digits.raw import EVENTS, HEARD, EventFrames, WordReader

        scale, snr_db = FeatureScale.of_record(self.preparation["audio"]), self.snr_db
        hear = WordReader(
            LOG_MEL, scale, partial(fsdd.add_noise, snr_db=snr_db.audio, seed=self.seed)
        )
        see = EventFrames(self.events, snr_db.events, self.seed)
        return {"audio": RawReader(hear, HEARD), "events": RawReader(see, EVENTS)}

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        return {
            "split": self.test_split,
            "held_out_speaker": self.held_out_speaker,
            "val_fraction": self.val_fraction,
            "pairs_per_utterance": self.pairs_per_utterance,
            "events": asdict(self.events),
            "snr_db": asdict(self.snr_db),
        }

    def _open_speech(self) -> Prepared:
        """Return the prepared recordings of FSDD, preparing them first if need be."""
        found = fsdd.list_utterances(self.fsdd_dir)
        files = inventory(utterance.path for utterance in found)
        noisy = self._noise(self.snr_db.audio)
        options = {"log_mel": asdict(LOG_MEL), "files": files, **noisy}
        return prepared(
            self.root, "fsdd", options, lambda: fsdd.read_utterances(found, LOG_MEL, **noisy)
        )

    def _open_events(self) -> Prepared:
        """Return the prepared recordings of N-MNIST, preparing them first if need be."""
        found = nmnist.list_recordings(self.nmnist_dir)
        binning = {"time_steps": self.events.time_steps, "bin_by": self.events.bin_by}
        labels = [(recording.digit, recording.test) for recording in found]
        files = inventory(recording.path for recording in found)
        noisy = self._noise(self.snr_db.events)
        options = {**binning, "labels": labels, "files": files, **noisy}
        return prepared(
            self.root,
            "nmnist",
            options,
            lambda: nmnist.read_recordings(found, self.events, **noisy),
        )

    def _noise(self, snr_db: float | None) -> dict[str, Any]:
        """Return what decides the noise of a modality; without noise, seeds share their arrays."""
        return {} if snr_db is None else {"snr_db": snr_db, "seed": self.seed}

    def _pair(self, speech: Prepared, events: Prepared, name: SplitName) -> dict[str, Rows]:
        """Return the rows of both modalities for each sample of a split."""
        spoken = self._speech_parts(speech)[name]
        # Folds are those of the speakers: of the events no group is known.
        folds = self.fold_rows(events["labels"], None, self.val_fraction)
        seen = (folds or self._parts("events", events["test"], events["labels"]))[name]
        for modality, part in (("audio", spoken), ("events", seen)):
            if not len(part):
                raise UserError(f"The '{name}' split is empty: no {modality} recording is in it.")
        partners = self.pairs_per_utterance if name == "train" else 1
        rng = stream(self.seed, "pairs", name)
        labels = speech["labels"][spoken], events["labels"][seen]
        left, right = pair_by_class(*labels, partners, rng)
        return {"audio": spoken[left], "events": seen[right]}

    def _speech_parts(self, speech: Prepared) -> dict[SplitName, Rows]:
        """Return the rows of the spoken digits in each split."""
        speakers = speech["speakers"].tolist()
        if parts := self.fold_rows(speech["labels"], speakers, self.val_fraction):
            return parts
        if self.test_split == "standard":
            return self._parts("audio", speech["takes"] < fsdd.TEST_TAKES, speech["labels"])
        test = speech["speakers"] == self.held_out_speaker
        if not test.any():
            known = ", ".join(np.unique(speech["speakers"]))
            raise UserError(
                f"held_out_speaker '{self.held_out_speaker}' is not in {self.fsdd_dir}; "
                f"accepted are {known}."
            )
        return self._parts("audio", test, speech["labels"])

    def _parts(
        self, modality: str, test: NDArray[np.bool_], labels: NDArray[np.int64]
    ) -> dict[SplitName, Rows]:
        """Cut recordings `[R]` into the test set and, class by class, validation and training."""
        others = np.flatnonzero(~test)
        if not len(others):
            raise UserError(f"The 'train' split is empty: no {modality} recording is in it.")
        rng = stream(self.seed, "validation", modality)
        val, train = stratified_cut(labels[others], [self.val_fraction], rng)
        parts: dict[SplitName, Rows]
        parts = {"train": others[train], "val": others[val], "test": np.flatnonzero(test)}
        warn_of_small_classes(labels, parts, self.class_names)
        return parts


def inventory(paths: Iterable[Path]) -> str:
    """Return a digest of the files' names, sizes and times: other files, other prepared data."""
    sha = hashlib.sha256()
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} is listed but missing.")
        status = path.stat()
        sha.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return sha.hexdigest()
