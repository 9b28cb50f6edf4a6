"""AVE from its archive through `prepare` to batches, and what each of its options changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import spectrogram

from datamodules import AVE, LoaderOptions
from datamodules.base import SPLITS
from datamodules.clips.ave import kept_events
from datamodules.split import Sample
from datamodules.store.datasets.ave import CLASS_NAMES, read_events
from snn_mm.errors import UserError


def sample_of(dm: AVE, name: str) -> Sample:
    """Return what evaluation sees of a clip of the test part."""
    split = dm.split("test")
    return split[list(split.ids).index(name)]


def test_a_batch_has_the_shapes_of_the_pmr_protocol(ave_root: str) -> None:
    dm = AVE(ave_root, loader=LoaderOptions(batch_size=2))
    for loader in (dm.train_dataloader(), dm.val_dataloader(), dm.test_dataloader()):
        batch = next(iter(loader))
        assert batch["inputs"]["audio"].shape == (2, 1, 257, 1004)
        assert batch["inputs"]["visual"].shape == (2, 3, 3, 224, 224)


def test_audio_is_the_standardised_log_power_of_the_stretch_repeated_to_ten_seconds(
    ave_root: str,
) -> None:
    dm = AVE(ave_root, override={"sample_rate": 22050})  # as recorded: nothing is resampled
    row = dm.store.ids.index("-----test03_0")
    wave = dm.store.wave(row).astype(np.float64)
    assert len(wave) == pytest.approx(2 * 22050, abs=1)
    repeated = np.tile(wave, 10)[: 10 * 22050]
    _, _, power = spectrogram(repeated, 22050, nperseg=512, noverlap=353)
    log = np.log(power + 1e-7)
    expected = torch.from_numpy((log - log.mean()) / (log.std() + 1e-9)).float()
    audio = sample_of(dm, "-----test03_0").inputs["audio"][0]
    torch.testing.assert_close(audio, expected, atol=2e-3, rtol=0)


def test_frames_come_from_the_annotated_stretch_alone(ave_root: str) -> None:
    """The film goes from black to white; odd classes are annotated in its second half."""
    dm = AVE(ave_root)
    first, second = (
        sample_of(dm, f"-----test{label:02d}_0").inputs["visual"].mean(dim=(1, 2, 3))
        for label in (2, 3)
    )
    assert first.max() < second.min()
    assert dm.store.frame_count(dm.store.ids.index("-----test03_0")) == 3


def test_parts_are_those_of_the_lists(ave_root: str) -> None:
    dm = AVE(ave_root)
    for part in SPLITS:
        videos = {name[:11] for name in dm.split(part).ids} - {"----train10"}
        assert {name.strip("-")[:-2] for name in videos} == {part}
    assert [len(dm.split(part)) for part in SPLITS] == [28, 28, 29]


def test_selecting_on_the_test_list_leaves_the_validation_list_out(ave_root: str) -> None:
    dm = AVE(ave_root, select="test")
    with pytest.warns(UserWarning, match="chosen on the test set"):
        assert dm.split("val").ids == dm.split("test").ids
    assert dm.split("train").ids == AVE(ave_root).split("train").ids


@pytest.mark.parametrize(
    ("repeats", "kept"), [("first", ["Bark"]), ("last", ["Goat"]), ("all", ["Bark", "Goat"])]
)
def test_repeats_decides_which_event_of_a_video_counts(
    ave_root: str, repeats: Any, kept: list[str]
) -> None:
    split = AVE(ave_root, repeats=repeats).split("train")
    found = [split.labels[i] for i, name in enumerate(split.ids) if name[:11] == "----train02"]
    assert [CLASS_NAMES[label] for label in found] == kept


def test_class_order_changes_indices_and_not_classes(ave_root: str) -> None:
    listed, alphabetical = AVE(ave_root), AVE(ave_root, class_order="alphabetical")
    assert (listed.class_names[0], alphabetical.class_names[0]) == ("Church bell", "Accordion")
    for part in SPLITS:
        names = [
            [dm.class_names[k] for k in dm.split(part).labels] for dm in (listed, alphabetical)
        ]
        assert names[0] == names[1]
    assert listed.fingerprint() != alphabetical.fingerprint()


def test_no_video_is_in_two_parts_of_a_random_split(ave_root: str) -> None:
    for seed in range(3):
        dm = AVE(ave_root, split="random", repeats="all", test_fraction=0.4, seed=seed)
        videos = [{name[:11] for name in dm.split(part).ids} for part in SPLITS]
        assert sum(map(len, videos)) == len(set.union(*videos)) == 84


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"protocol": "iemf"}, "protocol is 'iemf'; accepted: pmr"),
        ({"split": "official"}, "split is 'official'; accepted: listed, random"),
        ({"repeats": "none"}, "repeats is 'none'; accepted: first, last, all"),
        ({"class_order": "pmr"}, "class_order is 'pmr'; accepted: listed, alphabetical"),
    ],
)
def test_what_is_not_accepted_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        AVE(**options)


@pytest.mark.real_data
def test_the_first_events_of_the_official_lists_are_as_many_as_videos(official_lists: Path) -> None:
    parts = read_events(official_lists / "ave", official_lists / "ave")
    counts = []
    for events in parts.values():
        ids = [f"{event.video}_{number}" for number, event in enumerate(events)]
        counts.append([len(kept_events(np.arange(len(ids)), ids, k)) for k in ("first", "last")])
    assert counts == [[3312] * 2, [401] * 2, [402] * 2]
