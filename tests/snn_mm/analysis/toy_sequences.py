"""Clips of random sequences whose mean says the score, each modality with a label of its own."""

from __future__ import annotations

import math

import numpy as np

from datamodules.sequences import SequenceDataModule, SequenceSplit
from datamodules.split_module import SplitName
from snn_mm.contracts import Batch

SIZES: dict[SplitName, int] = {"train": 24, "val": 8, "test": 10}
DIMS = {"text": 5, "audio": 3, "visual": 4}
LONGEST = {"text": 6, "audio": 14, "visual": 9}


class ToySequences(SequenceDataModule):
    """Three modalities of different lengths; text 0 is "clip 0 of test" and so on."""

    modalities = ("text", "audio", "visual")
    labelled_modalities = modalities

    def load_split(self, name: SplitName) -> SequenceSplit:
        """Make one part up."""
        rng = np.random.default_rng(len(name))
        size = SIZES[name]
        own = {m: rng.integers(-5, 6, size) / 5 for m in self.modalities}
        arrays = {
            m: rng.normal(size=(size, LONGEST[m], DIMS[m])) + own[m][:, None, None] for m in own
        }
        lengths = {m: rng.integers(1, LONGEST[m] + 1, size) for m in self.modalities}
        lengths["audio"][0] = LONGEST["audio"]
        return SequenceSplit(
            arrays=arrays,
            lengths=lengths,
            targets=np.mean(list(own.values()), axis=0),
            ids=[f"{name}_{row}" for row in range(size)],
            unimodal_targets=own,
        )

    def raw_text(self, name: str) -> str | None:
        """What is said in a clip."""
        return f"<b>clip</b> {name.rpartition('_')[2]}" if name.startswith("test") else None


def without_audio(batch: Batch, *rows: int) -> Batch:
    """The same batch of which these samples lack sound, with NaN where nobody may read."""
    inputs = {**batch["inputs"], "audio": batch["inputs"]["audio"].clone()}
    lengths = {**batch["lengths"], "audio": batch["lengths"]["audio"].clone()}
    inputs["audio"][list(rows)] = math.nan
    lengths["audio"][list(rows)] = 0
    there = {"audio": lengths["audio"] > 0}
    return {**batch, "inputs": inputs, "lengths": lengths, "present": there}
