"""Made-up batches have the shapes and types of real ones, and need no file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from datamodules import split_module
from datamodules.av_cil.module import ClassIncremental
from datamodules.base import MultimodalDataModule
from datamodules.clips.ave import AVE
from datamodules.clips.crema_d import CremaD
from datamodules.clips.kinetics_sounds import KineticsSounds
from datamodules.clips.urbansound8k_av import UrbanSound8KAV
from datamodules.digits.digits_av import DigitsAV
from datamodules.digits.spoken_digits_events import SpokenDigitsEvents
from datamodules.incremental.scenario import IncrementalScenario
from datamodules.made_up import DIFFERENT, made_split
from datamodules.music_avqa.module import FeatureLayout, MusicAVQA
from datamodules.sentiment.mmsa import CHSimsV2, Mosei
from datamodules.sentiment.mosi_utterances import MosiUtterances
from datamodules.sentiment.pom import POM
from snn_mm.errors import UserError
from tests.datamodules import avqa_files

LOADER = split_module.LoaderOptions(batch_size=2)


def facts(batch: Any) -> Any:
    """Shapes and types of all that is in a batch."""
    if isinstance(batch, dict):
        return {name: facts(value) for name, value in batch.items()}
    return (batch.shape, batch.dtype) if isinstance(batch, Tensor) else type(batch)


def made_batch(data: Any, samples: int = 4) -> Any:
    data.make_up(samples)
    data.prepare_data()
    data.setup("fit")
    return next(iter(data.train_dataloader()))


def real_batch(data: Any) -> Any:
    data.setup("fit")
    return next(iter(data.train_dataloader()))


def check_against_real(make: Callable[[], Any]) -> None:
    assert facts(made_batch(make())) == facts(real_batch(make()))


def test_digits(digits_root: str) -> None:
    check_against_real(lambda: DigitsAV(digits_root, loader=LOADER))


@pytest.fixture
def events(fsdd_dir: Path, nmnist_dir: Path) -> Callable[[], SpokenDigitsEvents]:
    def make() -> SpokenDigitsEvents:
        folders = {"fsdd_dir": str(fsdd_dir), "nmnist_dir": str(nmnist_dir)}
        root = str(fsdd_dir.parent)
        return SpokenDigitsEvents(root, val_fraction=0.25, loader=LOADER, **folders)

    return make


def test_events_and_their_tasks(events: Callable[[], SpokenDigitsEvents]) -> None:
    check_against_real(events)
    check_against_real(lambda: IncrementalScenario(events(), classes_per_task=2))


@pytest.mark.parametrize(
    "kind", [CremaD, KineticsSounds, UrbanSound8KAV], ids=lambda kind: kind.__name__
)
def test_clips(kind: type[MultimodalDataModule], prepared_root: str) -> None:
    options = {"test_fraction": 0.34, "val_fraction": 0.34, "loader": LOADER}
    check_against_real(lambda: kind(prepared_root, **options))


def test_clips_of_several_frames(ave_root: str) -> None:
    check_against_real(lambda: AVE(ave_root, protocol="pmr", split="listed", loader=LOADER))


@pytest.mark.parametrize(
    "options", [{}, {"negatives": True}, {"grounding": True}], ids=lambda options: str(options)
)
def test_questions_and_pairs(options: dict[str, Any], tmp_path: Path) -> None:
    root = avqa_files.write_avqa(tmp_path)
    layout = FeatureLayout(audio_shape=(60, 5), visual_shape=(60, 4, 3, 3))

    def make() -> MusicAVQA:
        return MusicAVQA(avqa_dir=str(root), features=layout, loader=LOADER, **options)

    check_against_real(make)


def test_words_and_answers_are_those_that_are_expected() -> None:
    data = MusicAVQA("nowhere", loader=LOADER)
    batch = made_batch(data)
    assert (data.num_words, data.num_classes) == (93, 42)
    assert int(batch["inputs"]["question"].max()) < 93


def test_features_in_tasks_come_as_their_benchmark_has_them() -> None:
    data = ClassIncremental("nowhere", dataset="ks", memory=0, loader=LOADER)
    batch = made_batch(data)
    assert batch["inputs"]["audio"].shape == (2, 768)
    assert batch["inputs"]["visual"].shape == (2, 1568, 768)
    assert data.num_tasks == 5
    assert set(data.split("train").labels) == set(range(30))


@pytest.mark.parametrize(
    ("data", "own"),
    [(CHSimsV2("nowhere", loader=LOADER), 3), (Mosei("nowhere", loader=LOADER), 0)],
    ids=("CHSimsV2", "Mosei"),
)
def test_feature_files_come_as_they_are_distributed(data: Any, own: int) -> None:
    batch = made_batch(data)
    assert {name: x.shape[1:] for name, x in batch["inputs"].items()} == data.shapes()
    assert {name: int(x.max()) for name, x in batch["lengths"].items()} == data.max_lengths
    assert len(batch.get("unimodal_target", ())) == own


@pytest.mark.parametrize("kind", [MosiUtterances, POM])
def test_other_sequences_come_as_their_files_have_them(kind: Any) -> None:
    data = kind("nowhere", loader=LOADER)
    assert {name: x.shape[1:] for name, x in made_batch(data)["inputs"].items()} == data.shapes()


def test_samples_differ_and_an_image_is_no_white_noise() -> None:
    split = made_split({"visual": (3, 20, 17)}, classes=3, samples=2 * DIFFERENT)
    first, second = split[0].inputs["visual"], split[1].inputs["visual"]
    assert not torch.equal(first, second)
    assert torch.equal(first, split[DIFFERENT].inputs["visual"])
    assert first[:, :8, :8].unique().numel() == 3
    assert split.labels.tolist()[:4] == [0, 1, 2, 0]


def test_data_of_unknown_shape_are_refused() -> None:
    class Unknown(MultimodalDataModule):
        modalities, class_names = ("audio",), ("a", "b")

        def load_split(self, name: Any) -> Any:
            raise NotImplementedError

    with pytest.raises(UserError, match="Unknown: the shapes"):
        Unknown().make_up(4)
