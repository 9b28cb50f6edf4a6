"""From archives in their real layout through `prepare` to batches, for each data set."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from datamodules import CremaD, KineticsSounds, LoaderOptions, UrbanSound8KAV
from datamodules.base import SPLITS, SplitName
from datamodules.batches import collate, stacked
from datamodules.clips.module import ClipDataModule
from datamodules.clips.split import ClipSNR
from datamodules.folds import Folds
from datamodules.split import Draw
from datamodules.store.clip import Clip
from datamodules.store.datasets import crema_d, kinetics_sounds
from datamodules.store.engine import PrepareRequest, prepare
from datamodules.store.store import ClipStore
from snn_mm.errors import UserError

SHAPES = [
    (CremaD, "iemf", (1, 257, 188), (3, 224, 224)),
    (CremaD, "ogm_ge", (1, 257, 188), (3, 224, 224)),
    (CremaD, "pmr", (1, 257, 299), (3, 3, 224, 224)),
    (KineticsSounds, "iemf", (1, 257, 188), (3, 3, 224, 224)),
    (KineticsSounds, "ogm_ge", (1, 128, 1024), (3, 3, 224, 224)),
    (KineticsSounds, "pmr", (1, 257, 299), (3, 3, 224, 224)),
    (UrbanSound8KAV, "iemf", (1, 128, 128), (3, 128, 128)),
    (UrbanSound8KAV, "ogm_ge", (1, 257, 188), (3, 224, 224)),
    (UrbanSound8KAV, "pmr", (1, 257, 299), (3, 224, 224)),
]


def batches(dm: ClipDataModule, epoch: int = 0) -> list[dict[str, Any]]:
    loader = dm.train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return list(loader)


def same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> bool:
    pairs = list(zip(ours, theirs, strict=True))
    return all(
        a["id"] == b["id"] and all(torch.equal(x, b["inputs"][m]) for m, x in a["inputs"].items())
        for a, b in pairs
    )


def pictures(dm: ClipDataModule, epoch: int) -> dict[str, Tensor]:
    """Return what training sees of each clip in an epoch."""
    split = dm.split("train")
    samples = [split[Draw(epoch, row)] for row in range(len(split))]
    return {sample.id: sample.inputs["visual"] for sample in samples}


class Recorder(LightningModule):
    """Notes the sums of what each training batch holds."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[list[float]] = []

    def training_step(self, batch: Any, _: int) -> Tensor:
        self.seen.append([x.double().sum().item() for x in batch["inputs"].values()])
        return self.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def train(
    recorder: Recorder, root: str, folder: Path, epochs: int, resume: Path | None = None
) -> Trainer:
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data = CremaD(root, loader=LoaderOptions(batch_size=4))
    trainer.fit(recorder, datamodule=data, ckpt_path=resume)
    return trainer


@pytest.mark.parametrize(("data", "protocol", "audio", "visual"), SHAPES)
def test_a_batch_has_the_shapes_of_the_protocol(
    prepared_root: str, data: type, protocol: str, audio: Any, visual: Any
) -> None:
    dm = data(prepared_root, protocol=protocol, loader=LoaderOptions(batch_size=2))
    for loader in (dm.train_dataloader(), dm.test_dataloader()):
        batch = next(iter(loader))
        assert batch["inputs"]["audio"].shape == (2, *audio)
        assert batch["inputs"]["visual"].shape == (2, *visual)
        assert {x.dtype for x in batch["inputs"].values()} == {torch.float32}


@pytest.mark.parametrize("data", [CremaD, KineticsSounds, UrbanSound8KAV])
def test_every_clip_is_in_one_split_with_the_label_of_its_archive(
    prepared_root: str, data: type
) -> None:
    dm = data(prepared_root)
    seen = [name for split in SPLITS for name in dm.split(split).ids]
    assert sorted(seen) == dm.store.ids
    labels = dict(zip(dm.store.ids, dm.store.labels))
    for split in map(dm.split, SPLITS):
        assert set(split.labels) == set(range(dm.num_classes))
        assert split.labels.tolist() == [labels[name] for name in split.ids]


def test_listed_test_clips_are_those_of_the_list(prepared_root: str) -> None:
    dm = CremaD(prepared_root, split="listed")
    assert {name[:4] for name in dm.split("test").ids} == {"1003"}


def test_no_actor_is_in_two_parts_when_split_by_actors(prepared_root: str) -> None:
    dm = CremaD(prepared_root, split="actors")
    actors = [{name[:4] for name in dm.split(split).ids} for split in SPLITS]
    assert sorted(map(len, actors)) == [1, 1, 1]
    assert len(set.union(*actors)) == 3


def test_slices_of_one_recording_stay_together_when_split_by_groups(prepared_root: str) -> None:
    for seed in range(5):
        dm = UrbanSound8KAV(prepared_root, split="groups", seed=seed)
        recordings = [{name.split("-")[0] for name in dm.split(split).ids} for split in SPLITS]
        assert sum(map(len, recordings)) == len(set.union(*recordings)) == 30


def test_the_seed_decides_a_random_split(prepared_root: str) -> None:
    parts = [CremaD(prepared_root, seed=seed).split("test").ids for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


def test_selecting_on_the_test_set_trains_on_all_other_clips_and_says_so(
    prepared_root: str,
) -> None:
    dm = CremaD(prepared_root, split="listed", select="test")
    with pytest.warns(UserWarning, match="chosen on the test set"):
        dm.setup("fit")
    assert dm.split("val").ids == dm.split("test").ids
    assert len(dm.split("train")) == 12
    assert dm.fingerprint() != CremaD(prepared_root, split="listed").fingerprint()


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_batches_of_none(prepared_root: str, workers: int) -> None:
    options = {"num_workers": workers, "persistent_workers": True}
    dm = CremaD(prepared_root, protocol="pmr", loader=LoaderOptions(batch_size=4, **options))
    alone = CremaD(prepared_root, protocol="pmr", loader=LoaderOptions(batch_size=4))
    loader = dm.train_dataloader()
    for epoch in (0, 1):  # the workers of epoch 0 go on in epoch 1
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        assert same(list(loader), batches(alone, epoch))


def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(
    prepared_root: str, tmp_path: Path
) -> None:
    uninterrupted, resumed = Recorder(), Recorder()
    train(uninterrupted, prepared_root, tmp_path, epochs=2)
    train(Recorder(), prepared_root, tmp_path, epochs=1).save_checkpoint(tmp_path / "one.ckpt")
    train(resumed, prepared_root, tmp_path, epochs=2, resume=tmp_path / "one.ckpt")
    assert resumed.seen == uninterrupted.seen[len(resumed.seen) :]
    assert len(uninterrupted.seen) == 2 * len(resumed.seen) > 0


def test_a_batch_is_bit_for_bit_its_single_samples(prepared_root: str) -> None:
    for options in ({}, {"protocol": "pmr", "snr_db": ClipSNR(0.0, 0.0)}):
        split = CremaD(prepared_root, **options).split("train")
        draws = [Draw(3, 2), Draw(1, 0), 4]
        together, batch = split.__getitems__(draws), collate(split.__getitems__(draws))
        assert stacked(together)["visual"].data_ptr() == together[0].inputs["visual"].data_ptr()
        for place, sample in enumerate(map(split.__getitem__, draws)):
            assert (batch["id"][place], batch["target"][place]) == (sample.id, sample.target)
            for name, values in sample.inputs.items():
                assert torch.equal(batch["inputs"][name][place], values)


def test_epochs_differ_and_repeat(prepared_root: str) -> None:
    first, second = (pictures(CremaD(prepared_root), epoch) for epoch in (0, 1))
    assert not any(torch.equal(first[name], second[name]) for name in first)
    again = pictures(CremaD(prepared_root), 1)
    assert all(torch.equal(second[name], again[name]) for name in second)


def test_the_loader_tells_the_data_the_epoch(prepared_root: str) -> None:
    dm = CremaD(prepared_root)
    (batch,) = batches(dm, epoch=3)
    expected = pictures(dm, 3)
    assert all(torch.equal(x, expected[n]) for n, x in zip(batch["id"], batch["inputs"]["visual"]))


def test_reading_in_another_order_changes_nothing(prepared_root: str) -> None:
    split = CremaD(prepared_root).split("train")
    forward = [split[Draw(2, row)].inputs["visual"] for row in range(4)]
    torch.manual_seed(5)
    backward = [split[Draw(2, row)].inputs["visual"] for row in (3, 2, 1, 0)][::-1]
    assert all(map(torch.equal, forward, backward))


def test_evaluation_is_the_same_in_every_epoch(prepared_root: str) -> None:
    split = CremaD(prepared_root).split("test")
    seen = [split[Draw(epoch, 1)].inputs["visual"] for epoch in range(8)]
    assert all(torch.equal(image, seen[0]) for image in seen)
    assert split._frames(1, 0) == [1]  # the middle of three


def test_frames_drawn_once_are_those_of_every_epoch(prepared_root: str) -> None:
    once = CremaD(prepared_root, protocol="ogm_ge").split("train")
    anew = CremaD(prepared_root, protocol="iemf").split("train")
    drawn = [{tuple(split._frames(3, epoch)) for epoch in range(12)} for split in (once, anew)]
    assert [len(frames) for frames in drawn] == [1, 3]


def test_fields_of_a_protocol_can_be_overridden(prepared_root: str) -> None:
    dm = CremaD(
        prepared_root, protocol="pmr", override={"frames": 2, "seconds": 1.0, "image_size": 32}
    )
    sample = dm.split("train")[0]
    assert sample.inputs["visual"].shape == (2, 3, 32, 32)
    assert sample.inputs["audio"].shape == (1, 257, 1 + (16000 - 512) // 159)
    assert dm.fingerprint() != CremaD(prepared_root, protocol="pmr").fingerprint()


def added(data: type, root: str, name: SplitName, draw: Draw, **options: Any) -> dict[str, Tensor]:
    """What noise adds to the inputs of one clip."""
    seen = [data(root, **given).split(name)[draw].inputs for given in (options, {})]
    return {modality: seen[0][modality] - x for modality, x in seen[1].items()}


@pytest.mark.parametrize("data", [CremaD, KineticsSounds, UrbanSound8KAV])
@pytest.mark.parametrize("part", SPLITS)
def test_noise_has_the_ratio_asked_for_on_the_modality_that_is_named(
    prepared_root: str, data: type, part: SplitName
) -> None:
    clean = data(prepared_root).split(part)[0].inputs
    for modality, other in (("audio", "visual"), ("visual", "audio")):
        noise = added(data, prepared_root, part, Draw(0, 0), snr_db=ClipSNR(**{modality: -3.0}))
        ratio = clean[modality].double().square().mean() / noise[modality].double().square().mean()
        assert 10 * torch.log10(ratio) == pytest.approx(-3.0, abs=0.1)
        assert not noise[other].any()


@pytest.mark.parametrize(
    ("noise_in", "noisy"),
    [("all", SPLITS), ("training", ("train",)), ("evaluation", ("val", "test"))],
)
def test_noise_is_in_the_parts_that_are_named(
    prepared_root: str, noise_in: str, noisy: tuple[str, ...]
) -> None:
    options = {"snr_db": ClipSNR(visual=0.0), "noise_in": noise_in}
    for part in SPLITS:
        noise = added(CremaD, prepared_root, part, Draw(0, 0), **options)["visual"]
        assert bool(noise.any()) == (part in noisy)


def test_noise_is_a_function_of_seed_epoch_clip_and_modality(prepared_root: str) -> None:
    def noise(
        part: SplitName, epoch: int, row: int, seed: int = 0, modality: str = "visual"
    ) -> Tensor:
        loud = CremaD(prepared_root, snr_db=ClipSNR(0.0, 0.0), seed=seed).split(part)
        x = torch.ones(3, 4, 4)
        return loud.add_noise(modality, x, epoch, loud.ids[row]) - x

    assert torch.equal(noise("train", 2, 1), noise("train", 2, 1))
    drawn = [noise("train", 2, 1), noise("train", 3, 1), noise("train", 2, 0)]
    drawn += [noise("train", 2, 1, modality="audio"), noise("train", 2, 1, seed=1)]
    drawn += [noise("test", 2, 1), noise("val", 2, 1)]
    assert not any(torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])
    assert torch.equal(noise("test", 2, 1), noise("test", 5, 1))  # evaluation stays the same


def test_noise_is_part_of_the_fingerprint_and_none_of_it_without(prepared_root: str) -> None:
    options = [{"snr_db": ClipSNR(visual=level)} for level in (0.0, 5.0)]
    options += [{**options[0], "noise_in": "training"}, {"snr_db": ClipSNR(audio=0.0)}, {}]
    prints = {CremaD(prepared_root, **given).fingerprint() for given in options}
    assert len(prints) == len(options)
    assert CremaD(prepared_root, noise_in="training").fingerprint() in prints  # as without noise


def test_the_fingerprint_reads_no_clip(prepared_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dm = CremaD(prepared_root)
    monkeypatch.setattr(type(dm.store), "wave", None)
    assert dm.fingerprint() == CremaD(prepared_root).fingerprint()
    assert dm.fingerprint() != CremaD(prepared_root, seed=1).fingerprint()
    assert len({dm.split(name).digest() for name in SPLITS}) == 3


def test_data_that_are_not_prepared_are_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"snnmm prepare crema_d --source DIR") as refused:
        CremaD(str(tmp_path)).prepare_data()
    assert f"--root {tmp_path}" in str(refused.value)


def test_a_listed_split_of_clips_without_list_is_refused_with_the_command(
    crema_d_dir: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "prepared" / "crema_d"
    clips = crema_d.find_clips(crema_d_dir, None)
    prepare(PrepareRequest(clips, crema_d.CLASS_NAMES, directory), lambda *_: None)
    with pytest.raises(UserError, match=r"18 of 18 clips .* are in no list") as refused:
        CremaD(str(tmp_path), split="listed").split("train")
    assert "snnmm prepare crema_d --source DIR --lists DIR" in str(refused.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"protocol": "mine"}, "protocol is 'mine'; accepted: iemf, ogm_ge, pmr"),
        ({"split": "groups"}, "split is 'groups'; accepted: random, listed, actors"),
        ({"select": "train"}, "select is 'train'; accepted: val, test"),
        ({"noise_in": "test"}, "noise_in is 'test'; accepted: all, training, evaluation"),
        ({"val_fraction": 1.0}, r"val_fraction=1.0"),
        ({"override": {"fps": 3}}, "unknown fps; accepted are sample_rate, "),
    ],
)
def test_what_is_not_accepted_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        CremaD(**options)


def test_a_damaged_picture_is_refused_by_name(prepared_root: str, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared" / "crema_d"
    shutil.copytree(Path(prepared_root) / "prepared" / "crema_d", prepared)
    data = CremaD(str(tmp_path))
    data.prepare_data()  # on opening it was whole
    pixels = prepared / "frames.bin"
    pixels.write_bytes(bytes(pixels.stat().st_size))
    with pytest.raises(
        UserError,
        match=r"frames.bin frame . of '100._DFA_..._XX' is damaged: cannot identify image file$",
    ):
        batches(data)


def test_a_class_of_one_clip_is_named_with_its_part_and_missed_in_the_others(
    prepared_root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = CremaD(prepared_root).store.labels
    labels[np.flatnonzero(labels == 0)[1:]] = 5  # ANG keeps one of its three clips
    monkeypatch.setattr(ClipStore, "labels", labels)
    dm = CremaD(prepared_root, split="random")
    with pytest.warns(UserWarning, match="fewer clips than") as caught:
        dm.fingerprint()
    assert sorted(str(each.message) for each in caught) == [
        "1 classes have fewer clips than the 3 parts they are divided into: ANG (1 in test).",
        "The 'train' split has no sample of 1 of 6 classes: ANG.",
        "The 'val' split has no sample of 1 of 6 classes: ANG.",
    ]


@pytest.mark.real_data
def test_real_clips_go_through_each_protocol(real_clips: Path, tmp_path: Path) -> None:
    with (real_clips / "manifest.tsv").open() as file:
        paths = [real_clips / row["file"] for row in csv.DictReader(file, delimiter="\t")]
    clips = [Clip(p.stem, i % 2, ("train", "test")[i > 9], p, p) for i, p in enumerate(paths)]
    directory = tmp_path / "prepared" / "kinetics_sounds"
    prepare(PrepareRequest(clips, kinetics_sounds.CLASS_NAMES, directory), lambda *_: None)
    for protocol in ("iemf", "ogm_ge", "pmr"):
        dm = KineticsSounds(str(tmp_path), protocol=protocol, val_fraction=0.2)
        assert [len(dm.split(name)) for name in SPLITS] == [8, 2, 6]
        (batch,) = dm.test_dataloader()
        assert all(x.std() > 0.1 for x in batch["inputs"]["audio"])
        assert all(np.ptp(x.numpy()) > 1 for x in batch["inputs"]["visual"])


@pytest.mark.parametrize("select", ["val", "test"])
def test_folds_leave_actors_out_whatever_the_split_is(prepared_root: str, select: str) -> None:
    tested = []
    for fold in range(3):
        dm = CremaD(prepared_root, split="random", select=select, folds=Folds(k=3), fold=fold)
        train, val, test = ({name[:4] for name in dm.split(split).ids} for split in SPLITS)
        assert not train & (val | test)
        assert val == test if select == "test" else not val & test
        tested += sorted(test)
    assert sorted(tested) == ["1001", "1002", "1003"]
