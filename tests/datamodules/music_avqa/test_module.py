"""What batches of MUSIC-AVQA hold, and what of a wrong setting or file is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules import MusicAVQA
from datamodules.base import LoaderOptions
from datamodules.music_avqa.module import FeatureLayout
from datamodules.music_avqa.source import draw_negatives, sample_ids
from datamodules.split import Draw
from snn_mm.errors import UserError
from tests.datamodules.avqa_files import SMALL, VIDEOS, entry, write_avqa, write_questions


@pytest.fixture(scope="module")
def avqa_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_avqa(tmp_path_factory.mktemp("avqa"))


def module(avqa_dir: Path, **options: Any) -> MusicAVQA:
    options = {"features": SMALL, "loader": LoaderOptions(batch_size=4), **options}
    return MusicAVQA(avqa_dir=str(avqa_dir), **options)


def test_a_batch_has_steps_tokens_answers_and_kinds(avqa_dir: Path) -> None:
    dm = module(avqa_dir)
    batch: Any = next(iter(dm.test_dataloader()))
    assert {name: list(values.shape) for name, values in batch["inputs"].items()} == {
        "audio": [4, 10, 5],
        "visual": [4, 10, 4, 3, 3],
        "question": [4, 14],
    }
    assert batch["inputs"]["question"].dtype == batch["kind"].dtype == torch.int64
    assert batch["kind"].tolist() == [0, 1, 2, 3]
    assert batch["target"].tolist() == [0, 1, 2, 3]
    assert batch["id"][:2] == ["va00000271:0", "00000288:1"]
    assert (dm.num_words, dm.num_classes) == (93, 42)


def test_sound_and_sight_are_those_of_the_questions_video(avqa_dir: Path) -> None:
    sample = module(avqa_dir).split("val")[1]  # about the fourth video
    expected = torch.arange(0, 60, 6) / 100 + 3
    for name in ("audio", "visual"):
        values = sample.inputs[name].flatten(1)  # [10, ...] -> [10, D]
        torch.testing.assert_close(values, expected[:, None].expand_as(values))


def test_answers_in_the_released_order_change_the_targets(avqa_dir: Path) -> None:
    batch = next(iter(module(avqa_dir, answer_order="released").test_dataloader()))
    assert batch["target"].tolist() == [41, 40, 39, 38]


def test_negatives_are_seconds_of_other_videos_of_the_split(avqa_dir: Path) -> None:
    split = module(avqa_dir, negatives=True).split("val")
    seen = torch.cat([split[0].inputs["negative"], split[3].inputs["negative"]])
    videos = {int(frame.flatten()[0]) for frame in seen}
    assert videos == {3, 4}  # both samples ask about video 2, and no validation question about 0, 1


def test_negatives_depend_on_seed_epoch_and_sample_alone(avqa_dir: Path) -> None:
    def negative(seed: int, draw: Draw | int) -> torch.Tensor:
        split = module(avqa_dir, negatives=True, seed=seed).split("train")
        return split[draw].inputs["negative"]

    assert torch.equal(negative(0, Draw(2, 5)), negative(0, Draw(2, 5)))
    assert torch.equal(negative(0, 5), negative(0, Draw(0, 5)))
    for other in (negative(1, Draw(2, 5)), negative(0, Draw(3, 5)), negative(0, Draw(2, 10))):
        assert not torch.equal(negative(0, Draw(2, 5)), other)


def test_negatives_are_uniform_over_all_other_seconds() -> None:
    drawn = draw_negatives(2, 4, 5, 30_000, np.random.default_rng(0))
    counts = np.zeros((4, 5), int)
    for video, second in drawn:
        counts[video, second] += 1
    assert counts[2].sum() == 0
    assert counts[[0, 1, 3]].min() > 1800  # 2,000 expected, deviation 43
    assert counts.max() < 2200


def test_grounding_pairs_a_second_of_sound_with_its_own_and_anothers_picture(
    avqa_dir: Path,
) -> None:
    split = module(avqa_dir, grounding=True, videos="real", grounding_seconds=10).split("train")
    assert split.ids[:2] == ["00000028:0", "00000028:1"]
    assert len(split) == 3 * 10
    pairs = set()
    for row in range(len(split)):
        sample = split[row]
        values = {name: float(value.flatten()[0]) for name, value in sample.inputs.items()}
        own = VIDEOS.index(sample.id.split(":")[0]) + row % 10 / 100
        assert values["audio"] == values["visual"] == pytest.approx(own)
        pairs.add((int(own), int(values["negative"])))
    assert pairs == {(own, other) for own in (0, 1, 3) for other in (0, 1, 3) if own != other}


def test_grounding_batches_have_one_step_and_two_classes(avqa_dir: Path) -> None:
    dm = module(avqa_dir, grounding=True)
    batch = next(iter(dm.train_dataloader()))
    shapes = {name: list(values.shape) for name, values in batch["inputs"].items()}
    assert shapes == {
        "audio": [4, 1, 5],
        "visual": [4, 1, 4, 3, 3],
        "negative": [4, 1, 4, 3, 3],
    }
    assert batch["target"].tolist() == [1, 1, 1, 1]
    assert dm.num_classes == 2


def test_repeated_questions_get_names_of_their_own(avqa_dir: Path) -> None:
    question = module(avqa_dir).questions("test")[0]
    assert sample_ids([question, question]) == ["va00000271:0", "va00000271:0:2"]


def test_a_missing_feature_file_stops_before_training(tmp_path: Path) -> None:
    write_avqa(tmp_path)
    (tmp_path / SMALL.visual_dir / f"{VIDEOS[1]}.npy").unlink()
    with pytest.raises(UserError, match=rf"res18_14x14/{VIDEOS[1]}\.npy \(or \.h5\) is missing"):
        module(tmp_path).setup("fit")


def test_wrong_shape_is_named_from_a_batch(tmp_path: Path) -> None:
    write_avqa(tmp_path)
    np.save(tmp_path / SMALL.audio_dir / f"{VIDEOS[2]}.npy", np.zeros((10, 5), np.float32))
    with pytest.raises(UserError, match=rf"{VIDEOS[2]}\.npy holds \[10, 5\] of float32; accepted"):
        next(iter(module(tmp_path).test_dataloader()))


def test_nan_is_named_with_modality_and_sample(tmp_path: Path) -> None:
    write_avqa(tmp_path)
    np.save(tmp_path / SMALL.audio_dir / f"{VIDEOS[3]}.npy", np.full((60, 5), np.nan))
    with pytest.raises(UserError, match="NaN or infinity in modality 'audio' of sample '00000288:"):
        next(iter(module(tmp_path).test_dataloader()))


def test_hdf5_maps_beside_numpy_audio(tmp_path: Path, avqa_dir: Path) -> None:
    write_avqa(tmp_path, suffix=".h5")
    from_hdf5, from_numpy = (module(root).split("test")[4] for root in (tmp_path, avqa_dir))
    for name, values in from_numpy.inputs.items():
        assert torch.equal(from_hdf5.inputs[name], values)


def test_fewer_training_questions_than_the_official_ones_are_refused(tmp_path: Path) -> None:
    write_questions(tmp_path, counts=(9, 9, 9))
    with pytest.raises(UserError, match=r"answers where data\.expected_answers is 42"):
        _ = module(tmp_path, expected_words=None).class_names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"videos": "few"}, "videos is 'few'; accepted: all, real, synthetic"),
        ({"grounding": True, "grounding_seconds": 61}, "grounding_seconds is 61; accepted: 1"),
    ],
)
def test_a_wrong_setting_is_named(avqa_dir: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        module(avqa_dir, **options).setup("fit")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"stride": 0}, "stride is 0"), ({"audio_shape": (10, 128)}, "audio_shape has 10 seconds")],
)
def test_a_layout_that_fits_no_video_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        FeatureLayout(**options)


@pytest.mark.parametrize("options", [{"negatives": True}, {"grounding": True}])
def test_negatives_need_another_video(tmp_path: Path, options: dict[str, Any]) -> None:
    write_avqa(tmp_path)
    (tmp_path / "json" / "avqa-val.json").write_text(json.dumps([entry(0)]))
    with pytest.raises(UserError, match=r"another video|two videos"):
        module(tmp_path, **options).split("val")


def test_the_fingerprint_tells_other_negatives_and_answer_orders(avqa_dir: Path) -> None:
    prints = [
        module(avqa_dir, **options).fingerprint()
        for options in ({}, {}, {"negatives": True}, {"answer_order": "released"}, {"seed": 1})
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4


def test_workers_draw_what_the_main_process_draws(avqa_dir: Path) -> None:
    here, there = (
        module(avqa_dir, negatives=True, loader=LoaderOptions(batch_size=21, num_workers=workers))
        for workers in (0, 1)
    )
    for first, second in zip(here.train_dataloader(), there.train_dataloader(), strict=True):
        assert torch.equal(first["inputs"]["negative"], second["inputs"]["negative"])
