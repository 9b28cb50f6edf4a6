"""Videos become features: once each, whatever interrupts, and unreadable ones are listed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from datamodules.av_cil.features import PickledFeatures
from datamodules.store.processing import ProcessingOptions
from feature_makers.pretrained.encoders import check_network
from feature_makers.pretrained.engine import EncodedVideos, encode_videos, find_videos
from feature_makers.pretrained.frames import PretrainedFrames
from feature_makers.pretrained.output import SOURCES, FeatureOutput
from snn_mm.errors import UserError


class Brightness(PretrainedFrames):
    """Encodes a frame as its mean level."""

    def __init__(self, weights: str = "0") -> None:
        super().__init__(nn.Identity(), "cpu", weights=weights)

    def frame_times(self, seconds: float) -> list[float]:
        return [0.0, seconds / 2, seconds + 5]

    def prepare(self, image: Image.Image) -> Tensor:
        return torch.tensor(float(np.asarray(image).mean()))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, write_clip: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name in ("a.mp4", "b.avi", "c.mkv"):
        write_clip(folder / name, 1.0)
    return folder


def encode(
    videos: Path,
    output: FeatureOutput,
    max_unreadable: float = 0.0,
    weights: str = "0",
    verify: bool = False,
) -> EncodedVideos:
    found, encoder = find_videos(videos), Brightness(weights)
    processing = ProcessingOptions(2, max_unreadable, verify)
    return encode_videos(found, encoder, output, processing, lambda *_: None)


def test_each_video_gets_a_file_of_the_frames_at_its_times(videos: Path, tmp_path: Path) -> None:
    assert encode(videos, FeatureOutput(tmp_path)).encoded == 3
    for name in "abc":
        first, middle, last = np.load(tmp_path / f"{name}.npy")
        assert first < middle - 50 < last - 90  # clips go from black to white


def test_what_is_there_is_not_encoded_again(videos: Path, tmp_path: Path) -> None:
    output = FeatureOutput(tmp_path)
    encode(videos, output)
    (tmp_path / "b.npy").unlink()
    assert encode(videos, output).encoded == 1


FILES = [None, "visual_features.h5", "dict.npy"]


def read(output: FeatureOutput) -> dict[str, list[float]]:
    """Return the features of each video, wherever they are."""
    if output.file is None:
        return {path.stem: np.load(path).tolist() for path in output.directory.glob("*.npy")}
    path = output.directory / output.file
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return {name: each[:].tolist() for name, each in file.items()}
    features, out = PickledFeatures(path, (3,)), np.empty(3, np.float32)
    return {name: [features.read(name, out), out.tolist()][1] for name in features.ids()}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("verify", [False, True])
def test_a_replaced_video_of_equal_size_is_encoded_again(
    verify: bool, file: str | None, videos: Path, tmp_path: Path
) -> None:
    folder, output = tmp_path / "videos", FeatureOutput(tmp_path / "out", file)
    shutil.copytree(videos, folder)
    size = max(path.stat().st_size for path in folder.iterdir())
    for path in folder.iterdir():  # films may be followed by anything
        path.write_bytes(path.read_bytes().ljust(size, b"\0"))
    encode(folder, output)
    before, path, time = read(output), folder / "b.avi", (folder / "b.avi").stat().st_mtime_ns
    os.utime(path, ns=(0, time + 1))  # as a copy has it
    assert encode(folder, output, verify=True).encoded == 0
    shutil.copy(folder / "a.mp4", path)
    os.utime(path, ns=(0, time if verify else time + 2))
    if verify:
        assert encode(folder, output).encoded == 0
    assert encode(folder, output, verify=verify).encoded == 1
    assert read(output) == before | {"b": before["a"]}
    path.write_bytes(bytes(size))  # the features of the old film are not those of this one
    assert list(encode(folder, output, 0.5).unreadable) == ["b"]
    assert read(output).keys() == {"a", "c"}


@pytest.mark.parametrize("file", FILES)
def test_features_without_a_record_are_those_of_the_videos_as_they_are(
    file: str | None, videos: Path, tmp_path: Path
) -> None:
    folder, output = tmp_path / "videos", FeatureOutput(tmp_path / "out", file)
    shutil.copytree(videos, folder)
    encode(folder, output)
    (output.directory / SOURCES).unlink()
    assert encode(folder, output, verify=True).encoded == 0
    os.utime(folder / "b.avi", ns=(0, 1))
    assert encode(folder, output).encoded == 1


def test_a_record_cut_off_by_a_kill_costs_nothing_else(videos: Path, tmp_path: Path) -> None:
    output = FeatureOutput(tmp_path)
    encode(videos, output)
    records = (tmp_path / SOURCES).read_bytes()
    (tmp_path / SOURCES).write_bytes(records[:-9])
    (tmp_path / "a.npy").unlink()
    assert encode(videos, output).encoded == 1
    assert output.sources().keys() == {"a", "b", "c"}


def test_one_file_holds_all_and_takes_new_ones(videos: Path, tmp_path: Path) -> None:
    output = FeatureOutput(tmp_path, "visual_features.h5")
    encode(videos, output)
    output.add("z", np.ones(3, np.float32), [])  # as a start leaves it that was killed
    assert output.names() == {"a", "b", "c", "z"}
    assert encode(videos, output).encoded == 0
    with h5py.File(tmp_path / "visual_features.h5") as file:
        assert set(file) == {"a", "b", "c", "z"}
        assert file["z"][:].tolist() == [1, 1, 1]
    assert not (tmp_path / "visual_features.h5.parts").exists()


class Killed(Brightness):
    """Dies at the second video, as a process does that is interrupted."""

    def encode(self, content: Tensor) -> NDArray[np.float32]:
        if hasattr(self, "used"):
            raise KeyboardInterrupt
        self.used = True
        return super().encode(content)


def test_a_dictionary_of_an_interrupted_run_is_that_of_one_run(
    videos: Path, tmp_path: Path
) -> None:
    whole, halted = (FeatureOutput(tmp_path / name, "dict.npy") for name in ("whole", "halted"))
    encode(videos, whole)
    with pytest.raises(KeyboardInterrupt):
        encode_videos(find_videos(videos), Killed(), halted, ProcessingOptions(), lambda *_: None)
    assert halted.names() == {"a"}
    assert not (halted.directory / "dict.npy").exists()
    assert encode(videos, halted).encoded == 2
    first, second = ((each.directory / "dict.npy").read_bytes() for each in (whole, halted))
    assert first == second
    assert not (halted.directory / "dict.npy.parts").exists()


def test_a_dictionary_takes_new_videos_and_keeps_what_it_has(tmp_path: Path) -> None:
    output = FeatureOutput(tmp_path, "dict.npy")
    for value, name in enumerate(("b", "a", "b")):
        output.add(name, np.full(3, value, np.float32), [])
        output.finish()
    features = PickledFeatures(tmp_path / "dict.npy", (3,))
    assert output.names() == features.ids() == {"a", "b"}
    out = np.empty(3, np.float32)
    features.read("b", out)
    assert out.tolist() == [0, 0, 0]


def test_ghosts_of_macos_are_no_features(videos: Path, tmp_path: Path) -> None:
    parts = tmp_path / "dict.npy.parts"
    parts.mkdir()
    (parts / "._a.npy").write_bytes(b"\0\5\x16\7" * 50)
    assert encode(videos, FeatureOutput(tmp_path, "dict.npy")).encoded == 3
    assert FeatureOutput(tmp_path, "dict.npy").names() == {"a", "b", "c"}


def test_features_of_other_weights_are_not_mixed(videos: Path, tmp_path: Path) -> None:
    encode(videos, FeatureOutput(tmp_path))
    with pytest.raises(UserError, match=r"made otherwise: weights in features\.json differ"):
        encode(videos, FeatureOutput(tmp_path), weights="1")


def test_an_unreadable_video_is_listed_and_left_out(
    tmp_path: Path, write_clip: Callable[..., Path]
) -> None:
    write_clip(tmp_path / "videos" / "good.mp4", 0.5)
    (tmp_path / "videos" / "bad.mp4").write_bytes(b"nothing")
    outcome = encode(tmp_path / "videos", FeatureOutput(tmp_path / "out"), max_unreadable=0.5)
    assert (outcome.encoded, list(outcome.unreadable)) == (1, ["bad"])
    assert "bad\t" in (tmp_path / "out" / "unreadable.tsv").read_text()
    with pytest.raises(UserError, match=r"1 of 2 videos can't be read, such as bad: bad\.mp4 is"):
        encode(tmp_path / "videos", FeatureOutput(tmp_path / "again"))


class Overflowing(Brightness):
    """Gives an infinite feature for a video that ends bright, as half precision may."""

    def encode(self, frames: Tensor) -> NDArray[np.float32]:
        return np.where(frames.numpy() > 150, np.inf, 0).astype(np.float32)


def test_a_video_whose_features_are_not_finite_is_listed(videos: Path, tmp_path: Path) -> None:
    found, output = find_videos(videos)[:1], FeatureOutput(tmp_path)
    with pytest.raises(UserError, match="such as a: the network gives NaN or infinity for it"):
        encode_videos(found, Overflowing(), output, ProcessingOptions(), lambda *_: None)
    assert output.names() == set()


def test_videos_of_one_name_or_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no video"):
        find_videos(tmp_path)
    for name in ("a.mp4", "a.b.MP4", "._a.mp4", ".b.mkv"):
        (tmp_path / name).touch()
    assert [video.id for video in find_videos(tmp_path)] == ["a.b", "a"]
    (tmp_path / "a.mkv").touch()
    with pytest.raises(UserError, match=r"a\.mkv and .*a\.mp4 have one name"):
        find_videos(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vggish", "no maintained library has VGGish: take the audio features of"),
        ("videoMAE2", "no network 'videoMAE2'; did you mean 'videomae'"),
    ],
)
def test_a_network_that_is_not_here_is_named(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_network(name)
