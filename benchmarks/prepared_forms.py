"""Forms in which prepared clips could lie on disk, for `prepared_form.py` to compare.

Each reads a clip as training on Kinetics-Sounds does: all of its sound, and 3 of its 10 frames.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from datamodules.store.clip import Clip, DecodedClip
from datamodules.store.store import ClipStore
from datamodules.store.writer import ClipStoreWriter

FRAMES, SHOWN, HEIGHT, WIDTH, RATE, SAMPLES = 10, (1, 4, 7), 256, 340, 16000, 160000
Loaded = tuple[NDArray[np.float32], NDArray[np.uint8]]


def make_clips(count: int) -> list[DecodedClip]:
    """Return clips of noise whose frames take 42 kB each, real ones 12 to 39 kB."""
    rng = np.random.default_rng(0)
    clips = []
    for _ in range(count):
        sound = rng.normal(0, 3000, SAMPLES).astype(np.int16)
        coarse = rng.integers(0, 256, (FRAMES, 40, 52, 3), np.uint8)
        images = [Image.fromarray(one).resize((WIDTH, HEIGHT), 3) for one in coarse]
        clips.append(DecodedClip(RATE, sound, [jpeg(image) for image in images]))
    return clips


def jpeg(image: Image.Image) -> bytes:
    """Return a JPEG as the store holds it."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def pixels(data: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a JPEG, `[H, W, 3]`."""
    return np.asarray(Image.open(io.BytesIO(data)))


class Packed:
    """JPEGs and sound back to back in two files, found by offsets; what the project uses."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.store = ClipStore(folder)

    @staticmethod
    def write(folder: Path, clips: Sequence[DecodedClip]) -> None:
        """Write a store."""
        named = [Clip(f"{i:05d}", 0, "train", folder, folder) for i in range(len(clips))]
        with ClipStoreWriter(folder, {}) as writer:
            for clip, decoded in zip(named, clips):
                writer.add(clip, decoded)
            writer.finish(named, ["noise"], {"unreadable": 0})

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, row: int) -> Loaded:
        frames = [self.store.frame(row, index) for index in SHOWN]
        return self.store.wave(row), np.stack(frames)


class Raw:
    """Decoded pixels and samples in memory-mapped arrays."""

    def __init__(self, folder: Path, cache: Path) -> None:
        paths = (folder / f"{name}.npy" for name in ("sound", "frames"))
        self.sound, self.frames = (np.load(path, mmap_mode="r") for path in paths)

    @staticmethod
    def write(folder: Path, clips: Sequence[DecodedClip]) -> None:
        """Write two arrays."""
        np.save(folder / "sound.npy", np.stack([clip.sound for clip in clips]))
        shape = (len(clips), FRAMES, HEIGHT, WIDTH, 3)
        frames = np.lib.format.open_memmap(folder / "frames.npy", "w+", np.uint8, shape)
        for row, clip in enumerate(clips):
            frames[row] = [pixels(data) for data in clip.frames]
        frames.flush()

    def __len__(self) -> int:
        return len(self.sound)

    def __getitem__(self, row: int) -> Loaded:
        sound = self.sound[row].astype(np.float32) / np.float32(32768)
        return sound, self.frames[row, list(SHOWN)]


class Files:
    """A WAV and ten JPEG files a clip."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folders = sorted(folder.iterdir())

    @staticmethod
    def write(folder: Path, clips: Sequence[DecodedClip]) -> None:
        """Write a folder a clip."""
        for row, clip in enumerate(clips):
            (folder / f"{row:05d}").mkdir()
            soundfile.write(folder / f"{row:05d}" / "sound.wav", clip.sound, RATE)
            for index, data in enumerate(clip.frames):
                (folder / f"{row:05d}" / f"{index}.jpg").write_bytes(data)

    def __len__(self) -> int:
        return len(self.folders)

    def __getitem__(self, row: int) -> Loaded:
        folder = self.folders[row]
        frames = [pixels((folder / f"{index}.jpg").read_bytes()) for index in SHOWN]
        return soundfile.read(folder / "sound.wav", dtype="float32")[0], np.stack(frames)


def write_chunks(folder: Path, clips: Sequence[DecodedClip]) -> None:
    """Write chunks of 64 MB, JPEG bytes and samples, with litdata's own writer in this process."""
    from litdata.streaming.cache import Cache

    cache = Cache(str(folder), chunk_bytes="64MB")
    for row, clip in enumerate(clips):
        frames = {f"frame{index}": data for index, data in enumerate(clip.frames)}
        cache[row] = {"sound": clip.sound, **frames}
    cache.done()
    cache.merge()


def open_chunks(folder: Path, cache: Path, is_copied: bool = False) -> Any:
    """Open a streaming data set that shuffles as litdata does.

    Args:
        folder: of the chunks.
        cache: where to copy them before they are read.
        is_copied: whether they lie behind litdata's `local:` store.
    """
    from litdata import StreamingDataset
    from litdata.streaming.resolver import Dir

    where = Dir(path=str(cache), url=f"local:{folder}") if is_copied else str(folder)
    return StreamingDataset(where, shuffle=True, transform=load_chunked)


def load_chunked(item: dict[str, Any]) -> Loaded:
    """Turn an item of litdata into what the other forms return."""
    sound = item["sound"].astype(np.float32) / np.float32(32768)
    return sound, np.stack([pixels(item[f"frame{index}"]) for index in SHOWN])


Write = Callable[[Path, Sequence[DecodedClip]], None]
Open = Callable[[Path, Path], Any]
FORMS: dict[str, tuple[Write, Open]] = {
    "packed JPEG": (Packed.write, Packed),
    "raw memmap": (Raw.write, Raw),
    "JPEG + WAV files": (Files.write, Files),
    "litdata": (write_chunks, open_chunks),
    "litdata, copied": (write_chunks, partial(open_chunks, is_copied=True)),
}
"""How each is written into an empty folder, and opened as a map-style data set of `Loaded`; an
empty folder is there to copy into."""
