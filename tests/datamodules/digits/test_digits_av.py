"""DigitsAV: nothing leaks, everything repeats, the noise is what was asked for."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.base import SPLITS, LoaderOptions
from datamodules.digits import digits_av, speech
from datamodules.digits.digits_av import SNR, DigitsAV
from snn_mm.errors import UserError

CLEAN = SNR(audio=None, visual=None)


def ids(dm: DigitsAV, split: Any) -> list[tuple[str, str]]:
    """Return the image and the utterance of each sample."""
    return [tuple(name.split(":")) for name in dm.split(split).ids]  # type: ignore[misc]


def test_batch_keeps_the_contract(digits_root: str) -> None:
    dm = DigitsAV(digits_root, loader=LoaderOptions(batch_size=8, num_workers=2))
    dm.setup("fit")
    batch = next(iter(dm.train_dataloader()))
    assert batch["inputs"]["audio"].shape == (8, 1, 32, 32)
    assert batch["inputs"]["visual"].shape == (8, 1, 8, 8)
    assert {x.dtype for x in batch["inputs"].values()} == {torch.float32}
    assert dm.num_classes == len(dm.class_names) == 10


def test_splits_have_the_sizes_asked_for(digits_root: str) -> None:
    dm = DigitsAV(digits_root, pairs_per_image=2)
    sizes = {name: len(dm.split(name)) for name in SPLITS}
    assert sum(sizes.values()) == 2 * 1797
    assert sizes["val"] == pytest.approx(359, abs=12)
    assert sizes["test"] == pytest.approx(719, abs=12)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_image_and_no_voice_is_in_two_splits(digits_root: str, seed: int) -> None:
    dm = DigitsAV(digits_root, seed=seed)
    images = [{image for image, _ in ids(dm, split)} for split in SPLITS]
    voices = [
        {speech.family(spoken.rsplit(".", 1)[0].split("+")[-1]) for _, spoken in ids(dm, split)}
        for split in SPLITS
    ]
    for sets in (images, voices):
        assert all(not a & b for a, b in itertools.combinations(sets, 2))
    assert sum(len(found) for found in images) == 1797
    assert min(len(found) for found in voices) > 5


def test_sound_and_image_are_of_the_labelled_class(digits_root: str) -> None:
    dm = DigitsAV(digits_root)
    _, classes = digits_av.load_images()
    for (image, spoken), label in zip(ids(dm, "test"), dm.split("test").labels, strict=True):
        assert classes[int(image.removeprefix("image"))] == label
        assert spoken.endswith(speech.WORDS[label])


def test_same_seed_gives_the_same_data_and_another_seed_another_pairing(digits_root: str) -> None:
    assert DigitsAV(digits_root).fingerprint() == DigitsAV(digits_root).fingerprint()
    assert ids(DigitsAV(digits_root), "train") != ids(DigitsAV(digits_root, seed=1), "train")


@pytest.mark.parametrize(
    "options", [{"snr_db": SNR(audio=3.0)}, {"pairs_per_image": 1}, {"val_fraction": 0.2}]
)
def test_fingerprint_changes_with_the_options(digits_root: str, options: dict[str, Any]) -> None:
    assert DigitsAV(digits_root, **options).fingerprint() != DigitsAV(digits_root).fingerprint()


def test_training_inputs_are_standardised_and_test_inputs_nearly(digits_root: str) -> None:
    dm = DigitsAV(digits_root)
    for modality in dm.modalities:
        assert dm.split("train").arrays[modality].mean() == pytest.approx(0, abs=1e-4)
        assert dm.split("train").arrays[modality].std() == pytest.approx(1, abs=1e-4)
        assert 0 < abs(dm.split("test").arrays[modality].mean()) < 0.2


@pytest.mark.parametrize("snr_db", [-6.0, 6.0])
def test_pixels_have_the_snr_asked_for(snr_db: float) -> None:
    images, _ = digits_av.load_images()
    rows = np.arange(500)
    noisy = DigitsAV(snr_db=SNR(visual=snr_db))._noisy_images(images, rows, "train")[:, 0]
    noise_power = np.mean((noisy - images[rows]) ** 2, axis=(1, 2))
    signal_power = np.mean(images[rows] ** 2, axis=(1, 2))
    measured = 10 * np.log10(signal_power.sum() / noise_power.sum())
    assert measured == pytest.approx(snr_db, abs=0.2)


@pytest.mark.parametrize("snr_db", [-6.0, 6.0])
def test_waves_have_the_snr_asked_for(snr_db: float, monkeypatch: pytest.MonkeyPatch) -> None:
    class Waves:
        samples, step_seconds = 4000, 0.025

        def __call__(self, waves: np.ndarray) -> np.ndarray:
            return waves

    monkeypatch.setattr(digits_av, "LOG_MEL", Waves())
    spoken = np.random.default_rng(0).normal(0, 900, 3000).astype(np.int16)
    labels = np.zeros(1, np.int64)
    bank = speech.Bank(spoken, np.array([3000]), labels, np.array(["a"]), np.array(["a.zero"]))
    clean, noisy = (
        DigitsAV(snr_db=SNR(audio=snr))._noisy_speech(bank, labels, "train")[0]
        for snr in (None, snr_db)
    )
    power = np.sum(clean**2) / 3000
    measured = 10 * np.log10(power / np.mean((noisy - clean) ** 2))
    assert measured == pytest.approx(snr_db, abs=0.3)


def test_noise_of_a_sample_is_its_own() -> None:
    images = np.ones((3, 8, 8), np.float32)
    rows = np.arange(3)
    dm = DigitsAV()
    train, test = (dm._noisy_images(images, rows, split) for split in ("train", "test"))
    assert np.array_equal(train, dm._noisy_images(images, rows, "train"))
    assert len({noisy.tobytes() for noisy in (*train, *test)}) == 6


def test_speech_is_synthesised_once(digits_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "synthesise", SimpleNamespace())  # not callable
    DigitsAV(digits_root, seed=5).prepare_data()


def test_too_few_voices_to_pair_with_is_refused(digits_root: str) -> None:
    with pytest.raises(UserError, match="Ask for fewer pairs"):
        DigitsAV(digits_root, pairs_per_image=200).setup("fit")


def test_no_pairs_are_refused() -> None:
    with pytest.raises(UserError, match="pairs_per_image is 0"):
        DigitsAV(pairs_per_image=0)


def test_without_a_validation_part_the_empty_split_is_named(digits_root: str) -> None:
    with pytest.raises(UserError, match="'val' split is empty"):
        DigitsAV(digits_root, val_fraction=0.0).setup("fit")
