"""The text of `snnmm --help`."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from snn_mm.commands.help import COMMANDS, overview


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_one_line_of_its_own(name: str) -> None:
    lines = [line for line in overview().splitlines() if line.split()[:1] == [name]]
    assert lines == [f"  {name:<10} {COMMANDS[name].summary}"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module(name: str) -> None:
    assert find_spec(f"snn_mm.commands.{COMMANDS[name].module}")


def test_lines_fit_a_terminal_of_100_columns() -> None:
    assert max(map(len, overview().splitlines())) <= 100


def test_first_steps_name_the_quickstart() -> None:
    assert "snnmm fit --config experiments/quickstart.yaml" in overview()
