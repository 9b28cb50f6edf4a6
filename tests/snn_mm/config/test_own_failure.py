"""A mistake in a class of one's own ends in a few lines that say where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import own_classes
import pytest

from snn_mm.cli import main
from snn_mm.config.values import own_failure
from snn_mm.neurons import reset_neurons

Fails = Callable[..., str]
FILE = own_classes.__file__
AUDIO = "--model.encoders.audio"
STACK = "SNN_MM_TRACEBACK=1 shows the whole stack"

MISTAKES: dict[str, tuple[str, list[str]]] = {
    "WrongInFeatures": (AUDIO, [f"{FILE}:", "in forward: RuntimeError: mat1 and mat2", STACK]),
    "Misspelt": (AUDIO, [f"own_classes.Misspelt: {FILE}:", "no attribute 'widht'", STACK]),
    "NoFeatureDim": (AUDIO, ["NoFeatureDim: feature_dim is None; accepted: D of the features"]),
    "NoTime": (AUDIO, ["NoTime: forward must give a tensor [T, N, D]", "it gave [8, 6]"]),
    "NoForward": (
        AUDIO,
        ["no class 'own_classes.NoForward' that fits here (is abstract)"],
    ),
    "NeedsExtra": ("--trainer.logger", ["own_classes.NeedsExtra: Requirement 'nobody>=1.0' not"]),
    "NeedsExtraLater": ("--trainer.callbacks+", ["error: `nobody` is not installed"]),
    "Labels": ("--data", ["data: target must be a tensor [N] of class indices", "is a list"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_an_own_class_is_named_in_a_few_lines(
    name: str, toy_config: Path, tmp_path: Path, fails: Fails
) -> None:
    flag, parts = MISTAKES[name]
    place = ("--run.root", str(tmp_path))
    message = fails("fit", "--config", str(toy_config), *place, flag, f"own_classes.{name}")
    assert all(part in message for part in parts), message


def test_the_whole_stack_is_shown_to_whom_asks(
    toy_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNN_MM_TRACEBACK", "1")
    flags = ("--run.root", str(tmp_path), AUDIO, "own_classes.WrongInFeatures")
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        main(["fit", "--config", str(toy_config), *flags])


def test_a_failure_of_this_project_is_none_of_the_users() -> None:
    with pytest.raises(AttributeError) as caught:
        reset_neurons(None)  # type: ignore[arg-type]
    assert own_failure(caught.value) is None
