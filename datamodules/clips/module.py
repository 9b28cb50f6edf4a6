"""What data modules over prepared audio-visual clips share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, cast, get_args

import numpy as np
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from datamodules.base import (
    DEFAULT_LOADER,
    LoaderOptions,
    MultimodalDataModule,
    Sampling,
    SplitName,
)
from datamodules.clips.forms import clip_forms
from datamodules.clips.protocols import NO_OVERRIDE, Protocol, ProtocolFields, ProtocolName
from datamodules.clips.sound import audio_input
from datamodules.clips.spectrograms import Keeping, Spectrograms, keep
from datamodules.clips.split import CLEAN, ClipSNR, ClipSplit, noisy
from datamodules.corruption.forms import Form
from datamodules.corruption.kinds import Corruption
from datamodules.division import cut_groups, listed, warn_of_small_classes
from datamodules.folds import NO_FOLDS, Folds
from datamodules.made_up import Shapes
from datamodules.pairing import Rows, check_fractions, stream
from datamodules.raw.reads import RawReader
from datamodules.split import Source
from datamodules.store.remote import RemoteClipStore, is_url
from datamodules.store.store import ClipStore
from snn_mm.errors import check_choice

Select = Literal["val", "test"]
NoiseIn = Literal["all", "training", "evaluation"]


class ClipDataModule(MultimodalDataModule):
    """Base of the data sets that `snnmm prepare` turns into a store of clips.

    Args:
        root: directory that holds `prepared/<data set>`, or a URL (`https://...`, `s3://...`) from
            where clips are fetched when they are first read, into the user's cache directory.
        protocol: whose way from a clip to the inputs is followed.
        override: fields of the protocol to set otherwise, such as `{frames: 3}`.
        split: how test clips are chosen; the subclasses say which ways they know.
        test_fraction: part of the clips that tests, unless the split is `listed`.
        val_fraction: part of the training clips that validates, class by class, unless the list has
            a part for that.
        select: what chooses the best epoch: validation clips (`val`), or the test clips as in the
            published code (`test`), whose accuracy is then no estimate for new data.
        snr_db: white noise on the inputs, by modality in dB, such as `{visual: 0.0}`:
            x + n sqrt(mean(x²) / 10^(SNR / 10)).
        noise_in: which parts have the noise: `all`, `training` or `evaluation` (validation and
            test).
        seed: decides the splits, the training order, what training draws and the noise.
        loader: how batches are loaded.
        spectrograms: `keep` computes those of all clips once and keeps them in the store, 193 kB a
            clip as IEMF has them; `compute` does so whenever a clip is read; `auto` keeps them
            where they take at most a tenth of the free disk. The values are the same.
        folds: cross-validation instead of `split`.
        fold: which of the folds tests, from 0 on.
        corruptions: by modality what is done to the wave, whose spectrogram is then computed
            whenever a clip is read, and to the pictures as the network gets them.
        sampling: `natural`, every clip once an epoch, or `balanced`, every class equally often.
    """

    modalities = ("audio", "visual")
    data_set: ClassVar[str]
    protocols: ClassVar[Mapping[ProtocolName, Protocol]]
    splits: ClassVar[tuple[str, ...]]
    fold_group = "clip"
    reads_urls = True
    """`root` may be a URL."""

    def __init__(
        self,
        root: str = "data",
        protocol: ProtocolName = "iemf",
        override: ProtocolFields = NO_OVERRIDE,
        split: str = "random",
        test_fraction: float = 0.1,
        val_fraction: float = 0.1,
        select: Select = "val",
        snr_db: ClipSNR = CLEAN,
        noise_in: NoiseIn = "all",
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
        spectrograms: Keeping = "auto",
        folds: Folds = NO_FOLDS,
        fold: int = 0,
        corruptions: dict[str, list[Corruption]] | None = None,
        sampling: Sampling = "natural",
    ) -> None:
        super().__init__(root, seed, loader, folds, fold, corruptions, sampling)
        check_fractions(test_fraction=test_fraction)
        check_fractions(val_fraction=val_fraction)
        check_choice("protocol", protocol, tuple(self.protocols))
        check_choice("split", split, self.splits)
        check_choice("select", select, ("val", "test"))
        check_choice("noise_in", noise_in, get_args(NoiseIn))
        check_choice("spectrograms", spectrograms, get_args(Keeping))
        self.protocol_name, self.protocol = protocol, self.protocols[protocol].changed(override)
        self.division, self.select = split, select
        known = self.protocol.step_seconds
        self.step_seconds = {} if known is None else {"audio": known}
        self.test_fraction, self.val_fraction = test_fraction, val_fraction
        self.snr_db, self.noise_in, self.keeping = snr_db, noise_in, spectrograms
        self.may_share: tuple[SplitName, ...] = ("val", "test") if select == "test" else ()

    def facts(self) -> dict[str, Any]:
        """K, and whether the protocol shows one frame or several."""
        kind = "static" if self.protocol.frames == 1 else "frames"
        visual = {"in_channels": 3, "input_kind": kind}
        return {**super().facts(), "inputs": {"audio": {"in_channels": 1}, "visual": visual}}

    def sample_shapes(self) -> Shapes:
        """What the protocol makes of a clip; of one taken whole, of four seconds."""
        protocol = self.protocol
        wave = np.zeros(round((protocol.seconds or 4.0) * protocol.sample_rate), np.float32)
        picture = (3, protocol.image_size, protocol.image_size)
        return {
            "audio": tuple(audio_input(wave, protocol.sample_rate, protocol).shape),
            "visual": picture if protocol.frames == 1 else (protocol.frames, *picture),
        }

    @cached_property
    def store(self) -> ClipStore:
        """The prepared clips.

        Raises:
            UserError: they are not prepared; says how to.
        """
        if is_url(self.root):
            return RemoteClipStore(f"{self.root.rstrip('/')}/prepared/{self.data_set}")
        return ClipStore(Path(self.root) / "prepared" / self.data_set)

    @cached_property
    def spectrograms(self) -> Spectrograms:
        """Of all clips, in the order of the store."""
        return Spectrograms(self.store, self.protocol, self.keeping)

    def keeps(self, division: str) -> bool:
        """Whether a way to choose test clips that keeps groups together is asked for, or folds."""
        return self.division == division or (self.folds.k > 0 and self.folds.by == "group")

    def group(self, clip: str) -> str:
        """Return what must stay on one side of a split: the clip by itself, unless overridden."""
        return clip

    def prepare_data(self) -> None:
        """Refuse to start without prepared clips, and keep their spectrograms."""
        keep(self.spectrograms, self.loader.num_workers)

    def load_split(self, name: SplitName) -> ClipSplit:
        """Open one split of the prepared clips."""
        if name == "val" and self.select == "test":
            rank_zero_warn(
                f"{self.data_set}: select is 'test', so the best epoch is chosen on the test set, "
                "as in the published code. Its accuracy is no estimate for new data."
            )
        training = name == "train"
        snr_db, rows = self._snr_db(training), self._rows[name]
        return ClipSplit(
            self.store, rows, self.protocol, training, self.seed, snr_db, self.spectrograms
        )

    def forms(self, name: SplitName, split: Source) -> Mapping[str, Form]:
        """Waves and pictures."""
        return clip_forms(cast("ClipSplit", split))

    def learn_preparation(self) -> dict[str, Any]:
        """Names of the classes, and how the clips were decoded."""
        return {**super().learn_preparation(), "decoding": self.store.options}

    def raw_readers(self) -> Mapping[str, RawReader]:
        """A film, or sound and picture of their own, as evaluation has clips."""
        from datamodules.clips.raw import DecodeOptions, RawClips  # training reads no raw files

        decoding = DecodeOptions(**self.preparation["decoding"])
        return RawClips(self.protocol, decoding, self._noisy).readers()

    def _noisy(self, modality: str, value: Tensor, clip: str) -> Tensor:
        """Add the noise that evaluation has to an input `[...]`."""
        snr_db = self._snr_db(training=False)
        return noisy(
            value, getattr(snr_db, modality), stream(self.seed, "noise", modality, 0, clip)
        )

    def _snr_db(self, training: bool) -> ClipSNR:
        """The noise of a part."""
        noisy_part = "training" if training else "evaluation"
        return self.snr_db if self.noise_in in ("all", noisy_part) else CLEAN

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples; without noise none of noise."""
        noise = {"snr_db": asdict(self.snr_db), "noise_in": self.noise_in}
        return {
            "protocol": self.protocol_name,
            **asdict(self.protocol),
            "split": self.division,
            "fractions": (self.test_fraction, self.val_fraction),
            "select": self.select,
            **(noise if self.snr_db != CLEAN else {}),
        }

    @cached_property
    def _rows(self) -> dict[SplitName, Rows]:
        """The rows of the store in each split; warns of classes that are too small for them."""
        parts = self._divide()
        warn_of_small_classes(self.store.labels, parts, self.store.class_names)
        return parts

    def _divide(self) -> dict[SplitName, Rows]:
        groups = [self.group(clip) for clip in self.store.ids]
        if parts := self.fold_rows(self.store.labels, groups, self.val_fraction):
            if self.select == "val":
                return parts
            others = np.sort(np.concatenate([parts["train"], parts["val"]]))
            return {"train": others, "val": parts["test"], "test": parts["test"]}
        if self.division == "listed":
            others, test = listed(self.store.parts, self.data_set)
        else:
            others, test = self._cut(np.arange(len(self.store)), self.test_fraction, "test")
        if self.select == "test":
            return {"train": others, "val": test, "test": test}
        official = np.flatnonzero(np.array(self.store.parts) == "val")
        if self.division == "listed" and len(official):
            return {"train": others, "val": official, "test": test}
        train, val = self._cut(others, self.val_fraction, "validation")
        return {"train": train, "val": val, "test": test}

    def _cut(self, rows: Rows, fraction: float, purpose: str) -> tuple[Rows, Rows]:
        """Cut a fraction off `rows` `[n]`, as a function of the seed."""
        names = self.store.ids
        groups = [self.group(names[row]) for row in rows]
        rng = stream(self.seed, purpose)
        stay, off = cut_groups(self.store.labels[rows], groups, fraction, rng)
        return rows[stay], rows[off]
