"""UTD-MHAD and GRID with every switch of `_base/` that is not for other data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from snn_mm.cli import main
from snn_mm.encoders import MLP, ConvNet, SequenceTCN
from snn_mm.encoders.base import Encoder
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule, TAAFModule
from snn_mm.sweep.request import read_request
from tests.datamodules.archive_files import write_archives

FOLDER = Path(__file__).parents[2] / "experiments"
BASE = FOLDER / "_base"
# OGM and OGM-GE modulate convolutions alone, unless `params: all` says otherwise.
METHODS = (
    "agm",
    "lfm",
    "mslr_dynamic",
    "pmr",
    "iemf",
    "modality_dropout",
    "normal",
    "ogm",
    "ogm_ge",
)
EVERYWHERE = (
    *("ann", "energy", "joint", "trackers", "vanilla", "wandb", "with_iemf"),
    *(f"methods/{method}" for method in METHODS),
)
TAAF = ("taaf/attention_strength", "taaf/la", "taaf/la_ta", "taaf/without_ta")
SWITCHES = {
    "iemf_mhad": EVERYWHERE,
    "iemf_grid": ("ann", "audio_only", "visual_only", "methods/mslr", "methods/mslr_digits"),
    "taaf_mhad": ("ann", "energy", "trackers", *TAAF),
    "taaf_grid": ("ann", *TAAF),
    "sgmt_mhad": ("energy", "trackers", "wandb", "sgmt/ann", "methods/modality_dropout"),
}
OTHER_DATA = ("ann_ead", "mosi_past", "methods/mslr_ead")
OTHER_FOLDERS = ("avqa", "baselines", "continual", "sgmt", "profiles")
PAIRS = [(name, switch) for name, switches in SWITCHES.items() for switch in switches]
ONE_BATCH = [f"--trainer.limit_{stage}_batches=1" for stage in ("train", "val", "test")]
TRAINED = [
    *(("iemf_mhad", (f"methods/{method}", "vanilla")) for method in METHODS[:4]),
    ("iemf_mhad", ("ann", "methods/agm", "with_iemf", "trackers", "energy")),
    ("taaf_mhad", ()),
    ("taaf_mhad", ("ann", "taaf/attention_strength")),
    ("taaf_mhad", ("taaf/la",)),
    ("iemf_grid", ("ann", "audio_only")),
    ("taaf_grid", ("trackers",)),
    ("sgmt_mhad", ("trackers", "energy")),
    ("sgmt_mhad", ("sgmt/ann", "methods/modality_dropout")),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archives(tmp_path_factory.mktemp("archives"))


def files(experiment: str, switches: tuple[str, ...]) -> list[str]:
    paths = [FOLDER / experiment, *(BASE / switch for switch in switches)]
    return [f"--config={path}.yaml" for path in paths]


def train(experiment: str, switches: tuple[str, ...], root: Path, place: Path) -> Path:
    """Train one step, validate and test one batch; the run directory."""
    small = [f"--data.root={root}", "--data.loader.batch_size=6", "--trainer.max_epochs=1"]
    small += ["--linear_probe=false"]
    where = [f"--run.root={place}", "--run.name=run", "--run.id=one", "--trainer.accelerator=cpu"]
    assert main(["fit", *files(experiment, switches), *small, *where, *ONE_BATCH]) == 0
    run = place / "run" / "one"
    record = json.loads((run / "results.json").read_text())
    assert record["status"] == "finished"
    assert 0 <= record["test"]["test/accuracy/fused"] <= 1
    return run


def is_switch(path: Path) -> bool:
    """Whether a file lies on top of an experiment, and is not what a section names."""
    return bool({"model", "trainer", "data", "run"} & yaml.safe_load(path.read_text()).keys())


def test_every_switch_is_tried_or_is_for_other_data() -> None:
    names = {
        path.relative_to(BASE).with_suffix("").as_posix()
        for path in BASE.rglob("*.yaml")
        if is_switch(path) and path.parent.name not in OTHER_FOLDERS
    }
    tried = {switch for _, switch in PAIRS if not switch.startswith(OTHER_FOLDERS)}
    assert names == tried | set(OTHER_DATA)


@pytest.mark.parametrize(("experiment", "switch"), PAIRS, ids=str)
def test_a_switch_composes(
    experiment: str, switch: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*files(experiment, (switch,)), f"--data.root={root}"]
    assert main(["fit", *flags, "--print_config"]) == 0
    settings = yaml.safe_load(capsys.readouterr().out)
    encoders = settings["model"]["init_args"].get("encoders", {"all": settings["model"]})
    for encoder in encoders.values():
        neuron = encoder["init_args"]["neuron"]["class_path"]
        assert (neuron == "torch.nn.ReLU") == (switch in ("ann", "sgmt/ann"))
        assert switch != "ann" or encoder["init_args"]["time_steps"] == 1


@pytest.mark.parametrize(("experiment", "switches"), TRAINED, ids=str)
def test_it_trains_and_tests(
    experiment: str, switches: tuple[str, ...], root: Path, tmp_path: Path
) -> None:
    train(experiment, switches, root, tmp_path)


def test_a_sweep_trains_every_subset_of_the_modalities() -> None:
    rows = read_request(FOLDER / "sweeps/mhad_subsets.yaml").rows["modalities"]
    named = [
        yaml.safe_load(flag.partition("=")[2])
        for flags in rows.values()
        for flag in flags
        if flag.startswith("--model.modalities=")
    ]
    subsets = {frozenset(names) for names in named}
    assert len(named) == len(subsets) == len(rows) == 2**3 - 1
    assert set().union(*subsets) == {"depth", "skeleton", "inertial"}


def mixed_inputs(count: int = 5) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Events, features of a text, a sequence and a film; and the lengths of the sequence."""
    generator = torch.Generator().manual_seed(0)
    inputs = {
        "events": torch.rand(count, 4, 2, 8, 8, generator=generator),
        "text": torch.randn(count, 9, generator=generator),
        "skeleton": torch.randn(count, 12, 6, generator=generator),
        "film": torch.randn(count, 3, 1, 8, 8, generator=generator),
    }
    return inputs, {"skeleton": torch.tensor([12, 5, 7, 1, 9][:count])}


def mixed_encoders(*, text: int = 4, skeleton: int = 4, film: int = 4) -> dict[str, Encoder]:
    """An encoder for each kind of input, with its time steps."""
    return {
        "events": ConvNet(2, time_steps=4, channels=(4,), feature_dim=16, input_kind="events"),
        "text": MLP(9, time_steps=text, hidden=(), feature_dim=16),
        "skeleton": SequenceTCN(6, time_steps=skeleton, steps=8, hidden=(8,), feature_dim=16),
        "film": ConvNet(1, time_steps=film, channels=(4,), feature_dim=16, input_kind="frames"),
    }


Make = Callable[[], Any]


@pytest.mark.parametrize(
    "make",
    [
        lambda: IEMFModule(mixed_encoders(), fusion=Concat, num_classes=3),
        lambda: TAAFModule(
            mixed_encoders(text=2, skeleton=8, film=5), num_classes=3, width=None, time_steps=3
        ),
    ],
    ids=["iemf", "taaf with four different T"],
)
def test_events_text_sequences_and_films_train_side_by_side(make: Make) -> None:
    torch.manual_seed(0)
    module = make()
    inputs, lengths = mixed_inputs()
    output = module(inputs, lengths=lengths)
    logits = module.readout(output)
    terms = module.loss_terms(output, logits, torch.tensor([0, 1, 2, 0, 1]))
    torch.stack(list(terms.values())).sum().backward()
    for name in inputs:
        gradients = [p.grad for p in module.modality_parameters(name)]
        assert any(g is not None and g.abs().sum() > 0 for g in gradients), name
        assert all(g is None or g.isfinite().all() for g in gradients)


def test_what_stands_behind_a_sequence_changes_nothing() -> None:
    torch.manual_seed(0)
    module = IEMFModule(mixed_encoders(), fusion=Concat, num_classes=3).double().eval()
    inputs, lengths = mixed_inputs()
    inputs = {name: x.double() for name, x in inputs.items()}
    other = inputs["skeleton"].clone()
    for row, length in enumerate(lengths["skeleton"].tolist()):
        other[row, length:] = float("nan")
    with torch.no_grad():
        first = module(inputs, lengths=lengths).fused
        second = module({**inputs, "skeleton": other}, lengths=lengths).fused
    assert torch.equal(first, second)
