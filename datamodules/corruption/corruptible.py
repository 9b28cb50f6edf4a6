"""What a data module offers to make its samples worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from datamodules.corruption.chain import is_present
from datamodules.corruption.forms import Form
from datamodules.corruption.kinds import CORRUPTIONS, Corruption, Corruptions, Part
from datamodules.corruption.source import Corrupted
from datamodules.split import Source
from snn_mm.errors import UserError


class Corruptible:
    """Base of data modules whose samples can be corrupted as they are read."""

    modalities: tuple[str, ...]
    seed: int

    def __init__(self, corruptions: Mapping[str, list[Corruption]] | None, *args: Any) -> None:
        super().__init__(*args)
        self.corruptions: Corruptions = corruptions or {}
        self._corruption_seed: int | None = None
        self._corrupted: dict[Part, Source] = {}

    def forms(self, name: Part, split: Source) -> Mapping[str, Form]:
        """What corruptions act on by modality, where it is not the input itself.

        Args:
            name: of the split.
            split: as `load_split` returned it.
        """
        return {}

    def split(self, name: Part) -> Any:
        """Return a split."""
        raise NotImplementedError

    def fitting_corruptions(self) -> dict[str, tuple[str, ...]]:
        """Names of the corruptions that fit each modality, by modality; reads a test sample."""
        with self.corrupted({}):
            forms = self._forms("test", self.split("test"))
        return {modality: tuple(CORRUPTIONS[form.kind]) for modality, form in forms.items()}

    @contextmanager
    def corrupted(self, corruptions: Corruptions, seed: int | None = None) -> Iterator[None]:
        """Have splits and loaders that are asked for meanwhile yield corrupted samples.

        Corruptions of the config do not act meanwhile.

        Args:
            corruptions: by modality, one after the other; none for clean samples.
            seed: of what is drawn; None is that of the data.

        Raises:
            UserError: when a split is asked for that has no such modality, or none of that kind.
        """
        before = self.corruptions, self._corruption_seed, self._corrupted
        self.corruptions, self._corruption_seed, self._corrupted = corruptions, seed, {}
        try:
            yield
        finally:
            self.corruptions, self._corruption_seed, self._corrupted = before

    def corruption_options(self) -> dict[str, object]:
        """What belongs into a fingerprint: nothing where nothing is corrupted."""
        listed = {m: [asdict(each) for each in chain] for m, chain in self.corruptions.items()}
        return {"corruptions": listed} if any(listed.values()) else {}

    def _as_read(self, name: Part, split: Any) -> Any:
        """Return a split as it is, or so that it yields corrupted samples."""
        chosen = {
            modality: acting
            for modality, chain in self.corruptions.items()
            if (acting := [each for each in chain if name in each.parts])
        }
        if not chosen:
            return split
        if name not in self._corrupted:
            self._check_modalities(chosen)
            seed = self.seed if self._corruption_seed is None else self._corruption_seed
            forms = self._forms(name, split)
            self._corrupted[name] = Corrupted(split, forms, chosen, seed)
        return self._corrupted[name]

    def _forms(self, name: Part, split: Source) -> dict[str, Form]:
        """What corruptions act on in each modality."""
        told = dict(self.forms(name, split))
        for modality in self.modalities:
            if modality not in told:
                told[modality] = Form(
                    kind="sequence" if _is_over_time(split, modality) else "array"
                )
        return {modality: told[modality] for modality in self.modalities}

    def _check_modalities(self, corruptions: Corruptions) -> None:
        if unknown := set(corruptions) - set(self.modalities):
            raise UserError(
                f"data.corruptions: {', '.join(sorted(unknown))} is no modality of "
                f"{type(self).__name__}\naccepted: {', '.join(self.modalities)}"
            )


def _is_over_time(split: Source, modality: str) -> bool:
    """Whether an input is `[L, D]`, by the first sample that has it."""
    rows = (row for row in range(len(split.ids)) if is_present(split, modality, row))
    first = next(rows, None)
    return first is not None and split[first].inputs[modality].dim() == 2
