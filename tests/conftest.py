"""Data sets in their real on-disk layout, small enough to make for every test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from datamodules.base import LoaderOptions, MultimodalDataModule, SplitName
from datamodules.digits.digits_av import DigitsAV
from datamodules.split import Split
from datamodules.store.datasets import ave, crema_d, kinetics_sounds, urbansound8k_av
from datamodules.store.engine import PrepareRequest, prepare

# The classes of tests are their own, as those of a user are.
os.environ["SNN_MM_TRUST"] = "toy_experiment,own_classes,toy_sequences,toy_ranks,draws"
os.environ["SNN_MM_TRUST"] += ",tests,fault_experiment"

SPEAKERS = ("george", "jackson", "theo")


class Toy(MultimodalDataModule):
    """Two modalities of random numbers; what the README shows as one's own data module."""

    modalities = ("audio", "visual")
    class_names = ("no", "yes")

    def load_split(self, name: SplitName) -> Split:
        data = np.load(f"{self.root}/{name}.npz")
        ids = [f"{name}{i}" for i in range(len(data["label"]))]
        return Split.aligned({m: data[m] for m in self.modalities}, data["label"], ids)


def write_toy(root: Path, name: str, samples: int = 12) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(name))
    arrays = {
        "audio": rng.normal(size=(samples, 1, 3, 4)),
        "visual": rng.normal(size=(samples, 1, 2, 2)),
        "label": np.arange(samples) % 2,
    }
    np.savez(root / f"{name}.npz", **arrays)
    return arrays


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., Toy]:
    """Return a factory of toy data modules over the same files."""
    for name in ("train", "val", "test"):
        write_toy(tmp_path, name)
    return lambda seed=0, **loader: Toy(
        str(tmp_path), seed, LoaderOptions(**{"batch_size": 4, **loader})
    )


@pytest.fixture(scope="session")
def digits_root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a root where the speech of DigitsAV is synthesised once for all tests."""
    root = str(tmp_path_factory.mktemp("digits_av"))
    DigitsAV(root).prepare_data()
    return root


def _write_events(
    path: Path, x: list[int], y: list[int], polarity: list[int], time: list[int]
) -> None:
    """Write events bit by bit, as the format's description says."""
    bits = "".join(
        f"{a:08b}{b:08b}{p:01b}{t:023b}" for a, b, p, t in zip(x, y, polarity, time, strict=True)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def _write_random_events(path: Path, seed: int, events: int = 40) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 34, (2, events)).tolist()
    polarity, time = rng.integers(0, 2, events), np.sort(rng.integers(0, 300_000, events))
    _write_events(path, x, y, polarity.tolist(), time.tolist())


@pytest.fixture(scope="session")
def write_events() -> Callable[..., None]:
    """Return a writer of event files: path, x, y, polarity, time."""
    return _write_events


@pytest.fixture(scope="session")
def write_random_events() -> Callable[..., None]:
    """Return a writer of random event files: path, seed, events."""
    return _write_random_events


@pytest.fixture
def nmnist_dir(tmp_path: Path) -> Path:
    """Return N-MNIST as two lists with numbered files: 4 training and 1 test file a class."""
    folder = tmp_path / "nmnist"
    listed: dict[str, list[str]] = {"train": [], "test": []}
    for index in range(50):
        _write_random_events(folder / f"{index}.bs2", seed=index)
        listed["test" if index >= 40 else "train"].append(f"{index}\t{index % 10}")
    (folder / "train1K.txt").write_text("#sample #class\n" + "\n".join(listed["train"]))
    (folder / "test100.txt").write_text("#sample #class\n" + "\n".join(listed["test"]))
    return folder


@pytest.fixture
def fsdd_dir(tmp_path: Path) -> Path:
    """Return FSDD with three speakers: per class each has one test and three training takes."""
    folder = tmp_path / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for digit in range(10):
        for speaker in SPEAKERS:
            for take in (4, 5, 6, 7):
                wave = rng.normal(0, 0.1, 2000 + 100 * digit)
                soundfile.write(folder / f"{digit}_{speaker}_{take}.wav", wave, 8000)
    return folder.parent


_SOUND_CODECS = {".wav": "pcm_s16le", ".flv": "adpcm_swf", ".avi": "pcm_s16le"}


def _write_clip(
    path: Path,
    seconds: float = 2.0,
    *,
    frame_rate: int = 10,
    size: tuple[int, int] = (64, 48),
    sample_rate: int = 22050,
    channels: int = 1,
    tone: float = 440.0,
    picture: bool = True,
    sound: bool = True,
    rotation: int = 0,
    keep: Callable[[float], bool] = lambda time: True,
) -> Path:
    """Write grey frames that go from black to white, and a tone; the suffix says the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as file:
        picture = picture and path.suffix != ".wav"
        codec = "flv" if path.suffix == ".flv" else "mpeg4"
        video = file.add_stream(codec, frame_rate) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = *size, "yuv420p"
            video.bit_rate = 2_000_000
            if rotation:
                video.set_display_rotation(rotation)
        codec = _SOUND_CODECS.get(path.suffix, "aac")
        audio = file.add_stream(codec, sample_rate) if sound else None
        if audio is not None:
            audio.layout = "stereo" if channels == 2 else "mono"
        if video is not None:
            kept = (i for i in range(round(seconds * frame_rate)) if keep(i / frame_rate))
            for index in kept:
                file.mux(video.encode(_grey(size, index / frame_rate / seconds, index)))
            file.mux(video.encode(None))
        if audio is not None:
            file.mux(audio.encode(_tone(seconds, sample_rate, channels, tone)))
            file.mux(audio.encode(None))
    return path


def _grey(size: tuple[int, int], level: float, index: int) -> av.VideoFrame:
    """Return frame `index`: grey, and brighter in its left half."""
    picture = np.full((size[1], size[0], 3), 200 * level, np.uint8)
    picture[:, : size[0] // 2] += 40
    frame = av.VideoFrame.from_ndarray(picture, "rgb24")
    frame.pts = index
    return frame


def _tone(seconds: float, sample_rate: int, channels: int, tone: float) -> av.AudioFrame:
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = (8000 * np.sin(2 * np.pi * tone * time)).astype(np.int16)
    layout = "stereo" if channels == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], "s16", layout)
    frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), 0
    return frame


@pytest.fixture(scope="session")
def write_clip() -> Callable[..., Path]:
    """Return a writer of tiny films and recordings: path, seconds, and what `_write_clip` takes."""
    return _write_clip


@pytest.fixture(scope="session")
def crema_d_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clone of CREMA-D: 3 actors with a clip a class; `lists` as OGM-GE has them."""
    folder = tmp_path_factory.mktemp("CREMA-D")
    rows: dict[str, list[str]] = {"train": [], "test": []}
    for label, emotion in enumerate(("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")):
        for actor in (1001, 1002, 1003):
            name = f"{actor}_DFA_{emotion}_XX"
            _write_clip(folder / "VideoFlash" / f"{name}.flv", 1.2, sound=False)
            tone, wav = actor - 900 + 200 * label, folder / "AudioWAV" / f"{name}.wav"
            _write_clip(wav, 1.2, sample_rate=16000, tone=tone)
            rows["test" if actor == 1003 else "train"].append(f"{name},{emotion}\n")
    (folder / "lists").mkdir()
    for part, lines in rows.items():
        (folder / "lists" / f"{part}.csv").write_text("".join(lines), encoding="utf-8-sig")
    return folder


@pytest.fixture(scope="session")
def kinetics_sounds_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return Kinetics videos, 2 a class to train and 1 to test; `lists` as OGM-GE has them."""
    folder = tmp_path_factory.mktemp("kinetics")
    videos = [_write_clip(folder / f"{take}.mp4", 1.2, tone=300 + take) for take in range(3)]
    rows: dict[str, list[str]] = {"train": [], "test": []}
    for label in range(len(kinetics_sounds.CLASS_NAMES)):
        for take, video in enumerate(videos):
            name, start = f"video_-{label:02d}-{take}", 7 * label + take
            part = "test" if take == 2 else "train"
            (folder / part).mkdir(exist_ok=True)
            shutil.copy(video, folder / part / f"{name}_{start:06d}_{start + 10:06d}.mp4")
            segment = (
                f"{name}_{start}" if part == "test" else f"{name}_{start:06d}_{start + 10:06d}"
            )
            rows[part].append(f"{segment},10,{label}\n")
    for video in videos:
        video.unlink()
    (folder / "lists").mkdir()
    for part, lines in rows.items():
        (folder / "lists" / f"my_{part}.txt").write_text("".join(lines))
    return folder


@pytest.fixture(scope="session")
def ave_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return AVE: a video a class and part, half of it annotated, and two with more events."""
    folder = tmp_path_factory.mktemp("AVE_Dataset")
    video = _write_clip(folder / "video.mp4", 4.0, size=(32, 32), frame_rate=5)
    rows: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for label, category in enumerate(ave.CLASS_NAMES):
        for part in rows:
            name = f"{part:->9}{label:02d}"
            (folder / "AVE").mkdir(exist_ok=True)
            shutil.copy(video, folder / "AVE" / f"{name}.mp4")
            rows[part].append(f"{category}&{name}&good&{2 * (label % 2)}&{2 + 2 * (label % 2)}\n")
    rows["train"].append("Goat&----train02&good&0&2\n")
    rows["test"].append("Truck&----train10&good&0&2\n")
    for part, lines in rows.items():
        (folder / ave.LISTS[part]).write_text("".join(lines))
    lines = [line for part in rows.values() for line in part]
    (folder / "Annotations.txt").write_text("".join([f"{ave.HEADER}\n", *lines]))
    video.unlink()
    return folder


@pytest.fixture(scope="session")
def ave_root(tmp_path_factory: pytest.TempPathFactory, ave_dir: Path) -> str:
    """Return a root where AVE is prepared."""
    root = tmp_path_factory.mktemp("ave_root")
    clips = ave.find_clips(ave_dir, None)
    prepare(PrepareRequest(clips, ave.CLASS_NAMES, root / "prepared" / "ave"), lambda *_: None)
    return str(root)


@pytest.fixture(scope="session")
def urbansound8k_av_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return UrbanSound8K-AV: a class has 4 slices of 3 recordings, up to 4 s long."""
    folder = tmp_path_factory.mktemp("UrbanSound8K-AV")
    for label, name in enumerate(urbansound8k_av.CLASS_NAMES):
        for take, (recording, piece) in enumerate(((0, 0), (0, 1), (1, 0), (2, 0))):
            stem = f"{1000 + 10 * label + recording}-{label}-0-{piece}"
            wav = folder / "Dataset_v3_sound" / name / f"{stem}.wav"
            _write_clip(wav, 1 + take, sample_rate=8000, tone=200 + 100 * label + take)
            picture = folder / "Dataset_v3_vision" / name / f"{stem}.jpg"
            picture.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((40, 60, 3), 20 * label + take, np.uint8)
            Image.fromarray(pixels).save(picture)
    return folder


def _real_data(name: str, folder: Path) -> Path:
    """Return the folder `name` of the real data, unpacked from its archive if need be."""
    given = os.environ.get("SNN_MM_DATA")
    if not given:
        pytest.skip(f"SNN_MM_DATA does not name a directory with {name}.zip")
    archive = Path(given) / f"{name}.zip"
    if not archive.exists():
        return Path(given).resolve() / name
    shutil.unpack_archive(archive, folder)
    return folder / name


@pytest.fixture(scope="session")
def official_lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the official lists of the data sets, a folder each."""
    return _real_data("lists", tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="session")
def real_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 16 real clips and their `manifest.tsv`."""
    return _real_data("clips", tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="session")
def real_mosi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the utterance features of CMU-MOSI."""
    return _real_data("mosi", tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="session")
def real_pom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sequences of POM."""
    return _real_data("pom", tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="session")
def prepared_root(
    tmp_path_factory: pytest.TempPathFactory,
    crema_d_dir: Path,
    kinetics_sounds_dir: Path,
    urbansound8k_av_dir: Path,
) -> str:
    """Return a root where CREMA-D, Kinetics-Sounds and UrbanSound8K-AV are prepared."""
    root = tmp_path_factory.mktemp("prepared_root")
    found = {
        crema_d: crema_d.find_clips(crema_d_dir, crema_d_dir / "lists"),
        kinetics_sounds: kinetics_sounds.find_clips(
            kinetics_sounds_dir, kinetics_sounds_dir / "lists"
        ),
        urbansound8k_av: urbansound8k_av.find_clips(urbansound8k_av_dir, None),
    }
    for module, clips in found.items():
        directory = root / "prepared" / module.__name__.split(".")[-1]
        prepare(PrepareRequest(clips, module.CLASS_NAMES, directory), lambda *_: None)
    return str(root)
