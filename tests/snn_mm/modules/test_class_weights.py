"""Weights of classes in the loss, against sums over samples in float64."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from lightning import LightningDataModule, LightningModule
from torch import Tensor
from torch.optim import SGD
from torch.utils.data import DataLoader
from toy_training import LinearEncoder, quiet_trainer

from datamodules.sequences import SequenceDataModule, SequenceSplit
from snn_mm.callbacks import IEMF, LossAdjustment
from snn_mm.contracts import Batch
from snn_mm.encoders.base import Encoder
from snn_mm.errors import UserError
from snn_mm.fusion import Sum
from snn_mm.modules import ContinualModule, IEMFModule, SGMTModule, TAAFModule
from snn_mm.modules.class_weights import ClassWeights

NAMES = ("rare", "common", "middle")
COUNTS = (2, 6, 4)
TARGETS = torch.tensor([k for k, count in enumerate(COUNTS) for _ in range(count)])
WEIGHTS = np.array([12 / (3 * count) for count in COUNTS])
"""Of inverse frequency, by hand."""
LACK = torch.arange(12) % 5 == 1


class Data(LightningDataModule):
    """Twelve samples of classes of different sizes, of which some lack sound."""

    modalities, class_names, num_classes = ("audio", "visual"), NAMES, 3

    def __init__(self, cut: tuple[int, ...] = (12,), lacking: bool = False) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        order = torch.randperm(12, generator=rng)
        x = {n: torch.randn(12, 3, generator=rng, dtype=torch.float64) for n in self.modalities}
        self.batches: list[Batch] = []
        for rows in order.split(list(cut)):
            inputs = {n: value[rows] for n, value in x.items()}
            batch: Batch = {"inputs": inputs, "target": TARGETS[rows], "id": [*map(str, rows)]}
            if lacking and LACK[rows].any():
                batch["present"] = {"audio": ~LACK[rows]}
            self.batches.append(batch)

    def class_counts(self) -> list[int]:
        return list(COUNTS)

    def train_dataloader(self) -> Any:
        return DataLoader(cast("Any", self.batches), batch_size=None)

    val_dataloader = train_dataloader


def make(kind: str, weights: ClassWeights = "inverse_frequency", **options: Any) -> Any:
    torch.manual_seed(0)
    encoders: dict[str, Encoder] = {m: LinearEncoder(3, 4, 3) for m in Data.modalities}
    options = {"optimizer": partial(SGD, lr=0.0), "class_weights": weights, **options}
    if kind == "TAAF":
        fusion = partial(Sum, unimodal="shared")
        return TAAFModule(encoders, 3, fusion, width=None, lam=0.2, **options).double()
    return IEMFModule(encoders, Sum, 3, label_smoothing=0.1, **options).double()


def fit(module: LightningModule, data: Data, *callbacks: Any, **options: Any) -> dict[str, float]:
    trainer = quiet_trainer(*callbacks, num_sanity_val_steps=0, **options)
    trainer.fit(module, datamodule=data)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def expected_terms(module: Any, batch: Batch, kind: str) -> dict[str, float]:
    """Weighted means, sample by sample, from the logits of a batch."""
    with torch.no_grad():
        output = module(batch["inputs"], *([batch["present"]] if "present" in batch else []))
        scores = module.scores(output) if kind == "TAAF" else {}
    found = {}
    for name, steps in output.by_name().items():
        there = batch.get("present", {}).get(name, torch.ones(len(steps[0]), dtype=torch.bool))
        above = below = 0.0
        for n in np.flatnonzero(there.numpy()):
            y, o = int(batch["target"][n]), steps[:, n].numpy()
            if kind == "TAAF":
                log_p, alpha = log_softmax(o), scores[name][:, n].numpy()
                loss = -0.8 * float((alpha * log_p[:, y]).sum()) + 0.2 * ((o - 1) ** 2).mean()
                own = WEIGHTS[y] * loss
            else:  # torch's smoothing: the classes of the smoothed target have their own weights
                log_p = log_softmax(o.mean(axis=0))
                own = -0.9 * WEIGHTS[y] * log_p[y] - 0.1 / 3 * float((WEIGHTS * log_p).sum())
            above, below = above + own, below + WEIGHTS[y]
        found[name] = above / below
    return found


@pytest.mark.parametrize("lacking", [False, True])
@pytest.mark.parametrize("kind", ["IEMF", "TAAF"])
def test_terms_equal_weighted_sums_over_samples(kind: str, lacking: bool) -> None:
    module, data = make(kind), Data(lacking=lacking)
    logged = fit(module, data)
    expected = expected_terms(module, data.batches[0], kind)
    for name, value in expected.items():
        assert float(module.summands[name]) == pytest.approx(value, rel=1e-12)
        assert logged[f"train/loss/{name}"] == pytest.approx(value, rel=1e-6)
    assert logged["train/loss"] == pytest.approx(sum(expected.values()), rel=1e-12)
    assert logged["val/loss"] == pytest.approx(sum(expected.values()), rel=1e-12)


@pytest.mark.parametrize("weights", [None, "inverse_frequency"])
@pytest.mark.parametrize("kind", ["IEMF", "TAAF"])
def test_the_logged_loss_does_not_depend_on_how_an_epoch_is_cut(
    kind: str, weights: ClassWeights
) -> None:
    """Some batches lack sound of some samples, others of none, and classes are uneven in all."""
    whole, parts = (
        fit(make(kind, weights), Data(cut, lacking=True)) for cut in ((12,), (5, 1, 4, 2))
    )
    assert {n for n in whole if "loss" in n} >= {"train/loss", "val/loss", "train/loss/audio"}
    for name, value in whole.items():
        assert parts[name] == pytest.approx(value, rel=1e-6), name


def test_modulations_weigh_what_is_weighed() -> None:
    """TAAF's factors multiply the weighted terms; evidence counts samples alike."""
    adjusted, iemf = LossAdjustment(), IEMF()
    found = {}
    for weights in (None, "inverse_frequency"):
        data = Data(lacking=True)
        fit(make("TAAF", cast("ClassWeights", weights)), data, adjusted)
        fit(make("IEMF", cast("ClassWeights", weights)), data, iemf)
        found[weights] = ({**adjusted.factors}, {**iemf.factors})
    assert found[None] == found["inverse_frequency"]
    assert all(found[None])


def test_accumulated_micro_batches_are_means_of_their_own() -> None:
    """The gradient is the mean over micro-batches of their weighted means."""
    module = make("IEMF", optimizer=partial(SGD, lr=1.0))
    data = Data((5, 7))
    losses = [sum(expected_terms(module, batch, "IEMF").values()) for batch in data.batches]
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    fit(module, data, accumulate_grad_batches=2)
    moved = {name: before[name] - p.detach() for name, p in module.named_parameters()}
    other = make("IEMF")
    other.class_weights.learn(data, 3, before["encoders.audio.linear.weight"])
    total: Any = 0.0
    for batch, loss in zip(data.batches, losses, strict=True):
        terms = other.loss_terms(
            output := other(batch["inputs"]), other.readout(output), batch["target"]
        )
        assert float(sum(terms.values())) == pytest.approx(loss, rel=1e-12)
        total = total + sum(terms.values()) / 2
    total.backward()
    for name, parameter in other.named_parameters():
        torch.testing.assert_close(moved[name], parameter.grad)


class Sequences(SequenceDataModule):
    """Sequences of the same classes, some padded."""

    modalities, num_classes = ("audio", "visual"), 3

    def load_split(self, name: Any) -> SequenceSplit:
        rng = np.random.default_rng(0)
        arrays = {n: rng.normal(size=(12, 4, 3)) for n in self.modalities}
        lengths = {n: rng.integers(1, 5, 12) for n in self.modalities}
        return SequenceSplit(arrays, lengths, TARGETS.numpy(), [f"{name}{n}" for n in range(12)])


def test_classes_of_sequences_have_weights_too() -> None:
    dims = dict.fromkeys(("audio", "visual"), 3)
    module = SGMTModule(
        dims,
        dict.fromkeys(dims, 4),
        width=8,
        heads=2,
        steps=4,
        num_classes=3,
        class_weights="inverse_frequency",
        optimizer=partial(SGD, lr=0.0),
    )
    data = Sequences()
    assert data.class_counts() == list(COUNTS)
    logged = fit(module, cast("Any", data))
    module.eval()
    batch = data.collate([data.split("val")[row] for row in range(12)])
    with torch.no_grad():
        heads = module(batch["inputs"], batch["lengths"])
    weights = WEIGHTS[TARGETS.numpy()]
    expected = {}
    for head, logits in heads.items():
        each = -log_softmax(logits.double().numpy())[np.arange(12), TARGETS.numpy()]
        expected[head] = module.loss_weights[head] * float((weights * each).sum() / weights.sum())
    assert logged["val/loss"] == pytest.approx(sum(expected.values()), rel=1e-5)
    assert set(expected) == {"audio", "visual", "fusion_only", "fused"}


def test_weights_are_of_the_named_classes_and_no_part_of_a_checkpoint() -> None:
    module = make("IEMF", {"rare": 5.0})
    fit(module, Data())
    assert cast("Tensor", module.class_weights.of_classes).tolist() == [5.0, 1.0, 1.0]
    assert module.state_dict().keys() == make("IEMF", None).state_dict().keys()


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
def test_half_floats_and_single_ones(precision: Any, tmp_path: Path) -> None:
    data = Data(lacking=True)
    for batch in data.batches:
        batch["inputs"] = {name: x.float() for name, x in batch["inputs"].items()}
    for kind in ("IEMF", "TAAF"):
        logged = fit(make(kind).float(), data, precision=precision)
        full = fit(make(kind), Data(lacking=True))
        assert logged["train/loss"] == pytest.approx(full["train/loss"], rel=2e-2)


def learned(weights: Any, **data: Any) -> None:
    make("IEMF", weights).class_weights.learn(SimpleNamespace(**data), 3, torch.zeros(()))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match=r"class_weights\.rare is 0.*above 0"):
        make("IEMF", {"rare": 0.0})
    with pytest.raises(UserError, match=r"class_weights is 'balanced'.*inverse_frequency"):
        make("IEMF", "balanced")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"no class seldom; accepted: rare, common, middle"):
        learned({"seldom": 2.0}, class_names=NAMES)
    with pytest.raises(UserError, match="twice"):
        learned("inverse_frequency", class_counts=lambda: COUNTS, sampling="balanced")
    with pytest.raises(UserError, match=r"does not count its classes"):
        learned("inverse_frequency")
    with pytest.raises(UserError, match="once a trainer has set the module up"):
        _ = make("IEMF").class_weights.of_classes


def test_losses_without_weights_of_classes_refuse_them() -> None:
    encoders: dict[str, Encoder] = {m: LinearEncoder(3, 4, 3) for m in Data.modalities}
    with pytest.raises(UserError, match="ContinualModule has no weights of classes"):
        ContinualModule(6, 2, encoders, class_weights="inverse_frequency")
    dims = {"audio": 3}
    with pytest.raises(UserError, match="SGMTModule has no weights of classes"):  # of scores
        SGMTModule(dims, {"audio": 4}, class_weights="inverse_frequency")
