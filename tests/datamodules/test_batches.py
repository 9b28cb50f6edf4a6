"""What is read together becomes a batch without a second copy, bit for bit the single samples."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Client
from multiprocessing.resource_sharer import _ResourceSharer  # type: ignore[attr-defined]
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, default_collate, get_worker_info

from datamodules.batches import (
    begin_worker,
    check_finite,
    collate,
    filled,
    padded,
    room,
    stacked,
)
from datamodules.sequences import SequenceSplit
from datamodules.sequences import collate as collate_sequences
from datamodules.split import Draw, Split
from snn_mm.errors import UserError


def make_split(dtype: Any = np.float32, **changes: Any) -> Split:
    rng = np.random.default_rng(0)
    parts: dict[str, Any] = {
        "arrays": {"audio": rng.normal(3, 2, (5, 2, 3)).astype(dtype), "visual": np.ones((4, 1))},
        "rows": {"audio": np.array([4, 0, 4, 1]), "visual": np.arange(4)},
        "labels": np.array([0, 1, 0, 1]),
        "ids": ["a", "b", "c", "d"],
        "transforms": {"audio": lambda x: np.log1p(x.astype(np.float64) ** 2)},
    }
    return Split(**(parts | changes))


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_a_batch_is_bit_for_bit_its_single_samples(dtype: Any) -> None:
    split = make_split(dtype)
    draws = [Draw(3, 2), 0, Draw(1, 3)]
    batch = collate(split.__getitems__(draws))
    for name, stored in split.arrays.items():
        rows = split.rows[name][[2, 0, 3]]
        transform = split.transforms.get(name, np.asarray)
        expected = np.stack([np.array(transform(stored[row]), np.float32) for row in rows])
        assert batch["inputs"][name].dtype == torch.float32
        np.testing.assert_array_equal(batch["inputs"][name].numpy(), expected)
    single = default_collate([split[draw].inputs for draw in draws])
    assert all(torch.equal(batch["inputs"][name], x) for name, x in single.items())
    assert batch["target"].tolist() == [0, 0, 1]
    assert batch["id"] == ["c", "a", "d"]


def test_samples_read_together_are_views_of_the_batch_and_not_of_the_data() -> None:
    split = make_split(transforms={})
    samples = split.__getitems__([0, 1])
    whole = stacked(samples)
    assert samples[1].inputs["audio"].data_ptr() == whole["audio"][1].data_ptr()
    whole["audio"].zero_()
    assert split.arrays["audio"].all()


def test_what_was_changed_since_counts() -> None:
    split = make_split(transforms={})
    replaced, fewer, turned = (split.__getitems__([0, 1]) for _ in range(3))
    replaced[1].inputs["audio"] = torch.full((2, 3), 7.0)
    assert (collate(replaced)["inputs"]["audio"][1] == 7).all()
    del fewer[0]
    assert len(collate(fewer)["inputs"]["audio"]) == 1
    turned.reverse()
    assert torch.equal(collate(turned)["inputs"]["audio"][0], split[1].inputs["audio"])


def test_sequences_are_padded_as_they_would_be_one_by_one() -> None:
    rng = np.random.default_rng(0)
    lengths = {"text": np.array([2, 4, 1]), "audio": np.array([6, 1, 3])}
    split = SequenceSplit(
        arrays={"text": rng.normal(size=(3, 4, 3)), "audio": rng.normal(size=(3, 6, 2))},
        lengths=lengths,
        targets=np.array([-0.2, 0.0, 1.0]),
        ids=["a", "b", "c"],
        unimodal_targets={"text": np.array([0.1, 0.2, 0.3])},
    )
    together = collate_sequences(split.__getitems__([Draw(2, 2), 0]))
    one_by_one = collate_sequences([split[2], split[0]])
    for part in ("inputs", "lengths", "unimodal_target"):
        for name, values in together[part].items():  # type: ignore[literal-required]
            assert torch.equal(values, one_by_one[part][name])  # type: ignore[literal-required]
    assert torch.equal(together["target"], one_by_one["target"])


def test_arrays_of_several_shapes_are_no_batch() -> None:
    with pytest.raises(ValueError, match=r"shapes \[2, 3\] and \[1, 3\]"):
        filled([np.ones((2, 3)), np.ones((1, 3))])


def test_what_lies_behind_a_sequence_is_zero() -> None:
    assert padded([np.ones((1, 2)), np.ones((3, 2))])[0].tolist() == [[1, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_found(value: float) -> None:
    values = torch.zeros(3, 4, 5)
    values[1, 2, 3] = value
    with pytest.raises(UserError, match="NaN or infinity in modality 'audio' of sample 'b'"):
        check_finite("audio", values, ["a", "b", "c"])


def test_infinities_that_cancel_out_are_found() -> None:
    with pytest.raises(UserError, match="of sample 'a'"):
        check_finite("audio", torch.tensor([[np.inf, -np.inf], [0, 0]]), ["a", "b"])


def test_finite_values_with_an_infinite_sum_are_accepted() -> None:
    check_finite("audio", torch.full((2, 2), torch.finfo(torch.float32).max), ["a", "b"])
    check_finite("question", torch.tensor([[1], [2]]), ["a", "b"])


class Batches(Dataset[Any]):
    """A split that says where its batches were read to."""

    def __init__(self) -> None:
        self.split = make_split(transforms={})

    def __len__(self) -> int:
        return 4

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        return self.split.__getitems__(indices)


def where(samples: list[Any]) -> Any:
    batch = collate(samples)
    shared = all(x.is_shared() for x in batch["inputs"].values())
    return batch["inputs"], shared, get_worker_info() is not None


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_reads_into_shared_memory(method: str) -> None:
    context = multiprocessing.get_context(method)
    loader = DataLoader(
        Batches(), 2, num_workers=1, multiprocessing_context=context, collate_fn=where
    )
    expected = [make_split(transforms={})[row].inputs for row in range(4)]
    for number, (inputs, is_shared, in_worker) in enumerate(loader):
        assert is_shared
        assert in_worker
        for name, values in inputs.items():
            assert torch.equal(values, torch.stack([e[name] for e in expected[2 * number :][:2]]))


def test_room_has_its_shape_in_a_worker_and_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    assert room(2, 3).shape == (2, 3)
    monkeypatch.setattr("datamodules.batches.get_worker_info", lambda: "a worker")
    shared = room(2, 3)
    assert (shared.shape, shared.dtype) == ((2, 3), torch.float32)
    assert shared.is_shared()
    assert room(0, 3).shape == (0, 3)


@pytest.fixture
def as_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have this process begin as a worker does, and go on as it was."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    interrupted = signal.getsignal(signal.SIGINT)
    begin_worker(0)
    yield
    signal.signal(signal.SIGINT, interrupted)
    gc.unfreeze()


@pytest.mark.usefixtures("as_worker")
def test_a_worker_is_silent_about_a_receiver_that_left_and_about_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sharer = _ResourceSharer()
    address, key = sharer.register(lambda to, pid: to.send("a batch"), lambda: None)
    secret = multiprocessing.current_process().authkey
    Client(address, authkey=secret).close()
    with _ResourceSharer.get_connection((address, key)) as receiver:
        assert receiver.recv() == "a batch"
    assert capsys.readouterr().err == ""
    _ResourceSharer.get_connection((address, "no such batch")).close()
    sharer.stop()
    assert "KeyError: 'no such batch'" in capsys.readouterr().err


@pytest.mark.usefixtures("as_worker")
def test_a_worker_leaves_ctrl_c_to_the_main_process() -> None:
    signal.raise_signal(signal.SIGINT)
