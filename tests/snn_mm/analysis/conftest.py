"""Makes `made_runs` importable, sorts made runs into variants, and trains toys of SGMT."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snn_mm.analysis.report.groups import compare
from snn_mm.analysis.report.naming import LIGHTNING_OBSERVERS, Library
from snn_mm.analysis.report.run_files import find_runs, read_run
from snn_mm.analysis.variants import Variant, find_variants
from snn_mm.cli import main

sys.path.insert(0, str(Path(__file__).parent))

LIBRARY = Library({"IEMF": {"gamma": 1.0, "kappa": "tanh"}}, LIGHTNING_OBSERVERS)


@pytest.fixture
def variants_in() -> Callable[[Path], list[Variant]]:
    """Return what sorts the runs of a folder into variants."""

    def read(folder: Path) -> list[Variant]:
        comparison = compare([read_run(path) for path in find_runs([folder])], LIBRARY)
        return find_variants(comparison.groups, LIBRARY)

    return read


@pytest.fixture(scope="session")
def sgmt_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Yield run directories of an SGMT, of its ANN twin and of one merged by pairs, 1 epoch each.

    Their data are importable as long as tests run.
    """
    root = tmp_path_factory.mktemp("sgmt")
    config = Path(__file__).parent / "toy_sgmt.yaml"
    changes = {
        "snn": [],
        "ann": ["--model.neuron=torch.nn.ReLU"],
        "pairs": ["--model.merge=pairwise", "--model.modalities=[text,audio]"],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(config.parent))
        for name, flags in changes.items():
            places = ["--run.root", str(root), "--run.id", name]
            assert main(["fit", "--config", str(config), *places, *flags]) == 0
        yield {name: root / "toy_sgmt" / name for name in changes}
