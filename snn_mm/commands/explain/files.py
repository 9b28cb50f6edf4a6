"""What `snnmm explain` reads and writes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snn_mm.commands.predict import one_sample
from snn_mm.errors import UserError
from snn_mm.run.links import check_links, refuse_link

if TYPE_CHECKING:
    from snn_mm.contracts import Batch


def read_files(data: Any, files: list[str]) -> Batch:
    """A batch of one sample without a label, of raw files.

    Args:
        data: of the run.
        files: one file that holds all there is, or `MODALITY=FILE` each.

    Raises:
        UserError: several that are not named, or what `read_raw` refuses.
    """
    from snn_mm.energy import single_samples

    if not hasattr(data, "read_raw"):
        raise UserError(f"{type(data).__name__} reads no raw files; use --sample ID")
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        raw = data.read_raw(one_sample(files))
    for each in dict.fromkeys(str(note.message) for note in notes):
        print(f"note: {each}", file=sys.stderr)
    return next(single_samples(data.raw_batch([raw])))


def class_names(data: Any, raw: bool) -> Sequence[str]:
    """Names of the classes; of raw files those that the run recorded, its data may be gone."""
    known: Sequence[str] = data.preparation.get("class_names", ()) if raw else ()
    return known or tuple(getattr(data, "class_names", ()))


def for_a_reader(data: Any, batch: Batch) -> dict[str, Any]:
    """What a page says of inputs beside their numbers: seconds, and words of tokens.

    A preparation's `words` stand in the order of their tokens, that of padding first.
    """
    words = data.preparation.get("words", ())
    inputs = batch["inputs"] if words else {}
    tokens = {name: x[0].tolist() for name, x in inputs.items() if not x.is_floating_point()}
    texts = {name: " ".join(words[i] for i in each if i) for name, each in tokens.items()}
    return {"step_seconds": getattr(data, "step_seconds", {}), "texts": texts}


def file_name(sample: str) -> str:
    """An id as the name of a folder."""
    from snn_mm.commands.analyse.clip import file_name as plain

    return plain(sample) or "sample"


def write_page(folder: Path, html: str, pictures: dict[str, bytes]) -> list[Path]:
    """Write a page and its pictures, each in one step.

    Returns:
        The page, and the folder of the pictures.
    """
    from snn_mm.run.directory import write_text
    from snn_mm.run.replace import replacing

    refuse_link(folder)
    check_links(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"--out {folder}: {error.strerror}") from None
    for name, picture in pictures.items():
        with replacing(folder / f"{name}.png") as temporary:
            temporary.write_bytes(picture)
    write_text(folder / "index.html", html)
    return [folder / "index.html"]
