"""Samples may lack a modality, and have classes in place of scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.base import LoaderOptions
from datamodules.sequences import (
    SequenceDataModule,
    SequenceSample,
    SequenceSplit,
    check_sequence_split,
    collate,
)
from datamodules.split_module import SplitName
from snn_mm.errors import UserError

NAMES = ("text", "audio")
PRESENT = {"audio": np.array([True, False, True])}


def make_split(**changes: Any) -> SequenceSplit:
    rng = np.random.default_rng(0)
    parts: dict[str, Any] = {
        "arrays": {"text": rng.normal(size=(3, 4, 3)), "audio": rng.normal(size=(3, 6, 2))},
        "lengths": {"text": np.array([2, 4, 1]), "audio": np.array([3, 6, 2])},
        "targets": np.array([-0.2, 0.0, 1.0]),
        "ids": ["a", "b", "c"],
    }
    return SequenceSplit(**(parts | changes))


class Classes(SequenceDataModule):
    modalities = NAMES
    num_classes = 3

    def load_split(self, name: SplitName) -> SequenceSplit:
        ids = [f"{name}_{letter}" for letter in "abc"]
        return make_split(targets=np.array([0, 2, 1]), ids=ids)

    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"text": (4, 3), "audio": (6, 2)}


def check(num_classes: int | None = None, **changes: Any) -> None:
    check_sequence_split("val", make_split(**changes), NAMES, num_classes=num_classes)


def test_an_absent_sequence_has_no_step_and_the_batch_says_so() -> None:
    batch = collate([make_split(present=PRESENT)[row] for row in range(3)])
    assert batch["lengths"]["audio"].tolist() == [3, 0, 2]
    assert batch["present"].keys() == {"audio"}
    assert batch["present"]["audio"].tolist() == [True, False, True]
    assert batch["inputs"]["audio"].shape == (3, 3, 2)
    assert (batch["inputs"]["audio"][1] == 0).all()


def test_what_stands_in_an_absent_row_is_never_read() -> None:
    split = make_split(present=PRESENT)
    clean = collate(split.__getitems__([0, 1, 2]))
    split.arrays["audio"][1] = np.nan
    split.lengths["audio"][1] = 99
    check_sequence_split("val", split, NAMES)
    garbage = collate(split.__getitems__([0, 1, 2]))
    for name in NAMES:
        assert torch.equal(clean["inputs"][name], garbage["inputs"][name])
        assert torch.equal(clean["lengths"][name], garbage["lengths"][name])


def test_samples_that_lack_a_modality_make_the_same_batch_as_samples_without_steps() -> None:
    samples = [make_split(present=PRESENT)[row] for row in range(3)]
    lacking = [s._replace(inputs={n: x for n, x in s.inputs.items() if len(x)}) for s in samples]
    assert [set(sample.inputs) for sample in lacking] == [set(NAMES), {"text"}, set(NAMES)]
    found, wanted = collate(lacking), collate(samples)
    for name in NAMES:
        assert torch.equal(found["inputs"][name], wanted["inputs"][name])
    assert torch.equal(found["present"]["audio"], wanted["present"]["audio"])


def test_a_modality_may_be_absent_throughout_a_batch() -> None:
    batch = collate(make_split(present=PRESENT).__getitems__([1]))
    assert batch["lengths"]["audio"].tolist() == [0]
    assert batch["present"]["audio"].tolist() == [False]
    assert batch["inputs"]["audio"].shape == (1, 1, 2)


def test_without_absence_a_batch_says_nothing_of_it() -> None:
    everywhere = {"audio": np.ones(3, dtype=bool)}
    assert "present" not in collate(make_split().__getitems__([0, 1]))
    assert "present" not in collate(make_split(present=everywhere).__getitems__([0, 1]))


def test_an_absent_modality_needs_no_score_of_its_own() -> None:
    own = {"audio": np.array([0.1, np.nan, 0.3])}
    split = make_split(present=PRESENT, unimodal_targets=own)
    check_sequence_split("val", split, NAMES, ["audio"])
    scores = collate([split[row] for row in range(3)])["unimodal_target"]["audio"]
    assert scores[[0, 2]].tolist() == pytest.approx([0.1, 0.3])
    lacking = SequenceSample({"audio": torch.ones(1, 2)}, 0.0, {}, "d")
    with pytest.raises(KeyError):
        collate([split[0], lacking])


@pytest.mark.parametrize(
    ("present", "message"),
    [
        (PRESENT | {"text": np.array([True, False, True])}, "'b' .* none of text, audio"),
        ({"smell": np.ones(3, dtype=bool)}, "present in 'smell'"),
        ({"audio": np.ones(2, dtype=bool)}, "2 present of audio"),
    ],
)
def test_presence_that_can_not_be_is_refused(present: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(present=present)


def test_a_length_of_zero_is_refused_of_a_sample_that_is_there() -> None:
    lengths = {"text": np.array([2, 4, 1]), "audio": np.array([3, 0, 2])}
    with pytest.raises(UserError, match=r"'audio' is 0 in sample 'b'.*\n?.*`present`"):
        check(lengths=lengths)
    check(lengths=lengths, present=PRESENT)


def test_presence_changes_the_digest_and_its_lack_does_not() -> None:
    split = make_split()
    assert replace(split, present=PRESENT).digest() != split.digest()
    assert replace(split, present={}).digest() == split.digest()


def test_whole_targets_are_classes() -> None:
    dm = Classes(loader=LoaderOptions(batch_size=3))
    dm.setup("fit")
    batch = next(iter(dm.val_dataloader()))
    assert batch["target"].dtype == torch.int64
    assert batch["target"].tolist() == [0, 2, 1]
    assert dm.facts()["num_classes"] == 3
    assert "num_classes" not in SequenceDataModule.facts(replace_classes(dm))


def replace_classes(dm: Classes) -> Classes:
    dm.num_classes = None  # type: ignore[assignment]
    return dm


@pytest.mark.parametrize(
    "targets", [np.array([0, 3, 1]), np.array([0, -1, 1]), np.array([0.0, 1.0, 2.0])]
)
def test_what_is_no_class_is_refused_by_its_sample(targets: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"sample '[ab]' .* 0 to 2"):
        check(num_classes=3, targets=targets)


def test_made_up_classes_are_classes() -> None:
    split = Classes().made_up(5)
    check_sequence_split("train", split, NAMES, num_classes=3)
