"""POM is read from its HDF5 files, its padding cut off and its scores centred."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from datamodules.sentiment.pom import LABEL_CENTRES, POM, leading_zeros, move_padding
from datamodules.split_module import SPLITS
from snn_mm.errors import UserError

COUNTS = {"train": 9, "valid": 4, "test": 5}
PADDING = 6
Factory = Callable[..., POM]


def write(path: Path, array: np.ndarray, key: str = "d1") -> None:
    with h5py.File(path, "w") as file:
        file[key] = array


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a small POM; sample i begins with i mod 6 steps of padding, sample 1 has no face."""
    rng = np.random.default_rng(0)
    for part, count in COUNTS.items():
        for stem, width in (("audio", 43), ("video", 41)):
            sequences = rng.normal(3, 2, (count, 20, width))
            for i, sequence in enumerate(sequences):
                sequence[: i % PADDING] = 0
            if stem == "video":
                sequences[1] = 0
            write(tmp_path / f"{stem}_{part}.h5", sequences)
        write(tmp_path / f"y_{part}.h5", rng.integers(3, 16, (count, 17)) / 3)
    return tmp_path


@pytest.fixture
def make(folder: Path) -> Factory:
    return lambda **options: POM(pom_dir=str(folder), **options)


def stored(folder: Path, name: str) -> np.ndarray:
    with h5py.File(folder / f"{name}.h5") as file:
        return file["d1"][...]


def test_padding_is_cut_off_the_start_and_the_rest_is_kept(make: Factory, folder: Path) -> None:
    split = make(standardise=False).split("train")
    for row, sequence in enumerate(stored(folder, "audio_train")):
        start = row % PADDING
        x = split[row].inputs["audio"].numpy()
        np.testing.assert_array_equal(x, sequence[start:].astype(np.float32))


def test_a_modality_that_is_all_zero_is_as_long_as_the_other(make: Factory) -> None:
    inputs = make(standardise=False).split("test")[1].inputs
    assert inputs["visual"].shape == (19, 41)
    assert (inputs["visual"] == 0).all()


def test_padding_counts_only_where_all_modalities_have_it() -> None:
    zero, late, all_zero = np.zeros((1, 4, 2)), np.zeros((1, 4, 1)), np.zeros((1, 4, 3))
    zero[0, 1], late[0, 3] = 1, 1
    assert leading_zeros([zero, late]).tolist() == [1]
    assert leading_zeros([late, all_zero]).tolist() == [3]
    assert leading_zeros([all_zero]).tolist() == [3], "one step is left"
    assert move_padding(late, np.array([3]))[0, :, 0].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(("label", "column"), [("sentiment", 14), ("confident", 0)])
def test_scores_are_centred_on_their_scale(
    make: Factory, folder: Path, label: str, column: int
) -> None:
    split = make(label=label).split("val")
    expected = stored(folder, "y_valid")[:, column] - 4
    np.testing.assert_allclose([split[i].target for i in range(4)], expected)


def test_scores_of_character_have_a_scale_of_five(make: Factory, folder: Path) -> None:
    expected = stored(folder, "y_test")[:, 13] - 3
    np.testing.assert_allclose(make(label="nervous").split("test").targets, expected)


def test_features_are_standardised_by_the_training_steps(make: Factory, folder: Path) -> None:
    raw = make(standardise=False).split("train")
    steps = np.concatenate([raw[i].inputs["visual"].numpy() for i in range(len(raw))])
    expected = (stored(folder, "video_test")[0] - steps.mean(axis=0)) / steps.std(axis=0)
    found = make().split("test")[0].inputs["visual"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_parts_widths_and_lengths(make: Factory) -> None:
    dm = make()
    assert [len(dm.split(name)) for name in SPLITS] == list(COUNTS.values())
    batch = next(iter(dm.val_dataloader()))
    assert {name: x.shape[2] for name, x in batch["inputs"].items()} == dm.feature_dims
    assert batch["lengths"]["audio"].tolist() == [20, 19, 18, 17]
    assert dm.max_lengths == {"audio": 20, "visual": 20}


def test_every_option_changes_the_fingerprint(make: Factory) -> None:
    options = [{}, {"label": "nervous"}, {"standardise": False}]
    assert len({make(**chosen).fingerprint() for chosen in options}) == len(options)


def remove(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


def narrow(path: Path) -> None:
    write(path, np.ones((9, 20, 42)))


def rename(path: Path) -> None:
    write(path, np.ones((9, 20, 43)), key="d2")


def shorten(path: Path) -> None:
    write(path, np.ones((8, 20, 43)))


def spoil(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["d1"][7, 3, 2] = np.nan


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove, r"audio_train\.h5 is missing.*pliang279/MFN"),
        (truncate, r"audio_train\.h5 can't be read"),
        (rename, r"audio_train\.h5 can't be read"),
        (narrow, r"audio_train\.h5 has the shape \(9, 20, 42\)"),
        (shorten, r"audio and video of 'train' differ in number"),
        (spoil, r"audio_train\.h5 has NaN or infinity in row 7"),
    ],
)
def test_a_damaged_file_is_refused_by_name(
    make: Factory, folder: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(folder / "audio_train.h5")
    with pytest.raises(UserError, match=f"(?s){message}") as refused:
        make().setup("fit")
    assert len(str(refused.value).splitlines()) <= 5


def test_labels_of_another_number_are_refused(make: Factory, folder: Path) -> None:
    write(folder / "y_train.h5", np.ones((8, 17)))
    with pytest.raises(UserError, match=r"differ in length: 9 audio, .* 8 labels"):
        make().setup("fit")


def test_an_unknown_label_is_refused(make: Factory) -> None:
    with pytest.raises(UserError, match=r"label is 'happy'; accepted: confident, .* humorous"):
        make(label="happy")


@pytest.mark.real_data
def test_real_pom_has_the_known_numbers(real_pom: Path) -> None:
    dm = POM(pom_dir=str(real_pom), standardise=False)
    assert [len(dm.split(name)) for name in SPLITS] == [600, 100, 203]
    lengths = dm.split("train").lengths["audio"]
    assert (lengths.min(), lengths.max()) == (1, 20)
    assert round(float((dm.split("test").targets >= 0).mean()), 2) == 0.50


@pytest.mark.real_data
def test_real_sentiment_is_the_column_with_values_at_both_ends(real_pom: Path) -> None:
    scores = POM(pom_dir=str(real_pom)).split("train").targets
    others = [POM(pom_dir=str(real_pom), label=name).split("train").targets.std()
              for name in LABEL_CENTRES if name != "sentiment"]  # fmt: skip
    assert scores.min() == -3
    assert scores.max() == 3
    assert scores.std() > 1.6 * max(others)
