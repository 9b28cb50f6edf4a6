"""A store behind a URL: read by ranges, kept, compared with its index; whatever fails is one line.

The server is that of the standard library, which knows no ranges: they are added here.
"""

from __future__ import annotations

import multiprocessing
import pickle
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from datamodules import CremaD, DigitsAV, LoaderOptions
from datamodules.store import remote
from datamodules.store.clip import Clip, DecodedClip
from datamodules.store.remote import RemoteClipStore
from datamodules.store.store import CLIPS, FRAME_DATA, JOURNAL, SOUND_DATA, STORE, ClipStore
from datamodules.store.writer import ClipStoreWriter
from snn_mm.errors import UserError


class Handler(SimpleHTTPRequestHandler):
    """Serves files and ranges of them; `server.fault` names what it does wrong."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Send a file, or the part that is asked for."""
        server, path = self.server, Path(self.translate_path(self.path))
        server.seen.append(path.name)  # type: ignore[attr-defined]
        if not path.is_file():
            self.send_error(404)
            return
        data, status = path.read_bytes(), 200
        fault = server.fault if path.suffix == ".bin" else ""  # type: ignore[attr-defined]
        if fault == "once" and server.seen.count(path.name) == 1:  # type: ignore[attr-defined]
            fault = "cut"
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked and fault != "no ranges":
            data, status = data[int(asked[1]) : int(asked[2]) + 1], 206
        if fault == "other bytes":
            data = bytes(len(data))
        if fault == "short":
            data = data[:-1]
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Accept-Ranges", "none" if fault == "no ranges" else "bytes")
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if fault == "cut" else data)
        self.close_connection = fault == "cut"


@pytest.fixture
def source(tmp_path: Path, clip: Callable[..., Clip]) -> Path:
    """Return a store of three clips."""
    from test_store import decoded

    directory = tmp_path / "served" / "prepared" / "toy"
    directory.mkdir(parents=True)
    clips = [clip(f"clip{n}", label=n % 2, part=("train", "test", "")[n]) for n in (2, 0, 1)]
    with ClipStoreWriter(directory, {"short_side": 20}) as writer:
        for each in clips:
            made: DecodedClip = decoded(int(each.id[-1]))
            writer.add(each, made)
        writer.finish(clips, ["no", "yes"], {"unreadable": 4})
    return directory


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """Serve what lies under `tmp_path / "served"`."""
    monkeypatch.setattr(remote, "PAUSES", (0.0,))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "served").mkdir(exist_ok=True)
    handler = partial(Handler, directory=str(tmp_path / "served"))
    served = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    served.daemon_threads = True
    served.seen, served.fault = [], ""  # type: ignore[attr-defined]
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


def url(server: ThreadingHTTPServer, path: str = "prepared/toy") -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


def check_all(here: ClipStore, there: ClipStore) -> None:
    assert (there.ids, there.parts, there.fingerprint) == (here.ids, here.parts, here.fingerprint)
    assert (there.class_names, there.labels.tolist()) == (here.class_names, here.labels.tolist())
    for row in range(len(here)):
        assert there.sample_rate(row) == here.sample_rate(row)
        np.testing.assert_array_equal(there.wave(row), here.wave(row))
        for index in range(here.frame_count(row)):
            np.testing.assert_array_equal(there.frame(row, index), here.frame(row, index))


def test_all_of_it_comes_by_ranges_and_then_without_a_request(source: Path, server: object) -> None:
    here, there = ClipStore(source), RemoteClipStore(url(server))  # type: ignore[arg-type]
    seen: list[str] = server.seen  # type: ignore[attr-defined]
    assert sorted(seen) == sorted([STORE, JOURNAL, CLIPS, "frames.npy"])  # of the others the size
    check_all(here, there)
    assert (seen.count(SOUND_DATA), seen.count(FRAME_DATA)) == (2, 3)  # clip0 has no sound
    seen.clear()
    check_all(here, RemoteClipStore(url(server)))  # type: ignore[arg-type]
    check_all(here, pickle.loads(pickle.dumps(there)))  # noqa: S301 - of our own
    assert not seen


def test_only_what_is_read_is_fetched(source: Path, server: object) -> None:
    there = RemoteClipStore(url(server))  # type: ignore[arg-type]
    there.frame(2, 1)
    assert sorted(path.name for path in (there.directory / "clips").iterdir()) == ["2.bin"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_fetch_at_once_and_leave_whole_files(
    method: str, source: Path, server: object
) -> None:
    here, there = ClipStore(source), RemoteClipStore(url(server))  # type: ignore[arg-type]
    there.wave(1)  # a connection is open when they are forked
    context = multiprocessing.get_context(method)
    children = [context.Process(target=check_all, args=(here, there)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    kept = sorted(path.name for path in (there.directory / "clips").iterdir())
    assert kept == ["0.bin", "1.bin", "2.bin"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("cut", "sound.bin can't be read"),
        ("short", "sound.bin can't be read: 201 bytes came instead of 202"),
        ("no ranges", "range requests"),
        ("other bytes", "clip 'clip1' is not what the index says"),
    ],
)
def test_what_a_server_does_wrong_is_a_line_and_nothing_is_kept(
    fault: str, says: str, source: Path, server: object
) -> None:
    there = RemoteClipStore(url(server))  # type: ignore[arg-type]
    server.fault = fault  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=says) as refused:
        there.wave(1)
    assert len(str(refused.value).splitlines()) <= 2
    assert not list(there.directory.rglob("*1.bin*"))
    server.fault = ""  # type: ignore[attr-defined]
    np.testing.assert_array_equal(there.wave(1), ClipStore(source).wave(1))


def test_a_connection_that_breaks_once_is_tried_again(source: Path, server: object) -> None:
    there = RemoteClipStore(url(server))  # type: ignore[arg-type]
    server.fault = "once"  # type: ignore[attr-defined]
    np.testing.assert_array_equal(there.wave(2), ClipStore(source).wave(2))
    assert server.seen.count(SOUND_DATA) == 2  # type: ignore[attr-defined]


def test_a_copy_that_is_shorter_is_fetched_again(source: Path, server: object) -> None:
    there = RemoteClipStore(url(server))  # type: ignore[arg-type]
    there.wave(1)
    (path,) = (there.directory / "clips").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    check_all(ClipStore(source), there)


@pytest.mark.parametrize("name", [STORE, JOURNAL, CLIPS, SOUND_DATA])
def test_an_index_that_is_not_whole_is_refused_and_not_kept(
    name: str, source: Path, server: object
) -> None:
    whole = (source / name).read_bytes()
    (source / name).unlink()
    with pytest.raises(UserError, match=f"{name} is not there"):
        RemoteClipStore(url(server))  # type: ignore[arg-type]
    (source / name).write_bytes(whole[:-200])
    with pytest.raises(UserError):
        RemoteClipStore(url(server))  # type: ignore[arg-type]
    (source / name).write_bytes(whole)
    shutil.rmtree(source.parents[2] / "cache")
    check_all(ClipStore(source), RemoteClipStore(url(server)))  # type: ignore[arg-type]


def test_labels_of_another_store_do_not_fit(source: Path, server: object) -> None:
    rows = np.load(source / CLIPS)
    rows["label"] = 1 - rows["label"]
    np.save(source / CLIPS, rows)
    with pytest.raises(UserError, match="do not belong together"):
        RemoteClipStore(url(server))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://127.0.0.1:9/data", "can't be read"),
        ("nothing://host/data", "Protocol not known: nothing"),
    ],
)
def test_what_cannot_be_reached_is_a_line(
    address: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PAUSES", ())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match=says) as refused:
        CremaD(address).prepare_data()
    assert "\n" not in str(refused.value)


def test_clips_are_the_only_data_behind_a_url() -> None:
    with pytest.raises(UserError, match=r"data.root is https://host; accepted: a directory"):
        DigitsAV("https://host")


def test_training_batches_are_those_of_the_directory(
    prepared_root: str, server: object, tmp_path: Path
) -> None:
    shutil.copytree(Path(prepared_root) / "prepared", tmp_path / "served" / "prepared")
    loader = LoaderOptions(batch_size=4, num_workers=2)
    here = CremaD(prepared_root, spectrograms="compute", loader=LoaderOptions(batch_size=4))
    there = CremaD(url(server, ""), loader=loader)  # type: ignore[arg-type]
    there.prepare_data()
    assert there.fingerprint() == here.fingerprint()
    for ours, theirs in zip(there.train_dataloader(), here.train_dataloader(), strict=True):
        assert ours["id"] == theirs["id"]
        for name, values in theirs["inputs"].items():
            np.testing.assert_array_equal(ours["inputs"][name], values)
