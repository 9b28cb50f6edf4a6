"""`snnmm live` decides while files, or what takes the place of devices, come in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from torchaudio.functional import resample

import snn_mm.config.restore
from datamodules import DigitsAV, SpokenDigitsEvents
from datamodules.base import MultimodalDataModule
from datamodules.clips.protocols import IEMF
from datamodules.clips.raw import DecodeOptions, RawClips
from datamodules.digits.nmnist import EventOptions
from datamodules.raw.moving import MovingSound
from datamodules.raw.reads import RawReader
from datamodules.signal.spectrogram import EPSILON, log_stft
from snn_mm.cli import main
from snn_mm.config.restore import Restored
from snn_mm.encoders import ConvNet, Encoder, RecurrentNet
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.modules.streaming import StreamingNetwork
from snn_mm.run.directory import RunDirectory

Live = Callable[..., int]


def _live(patch: pytest.MonkeyPatch, module: IEMFModule, data: MultimodalDataModule) -> Live:
    """The command on a run that trained this."""
    restored = Restored(module.eval(), data, RunDirectory(Path()))
    patch.setattr(snn_mm.config.restore, "restore", lambda *args, **options: restored)
    return lambda *arguments: main(["live", "--run", "RUN", *map(str, arguments)])


@pytest.fixture
def digits(digits_root: str, monkeypatch: pytest.MonkeyPatch) -> Live:
    torch.manual_seed(0)
    encoders: dict[str, Encoder] = {name: ConvNet(1, channels=[8]) for name in ("audio", "visual")}
    return _live(monkeypatch, IEMFModule(encoders, Concat, 10), DigitsAV(digits_root))


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "four.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 8000), 8000)
    return path


def _steps(printed: str) -> list[tuple[float, str]]:
    """Seconds and decision of each line that has one."""
    found = re.findall(r"^ +([\d.]+) s  (.*)$", printed, re.M)
    return [(float(at), said) for at, said in found]


def test_a_clip_has_a_decision_after_each_of_its_time_steps(
    digits: Live, sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (8, 8), 200).save(tmp_path / "v.png")
    assert digits("--fast", f"audio={sound}", f"visual={tmp_path / 'v.png'}") == 0
    steps = _steps(capsys.readouterr().out)
    assert len(steps) == 4
    assert all(re.fullmatch(r"fused: .*   audio: .*   visual: .*", said) for _, said in steps)


def test_files_of_one_sample_may_come_in_one_argument_as_to_predict(
    digits: Live, sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (8, 8), 200).save(tmp_path / "v.png")
    files = f"audio={sound}", f"visual={tmp_path / 'v.png'}"
    printed = []
    for given in (files, (",".join(files),)):
        assert digits("--fast", *given) == 0
        printed.append(_steps(capsys.readouterr().out))
    assert printed[0] == printed[1]


def test_a_clip_is_played_at_its_own_speed(
    digits: Live, sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = time.monotonic()
    assert digits(sound) == 0
    assert time.monotonic() - begin >= 1.0
    steps = _steps(capsys.readouterr().out)
    assert [at for at, _ in steps] == [0.25, 0.5, 0.75, 1.0]
    assert not any("visual" in said for _, said in steps)


def test_a_sound_in_place_of_the_microphone_is_heard_to_its_end(
    digits: Live, sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert digits("--microphone", sound, "--fast", "--every", "0.125") == 0
    printed = capsys.readouterr().out
    assert [at for at, _ in _steps(printed)] == pytest.approx(
        [0.125 * n for n in range(1, 9)], abs=0.006
    )
    assert re.search(r"95 % below [\d.]+ ms", printed)


def test_a_film_in_place_of_the_camera_is_seen_to_its_end(
    digits: Live,
    write_clip: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    film = tmp_path / "film.avi"
    write_clip(film, 1.0)
    assert digits("--camera", film, "--fast", "--every", "0.25") == 0
    said = [said for _, said in _steps(capsys.readouterr().out)]
    assert len(said) >= 3
    assert all("visual: " in each and "audio" not in each for each in said)


def test_events_with_columns_of_a_recurrent_network_are_those_of_the_whole(
    tmp_path: Path,
    fsdd_dir: Path,
    nmnist_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(0)
    data = SpokenDigitsEvents(str(tmp_path), val_fraction=0.25, events=EventOptions(time_steps=5))
    encoders: dict[str, Encoder] = {
        "audio": RecurrentNet(32, 48, time_steps=5, hidden=(), feature_dim=16),
        "events": ConvNet(2, time_steps=5, channels=[8], feature_dim=16, input_kind="events"),
    }
    module = IEMFModule(encoders, Concat, 10)
    live = _live(monkeypatch, module, data)
    spoken, seen = data.split("test").ids[0].split(":")
    files = {
        "audio": fsdd_dir / "recordings" / f"{spoken}.wav",
        "events": nmnist_dir / f"{seen}.bs2",
    }
    assert live("--fast", *(f"{name}={path}" for name, path in files.items())) == 0
    steps = _steps(capsys.readouterr().out)
    with torch.no_grad():
        output = module(data.raw_batch([data.read_raw(files)])["inputs"])
    whole = module.readout(output)["fused"]
    share, index = whole[0].softmax(0).max(0)
    assert len(steps) == 5
    assert steps[-1][1].startswith(f"fused: {int(index)} {float(share):.2f}")


def test_columns_of_a_word_that_is_put_in_the_middle_are_no_stream(
    digits_root: str,
    sound: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    encoders: dict[str, Encoder] = {"audio": RecurrentNet(32, 32, time_steps=4, hidden=())}
    live = _live(monkeypatch, IEMFModule(encoders, Concat, 10), DigitsAV(digits_root))
    assert live("--fast", f"audio={sound}") == 0
    assert live("--microphone", sound, "--fast") == 2
    assert "RecurrentNet takes columns as they come" in capsys.readouterr().err


def test_interrupted_before_its_first_step_it_ends_with_130(
    digits: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(av, "open", lambda *_, **__: Heard())
    monkeypatch.setattr(MovingSound, "until", interrupted)
    assert digits("--microphone") == 130
    assert capsys.readouterr().err == "snnmm: interrupted\n"


def test_the_sound_that_is_kept_is_the_last_of_it(sound: Path, tmp_path: Path) -> None:
    samples, _ = soundfile.read(sound, dtype="int16")
    moving = MovingSound(str(sound), "audio", RawReader(lambda *_: np.zeros(1)), 0.25)
    assert moving.until(0.1)
    early, rate = soundfile.read(moving.write(tmp_path), dtype="int16")
    heard = moving.heard
    assert rate == 8000
    np.testing.assert_array_equal(early, np.pad(samples[:heard], (2000 - heard, 0))[-2000:])
    assert moving.until(0.9)
    late, _ = soundfile.read(moving.write(tmp_path), dtype="int16")
    np.testing.assert_array_equal(late, samples[moving.heard - 2000 : moving.heard])
    assert not moving.until(5)


class Heard(NamedTuple):
    """A device in place of one that PyAV opens: sound that never ends."""

    rate: int = 48000
    type: str = "audio"

    @property
    def streams(self) -> list[Any]:
        return [self]

    def decode(self, _: Any) -> Iterator[av.AudioFrame]:
        source = np.random.default_rng(0)
        while True:
            block = source.normal(0, 3000, (1, 1024)).astype(np.int16).repeat(2, axis=1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
            frame.sample_rate = self.rate
            yield frame

    def close(self) -> None:
        pass


class Seen(NamedTuple):
    """A camera in place of one that PyAV opens."""

    type: str = "video"

    @property
    def streams(self) -> list[Any]:
        return [self]

    def decode(self, _: Any) -> Iterator[av.VideoFrame]:
        for number in range(1000):
            picture = np.full((48, 64, 3), number % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            yield frame

    def close(self) -> None:
        pass


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is opened, as if there were a microphone and a camera."""
    opened: list[tuple[str, str]] = []

    real: Any = av.open

    def stand_in(source: str, **options: Any) -> Any:
        if options.get("format") is None:
            return real(source, **options)
        opened.append((source, options["format"]))
        return Heard() if options["format"] == "alsa" else Seen()

    monkeypatch.setattr(av, "open", stand_in)
    return opened


def test_a_microphone_and_a_camera_are_read_to_ctrl_c(
    digits: Live,
    devices: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    play, steps = StreamingNetwork.step, []

    def interrupted(self: StreamingNetwork, *given: Any) -> Any:
        steps.append(given)
        if len(steps) > 4:
            raise KeyboardInterrupt
        return play(self, *given)

    monkeypatch.setattr(StreamingNetwork, "step", interrupted)
    assert digits("--microphone", "--camera", "--fast") == 0
    assert devices == [("default", "alsa"), ("/dev/video0", "video4linux2,v4l2")]
    printed = capsys.readouterr().out
    steps_said = _steps(printed)
    assert len(steps_said) == 3  # the first step is run once before, to warm up
    assert all("audio: " in said and "visual: " in said for _, said in steps_said)
    assert re.search(r"of the preparation [\d.]+ ms a step", printed)


def test_a_spectrogram_that_moves_on_is_that_of_the_sound_so_far(
    devices: list[tuple[str, str]],
) -> None:
    clips = RawClips(IEMF, DecodeOptions(), lambda _, x, __: x)
    moving = MovingSound("default", "audio", clips.readers()["audio"], None)
    assert moving.until(1.0)
    early = moving.input(Path())
    assert moving.until(3.7)
    late = moving.input(Path())
    sound = Heard().decode(None)
    blocks = [next(sound).to_ndarray()[0, ::2] for _ in range(moving.heard // 1024)]
    wave = torch.from_numpy(np.concatenate(blocks).astype(np.float32) / 32768)
    whole = log_stft(resample(wave, 48000, 22050).clamp(-1, 1)).exp()
    assert early.shape == late.shape == (1, 257, 188)
    near = (whole - late[0, :, -1:].exp()).abs().amax(dim=0)
    last = int(near.argmin())
    assert whole.shape[1] - last <= 3
    torch.testing.assert_close(late[0].exp(), whole[:, last - 187 : last + 1], rtol=0, atol=1e-4)
    torch.testing.assert_close(early[0, :, 0].exp(), torch.full((257,), EPSILON), rtol=1e-3, atol=0)
    assert moving.listener is not None
    assert len(moving.listener.state) < 1024
    assert len(moving.listener.rest) < 1024


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "accepted: FILES, or --microphone"),
        (("a.wav", "--camera"), "accepted: FILES, or --microphone"),
        (("a.wav", "b.wav"), "MODALITY=FILE"),
        (("nowhere.wav",), "nowhere.wav can't be read"),
        (("smell=nowhere.wav",), "no input 'smell'; accepted: audio, visual"),
        (("--microphone", "no-device"), "no-device: no audio device or file"),
        (("--camera", "/dev/no-camera"), "/dev/no-camera: no video device or file"),
        (("--microphone", "--every", "0"), "--every and --seconds"),
    ],
)
def test_a_mistake_and_a_missing_device_are_one_message(
    digits: Live, arguments: tuple[str, ...], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert digits(*arguments) == 2
    error = capfd.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert len(error.splitlines()) <= 2


def test_what_is_no_sound_is_no_microphone(digits: Live, tmp_path: Path, sound: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF" + bytes(100))
    assert digits("--microphone", tmp_path / "broken.wav") == 2
    assert digits("--camera", sound) == 2
