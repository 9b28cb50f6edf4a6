"""An incremental data module by hand and under a trainer: tasks, loaders, resume, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from incremental_data import TaskToy
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from datamodules.base import LoaderOptions
from snn_mm.errors import UserError


class Recorder(LightningModule):
    """Notes the labels and ids of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.trained: dict[int, list[str]] = {}
        self.validated: dict[int, set[int]] = {}
        self.tested: set[int] = set()

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        self.trained.setdefault(self.current_epoch, []).extend(batch["id"])
        return self.weight.sum()

    def validation_step(self, batch: Any, _: int) -> None:
        if not self.trainer.sanity_checking:
            self.validated.setdefault(self.current_epoch, set()).update(batch["target"].tolist())

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.tested |= set(batch["target"].tolist())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def trainer(folder: Path, epochs: int = 6, **options: Any) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    defaults = {"reload_dataloaders_every_n_epochs": 1, "accelerator": "cpu", "devices": 1}
    options = {**quiet, **defaults, **options}
    return Trainer(max_epochs=epochs, default_root_dir=folder, **options)


def labels(loader: Any) -> list[list[int]]:
    return [batch["target"].tolist() for batch in loader]


def test_a_task_trains_on_its_classes_then_exemplars_and_evaluates_on_those_seen() -> None:
    data = TaskToy(memory=8)
    data.task = 1
    for batch in labels(data.train_dataloader()):
        current, exemplars = batch[:-4], batch[-4:]
        assert set(current) <= {2, 3}
        assert set(exemplars) <= {0, 1}
    assert {k for batch in labels(data.val_dataloader()) for k in batch} == {0, 1, 2, 3}
    assert sum(map(len, labels(data.test_dataloader()))) == 4 * 3


def test_joint_training_has_all_classes_seen_so_far_once() -> None:
    data = TaskToy(protocol="joint")
    data.task = 1
    drawn = [k for batch in labels(data.train_dataloader()) for k in batch]
    assert sorted(drawn) == sorted([0, 1, 2, 3] * 6)


def test_samples_keep_their_inputs_and_ids() -> None:
    data = TaskToy(memory=8, loader=LoaderOptions(5, num_workers=1))
    data.task = 2
    for loader in (data.train_dataloader(), data.task_dataloader("train", [1])):
        for batch in loader:
            rows = [int(name.removeprefix("train")) for name in batch["id"]]
            assert batch["inputs"]["audio"][:, 0].tolist() == rows
            assert batch["target"].tolist() == [row % 6 for row in rows]


def test_task_dataloader_has_the_asked_tasks_in_the_order_of_the_split() -> None:
    loader = TaskToy().task_dataloader("test", [2, 0])
    assert [name for batch in loader for name in batch["id"]] == [
        f"test{row}" for row in range(18) if row % 6 in (0, 1, 4, 5)
    ]


def test_without_a_trainer_the_task_is_the_last_until_it_is_set() -> None:
    data = TaskToy()
    assert (data.task, data.num_tasks, data.num_classes) == (2, 3, 6)
    data.task = 0
    assert data.task == 0
    with pytest.raises(UserError, match="task is 3; accepted are 0 to 2"):
        data.task = 3


def test_one_fit_goes_through_all_tasks(tmp_path: Path) -> None:
    module, data = Recorder(), TaskToy(memory=8)
    run = trainer(tmp_path, enable_checkpointing=False)
    run.fit(module, datamodule=data)
    seen = {e: {int(name[5:]) % 6 for name in ids} for e, ids in module.trained.items()}
    assert seen == {e: set(range(2 * (e // 2) + 2)) for e in range(6)}
    assert module.validated == seen
    run.test(module, datamodule=data, verbose=False)
    assert module.tested == set(range(6))


def test_after_a_run_the_task_is_the_one_that_was_trained_last(tmp_path: Path) -> None:
    data = TaskToy()
    trainer(tmp_path, epochs=2, enable_checkpointing=False).fit(Recorder(), datamodule=data)
    assert data.task == 0


def test_a_run_resumed_inside_a_task_sees_what_the_uninterrupted_one_saw(tmp_path: Path) -> None:
    whole = Recorder()
    saving = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)
    trainer(tmp_path, callbacks=[saving]).fit(whole, datamodule=TaskToy(memory=8))
    resumed, data = Recorder(), TaskToy(memory=8)
    inside = str(tmp_path / "epoch=2.ckpt")
    trainer(tmp_path, enable_checkpointing=False).fit(resumed, datamodule=data, ckpt_path=inside)
    assert resumed.trained == {epoch: whole.trained[epoch] for epoch in (3, 4, 5)}
    tested = Recorder()
    trainer(tmp_path).test(tested, datamodule=TaskToy(), ckpt_path=inside, verbose=False)
    assert tested.tested == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory": 12}, "data.memory is 12, but 8 in the checkpoint"),
        ({"epochs_per_task": 3}, "data.epochs_per_task is 3, but 2"),
        ({"labels": [*range(6)] * 5 + [1, 0, 2, 3, 4, 5]}, "exemplars of task 1 are not those"),
    ],
)
def test_other_tasks_or_exemplars_are_refused_on_resume(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    saving = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)
    trainer(tmp_path, 3, callbacks=[saving]).fit(Recorder(), datamodule=TaskToy(memory=8))
    data, path = TaskToy(**{"memory": 8, **change}), tmp_path / "epoch=2.ckpt"
    with pytest.raises(UserError, match=message):
        trainer(tmp_path).fit(Recorder(), datamodule=data, ckpt_path=str(path))


@pytest.mark.parametrize("every", [0, 2])
def test_a_trainer_that_would_miss_a_task_is_refused(tmp_path: Path, every: int) -> None:
    with pytest.raises(UserError, match=f"reload_dataloaders_every_n_epochs is {every}"):
        trainer(tmp_path, reload_dataloaders_every_n_epochs=every).fit(Recorder(), TaskToy())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0, 1, 2, 4, 5]}, r"Class 3 \('d'\) has no sample in the 'train' split"),
        ({"protocol": "replay"}, "protocol is 'replay'; accepted: incremental, joint"),
        ({"protocol": "joint", "memory": 8}, "memory is 8, but protocol joint"),
        ({"memory": -1}, "memory is -1"),
        ({"exemplar_batch": 0}, "exemplar_batch is 0"),
        ({"classes_per_task": 4}, "classes_per_task is 4"),
        ({"labels": [0, 1, 2, 3]}, "Class 4"),
        ({"loader": LoaderOptions(13, drop_last=True)}, "Task 2 has 12 training samples, too few"),
    ],
)
def test_what_cannot_be_learnt_in_tasks_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TaskToy(**options).train_dataloader()


def test_the_fingerprint_knows_the_tasks() -> None:
    same, other = TaskToy().fingerprint(), TaskToy(classes_per_task=3).fingerprint()
    assert same == TaskToy().fingerprint() != other
