"""Sequences are read up to their length, padded batch by batch, and refused when inconsistent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.base import LoaderOptions
from datamodules.sequences import SequenceDataModule, SequenceSplit, check_sequence_split, collate
from datamodules.split import Draw
from datamodules.split_module import SplitName
from snn_mm.errors import UserError

LENGTHS = {"text": np.array([2, 4, 1]), "audio": np.array([6, 1, 3])}
WIDTHS = {"text": (4, 3), "audio": (6, 2)}


def make_split(**changes: Any) -> SequenceSplit:
    rng = np.random.default_rng(0)
    parts: dict[str, Any] = {
        "arrays": {name: rng.normal(size=(3, *shape)) for name, shape in WIDTHS.items()},
        "lengths": dict(LENGTHS),
        "targets": np.array([-0.2, 0.0, 1.0]),
        "ids": ["a", "b", "c"],
        "unimodal_targets": {"text": np.array([0.1, 0.2, 0.3])},
    }
    return SequenceSplit(**(parts | changes))


class Made(SequenceDataModule):
    modalities = ("text", "audio")
    labelled_modalities = ("text",)

    def load_split(self, name: SplitName) -> SequenceSplit:
        return make_split(ids=[f"{name}_{letter}" for letter in "abc"])


def check(**changes: Any) -> None:
    check_sequence_split("val", make_split(**changes), ("text", "audio"), ("text",))


def test_a_sample_ends_at_its_length() -> None:
    split = make_split()
    for row in range(3):
        sample = split[Draw(7, row)]
        for name, x in sample.inputs.items():
            expected = split.arrays[name][row][: LENGTHS[name][row]]
            assert x.dtype == torch.float32
            np.testing.assert_array_equal(x.numpy(), expected.astype(np.float32))


def test_a_batch_is_padded_with_zeros_to_its_own_longest() -> None:
    split = make_split()
    batch = collate([split[0], split[2]])
    assert {name: tuple(x.shape) for name, x in batch["inputs"].items()} == {
        "text": (2, 2, 3),
        "audio": (2, 6, 2),
    }
    assert batch["lengths"]["text"].tolist() == [2, 1]
    assert batch["lengths"]["audio"].tolist() == [6, 3]
    assert batch["lengths"]["audio"].dtype == torch.int64
    assert (batch["inputs"]["text"][1, 1:] == 0).all()
    assert (batch["inputs"]["audio"][1, 3:] == 0).all()
    assert (batch["inputs"]["audio"][1, :3] != 0).all()


def test_a_batch_carries_scores_and_names_in_order() -> None:
    split = make_split()
    batch = collate([split[1], split[0]])
    assert batch["id"] == ["b", "a"]
    torch.testing.assert_close(batch["target"], torch.tensor([0.0, -0.2]))
    torch.testing.assert_close(batch["unimodal_target"]["text"], torch.tensor([0.2, 0.1]))
    without = replace(split, unimodal_targets={})
    assert "unimodal_target" not in collate([without[0]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_by_modality_and_sample(value: float) -> None:
    split = make_split()
    split.arrays["audio"][2, 1, 0] = value
    with pytest.raises(UserError, match=r"modality 'audio' of sample 'c'"):
        collate([split[0], split[2]])


def test_what_is_not_finite_in_the_padding_does_no_harm() -> None:
    split = make_split()
    split.arrays["audio"][2, 3, 0] = np.nan
    assert collate([split[2]])["inputs"]["audio"].isfinite().all()


def test_a_module_gives_widths_and_lengths_without_setup() -> None:
    dm = Made()
    assert dm.feature_dims == {"text": 3, "audio": 2}
    assert dm.max_lengths == {"text": 4, "audio": 6}


def test_loaders_yield_every_sample_once() -> None:
    dm = Made(loader=LoaderOptions(batch_size=2))
    dm.setup("fit")
    seen = [name for batch in dm.train_dataloader() for name in batch["id"]]
    assert sorted(seen) == ["train_a", "train_b", "train_c"]
    seen = [name for batch in dm.val_dataloader() for name in batch["id"]]
    assert seen == ["val_a", "val_b", "val_c"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": np.array([])}, "The 'val' split is empty"),
        ({"targets": np.zeros(2)}, "differ in length: 3 text, .* 2 labels"),
        ({"ids": ["a", "b", "a"]}, "2 unique ids"),
        ({"targets": np.array([0, np.nan, 0])}, "The label of sample 'b' .* is nan"),
        ({"unimodal_targets": {}}, r"labels of the modalities \[\]; .* \['text'\]"),
        (
            {"unimodal_targets": {"text": np.array([0, 0, np.inf])}},
            "The label of 'text' of sample 'c' .* is inf",
        ),
        ({"lengths": LENGTHS | {"audio": np.array([6, 0, 1])}}, "'audio' is 0 in sample 'b'"),
        (
            {"lengths": LENGTHS | {"text": np.array([1, 1, 5])}},
            "'text' is 5 in sample 'c' .* accepted are 1 to 4",
        ),
        ({"lengths": {"text": LENGTHS["text"]}}, r"lengths of the modalities \['text'\]"),
        ({"lengths": LENGTHS | {"text": np.ones(2, int)}}, "2 lengths of text"),
    ],
)
def test_an_inconsistent_split_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        check(**changes)
    assert len(str(refused.value).splitlines()) <= 5


def test_a_sound_split_is_accepted() -> None:
    check()


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": ["a", "b", "d"]},
        {"targets": np.array([-0.2, 0.0, 0.9])},
        {"lengths": LENGTHS | {"text": np.array([2, 4, 2])}},
        {"unimodal_targets": {"text": np.array([0.1, 0.2, 0.4])}},
        {"arrays": {name: np.ones((3, *shape)) for name, shape in WIDTHS.items()}},
        {"content": "abc"},
    ],
)
def test_the_digest_tells_every_change(changes: dict[str, Any]) -> None:
    assert make_split().digest() == make_split().digest() != make_split(**changes).digest()


def test_a_known_digest_spares_reading_the_arrays() -> None:
    ones = {name: np.ones((3, *shape)) for name, shape in WIDTHS.items()}
    assert (
        make_split(content="x").digest()
        == make_split(content="x", arrays=ones).digest()
        != make_split(content="y").digest()
    )
