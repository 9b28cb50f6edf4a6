"""Handwritten digits with spoken digits: an audio-visual data set from the registry alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from datamodules.base import SPLITS, Inputs, MultimodalDataModule, SplitName
from datamodules.cache import prepared
from datamodules.corruption.forms import Form
from datamodules.digits import speech
from datamodules.digits.forms import SampleNoise, SpokenWord, WrittenDigit, scale_of
from datamodules.made_up import Shapes
from datamodules.pairing import Rows, check_fractions, cut, pair_by_class, stratified_cut, stream
from datamodules.raw.reads import RawReader
from datamodules.signal.audio import LogMel, centre
from datamodules.signal.noise import Levels
from datamodules.split import FeatureScale, Source, Split
from snn_mm.errors import UserError, check_range

LOG_MEL = LogMel()
PROBES = 16
"""Samples by which it is found out how stored values were scaled."""


@dataclass(frozen=True)
class SNR(Levels):
    """Signal-to-noise ratio of each modality in dB; None (or `.inf`) leaves it clean."""

    audio: float | None = -6.0
    visual: float | None = 0.0


DEFAULT_SNR = SNR()


class DigitsAV(MultimodalDataModule):
    """Scikit-learn's handwritten digits, each paired with spoken digits of its class.

    Audio is a log-mel spectrogram `[1, 32, 32]` of 0.8 s at 8 kHz, visual an image `[1, 8, 8]`;
    both are standardised by the mean and deviation of the training split. White noise is added to
    the wave and to the pixels, the same for a sample in every epoch.

    No image, no utterance and no voice occurs in two splits. The images are the test part of the
    UCI digits, by 13 writers; who wrote which is not recorded, so that a writer does occur in
    several splits. Needs the packages of the extra `demo`.

    Args:
        pairs_per_image: how many different utterances each image is paired with.
        val_fraction: part of the images and of the voices that validate.
        test_fraction: part of the images and of the voices that test.
        snr_db: signal-to-noise ratio of each modality.
    """

    modalities = ("audio", "visual")
    class_names = speech.WORDS
    inputs: ClassVar[Inputs] = {
        "audio": {"in_channels": 1, "bands": LOG_MEL.n_mels, "frames": LOG_MEL.frames},
        "visual": {"in_channels": 1},
    }

    def __init__(
        self,
        root: str = "data",
        pairs_per_image: int = 3,
        val_fraction: float = 0.1,
        test_fraction: float = 0.2,
        snr_db: SNR = DEFAULT_SNR,
        **options: Any,
    ) -> None:
        super().__init__(root, **options)
        check_range("pairs_per_image", pairs_per_image, 1)
        check_fractions(val_fraction=val_fraction, test_fraction=test_fraction)
        self.pairs_per_image = pairs_per_image
        self.step_seconds = {"audio": LOG_MEL.step_seconds}
        self.fractions = (val_fraction, test_fraction)
        self.snr_db = snr_db

    def sample_shapes(self) -> Shapes:
        """A spectrogram and an image."""
        return {"audio": (1, LOG_MEL.n_mels, LOG_MEL.frames), "visual": (1, 8, 8)}

    def prepare_data(self) -> None:
        """Synthesise the speech, pair it and compute the features, unless that is done."""
        speech.check_packages()
        self._arrays()

    def load_split(self, name: SplitName) -> Split:
        """Open one split of the prepared arrays."""
        speech.check_packages()
        arrays = self._arrays()
        inputs = {modality: arrays[f"{name}_{modality}"] for modality in self.modalities}
        return Split.aligned(inputs, arrays[f"{name}_label"], arrays[f"{name}_id"].tolist())

    def forms(self, name: SplitName, split: Source) -> Mapping[str, Form]:
        """Waves and pictures before noise is added to them."""
        (images, _), bank, arrays = load_images(), self._bank(), cast("Split", split).arrays
        named = [identity.split(":", 1) for identity in split.ids]
        image_rows = np.array([int(image.removeprefix("image")) for image, _ in named])
        places = {wave: row for row, wave in enumerate(bank.names.tolist())}
        wave_rows = np.array([places[wave] for _, wave in named])
        seen = self._noisy_images(images, image_rows[:PROBES], name)
        heard = self._noisy_speech(bank, wave_rows[:PROBES], name)
        return {
            "audio": SpokenWord(
                bank=bank,
                rows=wave_rows,
                log_mel=LOG_MEL,
                scale=scale_of(arrays["audio"][:PROBES], heard),
                noises=self._noises("audio", name),
            ),
            "visual": WrittenDigit(
                images=images,
                rows=image_rows,
                scale=scale_of(arrays["visual"][:PROBES], seen),
                noises=self._noises("visual", name),
            ),
        }

    def learn_preparation(self) -> dict[str, Any]:
        """Names of the classes, and what inputs are standardised by."""
        scales = {name: scale.record() for name, scale in self._scales().items()}
        return {**super().learn_preparation(), **scales}

    def _scales(self) -> dict[str, FeatureScale]:
        """What inputs are standardised by; worked out where older arrays lack it."""
        arrays = self._arrays()
        if "scale_audio" in arrays:
            return {name: FeatureScale(*arrays[f"scale_{name}"]) for name in self.modalities}
        forms = self.forms("train", self.split("train"))
        return {name: cast("Any", forms[name]).scale for name in self.modalities}

    def raw_readers(self) -> Mapping[str, RawReader]:
        """A spoken word, and a picture of a digit."""
        # Here, because training reads no raw files.
        from datamodules.digits.raw import HEARD, PICTURES, DigitReader, WordReader

        scales = {name: FeatureScale.of_record(self.preparation[name]) for name in self.modalities}
        heard = self._noises("audio", "raw")
        hear = WordReader(
            LOG_MEL, scales["audio"], lambda wave, name: wave + heard(wave.shape, 1.0, name)
        )
        see = DigitReader(scales["visual"], self._noises("visual", "raw"))
        return {"audio": RawReader(hear, HEARD), "visual": RawReader(see, PICTURES)}

    def content_options(self) -> dict[str, object]:
        """Return the options that decide the samples."""
        return {
            "seed": self.seed,
            "pairs_per_image": self.pairs_per_image,
            "fractions": self.fractions,
            "snr_db": asdict(self.snr_db),
        }

    def _arrays(self) -> dict[str, NDArray[Any]]:
        options = {**speech.versions(), **self.content_options()}
        return prepared(self.root, "digits_av", options, self._build)

    def _build(self) -> dict[str, NDArray[Any]]:
        """Make the arrays of all splits."""
        images, labels = load_images()
        bank = self._bank()
        rows = stratified_cut(labels, self.fractions, stream(self.seed, "images"))
        voices = split_voices(bank.speakers, self.fractions, stream(self.seed, "voices"))
        arrays: dict[str, NDArray[Any]] = {}
        for name, written, spoken in zip(("val", "test", "train"), rows, voices):
            if not len(written) or not len(spoken):
                raise UserError(f"The '{name}' split is empty: raise {name}_fraction.")
            rng = stream(self.seed, "pairs", name)
            classes = labels[written], bank.labels[spoken]
            left, right = pair_by_class(*classes, self.pairs_per_image, rng)
            image_rows, wave_rows = written[left], spoken[right]
            pairs = zip(image_rows, bank.names[wave_rows])
            arrays[f"{name}_label"] = labels[image_rows]
            arrays[f"{name}_id"] = np.array([f"image{image:04d}:{wave}" for image, wave in pairs])
            arrays[f"{name}_visual"] = self._noisy_images(images, image_rows, name)
            arrays[f"{name}_audio"] = self._noisy_speech(bank, wave_rows, name)
        return standardise(arrays, self.modalities)

    def _noisy_images(
        self, images: NDArray[np.float32], rows: Rows, split: str
    ) -> NDArray[np.float32]:
        """Return `images[rows]` with noise on the pixels, `[n, 1, 8, 8]`."""
        noises = self._noises("visual", split)
        noisy = [
            image + noises(image.shape, float(np.mean(image**2)), sample)
            for sample, image in enumerate(images[rows])
        ]
        return np.stack(noisy)[:, None]  # [n, 8, 8] -> [n, 1, 8, 8]

    def _noisy_speech(self, bank: speech.Bank, rows: Rows, split: str) -> NDArray[np.float32]:
        """Return log-mel spectrograms of the rows' noisy waves, `[n, 1, F, L]`."""
        size, noises = (LOG_MEL.samples,), self._noises("audio", split)
        waves = [
            centre(bank.wave(row), LOG_MEL.samples) + noises(size, 1.0, sample)
            for sample, row in enumerate(rows)
        ]
        return LOG_MEL(np.stack(waves))

    def _noises(self, modality: str, split: str) -> SampleNoise:
        """Return the noise of each sample."""
        return SampleNoise(self.seed, modality, split, getattr(self.snr_db, modality))

    def _bank(self) -> speech.Bank:
        """Return the synthesised speech, synthesising it first if need be."""
        stored = prepared(self.root, "spoken_digits", speech.versions(), speech.build_bank)
        return speech.Bank(**{field.name: stored[field.name] for field in fields(speech.Bank)})


def load_images() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return scikit-learn's digits in [0, 1], `[1797, 8, 8]`, and their classes `[1797]`."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.images / 16).astype(np.float32), digits.target.astype(np.int64)


def split_voices(
    speakers: NDArray[np.str_], fractions: tuple[float, float], rng: np.random.Generator
) -> list[Rows]:
    """Cut the utterances of `speakers` `[U]` so that no voice family is in two parts."""
    families = np.array([speech.family(speaker) for speaker in speakers])
    names = np.unique(families)
    parts = cut(np.arange(len(names)), fractions, rng)
    return [np.flatnonzero(np.isin(families, names[part])) for part in parts]


def standardise(
    arrays: dict[str, NDArray[Any]], modalities: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """Shift and scale each modality of all splits by the mean and deviation of `train`."""
    for modality in modalities:
        train = arrays[f"train_{modality}"]
        scale = FeatureScale(train.mean(dtype=np.float64), train.std(dtype=np.float64))
        arrays[f"scale_{modality}"] = np.array([scale.mean, scale.deviation])
        for split in SPLITS:
            name = f"{split}_{modality}"
            arrays[name] = scale(arrays[name])
    return arrays
