"""SpokenDigitsEvents: splits, pairs and every kind of bad input."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.base import SPLITS, LoaderOptions, SplitName
from datamodules.digits import fsdd, nmnist
from datamodules.digits.nmnist import EventOptions
from datamodules.digits.spoken_digits_events import EventSNR, SpokenDigitsEvents
from snn_mm.errors import UserError

Writer = Callable[..., None]
Factory = Callable[..., SpokenDigitsEvents]


@pytest.fixture
def make(tmp_path: Path, fsdd_dir: Path, nmnist_dir: Path) -> Factory:
    """Return a factory over tiny FSDD and N-MNIST, in the places where they are looked for."""
    defaults: dict[str, Any] = {"root": str(tmp_path), "val_fraction": 0.25}
    return lambda **options: SpokenDigitsEvents(**{**defaults, **options})


def recordings(dm: SpokenDigitsEvents, split: SplitName) -> tuple[set[str], set[str]]:
    """Return the names of the spoken and of the event recordings of a split."""
    names = [name.split(":") for name in dm.split(split).ids]
    return {spoken for spoken, _ in names}, {seen for _, seen in names}


def test_batch_keeps_the_contract(make: Factory) -> None:
    dm = make(events=EventOptions(time_steps=3), loader=LoaderOptions(5, num_workers=2))
    dm.setup("fit")
    batch = next(iter(dm.train_dataloader()))
    assert batch["inputs"]["audio"].shape == (5, 1, 32, 48)
    assert batch["inputs"]["events"].shape == (5, 3, 2, 34, 34)
    assert {x.dtype for x in batch["inputs"].values()} == {torch.float32}
    assert len(set(batch["id"])) == 5
    assert dm.num_classes == 10


def test_samples_are_the_recordings_that_their_ids_name(make: Factory, nmnist_dir: Path) -> None:
    dm = make(events=EventOptions(value="count"))
    sample = dm.split("test")[17]
    spoken, seen = sample.id.split(":")
    assert sample.target == int(spoken[0]) == int(seen) % 10
    events = nmnist.read_events(nmnist_dir / f"{seen}.bs2")
    expected = nmnist.bin_events(events, EventOptions()).astype(np.float32)
    assert np.array_equal(sample.inputs["events"].numpy(), expected)


def test_standard_split_tests_on_the_first_takes(make: Factory) -> None:
    dm = make()
    assert {name[-1] for name in recordings(dm, "test")[0]} == {"4"}
    assert [len(dm.split(name)) for name in SPLITS] == [70, 20, 30]


def test_speaker_split_tests_on_the_held_out_speaker_alone(make: Factory) -> None:
    dm = make(split="speaker", held_out_speaker="george")
    assert {name.split("_")[1] for name in recordings(dm, "test")[0]} == {"george"}
    for split in ("train", "val"):
        assert all("george" not in name for name in recordings(dm, split)[0])


@pytest.mark.parametrize("split", ["standard", "speaker"])
def test_no_recording_is_in_two_splits(make: Factory, split: str) -> None:
    dm = make(split=split)
    train, val, test = (recordings(dm, name) for name in SPLITS)
    for modality in (0, 1):
        assert not train[modality] & val[modality]
        assert not (train[modality] | val[modality]) & test[modality]


def test_same_seed_same_data_and_another_seed_another_pairing(make: Factory) -> None:
    assert make().fingerprint() == make().fingerprint()
    assert make().split("test").ids == make().split("test").ids
    assert make(seed=1).split("train").ids != make().split("train").ids


def test_more_pairs_repeat_the_training_utterances_alone(make: Factory) -> None:
    dm = make(pairs_per_utterance=3)
    assert len(dm.split("train")) == 3 * 70
    assert len(dm.split("test")) == 30


@pytest.mark.parametrize(
    "options",
    [
        {"split": "speaker"},
        {"events": EventOptions(time_steps=5)},
        {"events": EventOptions(bin_by="count")},
        {"events": EventOptions(value="binary")},
        {"pairs_per_utterance": 2},
    ],
)
def test_fingerprint_changes_with_the_options(make: Factory, options: dict[str, Any]) -> None:
    assert make(**options).fingerprint() != make().fingerprint()


def test_fingerprint_changes_with_the_events(
    make: Factory, nmnist_dir: Path, write_events: Writer
) -> None:
    before = make().fingerprint()
    write_events(nmnist_dir / "3.bs2", [1], [1], [1], [1])
    assert make().fingerprint() != before


def test_fingerprint_changes_with_the_speech(make: Factory, fsdd_dir: Path) -> None:
    before = make().fingerprint()
    path = fsdd_dir / "recordings" / "3_theo_6.wav"
    path.write_bytes((fsdd_dir / "recordings" / "4_theo_6.wav").read_bytes())
    assert make().fingerprint() != before


def test_recordings_are_read_once(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    before = make().fingerprint()
    monkeypatch.delattr(nmnist, "read_recordings")
    monkeypatch.delattr(fsdd, "read_utterances")
    assert make().fingerprint() == before


def test_audio_is_standardised_by_the_training_split_alone(make: Factory) -> None:
    split = make().split("train")
    audio = torch.stack([split[i].inputs["audio"] for i in range(len(split))])
    assert audio.double().mean().item() == pytest.approx(0, abs=2e-5)
    assert audio.double().std().item() == pytest.approx(1, abs=2e-5)


def test_a_corrupt_wav_is_refused_by_name(make: Factory, fsdd_dir: Path) -> None:
    (fsdd_dir / "recordings" / "3_theo_6.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match=r"3_theo_6\.wav can't be read"):
        make().prepare_data()


def test_a_truncated_event_file_is_refused_by_name(make: Factory, nmnist_dir: Path) -> None:
    (nmnist_dir / "12.bs2").write_bytes(bytes(13))
    with pytest.raises(UserError, match=r"12\.bs2 is truncated"):
        make().prepare_data()


def test_a_listed_file_that_is_missing_is_named(make: Factory, nmnist_dir: Path) -> None:
    (nmnist_dir / "12.bs2").unlink()
    with pytest.raises(UserError, match=r"12\.bs2 is listed but missing"):
        make().prepare_data()


@pytest.mark.parametrize("name", ["nmnist_dir", "fsdd_dir"])
def test_a_missing_directory_is_named(make: Factory, name: str) -> None:
    with pytest.raises(UserError, match=f"in nowhere(.|\\n)*set {name}"):
        make(**{name: "nowhere"}).prepare_data()


def test_an_unknown_speaker_is_refused_with_those_known(make: Factory) -> None:
    with pytest.raises(UserError, match=r"'nobody' is not in .*accepted are george, jackson, theo"):
        make(split="speaker", held_out_speaker="nobody").setup("fit")


def test_an_empty_validation_split_is_refused_by_name(make: Factory) -> None:
    with pytest.raises(UserError, match="'val' split is empty"):
        make(val_fraction=0.0).setup("fit")


def test_without_test_recordings_the_test_split_is_named(make: Factory, nmnist_dir: Path) -> None:
    (nmnist_dir / "test100.txt").unlink()
    with pytest.raises(UserError, match="'test' split is empty: no events"):
        make().setup("test")


def test_without_training_recordings_the_train_split_is_named(
    make: Factory, fsdd_dir: Path
) -> None:
    for path in (fsdd_dir / "recordings").glob("*_[567].wav"):
        path.unlink()
    with pytest.raises(UserError, match="'train' split is empty: no audio"):
        make().setup("fit")


def test_no_pairs_are_refused(make: Factory) -> None:
    with pytest.raises(UserError, match="pairs_per_utterance is 0"):
        make(pairs_per_utterance=0)


@pytest.fixture(scope="module")
def real_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the real FSDD and N-MNIST, unpacked from archives if need be."""
    given = os.environ.get("SNN_MM_DATA")
    if not given:
        pytest.skip("SNN_MM_DATA does not name a directory with fsdd.zip and nmnist.zip")
    root = tmp_path_factory.mktemp("real")
    for name in ("fsdd", "nmnist"):
        archive = Path(given) / f"{name}.zip"
        if archive.exists():
            shutil.unpack_archive(archive, root)
        else:
            (root / name).symlink_to(Path(given).resolve() / name)
    return root


@pytest.mark.real_data
def test_real_recordings_make_the_documented_splits(real_data: Path) -> None:
    dm = SpokenDigitsEvents(str(real_data))
    assert [len(dm.split(name)) for name in SPLITS] == [2430, 270, 300]
    assert len(recordings(dm, "test")[1]) > 90
    held_out = SpokenDigitsEvents(str(real_data), split="speaker")
    assert [len(held_out.split(name)) for name in SPLITS] == [2250, 250, 500]
    assert all(torch.isfinite(x).all() for x in held_out.split("test")[0].inputs.values())


def test_noise_has_the_asked_ratio_is_the_recordings_own_and_leaves_the_rest(make: Factory) -> None:
    clean, noisy = make(), make(snr_db=EventSNR(audio=0.0, events=-3.0))
    count = {dm: dm.split("test").arrays["events"].sum() for dm in (clean, noisy)}
    added = count[noisy] - count[clean]  # 10^(3/10) events of noise for each event
    assert abs(added / count[clean] - 10**0.3) < 0.02
    assert clean.split("test").ids == noisy.split("test").ids
    assert not np.array_equal(
        clean.split("test").arrays["audio"], noisy.split("test").arrays["audio"]
    )
    again = make(snr_db=EventSNR(audio=0.0, events=-3.0)).split("test")
    other = make(snr_db=EventSNR(audio=0.0, events=-3.0), seed=1).split("test")
    for name in ("audio", "events"):
        assert np.array_equal(again.arrays[name], noisy.split("test").arrays[name])
        assert not np.array_equal(again.arrays[name], other.arrays[name])


def test_the_fingerprint_tells_noise_from_no_noise(make: Factory) -> None:
    prints = {make(snr_db=EventSNR(audio=level)).fingerprint() for level in (None, 0.0, -6.0)}
    assert len(prints) == 3


def test_background_activity_lies_within_the_recording() -> None:
    events = nmnist.Events(*(np.array([0, 10, 20]) for _ in range(4)))
    noisy = nmnist.add_background(events, -20.0, np.random.default_rng(0))
    assert len(noisy.x) == 3 + 300
    assert set(noisy.polarity[3:].tolist()) == {0, 1}
    assert (noisy.time.min(), noisy.time.max()) == (0, 20)
    assert max(noisy.x.max(), noisy.y.max()) == nmnist.SIZE - 1
    assert nmnist.add_background(events, None, np.random.default_rng(0)) is events
