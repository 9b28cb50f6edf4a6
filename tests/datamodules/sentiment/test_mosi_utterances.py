"""Utterances of CMU-MOSI keep their labels, videos stay whole, and damaged files are named."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.sentiment.mosi_utterances import MosiUtterances
from datamodules.split_module import SPLITS
from snn_mm.errors import UserError

WIDTHS = {"text": 4, "audio": 3, "video": 2}
VIDEOS = {"train": range(8), "test": range(8, 11)}
# As strings these numbers sort otherwise, and some are missing: both as in the real files.
NUMBERS = ("1", "10", "11", "2", "4")


def write_csv(path: Path, rows: Iterable[Iterable[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a small CMU-MOSI; feature 0 of every modality is the row of `transcripts.csv`."""
    names = [f"vi_{video:02d}_{number}" for video in range(11) for number in NUMBERS]
    labels = np.random.default_rng(1).integers(0, 2, len(names))
    write_csv(
        tmp_path / "transcripts.csv",
        ((name, 'SO "GOOD", REALLY', 9, label) for name, label in zip(names, labels)),
    )
    rng = np.random.default_rng(0)
    for part, videos in VIDEOS.items():
        rows = [i for i, name in enumerate(names) if int(name.split("_")[1]) in videos]
        for stem, width in WIDTHS.items():
            noise = rng.normal(size=(len(rows), width - 1))
            table = [[row, *x, labels[row]] for row, x in zip(rows, noise)]
            write_csv(tmp_path / stem / f"{stem}_{part}0.csv", table)
        write_csv(tmp_path / f"text_{part}.csv", ([row, 0.5] for row in rows))
    return tmp_path


Factory = Callable[..., MosiUtterances]


@pytest.fixture
def make(folder: Path) -> Factory:
    return lambda **options: MosiUtterances(mosi_dir=str(folder), **options)


def edit(path: Path, line: int, change: Callable[[str], str]) -> None:
    lines = path.read_text().splitlines()
    lines[line] = change(lines[line])
    path.write_text("\n".join(lines))


def test_features_and_labels_are_those_of_the_named_utterance(make: Factory, folder: Path) -> None:
    with (folder / "transcripts.csv").open(newline="") as file:
        known = {row[0]: (i, 2 * int(row[-1]) - 1) for i, row in enumerate(csv.reader(file))}
    dm = make(standardise=False)
    seen = [sample for part in SPLITS for sample in map(dm.split(part).__getitem__, range(5))]
    for sample in seen:
        row, score = known[sample.id]
        assert sample.target == score
        assert [x[-1, 0].item() for x in sample.inputs.values()] == [row] * 3


def test_no_video_is_in_two_parts_and_no_utterance_is_lost(make: Factory) -> None:
    dm = make(val_fraction=0.3)
    videos = {part: {name[:5] for name in dm.split(part).ids} for part in SPLITS}
    assert sum(len(dm.split(part)) for part in SPLITS) == 11 * len(NUMBERS)
    assert not videos["train"] & videos["val"]
    assert videos["test"] == {f"vi_{video:02d}" for video in VIDEOS["test"]}
    assert len(videos["val"]) >= 1


def test_validation_from_the_test_set_leaves_the_training_set_whole(make: Factory) -> None:
    dm = make(val_from="test", val_fraction=0.4)
    videos = {part: {name[:5] for name in dm.split(part).ids} for part in SPLITS}
    assert videos["train"] == {f"vi_{video:02d}" for video in VIDEOS["train"]}
    assert videos["val"] | videos["test"] == {f"vi_{video:02d}" for video in VIDEOS["test"]}
    assert not videos["val"] & videos["test"]


def test_the_seed_decides_which_videos_validate(make: Factory) -> None:
    parts = {tuple(make(seed=seed).split("val").ids) for seed in (0, 0, 1, 2, 3)}
    assert 1 < len(parts) < 5


@pytest.mark.parametrize(
    ("context", "expected"),
    [("none", ["4"]), ("past", ["1", "2", "4"]), ("all", ["1", "2", "10", "11", "4"])],
)
def test_context_is_in_the_order_of_numbers_with_the_utterance_last(
    make: Factory, context: str, expected: list[str]
) -> None:
    dm = make(context=context, standardise=False)
    test = dm.split("test")
    sample = test[list(test.ids).index("vi_09_4")]
    rows = [9 * len(NUMBERS) + NUMBERS.index(number) for number in expected]
    for x in sample.inputs.values():
        assert x[:, 0].tolist() == rows


def test_widths_and_lengths_are_those_of_the_data(make: Factory) -> None:
    assert make().feature_dims == {"text": 4, "audio": 3, "visual": 2}
    assert set(make().max_lengths.values()) == {1}
    assert set(make(context="past").max_lengths.values()) == {len(NUMBERS)}


def test_features_are_standardised_by_the_training_part(make: Factory) -> None:
    dm, raw = make(), make(standardise=False)
    train, test = raw.split("train").arrays["audio"], raw.split("test").arrays["audio"]
    expected = (test - train.mean(axis=0)) / train.std(axis=0)
    np.testing.assert_allclose(dm.split("test").arrays["audio"], expected, rtol=1e-4, atol=1e-6)


def test_every_option_changes_the_fingerprint(make: Factory) -> None:
    options = [{}, {"context": "past"}, {"context": "all"}, {"standardise": False}, {"seed": 1}]
    options.append({"val_from": "test", "val_fraction": 0.4})
    assert len({make(**chosen).fingerprint() for chosen in options}) == len(options)


def test_a_long_past_is_cut_to_its_last_steps(make: Factory) -> None:
    whole, cut = (make(context="past", context_steps=n).split("train") for n in (None, 2))
    for row in range(len(whole)):
        full = whole[row].inputs["text"]
        assert torch.equal(cut[row].inputs["text"], full[-2:])
    assert make(context="past", context_steps=2).max_lengths["text"] == 2


def test_a_batch_pads_to_its_longest_context(make: Factory) -> None:
    dm = make(context="past")
    batch = next(iter(dm.test_dataloader()))
    assert batch["lengths"]["text"].tolist() == [1, 4, 5, 2, 3] * 3
    assert batch["inputs"]["text"].shape == (15, 5, 4)
    assert set(batch["target"].tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize(
    "name", ["transcripts.csv", "text_test.csv", "audio/audio_train0.csv", "video/video_test0.csv"]
)
def test_a_missing_file_is_named(make: Factory, folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UserError, match=rf"{name} can't be read") as refused:
        make().setup("fit")
    assert len(str(refused.value).splitlines()) <= 5


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("audio/audio_train0.csv", lambda x: x.replace('"0.', '"x', 1), "no table of numbers"),
        ("audio/audio_train0.csv", lambda x: x.replace('"3"', '"nan"', 1), "NaN .* in line 4"),
        ("audio/audio_train0.csv", lambda x: x[:-2] + '7"', "Labels of .* are not those of"),
        ("text_train.csv", lambda x: x.replace('"3"', '"4"'), "every row of transcripts.csv"),
        ("text_train.csv", lambda x: x.replace('"3"', '"?"'), "no row numbers"),
        ("transcripts.csv", lambda x: x.replace("vi_00", "vi_10"), "vi_10 is in both training"),
        ("transcripts.csv", lambda x: x[:-2] + '?"', "no list of name, text"),
    ],
)
def test_a_damaged_file_is_refused(
    make: Factory, folder: Path, name: str, change: Callable[[str], str], message: str
) -> None:
    edit(folder / name, 3, change)
    with pytest.raises(UserError, match=message) as refused:
        make().setup("fit")
    assert len(str(refused.value).splitlines()) <= 5


def test_row_numbers_from_another_start_are_refused(make: Factory, folder: Path) -> None:
    path = folder / "transcripts.csv"
    path.write_text("\n".join(reversed(path.read_text().splitlines())))
    with pytest.raises(UserError, match=r"in transcripts\.csv is not that of its features"):
        make().setup("fit")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": "future"}, "accepted: none, past, all"),
        ({"context_steps": 0}, "context_steps is 0"),
        ({"val_from": "audio"}, "accepted: train, test"),
        ({"val_fraction": 1.0}, "below 1"),
    ],
)
def test_a_wrong_option_is_refused(make: Factory, options: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**options)


@pytest.mark.real_data
def test_real_mosi_has_the_known_numbers(real_mosi: Path) -> None:
    dm = MosiUtterances(mosi_dir=str(real_mosi), context="past")
    assert len(dm.split("train")) + len(dm.split("val")) == 1447
    assert len(dm.split("test")) == 752
    assert dm.feature_dims == {"text": 100, "audio": 73, "visual": 100}
    assert dm.max_lengths["text"] == 63
    majority = float((dm.split("test").targets > 0).mean())
    assert round(majority, 2) == 0.62
