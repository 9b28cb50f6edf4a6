"""Weights of networks in local files: nothing is downloaded, and no code unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from datamodules.store.source import sha256
from snn_mm.errors import UserError
from snn_mm.reading.checkpoints import read_torch
from snn_mm.reading.text import naming


def require_package(package: str, needs: str, install: str | None = None) -> None:
    """Refuse to go on without a top-level package, which is not imported.

    Raises:
        UserError: begins with who `needs` it, and says what to `install`, if not itself.
    """
    try:
        is_there = find_spec(package) is not None
    except ValueError:  # a module without a specification, as a stub has
        is_there = False
    if not is_there:
        raise UserError(f"{needs} {package}: run `pip install {install or package}`.")


def load_transformer(
    directory: Path,
    classes: Sequence[str],
    name: str,
    weights: str,
    accepted: str,
    unused: str = "no such layer.",
) -> tuple[Any, Any]:
    """Return what prepares the inputs of a network of transformers, and the frozen network.

    Args:
        directory: what `save_pretrained` of both wrote.
        classes: of both, as transformers calls them.
        name: of the network and its directory, for messages.
        weights: the same of its weights.
        accepted: what may lie there.
        unused: how tensors begin that may be missing, as they change nothing.

    Raises:
        UserError: a file is damaged, or tensors are missing or of other shapes.
    """
    transformers = import_module("transformers")
    transformers.utils.logging.disable_progress_bar()  # no bar inside of ours
    damage = import_module("safetensors").SafetensorError  # is no ValueError
    local: dict[str, Any] = {"local_files_only": True}
    inputs, network = (getattr(transformers, each) for each in classes)
    try:
        prepare = inputs.from_pretrained(directory, **local)
        model, loading = network.from_pretrained(
            directory, use_safetensors=True, output_loading_info=True, **local
        )
    except (OSError, ValueError, KeyError, RuntimeError, damage) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{name}: {reason}\n{accepted}") from error
    if missing := sorted(key for key in loading["missing_keys"] if not key.startswith(unused)):
        raise UserError(
            f"{weights} lack {len(missing)} tensors that config.json declares, such as "
            f"{missing[0]}; accepted are complete weights."
        )
    return prepare, model.float().eval().requires_grad_(False)


def read_state(path: Path, accepted: str) -> dict[str, Tensor]:
    """Read a state dictionary.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    if not path.is_file():
        raise UserError(f"weights {path}: no such file; accepted is {accepted}.")
    state = read_torch(path)
    if not isinstance(state, dict) or not all(isinstance(each, Tensor) for each in state.values()):
        raise UserError(f"weights {path} hold no state dictionary; accepted is {accepted}.")
    return cast("dict[str, Tensor]", state)


def read_safetensors(path: Path, accepted: str) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors` file.

    Raises:
        UserError: the file is damaged, or of another format.
    """
    with naming(path, "can't be read", accepted):
        state = import_module("safetensors.torch").load_file(path)
    return cast("dict[str, Tensor]", state)


def fit_weights(network: nn.Module, state: dict[str, Tensor], where: str, accepted: str) -> None:
    """Give a network its weights, which it keeps from now on.

    Raises:
        UserError: tensors are missing, unknown or of other shapes; says where, and what is
            accepted.
    """
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        problem = str(error).splitlines()[1].strip()[:200]
        raise UserError(f"{where}: {problem}\n{accepted}") from error
    network.float().eval().requires_grad_(False)


def file_digest(path: Path) -> str:
    """Return 16 hexadecimal digits of a file's contents; a gigabyte takes a second."""
    return sha256(path)[:16]
