"""GRID: windows, forms of the film, parts, and mistakes that are named."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules import GridCorpus
from datamodules.archives.augmentation import ClipAugmentation
from datamodules.archives.sentences import VOCABULARY
from datamodules.base import LoaderOptions
from datamodules.split import Draw
from snn_mm.errors import UserError
from tests.datamodules.archive_files import made_grid, write

Make = Callable[..., GridCorpus]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("grid") / "grid_s1.npz", made_grid())


@pytest.fixture
def make(archive: str) -> Make:
    def made(**options: Any) -> GridCorpus:
        return GridCorpus(file=archive, loader=LoaderOptions(batch_size=4), **options)

    return made


@pytest.mark.parametrize("word", VOCABULARY)
def test_the_loudest_band_of_a_words_window_is_the_word(make: Make, word: Any) -> None:
    data = make(word=word, window="word")
    place = list(VOCABULARY).index(word)
    split = data.split("train")
    for index in range(5):
        sample, row = split[index], split.rows[index]
        begin, end = data.arrays["word_times"][row, place]
        heard = sample.inputs["audio"]
        assert len(heard) == pytest.approx((end - begin) * 50, abs=1)
        raw = data.arrays["logmel"][row, round(begin * 50) :][: len(heard)]
        assert int(raw.mean(axis=0).argmax()) == sample.target
    assert data.num_classes == len(VOCABULARY[word]) == data.facts()["num_classes"]


def test_a_whole_clip_is_as_long_as_it_is(make: Make) -> None:
    batch = next(iter(make().val_dataloader()))
    assert {m: tuple(x.shape[1:]) for m, x in batch["inputs"].items()} == {
        "audio": (149, 40),
        "visual": (75, 70),
    }
    assert batch["lengths"]["audio"].tolist() == [149] * 4


@pytest.mark.parametrize("window", ["whole", "word"])
@pytest.mark.parametrize(
    ("lips", "shape", "facts"),
    [
        ("frames", (5, 1, 28, 40), {"in_channels": 1, "input_kind": "frames"}),
        ("channels", (5, 28, 40), {"in_channels": 5, "input_kind": "static"}),
    ],
)
def test_a_film_is_what_its_encoder_is_told(
    make: Make, window: Any, lips: Any, shape: tuple[int, ...], facts: dict[str, Any]
) -> None:
    data = make(window=window, lips=lips, frames=5)
    assert data.split("val")[0].inputs["visual"].shape == shape
    assert data.sample_shapes()["visual"] == shape
    assert data.facts()["inputs"]["visual"] == facts
    widths, longest = data.facts()["feature_dims"], data.facts()["max_lengths"]
    sample = data.split("train")[0].inputs
    for name, x in sample.items():
        assert widths[name] == x[0].numel()
        assert len(x) == longest[name] if window == "whole" else len(x) <= longest[name]
    assert data.facts()["inputs"]["audio"] == {"in_features": 40}


@pytest.mark.parametrize(
    ("lips", "shape", "facts"),
    [
        ("sequence", (75, 80), {"in_features": 80}),
        ("frames", (5, 1, 16, 20), {"in_channels": 1, "input_kind": "frames"}),
        ("channels", (5, 16, 20), {"in_channels": 5, "input_kind": "static"}),
    ],
)
def test_a_mouth_is_what_its_encoder_is_told(
    make: Make, lips: Any, shape: tuple[int, ...], facts: dict[str, Any]
) -> None:
    data = make(region="mouth", lips=lips, frames=5)
    assert data.split("val")[0].inputs["visual"].shape == data.sample_shapes()["visual"] == shape
    assert data.facts()["inputs"]["visual"] == facts
    assert (
        data.facts()["feature_dims"]["visual"] == data.split("val")[0].inputs["visual"][0].numel()
    )


def test_mouths_are_found_by_the_training_part_alone(archive: str, tmp_path: Path) -> None:
    data = GridCorpus(file=archive, region="mouth")
    arrays = made_grid()
    arrays["lips"][data.parts["test"]] = 255 - arrays["lips"][data.parts["test"]]
    other = GridCorpus(file=write(tmp_path / "other.npz", arrays), region="mouth")
    np.testing.assert_array_equal(data.template, other.template)
    assert not torch.equal(*(d.split("test")[0].inputs["visual"] for d in (data, other)))


def test_training_shifts_sound_and_film_together(make: Make) -> None:
    plain, moved = make(), make(augmentation=ClipAugmentation(0.4))
    shifts = set()
    for epoch, place in product(range(3), range(6)):
        still, other = plain.split("train")[place].inputs, moved.split("train")[Draw(epoch, place)]
        heard, seen = (shift_of(still[m], other.inputs[m]) for m in ("audio", "visual"))
        assert abs(heard / 50 - seen / 25) <= 0.03  # each to the nearest of its own steps
        assert abs(seen / 25) <= 0.42
        shifts.add(seen)
    assert len(shifts) > 5
    assert min(shifts) < 0 < max(shifts)
    for part in ("val", "test"):
        same = (data.split(part)[0].inputs["visual"] for data in (plain, moved))  # type: ignore[arg-type]
        assert torch.equal(*same)


def shift_of(still: torch.Tensor, moved: torch.Tensor) -> int:
    """By how many steps `[L, D]` begins later, its ends repeated."""
    places = torch.arange(len(still))
    fits = [
        k
        for k in range(-25, 26)
        if torch.equal(still[(places + k).clamp(0, len(still) - 1)], moved)
    ]
    (found,) = fits
    return found


def test_frames_are_spread_over_the_window_from_its_first_to_its_last(make: Make) -> None:
    films = [make(lips="frames", frames=n).split("val")[0].inputs["visual"] for n in (75, 2)]
    assert torch.equal(films[1], films[0][[0, -1]])


def test_a_sequence_has_the_means_of_cells_of_pixels(make: Make) -> None:
    film = make(lips="frames", frames=75).split("val")[0].inputs["visual"][:, 0]
    cells = make().split("val")[0].inputs["visual"].view(75, 7, 10)
    assert cells[3, 2, 4].item() == pytest.approx(film[3, 8:12, 16:20].mean().item(), abs=1e-5)


def test_parts_are_apart_and_every_seed_has_the_same_test(make: Make) -> None:
    first, second = make(), make(seed=1)
    ids = [set(first.split(name).ids) for name in ("train", "val", "test")]  # type: ignore[arg-type]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 60
    assert first.split("test").ids == second.split("test").ids
    assert first.split("val").ids != second.split("val").ids


def test_the_fingerprint_tells_options_apart(make: Make) -> None:
    others = (
        {},
        {"window": "word"},
        {"word": "color"},
        {"lips": "frames"},
        {"seed": 1},
        {"region": "mouth"},
    )
    others += tuple({"augmentation": ClipAugmentation(shift)} for shift in (0.1, 0.2))
    assert len({make(**options).fingerprint() for options in others}) == len(others)


def test_made_up_samples_have_the_shapes_of_real_ones(make: Make) -> None:
    data = make()
    real = next(iter(data.val_dataloader()))["inputs"]
    data.make_up(4)
    made = next(iter(data.val_dataloader()))["inputs"]
    assert {m: x.shape for m, x in made.items()} == {m: x.shape for m, x in real.items()}


def reversed_times(times: Any) -> Any:
    return times[..., ::-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"words": lambda x: x + 1}, r"words \(command\) of .*: row 3 has 4; accepted are 0 to 3"),
        ({"word_times": reversed_times}, "word_times of .*: word 0 of row 0 has .* a later end"),
        ({"clip": lambda x: x[1:]}, "59 clip.*equally many"),
        ({"vocab_digit": lambda x: x[::-1]}, "vocab_digit of .*: accepted are zero, one, two"),
        ({"lips": lambda x: x[:, :70]}, r"lips of .*uint8 \[60, 70, 28, 40\]"),
    ],
)
def test_what_does_not_fit_is_named(change: Any, words: str, tmp_path: Path) -> None:
    arrays = made_grid()
    ((key, make_wrong),) = change.items()
    arrays[key] = make_wrong(arrays[key])
    with pytest.raises(UserError, match=words):
        GridCorpus(file=write(tmp_path / "wrong.npz", arrays)).split("train")


def test_options_that_are_wrong_are_named(make: Make) -> None:
    with pytest.raises(UserError, match=r"region.*nose.*picture, mouth"):
        make(region="nose")
    with pytest.raises(UserError, match=r"augmentation\.shift"):
        ClipAugmentation(shift=-0.1)


def test_nothing_in_an_archive_is_unpickled(tmp_path: Path) -> None:
    arrays = made_grid() | {"clip": np.array([{}] * 60, dtype=object)}
    with pytest.raises(UserError, match="Python objects"):
        GridCorpus(file=write(tmp_path / "wrong.npz", arrays)).split("train")


def test_a_missing_archive_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)grid_s1.npz is missing.*LipNet"):
        GridCorpus(root=str(tmp_path)).split("train")


@pytest.mark.real_data
def test_the_real_sentences_are_as_the_corpus_has_them() -> None:
    given = Path(os.environ.get("SNN_MM_DATA", "")) / "grid_s1.npz"
    if not given.is_file():
        pytest.skip("SNN_MM_DATA does not name a directory with grid_s1.npz")
    data = GridCorpus(file=str(given))
    counts = {name: len(data.split(name)) for name in ("train", "val", "test")}
    assert counts == {"train": 595, "val": 100, "test": 300}
    for row, clip in enumerate(data.arrays["clip"]):  # "bbaf2n": the initials of its words
        words = [known[i] for known, i in zip(VOCABULARY.values(), data.arrays["words"][row])]
        digit = "z" if words[4] == "zero" else str(VOCABULARY["digit"].index(words[4]))
        assert clip == "".join([*(word[0] for word in words[:4]), digit, words[5][0]])
