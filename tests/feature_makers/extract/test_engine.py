"""Extraction of a folder of clips: at once, resumed, and with clips that can't be read.

Processes are started by the test of the command, `tests/snn_mm/commands/test_extract.py`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from openface_table import write_table

from datamodules.store.clip import Clip, UnreadableClipError
from datamodules.store.processing import ProcessingOptions, exclusive
from feature_makers.extract.audio import librosa_features, read_wave
from feature_makers.extract.engine import Extraction, FeatureCache, cannot_write, extract
from feature_makers.extract.labels import read_labels
from feature_makers.extract.openface import read_openface
from feature_makers.extract.options import ExtractOptions
from feature_makers.extract.text import encode_transcripts
from snn_mm.errors import UserError

OPTIONS = ExtractOptions(variant="released", groups=("pose",))
PARTS = ("train", "train", "valid", "test")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, write_clip: Callable[..., Path]) -> Path:
    """Return a folder of four clips with OpenFace's tables and labels."""
    folder, rng = tmp_path_factory.mktemp("source"), np.random.default_rng(0)
    rows = ["id,split,label"]
    for index, part in enumerate(PARTS):
        write_clip(folder / f"{index}.wav", 0.2 + 0.1 * index, tone=200 + 50 * index)
        write_table(folder / f"{index}.csv", rng.normal(size=(6, 709)), [1] * 6)
        rows.append(f"{index},{part},{index - 1}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the work be done in this process, and return the names of the clips it was done for."""
    names: list[str] = []

    class Inline:
        def __init__(self, count: int, decode: Callable[..., None]) -> None:
            self.decode = decode

        def __enter__(self) -> Inline:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def outcomes(self, clips: list[Clip]) -> Iterator[tuple[Clip, str | None]]:
            for clip in clips:
                names.append(clip.id)
                try:
                    yield clip, self.decode(clip)
                except UnreadableClipError as error:
                    yield clip, str(error)

    monkeypatch.setattr("feature_makers.extract.engine.Workers", Inline)
    return names


def start(
    source: Path, directory: Path, options: ExtractOptions = OPTIONS, **rest: object
) -> Extraction:
    clips = read_labels(source / "labels.csv", source, source)
    cache, processing = FeatureCache(directory), ProcessingOptions(**rest)
    with exclusive(directory, "in use", cannot_write):
        return extract(clips, cache, options, processing, lambda done, total, unreadable: None)


def test_every_clip_is_heard_and_seen(source: Path, tmp_path: Path, in_process: list[str]) -> None:
    found = start(source, tmp_path)
    assert sorted(in_process) == ["0", "1", "2", "3"]
    for index in range(4):
        heard = librosa_features(read_wave(source / f"{index}.wav"), variant="released")
        seen = read_openface(source / f"{index}.csv", ("pose",), 3)
        np.testing.assert_array_equal(found.cache.read("audio", str(index)), heard)
        np.testing.assert_array_equal(found.cache.read("visual", str(index)), seen)


def test_a_second_start_extracts_what_changed(
    source: Path, tmp_path: Path, in_process: list[str]
) -> None:
    start(source, tmp_path)
    in_process.clear()
    assert start(source, tmp_path).extracted == 0
    assert in_process == []
    other = replace(OPTIONS, frames_per_step=2)
    found = start(source, tmp_path, options=other)
    assert found.extracted == 4
    assert found.cache.read("visual", "0").shape == (3, 6)


@pytest.mark.parametrize("name", ["1.wav", "1.csv"])
@pytest.mark.parametrize("verify", [False, True])
def test_a_replaced_file_of_equal_size_is_extracted_again(
    verify: bool, name: str, source: Path, tmp_path: Path, in_process: list[str]
) -> None:
    folder = Path(shutil.copytree(source, tmp_path / "source"))
    start(folder, tmp_path / "out")
    path, other = folder / name, bytearray((folder / name).read_bytes())
    # Another sample or digit, well after the header.
    at = len(other) // 2 if name == "1.wav" else other.rindex(b"1")
    other[at] += 1
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    in_process.clear()
    assert start(folder, tmp_path / "out", verify=True).extracted == 0  # as a copy is
    path.write_bytes(other)
    if verify:
        shutil.copystat(source / name, path)
        assert start(folder, tmp_path / "out").extracted == 0
    found = start(folder, tmp_path / "out", verify=verify)
    assert (found.extracted, in_process) == (1, ["1"])
    assert start(folder, tmp_path / "out", verify=True).extracted == 0


def test_what_cannot_be_read_is_listed_and_left_out(
    source: Path, tmp_path: Path, in_process: list[str]
) -> None:
    del in_process
    broken = tmp_path / "source"
    broken.mkdir()
    for path in source.iterdir():
        (broken / path.name).symlink_to(path)
    (broken / "1.wav").unlink()
    (broken / "2.csv").unlink()
    found = start(broken, tmp_path / "out", max_unreadable=0.5)
    assert [each.clip.id for each in found.utterances] == ["0", "3"]
    assert "No such file" in found.unreadable["1"]
    assert "OpenFace is not part of snn_mm" in found.unreadable["2"]
    listed = (tmp_path / "out" / "unreadable.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in listed] == ["clip", "1", "2"]
    with pytest.raises(UserError, match=r"2 of 4 clips can't be read, .* max_unreadable 0\.4"):
        start(broken, tmp_path / "out", max_unreadable=0.4)


def test_features_that_are_not_finite_are_listed(
    source: Path, tmp_path: Path, in_process: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del in_process
    monkeypatch.setattr(
        "feature_makers.extract.engine.read_openface", lambda *_: np.full((1, 2), np.nan)
    )
    found = start(source, tmp_path, max_unreadable=1.0)
    assert found.unreadable == dict.fromkeys("0123", "its visual features hold NaN or infinity")
    assert not found.cache.path("visual", "0").exists()


def test_a_transcript_that_becomes_nan_stops_with_its_name(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, *_: object) -> None:
            pass

        def encode(self, texts: list[str]) -> list[np.ndarray]:
            return [np.array([[1.0, np.inf]])] * len(texts)

    monkeypatch.setattr("feature_makers.extract.text.TextEncoder", Broken)
    clips, cache = read_labels(source / "labels.csv", source), FeatureCache(tmp_path)
    with pytest.raises(UserError, match="gives NaN or infinity for the transcript of clip '0'"):
        encode_transcripts(clips, tmp_path, OPTIONS, cache, lambda *_: None)
    assert not cache.path("text", "0").exists()


def test_two_processes_do_not_share_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A process may take its own lock again, so another one's is played.
    monkeypatch.setattr("datamodules.store.processing.lock_file", lambda path: None)
    with (
        pytest.raises(UserError, match="is in use by another process"),
        exclusive(tmp_path, "in use", cannot_write),
    ):
        pass
