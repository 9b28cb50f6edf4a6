"""From a table of files to batches, whatever the files are, and what is wrong with them."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from datamodules import LoaderOptions, SampleTable
from datamodules.base import SPLITS
from datamodules.folds import Folds
from datamodules.table.files import EventList, FileOptions, count_events
from snn_mm.errors import UserError


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "samples.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def speakers(folder: Path, speakers: int = 6, **columns: Callable[[int], str]) -> Path:
    """Two classes, each said twice by each speaker; a vector and a sequence of its own length."""
    rng, rows = np.random.default_rng(0), []
    for number in range(4 * speakers):
        np.save(folder / f"v{number}.npy", rng.normal(number % 2, 1, 5).astype(np.float32))
        np.save(folder / f"s{number}.npy", rng.normal(size=(3 + number % 4, 2)))
        row = {"id": f"a{number}", "label": ["no", "yes"][number % 2]}
        row |= {"group": f"speaker{number // 4}", "face": f"v{number}.npy"}
        rows.append(row | {"speech": f"s{number}.npy"} | {k: f(number) for k, f in columns.items()})
    return write(folder, rows)


def made(path: Path, **options: Any) -> SampleTable:
    options = {"loader": LoaderOptions(batch_size=8), **options}
    return SampleTable(str(path), root=str(path.parent / "root"), **options)


def test_vectors_and_sequences_become_batches_with_lengths(tmp_path: Path) -> None:
    dm = made(speakers(tmp_path), standardise="none")
    assert dm.facts() == {
        "num_classes": 2,
        "inputs": {
            "face": {"kind": "vector", "in_features": 5},
            "speech": {"kind": "sequence", "in_features": 2},
        },
    }
    batch = next(iter(dm.test_dataloader()))
    number = int(batch["id"][0][1:])
    stored = np.load(tmp_path / f"s{number}.npy").astype(np.float32)
    length = int(batch["lengths"]["speech"][0])
    assert length == len(stored) == 3 + number % 4
    assert np.array_equal(batch["inputs"]["speech"][0, :length].numpy(), stored)
    assert not batch["inputs"]["speech"][0, length:].any()
    assert batch["inputs"]["face"].shape == (len(batch["id"]), 5)
    assert batch["target"][0] == number % 2
    assert "present" not in batch


def test_features_are_standardised_by_the_training_part_alone(tmp_path: Path) -> None:
    dm = made(speakers(tmp_path))
    train = torch.stack(
        [
            sample.inputs["face"]
            for sample in map(dm.split("train").__getitem__, range(len(dm.split("train"))))
        ]
    )
    torch.testing.assert_close(train.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(train.std(0, correction=0), torch.ones(5))


def test_each_group_may_be_standardised_by_itself(tmp_path: Path) -> None:
    test = made(speakers(tmp_path), standardise="each_group").split("test")
    samples = [test[row] for row in range(len(test))]
    for group in {int(sample.id[1:]) // 4 for sample in samples}:
        own = [sample.inputs["face"] for sample in samples if int(sample.id[1:]) // 4 == group]
        assert len(own) == 4
        torch.testing.assert_close(torch.stack(own).mean(0), torch.zeros(5), atol=1e-5, rtol=0)


def test_standardisation_that_can_not_be_is_told(tmp_path: Path) -> None:
    path = speakers(tmp_path)
    path.write_text(path.read_text().replace("group", "who", 1))
    data = made(path, standardise="each_group", columns=["face"])
    with pytest.raises(UserError, match=r"data\.standardise is each_group, .* no column group"):
        data.split("train")
    with pytest.raises(UserError, match=r"data\.standardise"):
        made(path, standardise="speaker")


def test_an_empty_cell_is_a_modality_that_the_sample_lacks(tmp_path: Path) -> None:
    path = speakers(tmp_path)
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace("v0.npy", "")
    lines[2] = lines[2].replace("s1.npy", "")
    path.write_text("\n".join(lines))
    for workers in (0, 1):
        dm = made(
            path,
            test_fraction=0.0,
            val_fraction=0.0,
            standardise="none",
            loader=LoaderOptions(batch_size=24, num_workers=workers),
        )
        dm.fold_rows = lambda *_: dict.fromkeys(SPLITS, np.arange(24))  # type: ignore[method-assign]
        dm.may_share = SPLITS
        batch = next(iter(dm.test_dataloader()))
        assert batch["present"]["face"].tolist() == [False] + [True] * 23
        assert batch["present"]["speech"].tolist() == [True, False] + [True] * 22
        assert batch["lengths"]["speech"][1] == 0
        assert not batch["inputs"]["face"][0].any()
        assert not batch["inputs"]["speech"][1].any()


def test_groups_stay_whole_without_a_column_of_splits(tmp_path: Path) -> None:
    dm = made(speakers(tmp_path))
    groups = [{int(name[1:]) // 4 for name in dm.split(part).ids} for part in SPLITS]
    assert not groups[0] & groups[1]
    assert not groups[2] & (groups[0] | groups[1])
    assert set.union(*groups) == set(range(6))


def test_a_column_says_the_splits(tmp_path: Path) -> None:
    parts = ("train", "train", "val", "test", "train", "train")
    dm = made(speakers(tmp_path, split=lambda number: parts[number // 4]))
    assert [len(dm.split(part)) for part in SPLITS] == [16, 4, 4]


def test_groups_that_the_column_of_splits_tears_apart_are_warned_of(tmp_path: Path) -> None:
    parts = ("train", "val", "test", "train")
    dm = made(speakers(tmp_path, split=lambda number: parts[number % 4]))
    with pytest.warns(
        UserWarning, match="6 groups train and are in another part as well, such as speaker0"
    ):
        dm.split("train")


def test_a_speaker_is_left_out_in_each_of_as_many_folds(tmp_path: Path) -> None:
    path, tested = speakers(tmp_path), []
    for fold in range(6):
        dm = made(path, folds=Folds(k=6), fold=fold)
        train, val, test = ({int(n[1:]) // 4 for n in dm.split(part).ids} for part in SPLITS)
        assert len(test) == 1
        assert not train & (val | test)
        assert not val & test
        tested += test
    assert sorted(tested) == list(range(6))


def test_sounds_pictures_films_and_events_are_told_by_their_files(
    tmp_path: Path, write_clip: Callable[..., Path], write_random_events: Callable[..., None]
) -> None:
    rng, rows = np.random.default_rng(0), []
    write_clip(tmp_path / "film.mp4", 1.0, sound=False)
    for number in range(8):
        soundfile.write(tmp_path / f"{number}.wav", rng.normal(0, 0.1, 4000 + 100 * number), 8000)
        pixels = rng.integers(0, 255, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        write_random_events(tmp_path / f"{number}.bin", seed=number)
        events = {
            "x": rng.integers(0, 12, 50),
            "y": rng.integers(0, 9, 50),
            "p": rng.integers(0, 2, 50),
        }
        np.savez(tmp_path / f"{number}.npz", **events, t=np.sort(rng.random(50)))
        names = {"sound": "wav", "image": "png", "nmnist": "bin", "camera": "npz"}
        row = {name: f"{number}.{suffix}" for name, suffix in names.items()}
        rows.append({"label": number % 2, **row, "film": "film.mp4"})
    files = FileOptions(seconds=0.5, image_size=16, time_steps=3, frames=2, sample_rate=8000)
    dm = made(write(tmp_path, rows), files=files, test_fraction=0.25, val_fraction=0.25)
    assert dm.kinds == {
        "sound": "sound",
        "image": "picture",
        "nmnist": "events",
        "camera": "events",
        "film": "film",
    }
    batch = next(iter(dm.test_dataloader()))
    shapes = {name: list(x.shape[1:]) for name, x in batch["inputs"].items()}
    assert shapes == {
        "sound": [1, 64, 16],
        "image": [3, 16, 16],
        "nmnist": [3, 2, 34, 34],
        "camera": [3, 2, 9, 12],
        "film": [2, 3, 16, 16],
    }
    assert all(x.isfinite().all() for x in batch["inputs"].values())
    (step,) = dm.step_seconds.values()  # of the sound alone
    assert shapes["sound"][-1] * step == pytest.approx(0.5, abs=step)
    facts = dm.facts()["inputs"]
    assert facts["sound"] == {"kind": "sound", "in_channels": 1, "bands": 64, "frames": 16}
    assert facts["film"] == {"kind": "film", "in_channels": 3, "input_kind": "frames"}


def test_events_are_counted_in_frames_of_equal_duration() -> None:
    x, y, p = np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([0, 1, 1])
    counts = count_events(EventList(x, y, p, np.array([5.0, 6.0, 15.0])), 2, (2, 2))
    assert counts.sum() == 3
    assert counts[0, 0, 0, 0] == counts[0, 1, 0, 1] == counts[1, 1, 1, 1] == 1


def test_rows_of_one_array_and_keys_of_an_archive_are_inputs(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.float32).reshape(8, 3)
    np.save(tmp_path / "all.npy", values)
    np.savez(tmp_path / "all.npz", **{f"k{row}": -values[row] for row in range(8)})
    rows = [{"label": row % 2, "a": f"all.npy:{row}", "b": f"all.npz:k{row}"} for row in range(8)]
    dm = made(write(tmp_path, rows), standardise="none", test_fraction=0.25, val_fraction=0.25)
    sample = dm.split("test")[0]
    row = int(sample.id.removeprefix("line")) - 2
    assert sample.inputs["a"].tolist() == values[row].tolist()
    assert sample.inputs["b"].tolist() == (-values[row]).tolist()


def test_files_are_read_once_and_again_when_they_change(tmp_path: Path) -> None:
    path = speakers(tmp_path)
    first = made(path).fingerprint()
    assert made(path).fingerprint() == first
    np.save(tmp_path / "v3.npy", np.ones(5, np.float32))
    assert made(path).fingerprint() != first
    shutil.rmtree(tmp_path / "root")
    assert made(path).fingerprint() != first


MISTAKES = {
    "no label": (lambda t: t.replace("label", "class", 1), "no column 'label' in its first line"),
    "empty label": (lambda t: t.replace("a3,yes", "a3,"), r"csv:5: column label: empty"),
    "empty group": (lambda t: t.replace("speaker1", "", 1), r"csv:6: column group: empty"),
    "same id": (lambda t: t.replace("a5,", "a3,"), r"csv:7: column id: 'a3' is that of line 5"),
    "too few cells": (
        lambda t: t.replace(",s0.npy", ""),
        r"csv:2: 4 cells; the first line names 5",
    ),
    "missing file": (
        lambda t: t.replace("v2.npy", "w2.npy"),
        r"csv:4: column face: .*w2.npy can't be read",
    ),
    "nothing at all": (
        lambda t: t.replace("v2.npy,s2.npy", ","),
        r"csv:4: sample 'a2' has none of face, speech",
    ),
    "another width": (
        lambda t: t.replace("v2.npy", "wide.npy"),
        r"csv:4: column face: an input of shape \[6\], where line 2 has \[5\]",
    ),
    "another kind": (
        lambda t: t.replace("v2.npy", "s2.npy"),
        "csv:4: column face: a sequence, where others are vectors",
    ),
    "NaN": (lambda t: t.replace("v2.npy", "nan.npy"), "csv:4: column face: NaN or infinity"),
    "unknown kind": (
        lambda t: t.replace("v0.npy", "notes.txt"),
        r"csv:2: column face: notes.txt is of no known kind",
    ),
    "events of a camera's maker": (
        lambda t: t.replace("v0.npy", "film.aedat4"),
        r"csv:2: column face: film.aedat4 is a recording of an event camera.*\n"
        "accepted: its events as .npz with x, y, t and p; ",
    ),
    "no such row": (
        lambda t: t.replace("v2.npy", "s2.npy:99"),
        r"csv:4: column face: row 99 of 5; accepted: 0 to 4",
    ),
    "damaged": (
        lambda t: t.replace("v2.npy", "cut.npy"),
        r"csv:4: column face: .*cut.npy can't be read",
    ),
    "two columns": (lambda t: t.replace("speech", "face", 1), r"csv:1: column 'face'"),
    "no sample": (lambda t: t.splitlines()[0] + "\n", "no sample below the first line"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_line_and_column(tmp_path: Path, name: str) -> None:
    path = speakers(tmp_path)
    np.save(tmp_path / "wide.npy", np.zeros(6))
    np.save(tmp_path / "nan.npy", np.full(5, np.nan))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "film.aedat4").write_bytes(b"#!AER-DAT4.0\r\n")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "v2.npy").read_bytes()[:90])
    change, message = MISTAKES[name]
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=message):
        made(path).setup("fit")


def test_an_unknown_split_is_named(tmp_path: Path) -> None:
    path = speakers(tmp_path, split=lambda number: "training" if number == 3 else "train")
    with pytest.raises(
        UserError, match=r"csv:5: column split: training; accepted: train, val, test"
    ):
        made(path).setup("fit")


def test_columns_that_are_no_files_may_be_left_out(tmp_path: Path) -> None:
    path = speakers(tmp_path, age=lambda number: str(20 + number))
    with pytest.raises(UserError, match="column age"):
        made(path).setup("fit")
    assert made(path, columns=["speech"]).modalities == ("speech",)
    with pytest.raises(UserError, match="no column voice; accepted: face, speech, age"):
        made(path, columns=["voice"]).setup("fit")


def test_folds_by_group_need_groups(tmp_path: Path) -> None:
    path = speakers(tmp_path)
    path.write_text(path.read_text().replace("group", "speaker", 1))
    dm = made(path, columns=["face"], folds=Folds(k=3))
    with pytest.raises(
        UserError, match="has no column group\naccepted: such a column, or by: null"
    ):
        dm.setup("fit")
    assert len(made(path, columns=["face"], folds=Folds(by=None, k=3)).split("test")) == 8


def test_training_may_show_every_class_equally_often(tmp_path: Path) -> None:
    path = speakers(tmp_path)
    path.write_text(
        re.sub(r"(a(?!1,|9,|17,)\d+),yes", r"\1,no", path.read_text())
    )  # three are left
    options = {"loader": LoaderOptions(batch_size=100), "standardise": "none"}
    dm = made(path, sampling="balanced", folds=Folds(by=None, k=3), **options)
    counts = np.bincount(next(iter(dm.train_dataloader()))["target"])
    assert counts[0] == counts[1] == len(dm.split("train")) / 2
    with pytest.raises(UserError, match=r"data\.sampling is 'even'; accepted: natural, balanced"):
        made(path, sampling="even")
