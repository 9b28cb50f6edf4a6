"""A split some of whose modalities are corrupted when they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from datamodules.batches import Together, read
from datamodules.corruption.chain import Chain, is_present
from datamodules.corruption.forms import Form
from datamodules.corruption.kinds import Corruptions
from datamodules.split import Draw, Source
from snn_mm.run.processor import one_thread


class Corrupted(Source):
    """A split whose samples are corrupted as they are read, in all else what it was.

    What is drawn depends on (seed, epoch, id) alone, not on workers or what was read before;
    plain indices, as in evaluation, are of epoch 0. Severities share their draws: a worse
    corruption is more of the same.

    Args:
        source: the split.
        forms: by modality what is corrupted.
        corruptions: by modality, one after the other.
        seed: of what is drawn.
    """

    def __init__(
        self,
        source: Source,
        forms: Mapping[str, Form],
        corruptions: Corruptions,
        seed: int,
    ) -> None:
        self.source, self.ids = source, source.ids
        self.chains = {
            modality: Chain(source, modality, forms[modality], chosen, seed)
            for modality, chosen in corruptions.items()
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "source":  # a copy asks before there is one
            raise AttributeError(name)
        return getattr(self.source, name)

    def __getitem__(self, index: int | Draw) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int | Draw]) -> list[Any]:
        """Read the samples of a batch."""
        draws = [Draw.of(index) for index in indices]
        samples = read(self.source, draws)
        # With several threads a sum may differ in its last bit from that of a worker.
        with one_thread():
            for place, (draw, sample) in enumerate(zip(draws, samples)):
                changed = self._corrupted(draw, sample.inputs)
                if isinstance(samples, Together):  # its inputs are views of a batch made for it
                    for modality, values in changed.items():
                        sample.inputs[modality].copy_(values)
                else:
                    samples[place] = sample._replace(inputs={**sample.inputs, **changed})
        return samples

    def __len__(self) -> int:
        return len(self.source)

    def counts(self) -> dict[str, int]:
        """Return how many samples each part has, by the part's name."""
        return self.source.counts()

    def check_files(self) -> None:
        """Refuse files that have changed since they were opened, as far as that is known."""
        self.source.check_files()

    def digest(self) -> str:
        """Return that of the split; corruptions are options of the data module."""
        return self.source.digest()

    def _corrupted(self, draw: Draw, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The corrupted inputs of a sample by modality, of those that it has."""
        return {
            modality: chain(draw, inputs[modality])
            for modality, chain in self.chains.items()
            if modality in inputs and is_present(self.source, modality, draw.row)
        }
