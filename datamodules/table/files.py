"""What the cells of a table name: files of many kinds, each read into one array."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from PIL import Image

from datamodules.digits.nmnist import read_events
from datamodules.signal.audio import LogMel, centre, normalise
from datamodules.store.folders import FILMS, IMAGES, SOUNDS
from datamodules.store.frames import convert_frames
from datamodules.store.media import read_extent
from datamodules.store.sound import read_sound
from datamodules.store.store import FULL_SCALE
from snn_mm.errors import UserError, check_range
from snn_mm.reading.arrays import entry_names, map_array, read_entries
from snn_mm.reading.text import check_regular, naming

Array = NDArray[Any]
Kind = Literal["vector", "sequence", "picture", "film", "sound", "events"]
BY_DIMENSIONS: dict[int, Kind] = {1: "vector", 2: "sequence", 3: "picture", 4: "film"}
FEATURES: frozenset[Kind] = frozenset({"vector", "sequence"})
EVENT_FILES, EVENT_KEYS = frozenset({".bin", ".bs2"}), ("x", "y", "t", "p")
CAMERA_FILES = frozenset({".aedat", ".aedat4", ".raw", ".dat", ".es"})
"""Read by no library that survives damaged files: aedat 2.3 ends the process."""
LONGEST = 10.0
"""Seconds of sound that an input has at most, unless `seconds` says otherwise."""
ACCEPTED = (
    "accepted: .npy, .npz:key, a sound (.wav, .flac, ...), a picture (.png, .jpg, ...), "
    "a film (.mp4, ...), events (.bin, or .npz with x, y, t and p)"
)


@dataclass(frozen=True)
class FileOptions:
    """How sounds, pictures, films and events become inputs; arrays are taken as they are.

    Attributes:
        sample_rate: in Hz, of sounds before their spectrogram.
        seconds: of a sound; shorter ones have silence at both ends, longer ones lose both ends.
            None is the longest of the table, 10 at most.
        bands: F, mel bands of a spectrogram.
        hop: samples from one of its columns to the next.
        image_size: H and W of pictures and frames.
        frames: L, frames of a film, each from the middle of an equal part.
        time_steps: T, frames that events are counted in, of equal duration.
    """

    sample_rate: int = 16000
    seconds: float | None = None
    bands: int = 64
    hop: int = 256
    image_size: int = 64
    frames: int = 3
    time_steps: int = 4

    def __post_init__(self) -> None:
        for name in ("sample_rate", "bands", "hop", "image_size", "frames", "time_steps"):
            check_range(f"data.files.{name}", getattr(self, name), 1)
        if self.seconds is not None:
            check_range("data.files.seconds", self.seconds, 0.01)


class Cell(NamedTuple):
    """What a cell names: a file, and what in it; `key` is empty where that is the whole file."""

    path: Path
    key: str


def parse_cell(text: str, folder: Path) -> Cell:
    """Read `file`, `file.npz:key` or `file.npy:row`, relative to the folder of the table.

    Example:
        >>> parse_cell("features.npz:a7", Path("data"))
        Cell(path=PosixPath('data/features.npz'), key='a7')
    """
    name, colon, key = text.rpartition(":")
    has_key = colon and name.lower().endswith((".npz", ".npy"))
    return Cell(folder / name, key) if has_key else Cell(folder / text, "")


def kind_of(cell: Cell) -> Kind:
    """Which kind of input a cell names.

    Raises:
        UserError: the file is missing, damaged, or of no known kind.
    """
    check_regular(cell.path)
    suffix = cell.path.suffix.lower()
    for kind, suffixes in (("sound", SOUNDS), ("picture", IMAGES), ("film", FILMS)):
        if suffix in suffixes:
            return kind  # type: ignore[return-value]
    if suffix in EVENT_FILES or (suffix == ".npz" and not cell.key and _has_events(cell.path)):
        return "events"
    if suffix in CAMERA_FILES:
        raise UserError(
            f"{cell.path.name} is a recording of an event camera, in a form of its maker\n"
            "accepted: its events as .npz with x, y, t and p; docs/data.md makes one of it"
        )
    if suffix not in (".npy", ".npz"):
        raise UserError(f"{cell.path.name} is of no known kind\n{ACCEPTED}")
    values = read_array(cell)
    if values.ndim not in BY_DIMENSIONS:
        raise UserError(
            f"an array {list(values.shape)}; accepted: [D], [L, D], [C, H, W], [L, C, H, W]"
        )
    return BY_DIMENSIONS[values.ndim]


def read_array(cell: Cell) -> Array:
    """The numbers of an `.npy` or `.npz` file.

    Raises:
        UserError: it is damaged, lacks the key, or holds no finite numbers.
    """
    values = _named(cell)
    if values.dtype.kind not in "fiub" or not values.size:
        raise UserError(f"an array {list(values.shape)} of {values.dtype}; accepted: numbers")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise UserError("NaN or infinity; accepted: finite numbers, or an empty cell")
    return values


def _named(cell: Cell) -> Array:
    if cell.path.suffix.lower() == ".npz":
        key = cell.key or _only_key(cell.path)
        return read_entries(cell.path, [key])[key]
    values = map_array(cell.path)
    if not cell.key:
        return values
    if not cell.key.isdecimal() or int(cell.key) >= len(values):
        raise UserError(f"row {cell.key} of {len(values)}; accepted: 0 to {len(values) - 1}")
    return np.asarray(values[int(cell.key)])


def _only_key(path: Path) -> str:
    keys = entry_names(path)
    if len(keys) != 1:
        raise UserError(
            f"{path.name} has {', '.join(keys[:5]) or 'nothing'}; accepted: {path.name}:key"
        )
    return keys[0]


def _has_events(path: Path) -> bool:
    return set(EVENT_KEYS) <= set(entry_names(path))


def seconds_of(cell: Cell) -> float:
    """How long a sound is."""
    try:
        info = soundfile.info(cell.path)
        return float(info.frames / info.samplerate)
    except soundfile.LibsndfileError:  # a format that FFmpeg alone reads
        rate, wave = read_sound(cell.path, 0.0, None)
        return len(wave) / rate


def log_mel(options: FileOptions, seconds: float) -> LogMel:
    """The spectrogram of a sound of so many seconds."""
    frames = max(1, math.ceil(seconds * options.sample_rate / options.hop))
    return LogMel(options.sample_rate, 2 * options.hop, options.hop, options.bands, frames)


def read_spectrogram(cell: Cell, made: LogMel) -> NDArray[np.float32]:
    """Log-mel spectrogram `[1, F, L]` of a sound, its level the same for all."""
    from torchaudio.functional import resample  # here, because files are read only once

    rate, wave = read_sound(cell.path, 0.0, None)
    whole = torch.from_numpy(wave.astype(np.float32) / FULL_SCALE)
    sound: NDArray[np.float32] = resample(whole, rate, made.sample_rate).numpy()
    spectrogram: NDArray[np.float32] = made(centre(normalise(sound), made.samples)[None])[0]
    return spectrogram  # [1, F, L]


def read_picture(cell: Cell, options: FileOptions) -> NDArray[np.uint8]:
    """A picture `[3, H, W]`."""
    with naming(cell.path, "is no readable picture"), Image.open(cell.path) as image:
        return _resized(image.convert("RGB"), options)


def read_film(cell: Cell, options: FileOptions) -> NDArray[np.uint8]:
    """Frames of a film `[L, 3, H, W]`."""
    end = read_extent(cell.path).picture
    times = [(index + 0.5) * end / options.frames for index in range(options.frames)]
    return np.stack(convert_frames(cell.path, times, lambda image: _resized(image, options)))


def _resized(image: Image.Image, options: FileOptions) -> NDArray[np.uint8]:
    size = (options.image_size, options.image_size)
    pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.uint8)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))  # [H, W, 3] -> [3, H, W]


class EventList(NamedTuple):
    """Events `[E]`, each with its pixel, polarity 0 or 1 and time in any unit."""

    x: Array
    y: Array
    p: Array
    t: Array


def read_event_list(cell: Cell) -> EventList:
    """The events of an N-MNIST file, or of an archive with `x`, `y`, `t` and `p`.

    Raises:
        UserError: there are none, or they are no such events.
    """
    if cell.path.suffix.lower() in EVENT_FILES:
        events = read_events(cell.path)
        return EventList(events.x, events.y, events.polarity, events.time)
    found = read_entries(cell.path, EVENT_KEYS)
    x, y, t, p = (found[key] for key in EVENT_KEYS)
    if len({array.shape for array in (x, y, t, p)}) != 1 or x.ndim != 1 or not len(x):
        raise UserError("x, y, t and p differ in length, or are empty; accepted: [E] each")
    pixels = x.astype(np.int64), y.astype(np.int64)
    if min(pixel.min() for pixel in pixels) < 0 or not np.isin(p, (-1, 0, 1)).all():
        raise UserError("a pixel below 0, or a polarity beyond -1, 0 and 1")
    return EventList(*pixels, (p > 0).astype(np.int64), t)


def count_events(events: EventList, steps: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Counts `[T, 2, H, W]` in frames of equal duration, at most 255."""
    since = (events.t - events.t.min()).astype(np.float64)
    step = np.minimum(since * steps / max(float(since.max()), 1e-12), steps - 1).astype(np.int64)
    height, width = size
    cell = ((step * 2 + events.p) * height + events.y) * width + events.x
    counts = np.bincount(cell, minlength=steps * 2 * height * width)
    return np.minimum(counts, 255).astype(np.uint8).reshape(steps, 2, height, width)


def read_values(kind: Kind, cell: Cell, options: FileOptions) -> Array:
    """What is stored of a file: numbers in float32, pixels in bytes."""
    if cell.path.suffix.lower() in (".npy", ".npz"):
        return read_array(cell).astype(np.float32)
    return read_picture(cell, options) if kind == "picture" else read_film(cell, options)
