"""Networks of sequences say classes beside scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from every_network import EACH, LONGEST, NETWORKS, PRESENT, SAMPLES, WIDTHS, Made, clips
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam
from torch.utils.data import DataLoader
from torchmetrics.functional.classification import multiclass_f1_score
from toy_training import quiet_trainer

from snn_mm.contracts import FUSED, Batch, ScoresSequences
from snn_mm.errors import UserError
from snn_mm.metrics.classes import ClassScores
from snn_mm.modules import SentimentModule, SGMTModule
from snn_mm.modules.data_check import check_sequences
from snn_mm.modules.sentiment import MTFN
from snn_mm.modules.sentiment.absence import as_sequences
from snn_mm.modules.sentiment.heads import widen

CLASSES = 27


def made_module(make: Made, **options: Any) -> SentimentModule:
    torch.manual_seed(0)
    known = {"num_classes": CLASSES, **options}
    return SentimentModule(lambda *_: make(), WIDTHS, LONGEST, **known)


def batch() -> Batch:
    inputs, lengths = clips()
    return {
        "inputs": {name: x.float() for name, x in inputs.items()},
        "lengths": lengths,
        "target": torch.arange(SAMPLES) * 4 % CLASSES,
        "id": [f"clip{i}" for i in range(SAMPLES)],
    }


def loader() -> DataLoader[Batch]:
    return DataLoader([batch()], batch_size=None)  # type: ignore[arg-type]


@EACH
def test_every_head_has_a_logit_for_each_class_and_no_new_parameter(make: Made) -> None:
    module, data = made_module(make), batch()
    logits = module(data["inputs"], data["lengths"])
    assert {head: x.shape for head, x in logits.items()} == dict.fromkeys(
        module.network.heads, (SAMPLES, CLASSES)
    )
    plain = make().state_dict()
    found = module.network.state_dict()
    assert found.keys() == plain.keys()
    changed = {name for name in plain if plain[name].shape != found[name].shape}
    assert 0 < len(changed) <= 2 * len(module.network.heads)
    assert all("head" in name for name in changed)


@EACH
def test_the_loss_is_the_weighted_cross_entropy_of_every_head(make: Made) -> None:
    module, data = made_module(make), batch()
    module.loss_weights = {head: i + 0.5 for i, head in enumerate(module.network.heads)}
    logits = module.eval()(data["inputs"], data["lengths"])
    terms = module.loss_terms(logits, module.targets(data))
    for head, weight in module.loss_weights.items():
        torch.testing.assert_close(
            terms[head], weight * cross_entropy(logits[head], data["target"])
        )


@pytest.mark.parametrize("name", ["MLFDNN-", "EFLSTM-", "SGMT-features-renormalised"])
def test_a_training_learns_its_classes_and_a_checkpoint_keeps_them(
    name: str, tmp_path: Path
) -> None:
    module = made_module(NETWORKS[name], optimizer=lambda p: Adam(p, lr=0.02))
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    run = quiet_trainer(max_epochs=60, enable_checkpointing=True, default_root_dir=tmp_path)
    run.fit(module, loader(), loader())
    assert float(run.callback_metrics[f"val/accuracy/{FUSED}"]) > 0.8
    assert set(run.callback_metrics) >= set(module.metric_names())
    run.save_checkpoint(tmp_path / "kept.ckpt")
    again = made_module(NETWORKS[name])
    again.load_state_dict(torch.load(tmp_path / "kept.ckpt", weights_only=True)["state_dict"])
    (found,) = quiet_trainer().predict(again, loader()) or []
    (wanted,) = quiet_trainer().predict(module, loader()) or []
    assert found["id"] == batch()["id"]
    for head, probability in found["probability"].items():
        assert probability.shape == (SAMPLES, CLASSES)
        torch.testing.assert_close(probability.sum(dim=1), torch.ones(SAMPLES))
        torch.testing.assert_close(probability, wanted["probability"][head])


def test_sgmt_takes_three_kinds_of_input_of_own_lengths_and_the_weights_of_its_paper() -> None:
    """As UTD-MHAD: a film, a skeleton and a sensor, of which the film has no padding."""
    dims = {"depth": 24, "skeleton": 60, "inertial": 6}
    steps = {"depth": 4, "skeleton": 12, "inertial": 30}
    module = SGMTModule(dims, steps, width=8, heads=2, layers=1, num_classes=CLASSES, steps=6)
    generator = torch.Generator().manual_seed(0)
    inputs: dict[str, Tensor] = {
        "depth": torch.randn(3, 4, 1, 4, 6, generator=generator),
        "skeleton": torch.randn(3, 12, 60, generator=generator),
        "inertial": torch.randn(3, 30, 6, generator=generator),
    }
    lengths = {"skeleton": torch.tensor([12, 5, 0]), "inertial": torch.tensor([7, 30, 2])}
    logits = module(inputs, lengths)
    assert {head: tuple(x.shape) for head, x in logits.items()} == dict.fromkeys(
        ("depth", "skeleton", "inertial", "fusion_only", FUSED), (3, CLASSES)
    )
    assert (logits["skeleton"][2] == 0).all()
    assert module.loss_weights[FUSED] == 6.0


def test_scores_of_an_epoch_are_accuracy_and_macro_f1() -> None:
    module, data = made_module(NETWORKS["LFDNN-"]), batch()
    (logged,) = quiet_trainer().test(module, loader(), verbose=False)
    with torch.no_grad():
        logits = module.eval()(data["inputs"], data["lengths"])[FUSED]
    right = (logits.argmax(dim=1) == data["target"]).float().mean()
    f1 = multiclass_f1_score(logits, data["target"], CLASSES, average="macro")
    assert logged["test/accuracy/fused"] == pytest.approx(right.item())
    assert logged["test/f1_macro/fused"] == pytest.approx(f1.item())


def test_a_head_that_no_sample_has_is_not_rated() -> None:
    scores = ClassScores(3)
    scores.update(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
    assert all(part.compute().isnan() for part in scores.parts.values())  # type: ignore[operator]
    scores.update(torch.eye(3), torch.arange(3))
    assert all(part.compute() == 1 for part in scores.parts.values())  # type: ignore[operator]


def test_analyses_of_scores_do_not_take_it_for_theirs() -> None:
    assert isinstance(made_module(NETWORKS["LFDNN-"], num_classes=None), ScoresSequences)
    assert not isinstance(made_module(NETWORKS["LFDNN-"]), ScoresSequences)


def test_what_a_schedule_watches_is_there() -> None:
    for classes in (None, CLASSES):
        module = made_module(NETWORKS["LFDNN-"], num_classes=classes)
        assert module.scheduler_monitor in module.metric_names()


@pytest.mark.parametrize(
    ("ours", "theirs", "named"),
    [(None, 27, "null: the model learns scores, but .* has 27 classes"), (3, None, "has scores")],
)
def test_data_of_another_kind_are_refused(ours: int | None, theirs: int | None, named: str) -> None:
    class Data:
        num_classes = theirs

    with pytest.raises(UserError, match=named):
        check_sequences({}, {}, [], Data(), ours)


def test_options_that_classes_can_not_have_are_refused() -> None:
    with pytest.raises(UserError, match="output_range is of scores"):
        MTFN(WIDTHS, LONGEST, output_range=(-1.0, 1.0)).classify(3)
    with pytest.raises(UserError, match="num_classes"):
        made_module(NETWORKS["LFDNN-"], num_classes=1)
    with pytest.raises(UserError, match="head 'own' ends with no linear layer of one"):
        widen(nn.Sequential(nn.Linear(2, 4), nn.ReLU()), 3, "own")


def test_what_is_no_sequence_is_left_as_it_is() -> None:
    inputs, lengths = as_sequences({"text": torch.zeros(2, 3)}, {})
    assert inputs["text"].shape == (2, 3)
    assert not lengths
    absent = as_sequences({"audio": torch.zeros(SAMPLES, 2, 1)}, {"audio": PRESENT["audio"] * 2})
    assert torch.equal(absent[1]["audio"], PRESENT["audio"] * 2)
