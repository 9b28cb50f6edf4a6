"""UTD-MHAD: subjects stay apart, inputs are what they should be, mistakes are named."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules import UtdMhad
from datamodules.archives.movements import HIP, SHOULDERS, trunk_lengths
from datamodules.base import LoaderOptions
from datamodules.folds import Folds
from datamodules.split import Draw
from snn_mm.errors import UserError
from tests.datamodules.archive_files import made_mhad, write

Make = Callable[..., UtdMhad]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("mhad") / "utd_mhad.npz", made_mhad())


@pytest.fixture
def make(archive: str) -> Make:
    def made(**options: Any) -> UtdMhad:
        return UtdMhad(file=archive, loader=LoaderOptions(batch_size=4), **options)

    return made


def subjects(data: UtdMhad, name: Any) -> set[int]:
    return {int(sample.split("_")[1][1:]) for sample in data.split(name).ids}


def test_subjects_are_apart_as_the_authors_have_them(make: Make) -> None:
    data = make(val_subjects=(3, 7))
    assert subjects(data, "train") == {1, 5}
    assert subjects(data, "val") == {3, 7}
    assert subjects(data, "test") == {2, 4, 6, 8}


def test_refit_trains_on_those_who_validate_and_never_on_the_test(make: Make) -> None:
    data = make(refit=True)
    assert subjects(data, "train") == {1, 3, 5, 7}
    assert subjects(data, "val") == {7}
    assert subjects(data, "test") == {2, 4, 6, 8}


def test_folds_test_every_subject_once_and_never_tear_one_apart(make: Make) -> None:
    tested: list[int] = []
    for fold in range(8):
        data = make(folds=Folds(k=8), fold=fold)
        parts = [subjects(data, name) for name in ("train", "val", "test")]
        assert [len(part) for part in parts] == [5, 2, 1]
        assert len(set.union(*parts)) == 8
        tested += parts[2]
    assert sorted(tested) == list(range(1, 9))


def test_scales_are_those_of_the_training_part_alone(make: Make, tmp_path: Path) -> None:
    arrays = made_mhad()
    owner = np.repeat(arrays["subject"], arrays["inertial_len"])
    arrays["inertial"][~np.isin(owner, [0, 2, 4])] *= 100  # whoever does not train
    other = UtdMhad(file=write(tmp_path / "other.npz", arrays), augmentation=None)
    ours = make(augmentation=None)
    assert torch.equal(
        other.split("train")[0].inputs["inertial"], ours.split("train")[0].inputs["inertial"]
    )
    assert not torch.equal(
        other.split("test")[0].inputs["inertial"], ours.split("test")[0].inputs["inertial"]
    )


def test_padding_is_zero_and_lengths_are_told(make: Make) -> None:
    data = make(augmentation=None)
    batch = next(iter(data.val_dataloader()))
    arrays = data.arrays
    for name, width in (("skeleton", 60), ("inertial", 6)):
        own = arrays[f"{name}_len"][data.parts["val"][:4]]
        x = batch["inputs"][name]
        assert batch["lengths"][name].tolist() == own.tolist()
        assert x.shape == (4, own.max(), width)
        for row, length in zip(x, own):
            assert not row[length:].any()
            assert row[length - 1].any()
    assert batch["target"].dtype == torch.int64
    assert "depth" not in batch["lengths"]


def test_where_one_stands_and_how_tall_one_is_leaves_no_trace() -> None:
    rng = np.random.default_rng(1)
    joints = rng.normal(size=(9, 20, 3))
    starts = np.array([0, 4, 9])
    moved = joints.copy()
    moved[4:] = 1.7 * joints[4:] + np.array([3.0, -1.0, 0.5])
    both = [trunk_lengths(x, starts).astype(np.float64) for x in (joints, moved)]
    np.testing.assert_allclose(both[0], both[1], atol=1e-5)
    np.testing.assert_allclose(both[0][[0, 4], HIP], 0, atol=1e-6)
    trunk = np.linalg.norm(both[0][4:, SHOULDERS] - both[0][4:, HIP], axis=-1)
    assert trunk.mean() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("depth", "shape", "facts"),
    [
        ("channels", (16, 48, 64), {"in_channels": 16, "input_kind": "static"}),
        ("frames", (16, 1, 48, 64), {"in_channels": 1, "input_kind": "frames"}),
        ("steps", (16, 1, 48, 64), {"in_channels": 1, "input_kind": "events"}),
    ],
)
def test_a_film_is_what_its_encoder_is_told(
    make: Make, depth: Any, shape: tuple[int, ...], facts: dict[str, Any]
) -> None:
    data = make(depth=depth)
    assert data.split("val")[0].inputs["depth"].shape == shape
    assert data.sample_shapes()["depth"] == shape
    assert data.facts()["inputs"]["depth"] == facts
    assert data.facts()["feature_dims"] == {"depth": 48 * 64, "skeleton": 60, "inertial": 6}
    assert data.facts()["max_lengths"] == {"depth": 16, "skeleton": 125, "inertial": 326}


def test_training_draws_anew_each_epoch_and_repeats_for_a_seed(make: Make) -> None:
    def read(epoch: int, seed: int = 0) -> torch.Tensor:
        return make(seed=seed).split("train")[Draw(epoch, 1)].inputs["skeleton"]

    assert torch.equal(read(1), read(1))
    assert not torch.equal(read(1), read(2))
    assert not torch.equal(read(1), read(1, seed=1))


def test_neither_validation_nor_test_is_augmented(make: Make) -> None:
    for name in ("val", "test"):
        split = make().split(name)  # type: ignore[arg-type]
        plain = make(augmentation=None).split(name)  # type: ignore[arg-type]
        later, first = split[Draw(3, 0)], plain[Draw(0, 0)]
        assert all(torch.equal(later.inputs[m], first.inputs[m]) for m in first.inputs)


def test_a_split_reaches_workers(make: Make) -> None:
    split = make().split("train")
    again = pickle.loads(pickle.dumps(split))  # noqa: S301
    first, second = split[Draw(2, 0)], again[Draw(2, 0)]
    assert all(torch.equal(first.inputs[m], second.inputs[m]) for m in first.inputs)


def test_made_up_samples_have_the_shapes_of_real_ones(make: Make) -> None:
    data = make()
    real = next(iter(data.val_dataloader()))["inputs"]
    data.make_up(4)
    made = next(iter(data.val_dataloader()))
    assert {m: x.shape[2:] for m, x in made["inputs"].items()} == {
        m: x.shape[2:] for m, x in real.items()
    }
    assert set(made["lengths"]) == {"skeleton", "inertial"}


def test_the_fingerprint_tells_options_and_recordings_apart(make: Make, tmp_path: Path) -> None:
    arrays = made_mhad()
    arrays["inertial"][0, 0] += 1
    changed = UtdMhad(file=write(tmp_path / "changed.npz", arrays))
    prints = [make(), make(refit=True), make(val_subjects=(5,)), make(depth="frames"), changed]
    assert len({data.fingerprint() for data in prints}) == 5
    assert make().fingerprint() == make().fingerprint()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": lambda x: x + 25}, r"label of .*: row \d+ has 27; accepted are 0 to 26"),
        ({"subject": lambda x: x + 1}, r"subject of .*: row \d+ has 8; accepted are 0 to 7"),
        ({"trial": lambda x: x[1:]}, "47 trial.*equally many"),
        ({"skeleton": lambda x: x[:-1]}, r"skeleton_len of .* add up to \d+ steps; it has \d+"),
        ({"inertial_len": lambda x: x * 0}, "inertial_len of .*: row 0 has 0; accepted are 1 to"),
        ({"skeleton": lambda x: x[:, :5]}, r"skeleton of .*float16 \[\d+, 5, 3\]; .*\[\*, 20, 3\]"),
        ({"depth": lambda x: x.astype(np.float32)}, "depth of .* is float32"),
    ],
)
def test_what_does_not_fit_is_named(change: Any, words: str, tmp_path: Path) -> None:
    arrays = made_mhad()
    ((key, make_wrong),) = change.items()
    arrays[key] = make_wrong(arrays[key])
    data = UtdMhad(file=write(tmp_path / "wrong.npz", arrays))
    with pytest.raises(UserError, match=words):
        data.split("train")


def test_a_missing_archive_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)utd_mhad.npz is missing.*kinect-sequence"):
        UtdMhad(root=str(tmp_path)).split("train")


def test_each_subject_may_be_standardised_alone_or_nobody(make: Make) -> None:
    """As in a table of one's own; fingerprints of the default stay what they were."""
    plain, alone, raw = (
        make(augmentation=None, standardise=how) for how in ("training_part", "each_group", "none")
    )
    for name in ("skeleton", "inertial"):
        test = alone.split("test")
        for subject in (2, 4, 6, 8):
            rows = [row for row, n in enumerate(test.ids) if f"_s{subject}_" in n]
            steps = torch.cat([test[row].inputs[name] for row in rows]).double()
            torch.testing.assert_close(steps.mean(0), torch.zeros_like(steps[0]), atol=1e-4, rtol=0)
        train = plain.split("train")
        every = torch.cat([train[row].inputs[name] for row in range(len(train))]).double()
        torch.testing.assert_close(every.mean(0), torch.zeros_like(every[0]), atol=1e-4, rtol=0)
        scale = plain.readers[name].scales[""]  # type: ignore[union-attr]
        own = raw.split("train")[0].inputs[name].numpy()
        np.testing.assert_allclose(train[0].inputs[name].numpy(), scale(own), rtol=1e-6)
    assert raw.split("train")[0].inputs["depth"].max() > 200
    assert "standardise" not in plain.content_options()
    assert len({data.fingerprint() for data in (plain, alone, raw)}) == 3
    raw.preparation = raw.learn_preparation()
    assert set(raw.raw_readers()) == {"depth", "skeleton", "inertial"}
    with pytest.raises(UserError, match="the subject of a file is not known"):
        alone.raw_readers()
    with pytest.raises(UserError, match=r"data\.standardise is 'each_person'"):
        make(standardise="each_person")


@pytest.mark.parametrize("chosen", [(), (2,), (1, 3, 5, 7)])
def test_who_can_not_validate_is_refused(chosen: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="accepted are some, not all, of 1, 3, 5, 7"):
        UtdMhad(val_subjects=chosen)


@pytest.mark.real_data
def test_the_real_recordings_are_those_of_the_authors() -> None:
    given = Path(os.environ.get("SNN_MM_DATA", "")) / "utd_mhad.npz"
    if not given.is_file():
        pytest.skip("SNN_MM_DATA does not name a directory with utd_mhad.npz")
    data = UtdMhad(file=str(given))
    counts = {name: len(data.split(name)) for name in ("train", "val", "test")}
    assert counts == {"train": 323, "val": 108, "test": 430}
    longest = {name: int(data.arrays[f"{name}_len"].max()) for name in ("skeleton", "inertial")}
    assert data.facts()["max_lengths"] == {"depth": 16, **longest}
    # Of 864 recordings the authors left out these three as damaged.
    ids = {sample for name in counts for sample in data.split(name).ids}  # type: ignore[arg-type]
    named = {f"a{a}_s{s}_t{t}" for a in range(1, 28) for s in range(1, 9) for t in range(1, 5)}
    assert named - ids == {"a8_s1_t4", "a23_s6_t4", "a27_s8_t4"}
