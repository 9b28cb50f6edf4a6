"""Dictionaries that `np.save` has pickled, read without running what a pickle names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datamodules.feature_files.unpickle import Pickle, read_pickle
from datamodules.feature_files.values import PickledArray
from snn_mm.errors import UserError
from snn_mm.reading.text import naming


def read_dictionary(path: Path) -> tuple[dict[Any, Any], Pickle]:
    """Read an `.npy` file that holds one dictionary.

    Returns:
        The dictionary, whose arrays are `PickledArray`, and the file that their values stay in.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    if not path.exists():
        raise UserError(f"{path} is missing: it is a part of the data of AV-CIL.")
    pickle = read_pickle(path)
    content = pickle.content
    if isinstance(content, PickledArray) and content.shape == ():
        with naming(path, "holds no dictionary"):
            content = content.numpy().item()
    if not isinstance(content, dict):
        raise UserError(
            f"{path} holds no dictionary but {type(content).__name__}; "
            "accepted is what np.save makes of one."
        )
    return content, pickle
