"""What data modules offer to read files that belong to no data set."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.batches import Together, check_finite
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.reading.arrays import entry_names
from snn_mm.reading.text import readable

if TYPE_CHECKING:
    from datamodules.raw.listening import Listener

UNLABELLED = -1
"""The class of a sample that has none."""

RawFiles = str | Path | Mapping[str, str | Path]
"""One file with all modalities, or one of each by name: `clip.mp4`, `{"audio": "a.wav"}`."""


class AbsentError(UserError):
    """A file lacks a modality, such as a film without sound; the message says what is not there."""


class Place(NamedTuple):
    """Where an input stands.

    Attributes:
        path: the file; of a text that is no file the text itself.
        key: which array of an `.npz` or pickle, which row of an `.npy`; empty for the whole file.
        modality: its name.
    """

    path: Path
    key: str
    modality: str


@dataclass(frozen=True)
class RawReader:
    """How the input of a modality is made.

    Attributes:
        read: of a place and the name of the sample the input without batch dimension.
        suffixes: of files that may hold it; none where a text is given, not a file.
        listen: of the rate in Hz of a sound that comes in what makes the input of it, column by
            column; None, here or of a rate, where only a whole sound makes one.
    """

    read: Callable[[Place, str], NDArray[Any] | Tensor]
    suffixes: Collection[str] = ()
    listen: Callable[[int], Listener | None] | None = None


class ReadsRaw:
    """Base of data modules that read raw files."""

    @cached_property
    def preparation(self) -> dict[str, Any]:
        """What the preparation has taken from the training data, as JSON has it.

        A run records it, and `snn_mm.load_run` gives it back, so that raw files are read where the
        training data are not.
        """
        return self.learn_preparation()

    def learn_preparation(self) -> dict[str, Any]:
        """Take it from the data."""
        return {}

    def raw_readers(self) -> Mapping[str, RawReader]:
        """How raw files become inputs, by the name of each input.

        Raises:
            UserError: the class does not say.
        """
        raise UserError(
            f"{type(self).__name__} reads no raw files\naccepted: a class that has raw_readers"
        )

    def finish_raw(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """What concerns all inputs of a sample together."""
        return inputs

    def raw_sample(self, inputs: dict[str, Tensor], name: str) -> Any:
        """A sample without a label."""
        from datamodules.split import Sample

        return Sample(inputs, UNLABELLED, name)

    def read_raw(self, files: RawFiles, name: str | None = None) -> Any:
        """Make a sample of raw files, as if they were of the test split, but without a label.

        Noise that the config adds to the test split (`snr_db`) is added to them too, always the
        same to a file of the same name. What a file lacks is not among the sample's inputs. What a
        user should know, such as that a sound was resampled, is warned of as `ClipNote`.

        Args:
            files: one file that holds all there is, or one by modality.
            name: of the sample; by default that of the file, or of the first.

        Raises:
            UserError: a file can't be read, is not what the run trained on, or nothing is there.
        """
        readers = self.raw_readers()
        places = _by_name(files, readers) if isinstance(files, Mapping) else _whole(files, readers)
        if not places:
            raise UserError(f"no input; accepted: {', '.join(readers)}")
        name = name or readable(next(iter(places.values())).path.stem)
        inputs: dict[str, Tensor] = {}
        lacking: list[str] = []
        for modality, place in places.items():
            try:
                found = readers[modality].read(place, name)
            except AbsentError as error:
                lacking.append(f"{place.path.name} has {error}")
                continue
            except UserError as error:
                raise _named(error, place, readers[modality]) from error
            inputs[modality] = torch.as_tensor(np.asarray(found))
            check_finite(modality, inputs[modality][None], [name])
        if not any(readers[modality].suffixes for modality in inputs):
            raise UserError("; ".join(lacking) or "a question, and nothing that it is about")
        for each in lacking:
            note(each.partition(" ")[2], each.partition(" ")[0])
        return self.raw_sample(self.finish_raw(inputs), name)

    def raw_batch(self, samples: Sequence[Any]) -> Batch:
        """A batch of samples that `read_raw` returned; its targets mean nothing."""
        modalities = [name for name, reader in self.raw_readers().items() if reader.suffixes]
        names = [*modalities, *(n for s in samples for n in s.inputs if n not in modalities)]
        batch: Batch = self.collate(Together(samples, {}, dict.fromkeys(names)))  # type: ignore[attr-defined]
        return batch


def _named(error: UserError, place: Place, reader: RawReader) -> UserError:
    """The mistake with the file that it is in."""
    said = str(error)
    return (
        error
        if place.path.name in said or not reader.suffixes
        else UserError(f"{place.path.name}: {said}")
    )


def _by_name(files: Mapping[str, str | Path], readers: Mapping[str, RawReader]) -> dict[str, Place]:
    """Where each named input stands, in the order of the data."""
    if unknown := sorted(files.keys() - readers.keys()):
        raise UserError(f"no input '{unknown[0]}'; accepted: {', '.join(readers)}")
    return {name: _place(files[name], name, readers[name]) for name in readers if name in files}


def _place(file: str | Path, modality: str, reader: RawReader) -> Place:
    from datamodules.table.files import parse_cell

    if not reader.suffixes:
        if not str(file).strip():
            raise UserError(f"{modality}: nothing is asked")
        return Place(Path(file), "", modality)
    place = Place(*parse_cell(str(file), Path()), modality)
    if place.path.suffix.lower() not in reader.suffixes:
        accepted = ", ".join(sorted(reader.suffixes))
        raise UserError(f"{modality}: {place.path.name}; accepted are files {accepted}")
    return place


def _whole(file: str | Path, readers: Mapping[str, RawReader]) -> dict[str, Place]:
    """What may stand in a file: by its suffix, and of an archive by its keys."""
    path = Path(file)
    suffix = path.suffix.lower()
    names = [name for name, reader in readers.items() if suffix in reader.suffixes]
    if suffix == ".npz" and path.is_file():
        there = set(entry_names(path))
        if named := [name for name in names if name in there]:
            return {name: Place(path, name, name) for name in named}
    if not names:
        accepted = sorted({each for reader in readers.values() for each in reader.suffixes})
        raise UserError(f"{path.name} is of no known kind; accepted: {', '.join(accepted)}")
    if len(names) > 1 and suffix in (".npy", ".csv", ".npz"):
        raise UserError(
            f"{path.name}: of which modality? accepted: {names[0]}=FILE,{names[1]}=FILE, "
            f"or an .npz with {', '.join(names)}"
        )
    return {name: Place(path, "", name) for name in names}


def note(what: str, file: str) -> None:
    """Tell a user of something about a file that was read all the same."""
    from datamodules.store.clip import ClipNote

    warnings.warn(ClipNote(what, file), stacklevel=3)
