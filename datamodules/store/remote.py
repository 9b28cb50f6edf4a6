"""A store behind a URL: its index is fetched once, and each clip when it is first read."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from datamodules.store.journal import read_journal
from datamodules.store.store import (
    CLIPS,
    FRAME_DATA,
    FRAMES,
    JOURNAL,
    KEYS,
    SOUND_DATA,
    SOUND_TYPE,
    STORE,
    ClipStore,
)
from datamodules.store.writer import clip_digest, store_fingerprint
from snn_mm.errors import UserError
from snn_mm.reading.arrays import map_array
from snn_mm.reading.json_files import json_object
from snn_mm.reading.text import reason
from snn_mm.run.replace import replacing

SIZES = "sizes.json"
"""How long sound and frames are at the URL, as its server said when the index was fetched."""

PAUSES = (0.5, 2.0)
"""Seconds before each further try of a request that failed."""

Result = TypeVar("Result")


def is_url(root: str) -> bool:
    """Whether data lie behind a URL, and in no directory."""
    return "://" in root


def check_root(root: str, reads_urls: bool) -> None:
    """Refuse a URL as the root of data that are read from a directory alone."""
    if is_url(root) and not reads_urls:
        raise UserError(f"data.root is {root}; accepted: a directory. URLs are read of clips alone")


class RemoteClipStore(ClipStore):
    """Reads a finished store by requests for ranges, through copies in a local directory.

    A clip is fetched as a whole, compared with its SHA-256 in the store's journal, and kept: the
    next read, by any process, makes no request. Processes that fetch the same clip at once do
    not disturb each other.

    Args:
        url: of the store, such as `https://host/data/prepared/crema_d`; whatever fsspec opens.
        cache: directory of the copies; by default `snn_mm` in the user's cache directory.

    Raises:
        UserError: there is no finished store, its index is not whole, or it can't be reached.
    """

    is_local = False

    def __init__(self, url: str, cache: Path | None = None) -> None:
        self.url, self.cache = url.rstrip("/"), cache or cache_home()
        name = hashlib.sha256(self.url.encode()).hexdigest()[:16]
        directory = self.cache / f"{self.url.rpartition('/')[2]}-{name}"
        if not (directory / STORE).is_file():
            _fetch_index(self.url, directory)
        super().__init__(directory)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.url, self.cache)

    def _sound_bytes(self, row: int) -> bytes:
        return self._clip_bytes(row, 0, self._sound_size(row))

    def _frame_bytes(self, row: int, index: int) -> bytes:
        frames = self._frames_of(row)
        at = self._sound_size(row) + int(frames[index]["at"] - frames[0]["at"])
        return self._clip_bytes(row, at, int(frames[index]["bytes"]))

    def _file_size(self, name: str) -> int:
        return int(json_object(self.directory / SIZES, {name: int})[name])

    def _clip_bytes(self, row: int, offset: int, size: int) -> bytes:
        path = self.directory / "clips" / f"{row}.bin"
        whole = self._sound_size(row) + int(self._frames_of(row)["bytes"].sum())
        if not path.is_file() or path.stat().st_size != whole:
            self._fetch(row, path)
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def _fetch(self, row: int, path: Path) -> None:
        clip, frames = self._clips[row], self._frames_of(row)
        lengths = frames["bytes"].tolist()
        sound = _range(self.url, SOUND_DATA, int(clip["sound_at"]), self._sound_size(row))
        pictures = _range(self.url, FRAME_DATA, int(frames[0]["at"]), sum(lengths))
        ends = frames["at"] - frames[0]["at"] + frames["bytes"]
        parts = [pictures[end - size : end] for end, size in zip(ends.tolist(), lengths)]
        if clip_digest(int(clip["sample_rate"]), sound, parts) != self._digests[self.ids[row]]:
            raise UserError(
                f"{self.url}: clip '{self.ids[row]}' is not what the index says\n"
                f"if the store was prepared anew, delete {self.directory}"
            )
        _save(path, sound + pictures)

    def _sound_size(self, row: int) -> int:
        return int(self._clips[row]["samples"]) * SOUND_TYPE.itemsize

    @cached_property
    def _digests(self) -> dict[str, str]:
        return _digests(self.directory)


def cache_home() -> Path:
    """Where copies of what lies elsewhere are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "snn_mm"


def _fetch_index(url: str, directory: Path) -> None:
    """Fetch what tells where clips lie, check that it belongs together; `store.json` comes last."""
    manifest = _request(url, STORE, lambda fs, path: fs.cat_file(path))
    for name in (JOURNAL, CLIPS, FRAMES):
        _save(directory / name, _request(url, name, lambda fs, path: fs.cat_file(path)))
    sizes = {
        name: int(_request(url, name, lambda fs, path: fs.info(path)["size"]))
        for name in (SOUND_DATA, FRAME_DATA)
    }
    _save(directory / SIZES, json.dumps(sizes).encode())
    checked = directory / f"unchecked-{os.getpid()}.json"
    try:
        _save(checked, manifest)
        said = json_object(checked, {**KEYS, "options": dict})
    finally:
        checked.unlink(missing_ok=True)
    labels, digests = map_array(directory / CLIPS)["label"].tolist(), _digests(directory)
    rows = zip(said["ids"], labels, said["parts"], map(digests.get, said["ids"]))
    if store_fingerprint(said["options"], said["class_names"], rows) != said["fingerprint"]:
        raise UserError(f"{url}: the files of the index do not belong together; copy them again")
    _save(directory / STORE, manifest)


def _digests(directory: Path) -> dict[str, str]:
    """The SHA-256 of each clip, by its name."""
    lines = read_journal(directory / JOURNAL, {"id": str, "digest": str}, skip=1)
    return {line["id"]: line["digest"] for line in lines}


def _range(url: str, name: str, offset: int, size: int) -> bytes:
    """Fetch a part of a file."""

    def read(fs: Any, path: str) -> bytes:
        with fs.open(path, "rb", cache_type="none", size=offset + size) as file:
            file.seek(offset)
            data: bytes = file.read(size)
        if len(data) != size:
            raise OSError(f"{len(data)} bytes came instead of {size}")
        return data

    return _request(url, name, read) if size else b""


def _request(url: str, name: str, read: Callable[[Any, str], Result]) -> Result:
    """Read from a file at a URL, again if that fails.

    Raises:
        UserError: it is not there, or all tries failed; one line.
    """
    from fsspec.core import url_to_fs  # here, because most data lie in directories

    for pause in (*PAUSES, None):
        try:
            fs, path = url_to_fs(f"{url}/{name}")  # in a forked process a connection of its own
            return read(fs, path)
        except FileNotFoundError:
            raise UserError(f"{url}/{name} is not there; accepted: a finished store") from None
        except ImportError as error:
            raise UserError(f"{url}: {reason(error)}") from error
        except Exception as error:  # each protocol has errors of its own
            if pause is None:
                raise UserError(f"{url}/{name} can't be read: {reason(error)}") from error
            time.sleep(pause)
    raise AssertionError


def _save(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise UserError(
            f"{path.parent} can't be written ({error.strerror})\n"
            "accepted: space and write access there, or another XDG_CACHE_HOME"
        ) from error
