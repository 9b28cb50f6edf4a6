"""Corrupted samples of a data module: what decides them, where they come in, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.base import LoaderOptions, MultimodalDataModule, SplitName
from datamodules.corruption import Corruption
from datamodules.corruption.forms import Form
from datamodules.incremental.scenario import IncrementalScenario
from datamodules.sequences import SequenceDataModule, SequenceSplit
from datamodules.split import Draw, Sample, SampleSource, Source, Split
from snn_mm.errors import UserError

SOUND = {"audio": [Corruption("babble", 5), Corruption("packet_loss", 3)]}


class Waves(MultimodalDataModule):
    """Waves `[800]` and pictures `[1, 6, 6]`."""

    modalities = ("audio", "visual")
    class_names = ("no", "yes")

    def load_split(self, name: SplitName) -> Split:
        rng = np.random.default_rng(len(name))
        arrays = {
            "audio": rng.standard_normal((12, 800), np.float32),
            "visual": rng.random((12, 1, 6, 6), np.float32),
        }
        return Split.aligned(arrays, np.arange(12) % 2, [f"{name}{i}" for i in range(12)])

    def forms(self, name: SplitName, split: Source) -> Mapping[str, Form]:
        return {"audio": Form(kind="sound", sample_rate=800), "visual": Form(kind="picture")}


def waves(workers: int = 0, **options: Any) -> Waves:
    return Waves(loader=LoaderOptions(batch_size=4, num_workers=workers), **options)


def by_id(loader: DataLoader[Any], epoch: int = 0) -> dict[str, dict[str, Tensor]]:
    if hasattr(loader.sampler, "set_epoch"):
        loader.sampler.set_epoch(epoch)
    return {
        name: {modality: x[place] for modality, x in batch["inputs"].items()}
        for batch in loader
        for place, name in enumerate(batch["id"])
    }


def same(a: Mapping[str, Mapping[str, Tensor]], b: Mapping[str, Mapping[str, Tensor]]) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(x, b[name][m]) for name, inputs in a.items() for m, x in inputs.items()
    )


def test_samples_are_a_function_of_seed_epoch_and_id_for_any_number_of_workers() -> None:
    corruptions = {**SOUND, "visual": [Corruption("occlusion", 2)]}
    here, there = (waves(n, corruptions=corruptions) for n in (0, 2))
    for epoch in (0, 3):
        assert same(by_id(here.train_dataloader(), epoch), by_id(there.train_dataloader(), epoch))
    first, fourth = (by_id(here.train_dataloader(), epoch) for epoch in (0, 3))
    assert not any(torch.equal(first[name]["audio"], fourth[name]["audio"]) for name in first)
    # In another order, alone, and in another batch size each sample is what it was.
    split = here.split("train")
    for row in (7, 2):
        alone = split[Draw(3, row)]
        assert torch.equal(alone.inputs["audio"], fourth[alone.id]["audio"])
    other = waves(corruptions=corruptions, seed=1)
    seeded = by_id(other.train_dataloader())
    assert not any(torch.equal(first[name]["audio"], seeded[name]["audio"]) for name in first)


def test_evaluation_is_the_same_each_time_and_clean_where_nothing_acts() -> None:
    data = waves(corruptions={"audio": [Corruption("white_noise", 3, parts=("train", "test"))]})
    clean = waves()
    assert same(by_id(data.test_dataloader()), by_id(data.test_dataloader()))
    assert same(by_id(data.val_dataloader()), by_id(clean.val_dataloader()))
    test, untouched = by_id(data.test_dataloader()), by_id(clean.test_dataloader())
    for name, inputs in test.items():
        assert not torch.equal(inputs["audio"], untouched[name]["audio"])
        assert torch.equal(inputs["visual"], untouched[name]["visual"])
    assert clean.split("test") is clean._splits["test"]


def test_corruptions_act_one_after_the_other_each_with_its_own_draws() -> None:
    chain = [Corruption("white_noise", 1), Corruption("clipping", 5)]
    data, first = waves(corruptions={"audio": chain}), waves(corruptions={"audio": chain[:1]})
    noisy = first.split("test")[3].inputs["audio"]
    level = noisy.abs().sort().values[int(0.6 * 800) - 1]
    assert torch.equal(data.split("test")[3].inputs["audio"], noisy.clip(-level, level))
    twice = waves(corruptions={"audio": [chain[0], chain[0]]}).split("test")[3].inputs["audio"]
    clean = waves().split("test")[3].inputs["audio"]
    added, again = noisy - clean, twice - noisy
    assert abs(float(torch.corrcoef(torch.stack([added, again]))[0, 1])) < 0.2


def test_a_probability_corrupts_that_part_of_the_samples() -> None:
    data = waves(corruptions={"visual": [Corruption("brightness", 5, probability=0.5)]})
    clean, changed = waves(), 0
    for epoch in range(20):
        for row in range(12):
            read = (
                each.split("train")[Draw(epoch, row)].inputs["visual"] for each in (data, clean)
            )
            changed += not torch.equal(*read)
    assert 90 < changed < 150


def test_a_data_module_yields_a_condition_that_an_analysis_asks_for() -> None:
    data, clean = waves(corruptions={"visual": [Corruption("jpeg", 5)]}), waves()
    own = by_id(data.test_dataloader())
    assert data.fitting_corruptions()["visual"][:2] == ("gaussian_noise", "gaussian_blur")
    assert "babble" in data.fitting_corruptions()["audio"]
    with data.corrupted({}):
        assert same(by_id(data.test_dataloader()), by_id(clean.test_dataloader()))
    with data.corrupted({"audio": [Corruption("babble", 5)]}, seed=7):
        loader = data.test_dataloader()
    later = by_id(loader)  # a loader stays what it was made for
    assert all(
        torch.equal(later[n]["visual"], x["visual"])
        for n, x in by_id(clean.test_dataloader()).items()
    )
    assert not same(later, by_id(clean.test_dataloader()))
    assert same(by_id(data.test_dataloader()), own)


def test_the_fingerprint_knows_of_corruptions_and_is_what_it_was_without() -> None:
    plain, none = waves().fingerprint(), waves(corruptions={"audio": []}).fingerprint()
    known = {waves(corruptions={"audio": [Corruption("babble", s)]}).fingerprint() for s in (1, 2)}
    assert plain == none
    assert len({plain, *known}) == 3


def test_what_does_not_fit_is_refused_with_what_does() -> None:
    with pytest.raises(UserError, match=r"text is no modality of Waves\naccepted: audio, visual"):
        waves(corruptions={"text": [Corruption("noise")]}).setup("test")
    with pytest.raises(
        UserError, match=r"(?s)visual: babble does not fit .*picture.*accepted: .*jpeg"
    ):
        waves(corruptions={"visual": [Corruption("babble")]}).setup("fit")


def test_babble_is_of_other_recordings_of_the_same_part() -> None:
    data = waves(corruptions={"audio": [Corruption("babble", 5)]})
    clean = waves().split("test").arrays["audio"].astype(np.float64)
    noise = data.split("test")[4].inputs["audio"].double().numpy() - clean[4]
    weights, rest, *_ = np.linalg.lstsq(clean.T, noise, rcond=None)
    assert rest.sum() < 1e-6 * np.square(noise).sum()  # nothing else is in it
    heard = np.abs(weights) > 1e-3
    assert heard.sum() == 5
    assert not heard[4]


class Stored(SampleSource):
    """A source of one's own that hands out what it keeps, sample by sample."""

    modalities = ("audio",)

    def __init__(self) -> None:
        self.kept = torch.arange(40.0).view(4, 10)
        self.labels, self.ids = np.array([0, 1, 0, 1]), ["a", "b", "c", "d"]

    def __getitem__(self, index: int | Draw) -> Sample:
        row = Draw.of(index).row
        return Sample({"audio": self.kept[row]}, int(self.labels[row]), self.ids[row])

    def digest(self) -> str:
        return "stored"


class Own(MultimodalDataModule):
    modalities = ("audio",)
    class_names = ("no", "yes")

    def load_split(self, name: SplitName) -> Stored:
        return Stored()


def test_a_source_of_ones_own_keeps_its_values_and_counts_as_features() -> None:
    data = Own(corruptions={"audio": [Corruption("missing_values", 5)]})
    inputs = next(iter(data.test_dataloader()))["inputs"]["audio"]
    assert (inputs == 0).sum() > 10
    assert torch.equal(data.split("test").kept, torch.arange(40.0).view(4, 10))
    assert data.fitting_corruptions() == {"audio": ("noise", "missing_values")}


class Reviews(SequenceDataModule):
    """Sequences, the second sample of which has no text."""

    modalities = ("text", "audio")

    def load_split(self, name: SplitName) -> SequenceSplit:
        rng = np.random.default_rng(0)
        arrays = {m: rng.normal(3, 2, (6, 9, 4)).astype(np.float32) for m in self.modalities}
        lengths = dict.fromkeys(self.modalities, np.array([9, 5, 7, 9, 1, 3]))
        return SequenceSplit(arrays, lengths, np.arange(6.0), [f"{name}{i}" for i in range(6)])


def test_sequences_are_corrupted_within_their_lengths() -> None:
    chain = {"text": [Corruption("noise", 3), Corruption("missing_span", 5)]}
    data = Reviews(corruptions=chain, loader=LoaderOptions(batch_size=6))
    clean = next(iter(Reviews(loader=LoaderOptions(batch_size=6)).test_dataloader()))
    batch = next(iter(data.test_dataloader()))
    assert torch.equal(batch["lengths"]["text"], clean["lengths"]["text"])
    assert torch.equal(batch["inputs"]["audio"], clean["inputs"]["audio"])
    for row, length in enumerate(batch["lengths"]["text"].tolist()):
        steps = batch["inputs"]["text"][row]
        assert not steps[length:].any()
        lost = (steps[:length] == 0).all(dim=1)
        assert int(lost.sum()) == round(0.7 * length)
    assert data.feature_dims == {"text": 4, "audio": 4}  # what a model asks the split for


def test_noise_of_features_is_measured_by_their_own_deviation() -> None:
    data = Reviews(corruptions={"text": [Corruption("noise", 3)]})
    clean, split = Reviews().split("test"), data.split("test")
    noise = [
        split[Draw(epoch, row)].inputs["text"] - clean[row].inputs["text"]
        for epoch in range(200)
        for row in range(6)
    ]
    steps = np.concatenate([clean[row].inputs["text"].numpy() for row in range(6)])
    assert torch.cat(noise).std(dim=0).numpy() == pytest.approx(steps.std(axis=0), rel=0.05)


class Gappy(Waves):
    """Every second sample, the first among them, has no sound; what is stored there is NaN."""

    def load_split(self, name: SplitName) -> Split:
        split, there = super().load_split(name), np.arange(12) % 2 == 1
        split.arrays["audio"][~there] = np.nan  # type: ignore[index]
        return replace(split, present={"audio": there})

    def forms(self, name: SplitName, split: Source) -> Mapping[str, Form]:
        told = dict(super().forms(name, split))
        return told if self.seed == 0 else {}


@pytest.mark.parametrize(("seed", "kind"), [(0, "babble"), (1, "noise")])
def test_what_is_absent_is_neither_corrupted_nor_heard_in_others(seed: int, kind: str) -> None:
    loader = LoaderOptions(batch_size=12)
    data = Gappy(seed=seed, loader=loader, corruptions={"audio": [Corruption(kind, 5)]})
    batch, clean = (next(iter(each.test_dataloader())) for each in (data, Gappy(loader=loader)))
    assert torch.equal(batch["present"]["audio"], torch.arange(12) % 2 == 1)
    assert not batch["inputs"]["audio"][::2].any()
    assert batch["inputs"]["audio"].isfinite().all()
    assert (batch["inputs"]["audio"] != clean["inputs"]["audio"])[1::2].any(dim=1).all()


def test_a_scenario_in_tasks_reads_corrupted_samples_of_what_it_wraps() -> None:
    data = waves(corruptions=SOUND)
    tasks = IncrementalScenario(data, 1, 1, memory=1, exemplar_batch=1)
    tasks.task = 1
    expected = by_id(data.test_dataloader())
    assert same(by_id(tasks.test_dataloader()), expected)
    batch = next(iter(tasks.train_dataloader()))
    assert not torch.equal(batch["inputs"]["audio"][0], waves().split("train")[1].inputs["audio"])


def test_the_toy_of_the_readme_needs_no_word_on_corruptions(
    toy: Callable[..., MultimodalDataModule], tmp_path: Path
) -> None:
    data = toy()
    with data.corrupted({"audio": [Corruption("noise", 2)]}):
        batch = next(iter(data.test_dataloader()))
    assert batch["inputs"]["audio"].shape == (4, 1, 3, 4)
