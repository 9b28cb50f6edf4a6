"""Digits that are learnt two at a time: small class-incremental problems of two modalities."""

from __future__ import annotations

from typing import Literal

from datamodules.base import DEFAULT_LOADER, LoaderOptions
from datamodules.digits.digits_av import DEFAULT_SNR, SNR, DigitsAV
from datamodules.digits.nmnist import EventOptions
from datamodules.digits.spoken_digits_events import (
    AS_RECORDED,
    DEFAULT_EVENTS,
    EventSNR,
    SpokenDigitsEvents,
)
from datamodules.incremental import Protocol
from datamodules.incremental.wrapper import WrappedDataModule


class IncrementalDigits(WrappedDataModule):
    """`SpokenDigitsEvents` (FSDD with N-MNIST) as 5 tasks of 2 digits.

    The splits are those of `SpokenDigitsEvents`, and so is the scale of the audio, which knows the
    training recordings of all tasks: a constant that hardly depends on the digits.

    Args:
        root: directory of the prepared arrays, and of the data unless given below.
        nmnist_dir: directory of N-MNIST; None is `root/nmnist`.
        fsdd_dir: directory of FSDD; None is `root/fsdd`.
        classes_per_task: how many digits each task adds.
        epochs_per_task: how many epochs each task lasts.
        memory: how many exemplars are kept in all; 0 for methods without replay.
        exemplar_batch: how many of them are in each training batch, on each rank.
        protocol: what a task trains on: its own digits (`incremental`) or all digits seen so far
            (`joint`, the upper bound).
        split: FSDD's own test set (`standard`) or all of one speaker (`speaker`).
        held_out_speaker: who is the test set of the split `speaker`.
        val_fraction: part of the training recordings that validates.
        pairs_per_utterance: how many event recordings each training utterance is paired with.
        events: how events become frames.
        snr_db: signal-to-noise ratio of each modality.
        seed: decides validation part, pairs, noise, exemplars and the training order.
        loader: how batches are loaded.
    """

    def __init__(
        self,
        root: str = "data",
        nmnist_dir: str | None = None,
        fsdd_dir: str | None = None,
        classes_per_task: int = 2,
        epochs_per_task: int = 5,
        memory: int = 0,
        exemplar_batch: int = 32,
        protocol: Protocol = "incremental",
        split: Literal["standard", "speaker"] = "standard",
        held_out_speaker: str = "theo",
        val_fraction: float = 0.1,
        pairs_per_utterance: int = 1,
        events: EventOptions = DEFAULT_EVENTS,
        snr_db: EventSNR = AS_RECORDED,
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
    ) -> None:
        digits = SpokenDigitsEvents(
            root=root,
            nmnist_dir=nmnist_dir,
            fsdd_dir=fsdd_dir,
            split=split,
            held_out_speaker=held_out_speaker,
            val_fraction=val_fraction,
            pairs_per_utterance=pairs_per_utterance,
            events=events,
            snr_db=snr_db,
            seed=seed,
            loader=loader,
        )
        super().__init__(
            digits, classes_per_task, epochs_per_task, memory, exemplar_batch, protocol
        )


class IncrementalDigitsAV(WrappedDataModule):
    """`DigitsAV` (handwritten with synthesised digits) as 5 tasks of 2 digits; needs no files.

    Args:
        root: directory of the prepared arrays.
        classes_per_task: how many digits each task adds.
        epochs_per_task: how many epochs each task lasts.
        memory: how many exemplars are kept in all; 0 for methods without replay.
        exemplar_batch: how many of them are in each training batch, on each rank.
        protocol: what a task trains on: its own digits (`incremental`) or all digits seen so far
            (`joint`, the upper bound).
        pairs_per_image: how many different utterances each image is paired with.
        val_fraction: part of the images and of the voices that validate.
        test_fraction: part of the images and of the voices that test.
        snr_db: signal-to-noise ratio of each modality.
        seed: decides splits, pairs, noise, exemplars and the training order.
        loader: how batches are loaded.
    """

    def __init__(
        self,
        root: str = "data",
        classes_per_task: int = 2,
        epochs_per_task: int = 5,
        memory: int = 0,
        exemplar_batch: int = 32,
        protocol: Protocol = "incremental",
        pairs_per_image: int = 3,
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        snr_db: SNR = DEFAULT_SNR,
        seed: int = 0,
        loader: LoaderOptions = DEFAULT_LOADER,
    ) -> None:
        digits = DigitsAV(
            root=root,
            seed=seed,
            pairs_per_image=pairs_per_image,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            snr_db=snr_db,
            loader=loader,
        )
        super().__init__(
            digits, classes_per_task, epochs_per_task, memory, exemplar_batch, protocol
        )
