"""N-MNIST: what an event camera saw of MNIST digits, 34x34 pixels and two polarities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.pairing import stream
from datamodules.store.folders import by_name, find_files
from snn_mm.errors import UserError, check_range
from snn_mm.reading.text import read_text

SIZE = 34
POLARITIES = 2
BYTES_PER_EVENT = 5

OVERFLOW_ROW, OVERFLOW_STEP = 240, 1 << 13
"""A row with this y is no event: the clock has overflowed, and all later times are so much later.

From `eventvision.py` of the data set's author (github.com/gorchard/event-Python); tonic does the
same, spikingjelly and slayerPytorch take such rows for events outside of the camera.
"""

_HELP = (
    "accepted are Train/<digit>/*.bin with Test/<digit>/*.bin,\n"
    "or train*.txt and test*.txt listing 'index label' of <index>.bs2.\n"
    "Get them from https://www.garrickorchard.com/datasets/n-mnist and set nmnist_dir."
)


@dataclass(frozen=True)
class EventOptions:
    """How events become frames.

    Attributes:
        time_steps: T, the number of frames.
        bin_by: frames of equal duration (`time`) or with equally many events (`count`).
        value: number of events (`count`), its `log1p`, or whether there was one (`binary`).
    """

    time_steps: int = 4
    bin_by: Literal["time", "count"] = "time"
    value: Literal["count", "log1p", "binary"] = "log1p"

    def __post_init__(self) -> None:
        check_range("events.time_steps", self.time_steps, 1)

    def transform(self, counts: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn counts of events `[T, 2, 34, 34]` into the values of the same shape."""
        values = counts.astype(np.float32)
        if self.value == "log1p":
            return np.log1p(values)
        return np.minimum(values, 1) if self.value == "binary" else values


class Recording(NamedTuple):
    """An event file, its class and whether it belongs to the test set."""

    path: Path
    digit: int
    test: bool


class Events(NamedTuple):
    """Events of one recording, each field `[E]`; `time` is in microseconds."""

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    polarity: NDArray[np.int64]
    time: NDArray[np.int64]


def list_recordings(folder: Path) -> list[Recording]:
    """List event files in the official layout or as two lists with numbered files.

    Raises:
        UserError: neither layout is there, or a label is out of range; names folder or file.
    """
    list_layout = _listed if _listings(folder, "train") else _official
    recordings = [*list_layout(folder, "train"), *list_layout(folder, "test")]
    if not recordings:
        raise UserError(f"No event recordings in {folder}: {_HELP}")
    path, times = Counter(recording.path for recording in recordings).most_common(1)[0]
    if times > 1:
        raise UserError(f"{path} is listed {times} times in {folder}; accepted is once.")
    return recordings


def _official(folder: Path, part: str) -> Iterator[Recording]:
    """Yield `Train/<digit>/*.bin`, or those of `Test`."""
    for path in find_files(folder / part.capitalize(), {".bin"}, depth=2):
        digit = path.parent.name
        yield Recording(path, _digit(digit, str(path.parent)), part == "test")


def _listed(folder: Path, part: str) -> Iterator[Recording]:
    """Yield the files that `train*.txt` or `test*.txt` lists."""
    there = by_name(find_files(folder, {".bs2"}))
    for listing in _listings(folder, part):
        for line in read_text(listing).splitlines():
            fields = line.split()
            if not fields or line.startswith("#"):
                continue
            if len(fields) != 2:
                raise UserError(f"{listing}: '{line[:80]}' is not 'index label'.")
            path = there.get(fields[0], folder / f"{fields[0]}.bs2")
            yield Recording(
                path, _digit(fields[1], f"{listing}, index {fields[0]}"), part == "test"
            )


def _listings(folder: Path, part: str) -> list[Path]:
    return [path for path in find_files(folder, {".txt"}) if path.name.lower().startswith(part)]


def _digit(text: str, where: str) -> int:
    if text not in tuple("0123456789"):
        raise UserError(f"Label {text[:80]} in {where} is out of range: accepted are 0 to 9.")
    return int(text)


def read_events(path: Path) -> Events:
    """Read 40-bit events: x 8 bits, y 8, polarity 1, time 23 in microseconds, big-endian.

    Rows that say that the clock has overflowed count for the times after them, not as events.

    Raises:
        UserError: the file is missing, empty, cut off or has pixels outside 34x34; names it.
    """
    try:
        raw = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UserError(f"Event file {path} can't be read: {error.strerror}.") from error
    if not len(raw) or len(raw) % BYTES_PER_EVENT:
        raise UserError(
            f"Event file {path} is truncated: {len(raw)} bytes are not a positive multiple of "
            f"{BYTES_PER_EVENT}."
        )
    rows = raw.reshape(-1, BYTES_PER_EVENT).astype(np.int64)
    is_overflow = rows[:, 1] == OVERFLOW_ROW
    passed = OVERFLOW_STEP * np.cumsum(is_overflow)[~is_overflow]
    if not len(passed):
        raise UserError(f"Event file {path} has overflows of its clock, but no event.")
    x, y, high, middle, low = rows[~is_overflow].T
    if max(x.max(), y.max()) >= SIZE:
        raise UserError(
            f"Event file {path} has the pixel ({x.max()}, {y.max()}); accepted are 0 to {SIZE - 1}."
        )
    return Events(x, y, high >> 7, ((high & 0x7F) << 16 | middle << 8 | low) + passed)


def bin_events(events: Events, options: EventOptions) -> NDArray[np.uint8]:
    """Count events in T frames `[T, 2, 34, 34]`; channel 1 holds the events of polarity 1.

    Frames split the time from the first to the last event, or the events, into equal parts. Counts
    above 255 are held at 255, far above what a pixel of this data set fires.
    """
    steps = options.time_steps
    if options.bin_by == "time":
        since = events.time - events.time.min()
        step = since * steps // (since.max() + 1)
    else:
        order = np.argsort(events.time, kind="stable")
        step = np.empty_like(order)
        step[order] = np.arange(len(order)) * steps // len(order)
    cell = ((step * POLARITIES + events.polarity) * SIZE + events.y) * SIZE + events.x
    counts = np.bincount(cell, minlength=steps * POLARITIES * SIZE * SIZE)
    return np.minimum(counts, 255).astype(np.uint8).reshape(steps, POLARITIES, SIZE, SIZE)


def add_background(events: Events, snr_db: float | None, rng: np.random.Generator) -> Events:
    """Add background activity: events at random pixels, times and polarities.

    `SNR = 10 log10(E_signal / E_noise)` in dB, where E counts events; event cameras fire such noise
    as a Poisson process of equal rate at all pixels.

    Args:
        events: those of a recording, each field `[E]`.
        snr_db: the ratio in dB; None adds none.
        rng: the recording's own random stream.
    """
    if snr_db is None:
        return events
    count = round(len(events.x) / 10 ** (snr_db / 10))
    first, last = int(events.time.min()), int(events.time.max())
    lower, upper = (0, 0, 0, first), (SIZE, SIZE, POLARITIES, last + 1)
    added = [rng.integers(low, high, count) for low, high in zip(lower, upper)]
    return Events(*(np.concatenate(pair) for pair in zip(events, added)))


def read_recordings(
    recordings: list[Recording], options: EventOptions, snr_db: float | None = None, seed: int = 0
) -> dict[str, NDArray[Any]]:
    """Read recordings: counts of events `[R, T, 2, 34, 34]`, classes, test marks and names.

    Args:
        recordings: the files.
        options: how events become frames.
        snr_db: signal-to-noise ratio of the background activity that is added; None adds none.
        seed: decides the noise.

    Raises:
        UserError: a recording can't be read; names it.
    """
    shape = (len(recordings), options.time_steps, POLARITIES, SIZE, SIZE)
    counts = np.empty(shape, np.uint8)
    for row, recording in enumerate(recordings):
        rng = stream(seed, "noise", "events", recording.path.stem)
        events = add_background(read_events(recording.path), snr_db, rng)
        counts[row] = bin_events(events, options)
    return {
        "inputs": counts,
        "labels": np.array([recording.digit for recording in recordings]),
        "test": np.array([recording.test for recording in recordings]),
        "names": np.array([recording.path.stem for recording in recordings]),
    }
