from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.callbacks.finite_guard import FiniteGuard
from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.losses import weighted_absolute_errors
from snn_mm.modules import SentimentModule
from snn_mm.modules.data_check import check_sequences
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.sequences import masked_mean

DIMS, LONGEST = {"text": 3, "audio": 2}, {"text": 4, "audio": 6}


class Linear(SentimentNetwork):
    """A linear head on the mean of each modality, and one on all of them."""

    def __init__(self, feature_dims: dict[str, int], max_lengths: dict[str, int]) -> None:
        super().__init__(feature_dims, max_lengths)
        for name, dim in feature_dims.items():
            self.unimodal_heads[name] = nn.Linear(dim, 1)
        self.fused_head = nn.Linear(sum(feature_dims.values()), 1)

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        means = {name: masked_mean(inputs[name], lengths[name]) for name in self.modalities}
        scores = {name: head(means[name]) for name, head in self.unimodal_heads.items()}
        scores[FUSED] = self.fused_head(torch.cat([*means.values()], dim=-1))
        return {name: score.squeeze(-1) for name, score in scores.items()}


def batch(samples: int = 6, own: bool = True) -> Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = {
        name: torch.randn(samples, LONGEST[name], dim, generator=generator)
        for name, dim in DIMS.items()
    }
    made: Batch = {
        "inputs": inputs,
        "lengths": {name: torch.full((samples,), LONGEST[name]) for name in DIMS},
        "target": torch.linspace(-1, 1, samples),
        "id": [str(i) for i in range(samples)],
    }
    if own:
        made["unimodal_target"] = {
            "text": torch.linspace(1, -1, samples),
            "audio": torch.zeros(samples),
        }
    return made


def module(**options: Any) -> SentimentModule:
    torch.manual_seed(0)
    return SentimentModule(Linear, DIMS, LONGEST, **options)


def test_a_head_of_weight_zero_alone_has_no_gradient_and_ddp_is_told() -> None:
    for weight in (0.0, 0.4, 2.5):
        network = module(loss_weights={"text": weight, "audio": 1.0, FUSED: 1.0})
        scores = network(batch()["inputs"], batch()["lengths"])
        sum(network.loss_terms(scores, network.targets(batch())).values()).backward()  # type: ignore[union-attr]
        silent = {name for name, p in network.named_parameters() if p.grad is None}
        assert all(name.startswith("network.unimodal_heads.text") for name in silent)
        assert bool(silent) == network.skips_parameters() == (weight == 0)


def loader(**options: Any) -> DataLoader[Batch]:
    return DataLoader([batch(**options)], batch_size=None)  # type: ignore[arg-type]


def test_loss_is_the_weighted_sum_of_absolute_errors_in_float64() -> None:
    rng = np.random.default_rng(0)
    score = {head: rng.normal(size=5) for head in ("text", "audio", FUSED)}
    target = {head: rng.normal(size=5) for head in score}
    weights = {"text": 1.0, "audio": 0.0, FUSED: 6.0}
    terms = weighted_absolute_errors(
        {head: torch.from_numpy(x) for head, x in score.items()},
        {head: torch.from_numpy(x) for head, x in target.items()},
        weights,
    )
    assert set(terms) == {"text", FUSED}
    for head, term in terms.items():
        expected = weights[head] * np.abs(score[head] - target[head]).mean()
        assert term.item() == pytest.approx(expected, rel=1e-12)


def test_each_head_learns_its_own_label_or_that_of_the_clip() -> None:
    data = batch()
    own = module().targets(data)
    assert torch.equal(own["text"], data["unimodal_target"]["text"])
    assert torch.equal(own[FUSED], data["target"])
    shared = module(labels="multimodal").targets(data)
    assert all(torch.equal(target, data["target"]) for target in shared.values())


def test_scores_of_every_head_are_logged_against_their_own_label() -> None:
    model = module()
    (logged,) = quiet_trainer().test(model, loader(), verbose=False)
    data = batch()
    with torch.no_grad():
        scores = model(data["inputs"], data["lengths"])
    errors = (scores["text"].clamp(-1, 1) - data["unimodal_target"]["text"]).abs()
    assert logged["test/mae/text"] == pytest.approx(errors.mean().item(), abs=1e-6)
    kinds = {name.replace("test/", "val/", 1) for name in logged}
    assert kinds == set(model.metric_names())


@pytest.mark.usefixtures("no_sync_advice")
def test_training_learns_and_a_second_epoch_starts_its_scores_anew() -> None:
    model = module(optimizer=lambda parameters: SGD(parameters, lr=0.05))
    run = quiet_trainer(max_epochs=30)
    run.fit(model, loader(), loader())
    assert float(run.callback_metrics["val/mae/fused"]) < 0.45  # a constant has 0.6
    assert len(model.metrics("train")[FUSED].metric_state["score"]) == 0


def test_callbacks_see_the_scores_of_a_training_epoch_when_it_ends() -> None:
    name, seen, later = f"train/mae/{FUSED}", [], []

    class Look(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            seen.append(float(trainer.callback_metrics[name]))

        def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            later.extend([float(trainer.logged_metrics[name])] if seen else [])

    fitted = quiet_trainer(Look(), max_epochs=3)
    fitted.fit(module(optimizer=partial(SGD, lr=0.1)), loader())
    assert seen == [*later, float(fitted.logged_metrics[name])]
    assert len(set(seen)) == 3


class NoNumber(Linear):
    """Predicts infinity in its second training step."""

    steps = 0

    def forward(self, inputs: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        self.steps += self.training
        scores = super().forward(inputs, lengths)
        return {name: x * (torch.inf if self.steps == 2 else 1.0) for name, x in scores.items()}


def test_a_step_that_the_guard_leaves_out_is_not_rated() -> None:
    guard, fitted = FiniteGuard("skip"), module()
    fitted.network = NoNumber(DIMS, LONGEST)
    run = quiet_trainer(guard)
    with pytest.warns(UserWarning, match="the loss is inf, by its summand text, audio, fused"):
        run.fit(fitted, DataLoader([batch()] * 3, batch_size=None))  # type: ignore[arg-type]
    assert guard.skipped == 1
    assert bool(run.logged_metrics[f"train/mae/{FUSED}"].isfinite())


def test_a_modality_that_is_left_out_has_no_part_and_no_loss() -> None:
    weights = {"audio": 1.0, "text": 1.0, FUSED: 2.0}
    groups = {"text": {"lr": 1.0}, "audio": {"lr": 0.1}}
    model = module(modalities=["audio"], loss_weights=weights, parameter_groups=groups)
    assert model.parameter_groups.keys() == {"audio"}
    assert model.modalities == ("audio",)
    assert set(model.loss_weights) == {"audio", FUSED}
    assert model(batch()["inputs"], batch()["lengths"]).keys() == {"audio", FUSED}


def test_predict_gives_scores_by_head() -> None:
    (found,) = quiet_trainer().predict(module(), loader()) or []
    assert found["id"] == [str(i) for i in range(6)]
    assert {head: score.shape for head, score in found["score"].items()} == dict.fromkeys(
        ("text", "audio", FUSED), (6,)
    )


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"modalities": ["smell"]}, "model.modalities: smell"),
        ({"loss_weights": {"text": 1.0}}, "none for audio, fused"),
        ({"loss_weights": {"text": -1.0, "audio": 1.0, FUSED: 1.0}}, "negative for text"),
        ({"loss_weights": {"text": 0.0, "audio": 0.0, FUSED: 0.0}}, "0 for every head"),
        ({"labels": "mine"}, "model.labels"),
        ({"protocol": "imdb"}, "model.protocol"),
        ({"parameter_groups": {"smell": {"lr": 1.0}}}, "unknown group smell"),
    ],
)
def test_options_that_make_no_module_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        module(**options)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"feature_dims": {"text": 3, "audio": 33}}, "model.feature_dims"),
        ({"max_lengths": {"text": 4, "audio": 9}}, "model.max_lengths"),
        ({"labelled_modalities": ("text",)}, "no labels of audio"),
    ],
)
def test_data_that_do_not_fit_are_named(data: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        check_sequences(DIMS, LONGEST, ["audio", "text"], SimpleNamespace(**data))
