"""Every example of a docstring is true, and every pure formula has one."""

from __future__ import annotations

import ast
import doctest
import math
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
SOURCES = [
    file
    for package in ("snn_mm", "datamodules", "feature_makers")
    for file in sorted((ROOT / package).rglob("*.py"))
]
WITH_EXAMPLES = [file for file in SOURCES if ">>> " in file.read_text()]
KNOWN = {"torch": torch, "np": np, "math": math}

FORMULAS = [
    *sorted((ROOT / "snn_mm/callbacks/modulation/functional").glob("*.py")),
    *(
        ROOT / "snn_mm" / file
        for file in (
            "losses.py",
            "sequences.py",
            "energy/cost.py",
            "metrics/continual_scores.py",
            "modules/iemf/theory.py",
            "modules/taaf/attention.py",
            "modules/sgmt/spike_generated_attention.py",
        )
    ),
]
NO_FORMULA = {"check_iemf_options", "clip"}


@pytest.mark.parametrize("file", WITH_EXAMPLES, ids=lambda f: ".".join(f.relative_to(ROOT).parts))
def test_examples_give_what_they_show(file: Path) -> None:
    module = import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    result = doctest.testmod(module, extraglobs=KNOWN)
    assert result.attempted > 0
    assert result.failed == 0


def test_every_formula_has_an_example() -> None:
    without = [
        f"{file.name}: {node.name}"
        for file in FORMULAS
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef)
        if node.name[0] != "_" and ">>> " not in (ast.get_docstring(node) or "")
    ]
    assert [one for one in without if one.split(": ")[1] not in NO_FORMULA] == []
