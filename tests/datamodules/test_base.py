"""The loaders: order, checks, contract, fingerprint."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from datamodules.base import LoaderOptions, MultimodalDataModule
from datamodules.cache import PreparedArrays, build_once
from datamodules.checks import check_split
from datamodules.division import warn_of_lacking
from datamodules.incremental.selection import Selection
from datamodules.split import Split
from snn_mm.callbacks.recording.last_checkpoint import LastCheckpoint
from snn_mm.config.errors import user_message
from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory

ToyFactory = Callable[..., MultimodalDataModule]


class Recorder(LightningModule):
    """Notes the ids of the training batches by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: dict[int, list[str]] = {}

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        self.seen.setdefault(self.current_epoch, []).extend(batch["id"])
        return self.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def train(
    dm: MultimodalDataModule,
    folder: Path,
    epochs: int,
    resume: Path | None = None,
    callbacks: Sequence[Callback] = (),
) -> Any:
    trainer = Trainer(
        callbacks=list(callbacks),
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    recorder = Recorder()
    trainer.fit(recorder, datamodule=dm, ckpt_path=resume)
    return trainer, recorder.seen


def order(dm: MultimodalDataModule, epoch: int = 0) -> list[str]:
    loader = dm.train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return [name for batch in loader for name in batch["id"]]


def test_batch_keeps_the_contract(toy: ToyFactory) -> None:
    dm = toy()
    dm.setup("fit")
    batch = next(iter(dm.train_dataloader()))
    assert {name: tuple(x.shape) for name, x in batch["inputs"].items()} == {
        "audio": (4, 1, 3, 4),
        "visual": (4, 1, 2, 2),
    }
    assert {x.dtype for x in batch["inputs"].values()} == {torch.float32}
    assert batch["target"].dtype == torch.int64
    assert len(set(batch["id"])) == 4


def test_drop_last_that_leaves_no_batch_is_refused(toy: ToyFactory) -> None:
    with pytest.raises(UserError, match=r"batch_size 13 with drop_last .* 12 training samples"):
        toy(batch_size=13, drop_last=True).train_dataloader()
    assert len(toy(batch_size=12, drop_last=True).train_dataloader()) == 1


def test_every_sample_keeps_its_own_inputs_and_label(toy: ToyFactory, tmp_path: Path) -> None:
    stored = np.load(tmp_path / "train.npz")
    for batch in toy().train_dataloader():
        rows = [int(name.removeprefix("train")) for name in batch["id"]]
        assert torch.equal(batch["target"], torch.from_numpy(stored["label"][rows]))
        expected = torch.from_numpy(stored["audio"][rows]).float()
        assert torch.equal(batch["inputs"]["audio"], expected)


def test_training_order_depends_on_seed_and_epoch_alone(toy: ToyFactory) -> None:
    torch.manual_seed(1)
    first = order(toy(), epoch=3)
    torch.manual_seed(2)
    assert order(toy(), epoch=3) == first
    assert order(toy(), epoch=4) != first
    assert order(toy(seed=1), epoch=3) != first


def test_a_resumed_run_sees_the_order_of_an_uninterrupted_one(
    toy: ToyFactory, tmp_path: Path
) -> None:
    _, uninterrupted = train(toy(), tmp_path, epochs=3)
    trainer, _ = train(toy(), tmp_path, epochs=1)
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    _, resumed = train(toy(), tmp_path, epochs=3, resume=tmp_path / "one.ckpt")
    assert resumed == {epoch: uninterrupted[epoch] for epoch in (1, 2)}
    assert uninterrupted[0] != uninterrupted[1] != uninterrupted[2]


class StopAt(Callback):
    """Ends a training where the process would have been killed."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before")
@pytest.mark.parametrize("stop", [3, 5], ids=["between epochs", "amid an epoch"])
@pytest.mark.parametrize(
    "workers",
    [{}, {"num_workers": 1}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}],
    ids=["0", "1", "2", "persistent"],
)
def test_a_killed_run_goes_on_with_the_batch_that_comes_next(
    toy: ToyFactory, tmp_path: Path, workers: dict[str, Any], stop: int
) -> None:
    """Workers fetch as soon as Lightning has made the iterator, before samplers know the epoch."""
    _, whole = train(toy(), tmp_path, epochs=3)
    last = LastCheckpoint(RunDirectory(tmp_path / "toy" / "a"), every_steps=1)
    with pytest.raises(SystemExit):
        train(toy(**workers), tmp_path, epochs=3, callbacks=[last, StopAt(stop)])
    _, rest = train(toy(**workers), tmp_path, 3, last.run.last, [LastCheckpoint(last.run)])
    expected = [name for epoch in sorted(whole) for name in whole[epoch]][4 * stop :]
    assert [name for epoch in sorted(rest) for name in rest[epoch]] == expected


def test_ranks_share_the_samples_without_overlap(toy: ToyFactory) -> None:
    shares = []
    for rank in (0, 1):
        dm = toy()
        fit_loop = Trainer(accelerator="cpu", logger=False).fit_loop
        dm.trainer = SimpleNamespace(world_size=2, global_rank=rank, fit_loop=fit_loop)  # type: ignore[assignment]
        shares.append(set(order(dm)))
    assert not shares[0] & shares[1]
    assert len(shares[0] | shares[1]) == 12


def test_evaluation_keeps_the_order_of_the_split(toy: ToyFactory) -> None:
    dm = toy()
    for name, loader in (("val", dm.val_dataloader()), ("test", dm.predict_dataloader())):
        seen = [sample for batch in loader for sample in batch["id"]]
        assert seen == [f"{name}{i}" for i in range(12)]


def test_two_workers_give_the_batches_of_none(toy: ToyFactory) -> None:
    workers = toy(num_workers=2, persistent_workers=True, prefetch_factor=2)
    for ours, theirs in zip(workers.train_dataloader(), toy().train_dataloader(), strict=True):
        assert ours["id"] == theirs["id"]
        assert torch.equal(ours["inputs"]["visual"], theirs["inputs"]["visual"])


def test_workers_collect_no_loader_that_they_inherit(
    toy: ToyFactory, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loader that an error stopped lies in a cycle with its traceback until it is collected."""
    dm = toy(num_workers=1)
    plain = dm.collate

    def collate(samples: Any) -> Any:
        gc.collect()
        return plain(samples)

    monkeypatch.setattr(dm, "collate", collate)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)  # pytest has its own
    gc.collect()
    gc.disable()
    try:
        stopped: list[Any] = [iter(dm.val_dataloader())]
        stopped.append(stopped)
        del stopped
        assert len(list(dm.test_dataloader())) == 3
    finally:
        gc.enable()
        gc.collect()
    assert capfd.readouterr().err == ""


def test_drop_last_leaves_out_the_short_training_batch_only(toy: ToyFactory) -> None:
    dm = toy(batch_size=5, drop_last=True)
    assert [len(batch["id"]) for batch in dm.train_dataloader()] == [5, 5]
    assert [len(batch["id"]) for batch in dm.test_dataloader()] == [5, 5, 2]


def test_fingerprint_is_the_same_for_the_same_data_and_any_loader(toy: ToyFactory) -> None:
    assert toy().fingerprint() == toy(batch_size=7).fingerprint()


def test_fingerprint_changes_with_the_seed(toy: ToyFactory) -> None:
    assert toy().fingerprint() != toy(seed=1).fingerprint()


@pytest.mark.parametrize("part", ["audio", "visual", "label"])
def test_fingerprint_changes_with_one_number(toy: ToyFactory, tmp_path: Path, part: str) -> None:
    before = toy().fingerprint()
    stored = dict(np.load(tmp_path / "test.npz"))
    stored[part].flat[0] = 1 - stored[part].flat[0]
    np.savez(tmp_path / "test.npz", **stored)
    assert toy().fingerprint() != before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_by_name(
    toy: ToyFactory, tmp_path: Path, value: float
) -> None:
    stored = dict(np.load(tmp_path / "test.npz"))
    stored["visual"][7, 0, 1, 1] = value
    np.savez(tmp_path / "test.npz", **stored)
    with pytest.raises(UserError, match="modality 'visual' of sample 'test7'"):
        list(toy().test_dataloader())


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_refused_by_name(
    toy: ToyFactory, tmp_path: Path, label: int
) -> None:
    stored = dict(np.load(tmp_path / "val.npz"))
    stored["label"][3] = label
    np.savez(tmp_path / "val.npz", **stored)
    with pytest.raises(UserError, match=f"Label {label} of sample 'val3'.*accepted are 0 to 1"):
        toy().setup("validate")


def test_labels_that_are_not_integers_are_refused(toy: ToyFactory, tmp_path: Path) -> None:
    stored = dict(np.load(tmp_path / "val.npz"))
    np.savez(tmp_path / "val.npz", **{**stored, "label": stored["label"] + 0.5})
    with pytest.raises(UserError, match="accepted are integers"):
        toy().setup("validate")


def test_an_empty_split_is_refused_by_name(toy: ToyFactory, tmp_path: Path) -> None:
    stored = {name: array[:0] for name, array in np.load(tmp_path / "val.npz").items()}
    np.savez(tmp_path / "val.npz", **stored)
    with pytest.raises(UserError, match="'val' split is empty"):
        toy().setup("fit")


def test_a_split_says_which_classes_it_lacks(toy: ToyFactory, tmp_path: Path) -> None:
    stored = dict(np.load(tmp_path / "val.npz"))
    np.savez(tmp_path / "val.npz", **{**stored, "label": np.zeros(12, int)})
    with pytest.warns(UserWarning, match="The 'val' split has no sample of 1 of 2 classes: yes.$"):
        toy().setup("fit")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        toy().setup("test")


def test_of_many_lacking_classes_ten_are_named() -> None:
    split = Split.aligned({"audio": np.zeros((1, 1))}, np.array([3]), ["a"])
    with pytest.warns(UserWarning, match=r"of 29 of 30 classes: 0, 1, 2, 4, .*, 9, 10, \.\.\.\.$"):
        warn_of_lacking("train", split, [str(k) for k in range(30)])


def test_parts_of_different_length_are_refused(toy: ToyFactory, tmp_path: Path) -> None:
    stored = dict(np.load(tmp_path / "test.npz"))
    np.savez(tmp_path / "test.npz", **{**stored, "audio": stored["audio"][:-1]})
    with pytest.raises(UserError, match="11 audio, 12 visual"):
        toy().setup("test")


def test_modalities_that_differ_from_the_declared_are_refused() -> None:
    arrays = {"audio": np.zeros((2, 1)), "touch": np.zeros((2, 1))}
    split = Split.aligned(arrays, np.zeros(2, int), ["a", "b"])
    with pytest.raises(UserError, match=r"\['audio', 'touch'\].*declares \['audio', 'visual'\]"):
        check_split("train", split, ("audio", "visual"), 2)


def test_a_repeated_id_is_refused() -> None:
    split = Split.aligned({"audio": np.zeros((2, 1))}, np.zeros(2, int), ["a", "a"])
    with pytest.raises(UserError, match="1 unique ids"):
        check_split("train", split, ("audio",), 2)


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 0}, {"num_workers": -1}, {"prefetch_factor": 2}, {"persistent_workers": True}],
)
def test_loader_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"loader[:.]"):
        LoaderOptions(**options)


def test_a_negative_seed_is_refused(toy: ToyFactory) -> None:
    with pytest.raises(UserError, match="seed is -1"):
        toy(seed=-1)


def test_lightnings_own_loading_does_not_make_data_with_the_defaults(toy: ToyFactory) -> None:
    with pytest.raises(UserError, match=r"Toy\.load_from_checkpoint: .*\nsnn_mm\.load_run\(path\)"):
        type(toy()).load_from_checkpoint("last.ckpt")


def test_what_a_class_of_ones_own_forgets_is_named(toy: ToyFactory, tmp_path: Path) -> None:
    class Nameless(MultimodalDataModule):
        modalities = ("audio", "visual")
        load_split = type(toy()).load_split

    with pytest.raises(UserError, match=r"^Nameless: no class_names; accepted: class_names = "):
        Nameless(str(tmp_path)).setup("test")
    with pytest.raises(UserError, match=r"^Nameless: loader is None; accepted: LoaderOptions"):
        Nameless(loader=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "given", "pinned"),
    [("cuda", None, True), ("cpu", None, False), ("cuda", False, False), ("cpu", True, True)],
)
def test_batches_are_page_locked_where_a_gpu_trains(
    toy: ToyFactory, device: str, given: bool | None, pinned: bool
) -> None:
    dm = toy(pin_memory=given)
    strategy = SimpleNamespace(root_device=torch.device(device))
    dm.trainer = SimpleNamespace(world_size=1, global_rank=0, strategy=strategy)  # type: ignore[assignment]
    for loader in (dm._loader(dm.split("train")), dm.val_dataloader(), dm.test_dataloader()):
        assert loader.pin_memory is pinned


def test_a_batch_goes_to_a_gpu_without_waiting(
    toy: ToyFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    dm = toy()
    batch = next(iter(dm.train_dataloader()))
    seen: list[Any] = []
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *where, **how: seen.append((where, how)))
    for device in ("cuda", "cpu"):
        dm.transfer_batch_to_device(batch, torch.device(device), 0)
    assert seen == [
        *[((torch.device("cuda"),), {"non_blocking": True})] * 3,
        *[((torch.device("cpu"),), {})] * 3,
    ]


def test_a_worker_that_died_over_a_file_that_changed_names_it(
    toy: ToyFactory, tmp_path: Path
) -> None:
    build_once(tmp_path / "made", lambda: {"audio": np.zeros((500, 8))})
    data = toy()
    data.setup("fit")
    data._splits["val"] = Selection(
        Split.aligned(PreparedArrays(tmp_path / "made"), np.arange(500), ["a"] * 500), np.arange(9)
    )
    error = RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly")
    data.on_exception(error)
    assert not hasattr(error, "__notes__")
    os.truncate(tmp_path / "made" / "audio.npy", 4096)
    data.on_exception(error)
    error.__cause__ = RuntimeError(
        "DataLoader worker (pid 7) is killed by signal: Bus error. It is"
    )
    message = user_message(error, None)
    assert message is not None
    first, second, *_ = message.splitlines()
    assert first == "DataLoader worker (pid 7) is killed by signal: Bus error"
    assert "audio.npy has become shorter" in second
