"""What is gathered of a network, counted by hand; layouts that keep neighbours together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lacking
import numpy as np
import pytest
import torch
from lightning import LightningDataModule, LightningModule
from numpy.typing import NDArray
from torch import Tensor

from snn_mm.analysis.classes.figures import draw_confusion, draw_layouts
from snn_mm.analysis.classes.study import (
    Classified,
    class_names,
    classifier,
    classify,
    confusion,
    layouts,
    plane,
)
from snn_mm.analysis.classes.tables import layout_table, recall_table
from snn_mm.config.restore import Restored
from snn_mm.contracts import FUSED, Batch
from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.fusion import AVAttention
from snn_mm.modules import IEMFModule, MultimodalModule, TAAFModule
from snn_mm.run.directory import RunDirectory

SIZES = {"audio": 3, "visual": 5, "text": 2}


class Linear(Encoder):
    """`[N, C]` to `[T, N, D]`, another one at every time step."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.feature_dim, self.time_steps = 4, 2
        self.layer = torch.nn.Linear(size, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.layer(x), self.layer(x) ** 2])


def make(kind: type[MultimodalModule], names: tuple[str, ...]) -> MultimodalModule:
    encoders: dict[str, Encoder] = {name: Linear(SIZES[name]) for name in names}
    options: dict[str, Any] = {} if kind is TAAFModule else {"fusion": AVAttention}
    return kind(encoders=encoders, num_classes=3, **options).eval()  # type: ignore[call-arg]


def make_batches(sizes: tuple[int, ...] = (4, 3)) -> list[Batch]:
    """Batches that hold more modalities than a network may use."""
    return [
        Batch(
            inputs={name: torch.randn(n, size) for name, size in SIZES.items()},
            target=torch.arange(n) % 3,
            id=[f"{n}-{i}" for i in range(n)],
        )
        for n in sizes
    ]


@pytest.mark.parametrize("kind", [IEMFModule, TAAFModule])
@pytest.mark.parametrize("names", [("audio",), ("audio", "visual"), ("text", "audio", "visual")])
def test_features_are_means_over_time_and_logits_what_predict_says(
    kind: type[MultimodalModule], names: tuple[str, ...]
) -> None:
    module, batches = make(kind, names), make_batches()
    found = classify(module, batches, ["x", "y", "z"])
    assert found.ids == [name for batch in batches for name in batch["id"]]
    assert found.target.tolist() == [0, 1, 2, 0, 0, 1, 2]
    assert tuple(found.features) == names
    assert tuple(found.logits) == (*names, FUSED)
    with torch.no_grad():
        encoded = [module.encode(batch["inputs"]) for batch in batches]
        said = [module.predict_step(batch, 0)["probability"] for batch in batches]
    for name in names:
        expected = torch.cat([(e[name][0] + e[name][-1]) / 2 for e in encoded])
        torch.testing.assert_close(found.features[name], expected)
    for name, logits in found.logits.items():
        torch.testing.assert_close(logits.softmax(dim=-1), torch.cat([s[name] for s in said]))


def test_confusion_counts_rows_of_the_true_class_in_columns_of_the_answer() -> None:
    logits = torch.eye(3)[torch.tensor([0, 1, 1, 2, 0, 1])]
    found = Classified(list("abcdef"), torch.tensor([0, 0, 0, 2, 2, 1]), "xyz", {}, {FUSED: logits})
    assert confusion(found)[FUSED].tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 1]]
    assert found.accuracy(FUSED) == pytest.approx(3 / 6)


def test_a_network_that_learns_in_tasks_knows_the_first_names() -> None:
    module = make(IEMFModule, ("audio",))

    class Data:
        class_names = ("a", "b", "c", "d", "e")

    assert class_names(Data(), module) == ["a", "b", "c"]
    assert class_names(object(), module) == ["0", "1", "2"]


def test_a_network_without_classes_is_refused(tmp_path: Path) -> None:
    other = Restored(LightningModule(), LightningDataModule(), RunDirectory(tmp_path))
    with pytest.raises(UserError, match="trained a LightningModule, which knows no classes"):
        classifier(other)


def blobs(count: int, seed: int = 0) -> NDArray[np.float64]:
    """Two groups `[2 count, 20]` far from each other."""
    drawn = np.random.default_rng(seed).normal(size=(2 * count, 20))
    drawn[count:] += 10
    return drawn


@pytest.mark.parametrize("count", [3, 40])
def test_a_layout_keeps_groups_together_and_repeats_itself(count: int) -> None:
    values = blobs(count)
    placed = plane(values, seed=3)
    assert placed is not None
    assert placed.shape == (2 * count, 2)
    away = np.linalg.norm(placed[:, None] - placed, axis=-1) + 1e9 * np.eye(2 * count)
    nearest = away.argmin(axis=1)
    assert ((nearest < count) == (np.arange(2 * count) < count)).all()
    np.testing.assert_array_equal(placed, plane(values, seed=3))
    values[:] = blobs(count, seed=1)
    assert not np.array_equal(placed, plane(values, seed=3))


@pytest.mark.parametrize("values", [np.ones((30, 4)), np.zeros((9, 4)), blobs(2)])
def test_vectors_that_are_alike_or_too_few_have_no_layout(values: NDArray[np.float64]) -> None:
    assert plane(values, seed=0) is None


def test_samples_count_where_they_have_a_modality_up_to_their_length() -> None:
    """Whatever stands elsewhere, classes, counts and places are the same."""
    module = lacking.network()
    found, other = (
        classify(module, lacking.batches(fill), ["x", "y", "z"]) for fill in (7.0, np.nan)
    )
    assert {n: mask.tolist() for n, mask in found.present.items()} == {
        "text": [True, False, False, True, True, True, True],
        "motion": [False, True, True, True, False, False, False],
    }
    counts = confusion(found)
    assert {name: int(matrix.sum()) for name, matrix in counts.items()} == {
        "text": 5,
        "motion": 3,
        FUSED: 7,
    }
    assert found.accuracy("motion") == int(counts["motion"].trace()) / 3
    for name, values in found.logits.items():
        assert torch.equal(values, other.logits[name])
        own = [module.readout(lacking.said(module, batch))[name] for batch in lacking.batches(0.0)]
        torch.testing.assert_close(values, torch.cat(own).float())
    points = np.arange(7)
    placed = layouts(found, points, seed=0)
    assert placed["motion"] is None  # of three samples
    assert np.isnan(placed["text"]).any(axis=1).tolist() == (~found.present["text"]).tolist()  # type: ignore[arg-type]
    rows = [[c.text for c in row] for row in layout_table(found, points, placed).cells]
    assert [row[2] == "" for row in rows] == (~found.present["text"]).tolist()
    assert [cell.text for cell in recall_table(found, counts).cells[-1]][1] == "7"
    draw_confusion({**counts, "nobody": torch.zeros(3, 3, dtype=torch.int64)}, "xyz")
    draw_layouts(placed, found.target.numpy(), "xyz")
