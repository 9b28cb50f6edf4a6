"""No group is in two parts of a fold, and every sample is tested once over the folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datamodules import CremaD, DigitsAV, SpokenDigitsEvents
from datamodules.base import SPLITS, MultimodalDataModule
from datamodules.folds import Folds, assign_folds, fold_parts
from datamodules.split import Split
from datamodules.split_module import SplitName
from snn_mm.errors import UserError


def parts_of(labels: np.ndarray, groups: list[str] | None, k: int, seed: int = 0) -> list[dict]:
    return [fold_parts(labels, groups, (fold, k), 0.1, seed) for fold in range(k)]


@pytest.mark.parametrize("k", [2, 5, 24])
def test_no_group_leaks_and_every_sample_is_tested_once(k: int) -> None:
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 8, 500), rng.integers(0, 24, 500).astype(str)
    folds = parts_of(labels, groups.tolist(), k)
    for parts in folds:
        train, val, test = (set(groups[parts[name]]) for name in SPLITS)
        assert not (train | val) & test
        assert not train & val
        assert min(len(train), len(val), len(test))
        assert len(np.concatenate(list(parts.values()))) == 500
    tested = np.concatenate([parts["test"] for parts in folds])
    assert sorted(tested) == list(range(500))


def test_as_many_folds_as_groups_leave_one_group_out() -> None:
    groups = np.array(["ann"] * 9 + ["bob"] * 2 + ["cat"])  # of very different sizes
    for parts in parts_of(np.zeros(12, int), groups.tolist(), 3):
        assert len(set(groups[parts["test"]])) == 1
        assert len(set(groups[parts["val"]])) == len(set(groups[parts["train"]])) == 1


def test_without_groups_every_class_is_spread_evenly() -> None:
    labels = np.repeat([0, 1, 2], [50, 20, 10])
    for parts in parts_of(labels, None, 5):
        assert np.bincount(labels[parts["test"]]).tolist() == [10, 4, 2]
        assert np.bincount(labels[parts["val"]]).tolist() == [4, 2, 1]


def test_groups_of_one_class_each_are_spread_over_the_folds_by_class() -> None:
    labels = np.repeat(np.arange(4), 30)
    groups = [str(row // 3) for row in range(120)]  # ten of each class
    fold_of = assign_folds(labels, groups, 5, np.random.default_rng(0))
    for fold in range(5):
        assert np.bincount(labels[fold_of == fold]).tolist() == [6, 6, 6, 6]


def test_folds_depend_on_the_seed_alone() -> None:
    labels, groups = np.arange(40) % 2, [str(row // 4) for row in range(40)]
    first, again, other = (parts_of(labels, groups, 5, seed)[0] for seed in (0, 0, 1))
    assert first["test"].tolist() == again["test"].tolist() != other["test"].tolist()


def test_more_folds_than_groups_are_refused() -> None:
    with pytest.raises(UserError, match=r"data\.folds\.k is 3, but there are 2 groups"):
        assign_folds(np.zeros(4, int), ["a", "a", "b", "b"], 3, np.random.default_rng(0))


def test_a_single_fold_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.folds\.k is 1; accepted: 2 or more"):
        Folds(k=1)


def test_a_fold_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.fold is 5; accepted: 0 to 4"):
        CremaD(folds=Folds(k=5), fold=5)


def test_data_without_folds_say_so() -> None:
    with pytest.raises(UserError, match="DigitsAV can't be cut in folds"):
        DigitsAV(folds=Folds(k=5))


def test_a_speaker_is_left_out_of_spoken_digits(
    tmp_path: Path, nmnist_dir: Path, fsdd_dir: Path
) -> None:
    tested = []
    for fold in range(2):
        dm = SpokenDigitsEvents(
            str(tmp_path), str(nmnist_dir), str(fsdd_dir), folds=Folds(k=2), fold=fold
        )
        speakers = {name: {i.split("_")[1] for i in dm.split(name).ids} for name in ("test",)}
        others = {i.split("_")[1] for i in dm.split("train").ids}
        assert not others & speakers["test"]
        events = [{i.split(":")[1] for i in dm.split(name).ids} for name in ("train", "test")]
        assert not events[0] & events[1]
        tested += list(speakers["test"])
    assert len(set(tested)) == len(tested)


class Overlapping(MultimodalDataModule):
    """Gives the same samples to every split."""

    modalities = ("audio",)
    class_names = ("no", "yes")

    def load_split(self, name: SplitName) -> Split:
        values = np.zeros((4, 3), np.float32)
        first = 0 if name == "train" else 3
        ids = [f"sample{row}" for row in range(first, first + 4)]
        return Split.aligned({"audio": values}, np.array([0, 1, 0, 1]), ids)


def test_one_sample_in_two_splits_is_refused_with_its_id() -> None:
    dm = Overlapping()
    dm.split("train")
    with pytest.raises(
        UserError, match=r"1 samples of the 'val' split are in the 'train' .*sample3"
    ):
        dm.split("val")
