from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping
from task_watching import Stop, Watch, known
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam

from snn_mm.callbacks import IEMF
from snn_mm.config.checkpoints import check_checkpoint
from snn_mm.contracts import FUSED
from snn_mm.errors import UserError
from snn_mm.modules import ContinualModule
from snn_mm.modules.continual.distillation import knowledge_distillation
from snn_mm.modules.continual.methods import AVCIL, SSIL, Finetune, Joint, LwF, Method

Fit = Callable[..., ContinualModule]
MEMORY = {"memory": 12, "exemplar_batch": 4}
METHODS: dict[str, tuple[Callable[[], Method], dict[str, Any]]] = {
    "finetune": (Finetune, {}),
    "joint": (Joint, {"protocol": "joint"}),
    "joint_anew": (lambda: Joint(start="anew"), {"protocol": "joint"}),
    "lwf": (LwF, {}),
    "ssil": (SSIL, MEMORY),
    "avcil": (lambda: AVCIL(attention=0.0), MEMORY),
}


@pytest.mark.parametrize(
    ("name", "killed_in"),
    [
        ("avcil", 4),
        ("avcil", 6),  # between two tasks
        *(pytest.param(name, 4, marks=pytest.mark.slow) for name in METHODS if name != "avcil"),
    ],
)
def test_killed_in_the_middle_of_a_task_and_resumed_it_ends_with_the_same_matrix(
    fit_tasks: Fit, name: str, killed_in: int
) -> None:
    make, data = METHODS[name]
    options = {"data": data, "joint_weight": 1.0}
    whole = fit_tasks(IEMF(), run="whole", method=make(), **options)
    with pytest.raises(InterruptedError):
        fit_tasks(IEMF(), Stop(killed_in), run="killed", method=make(), **options)
    resumed = fit_tasks(IEMF(), run="killed", method=make(), **options)
    assert known(resumed) == known(whole)
    state = resumed.state_dict()
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(state[key], value, rtol=0, atol=0)


@pytest.mark.slow
def test_every_method_forgets_less_than_finetuning_and_joint_training_bounds_them(
    fit_tasks: Fit,
) -> None:
    scores = {}
    for name in ("finetune", "ssil", "joint"):
        make, data = METHODS[name]
        module = fit_tasks(run=name, method=make(), data=data)
        scores[name] = float(module.trainer.callback_metrics["test/average_accuracy"])
    assert scores["finetune"] < scores["ssil"] < scores["joint"]


class KillAt(Callback):
    """Ends the training before a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["finetune", "avcil"])
def test_killed_amid_the_first_epoch_of_a_task_it_ends_with_the_same_weights(
    fit_tasks: Fit, name: str
) -> None:
    """Of two batches each; six steps make a task, so the seventh has grown the network."""
    make, data = METHODS[name]
    whole = fit_tasks(IEMF(), run="whole", method=make(), data=data)
    killed: dict[str, Any] = {"run": "killed", "save_every_steps": 1}
    with pytest.raises(SystemExit):
        fit_tasks(IEMF(), KillAt(7), method=make(), data=data, **killed)
    resumed = fit_tasks(IEMF(), run="killed", method=make(), data=data)
    assert known(resumed) == known(whole)
    state = resumed.state_dict()
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(state[key], value, rtol=0, atol=0)


def test_the_next_task_starts_from_the_best_validation_of_the_one_before(fit_tasks: Fit) -> None:
    names = ("fusion.classifier.weight", "val/selection")
    weights: dict[str, list[Tensor]] = {}
    scores: list[float] = []

    class Look(Callback):
        def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            if not trainer.sanity_checking:
                value = pl_module.state_dict()[names[0]].clone()
                weights.setdefault(names[0], []).append(value)
                scores.append(float(trainer.callback_metrics[names[1]]))

    module = fit_tasks(Look(), epochs=3)
    best = max(range(3), key=lambda epoch: scores[epoch])
    torch.testing.assert_close(module.state_dict()[names[0]], weights[names[0]][best])


def test_the_teacher_is_frozen_and_equal_to_the_network_before_the_task(fit_tasks: Fit) -> None:
    before = fit_tasks(run="before", epochs=3, method=LwF())
    after = fit_tasks(run="after", epochs=5, method=LwF())
    assert after.teacher is not None
    assert not any(parameter.requires_grad for parameter in after.teacher.parameters())
    state = before.state_dict()
    for key, value in after.teacher.state_dict().items():
        torch.testing.assert_close(value, state[key], rtol=0, atol=0)
    assert not any("teacher" in name for name, _ in after.named_parameters())


def test_modulations_see_the_current_samples_and_the_current_block(fit_tasks: Fit) -> None:
    def shapes(module: ContinualModule) -> tuple[int, int, int]:
        assert module.step is not None
        logits, target = module.step.logits[FUSED], module.step.target
        return (*logits.shape, int(target.max()))

    watch = Watch(shapes)
    fit_tasks(watch, method=SSIL(), data=MEMORY, epochs=4)
    assert set(watch.seen) == {(8, 2, 1)}  # of 8 + 4 samples and, in the second task, 4 classes


def test_windows_count_the_epochs_of_each_task(fit_tasks: Fit) -> None:
    iemf = IEMF(start_epoch=1, end_epoch=1)
    steps: list[int] = []
    iemf.log_factors = lambda module: steps.append(module.current_epoch)  # type: ignore[method-assign]
    weights = Watch(lambda module: (module.current_epoch, module.current_joint_weight()))
    fit_tasks(iemf, weights, joint_weight=0.5, joint_start_epoch=2)
    assert sorted(set(steps)) == [1, 4, 7]
    assert {epoch for epoch, weight in weights.seen if weight == 0.5} == {2, 5, 8}
    assert {weight for _, weight in weights.seen} == {0.0, 0.5}


@pytest.mark.parametrize("window", [(0, None), (0, 0), (1, 1), (1, 2), (2, None)], ids=str)
def test_heads_are_trained_from_the_first_to_the_last_epoch_of_the_window(
    make_continual: Fit, monkeypatch: pytest.MonkeyPatch, window: tuple[int, int | None]
) -> None:
    start, end = window
    options = {"joint_start_epoch": start, "joint_end_epoch": end}
    module = make_continual(joint_weight=2.5, **options)
    weights = []
    for epoch in range(4):
        monkeypatch.setattr(ContinualModule, "modulation_epoch", epoch)
        weights.append(module.current_joint_weight())
    last = 3 if end is None else end
    assert weights == [2.5 if start <= epoch <= last else 0.0 for epoch in range(4)]
    assert module.skips_parameters() == (window != (0, None))


@pytest.mark.parametrize(
    "optimizer",
    [
        partial(Adam, lr=0.05, weight_decay=0.1),
        partial(SGD, lr=0.05, momentum=0.9, weight_decay=0.1),
    ],
    ids=["adam", "momentum"],
)
def test_heads_stay_as_they_are_outside_the_window_of_each_task(
    fit_tasks: Fit, optimizer: Any
) -> None:
    heads = Watch(
        lambda module: (
            module.modulation_epoch,
            [p.detach().clone() for p in module.fusion.heads.parameters()],
        )
    )
    options = {"joint_weight": 0.5, "joint_start_epoch": 1, "joint_end_epoch": 1}
    module = fit_tasks(heads, method=SSIL(), data=MEMORY, optimizer=optimizer, epochs=6, **options)
    changed = {
        epoch: [not torch.equal(a, b) for a, b in zip(old, new, strict=True)]
        for (_, old), (epoch, new) in pairwise(heads.seen)
        if old[0].shape == new[0].shape
    }
    assert changed == {0: [False] * 4, 1: [True] * 4, 2: [False] * 4}
    assert module.skips_parameters()


def test_the_loss_of_a_step_is_that_of_its_method(fit_tasks: Fit) -> None:
    """SSIL by hand: separated cross-entropies by their numbers, and distillation, of each head."""
    found: list[tuple[float, float]] = []

    class Compare(Callback):
        def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, _: int) -> None:
            if module.task == 1 and not found:
                step = module.task_step(batch)
                terms = module.method.terms(step)
                found.append((float(sum(terms.values()).detach()), by_hand(module, batch)))

    def by_hand(module: ContinualModule, batch: Any) -> float:
        assert module.teacher is not None
        logits = module.readout(module(batch["inputs"]))
        taught = module.readout(module.teacher(batch["inputs"])[0])
        target, total = batch["target"], 0.0
        old = target < 2
        for name, value in logits.items():
            weight = 1.0 if name == FUSED else 0.5
            new = cross_entropy(value[~old, 2:], target[~old] - 2)
            kept = cross_entropy(value[old, :2], target[old])
            share = float(old.float().mean())
            distilled = knowledge_distillation(value, taught[name], [range(2)])
            total += weight * float(((1 - share) * new + share * kept + distilled).detach())
        return total

    fit_tasks(Compare(), method=SSIL(), data=MEMORY, joint_weight=0.5, epochs=4)
    assert found[0][0] == pytest.approx(found[0][1], rel=1e-5)


def test_a_new_model_takes_the_size_of_a_checkpoint(
    fit_tasks: Fit, make_continual: Fit, make_blobs: Any, tmp_path: Path
) -> None:
    trained = fit_tasks(method=LwF())
    path = tmp_path / "toy" / "a" / "checkpoints" / "last.ckpt"
    module = make_continual(method=LwF())
    check_checkpoint(path, module)
    assert module.num_classes == 6
    trainer = Trainer(logger=False, enable_progress_bar=False, default_root_dir=tmp_path)
    trainer.test(module, make_blobs(), ckpt_path=path, weights_only=True, verbose=False)
    assert known(module) == known(trained)
    logged = trainer.callback_metrics
    assert float(logged["test/average_incremental_accuracy"]) == pytest.approx(
        sum(sum(row) / len(row) for row in known(trained)) / 3
    )


def test_the_matrix_is_written_row_by_row(fit_tasks: Fit, tmp_path: Path) -> None:
    module = fit_tasks()
    lines = (tmp_path / "toy" / "a" / "matrix.csv").read_text().splitlines()
    assert lines[0] == "learned,task_0,task_1,task_2"
    assert lines[1].split(",") == ["0", f"{module.matrix[0][0]:.6f}", "", ""]
    assert len(lines) == 4


def test_the_learning_rate_of_the_fusion_is_scaled_within_the_window_alone(fit_tasks: Fit) -> None:
    rates: list[tuple[int, float]] = []

    class Rates(Callback):
        def on_before_optimizer_step(self, trainer: Trainer, module: Any, optimizer: Any) -> None:
            fusion = next(g for g in optimizer.param_groups if g["name"] == "fusion")
            rates.append((module.modulation_epoch, fusion["lr"]))

    iemf = IEMF(end_epoch=0, update="learning_rate")
    after = Watch(lambda module: module.trainer.optimizers[0].param_groups[-1]["lr"])
    fit_tasks(iemf, Rates(), after, parameter_groups={"fusion": {}})
    assert all((rate != 0.3) == (epoch == 0) for epoch, rate in rates)
    assert set(after.seen) == {0.3}


def test_the_last_factor_may_persist_until_the_task_ends_as_released(fit_tasks: Fit) -> None:
    rates = []

    class Rates(Callback):
        def on_before_optimizer_step(self, trainer: Trainer, module: Any, optimizer: Any) -> None:
            rates.append((module.modulation_epoch, optimizer.param_groups[-1]["lr"]))

    iemf = IEMF(end_epoch=0, update="learning_rate", after_window="keep")
    fit_tasks(iemf, Rates(), parameter_groups={"fusion": {}}, epochs=3)
    last = [rate for epoch, rate in rates if epoch == 0][-1]
    assert {rate for epoch, rate in rates if epoch > 0} == {last}


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ({"method": SSIL()}, {}, r"data\.memory is 0; SSIL trains with more than 0"),
        ({"method": LwF()}, MEMORY, r"data\.memory is 12; LwF trains with 0"),
        ({"method": Joint()}, {}, r"data\.protocol is 'incremental'; Joint trains with 'joint'"),
        ({"method": AVCIL()}, MEMORY, "distils the attention of a model.trunk"),
        ({}, {"classes_per_task": 3}, "model.classes_per_task is 2, but data.classes_per_task 3"),
        ({"select": "first"}, {}, "accepted: best, last"),
    ],
)
def test_what_does_not_fit_is_refused(
    fit_tasks: Fit, options: dict[str, Any], data: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        fit_tasks(data=data, **options)


@pytest.mark.parametrize("limit", [2, 0.5, 1])
def test_a_test_of_some_batches_is_refused_before_the_training(
    fit_tasks: Fit, limit: float
) -> None:
    watch = Watch(lambda module: None)
    with pytest.raises(UserError, match=r"trainer\.limit_test_batches is .*\n?.*accepted: null"):
        fit_tasks(watch, trainer={"limit_test_batches": limit})
    assert not watch.seen


def test_early_stopping_is_refused(fit_tasks: Fit) -> None:
    with pytest.raises(UserError, match=r"trainer\.callbacks: EarlyStopping .*\naccepted: none"):
        fit_tasks(EarlyStopping("val/loss"))
