"""What is offered: classes agree with what an import finds, experiments with their files."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import snn_mm
from snn_mm.config.catalogue import (
    GROUPS,
    CatalogueEntry,
    catalogue,
    components,
    experiments,
    find,
    shipped,
)
from snn_mm.config.class_names import subclasses
from snn_mm.config.manifest import BASES
from snn_mm.errors import UserError

COMPONENTS = components()
CLASS_PATH = re.compile(r"class_path: *([A-Za-z0-9]+)(?=[ ,}\n])")


@pytest.fixture
def own_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "experiments" / "mine.yaml"
    file.parent.mkdir()
    file.write_text("# My experiment.\n#\n# More words.\nmodel: a.yaml\n# not this\n")
    monkeypatch.chdir(tmp_path)
    return file


def test_a_file_without_a_model_is_no_experiment(own_experiment: Path) -> None:
    own_experiment.write_text("# The papers' own numbers.\nentries: []\n")
    assert "mine" not in {entry.name for entry in experiments()}


@pytest.mark.parametrize("entry", COMPONENTS, ids=lambda entry: entry.name)
def test_every_class_and_parameter_is_described(entry: CatalogueEntry) -> None:
    assert entry.summary
    assert [p.name for p in entry.parameters if not (p.description and p.type)] == []


@pytest.mark.parametrize("entry", COMPONENTS, ids=lambda entry: entry.name)
def test_what_is_listed_is_what_fit_finds_by_its_name_and_path(entry: CatalogueEntry) -> None:
    module, name = entry.location.rsplit(".", 1)
    cls = getattr(import_module(module), name)
    kin = [kind for kind in subclasses([BASES[entry.group]]) if kind.__name__ == name]
    assert set(kin) <= {cls}


def test_what_needs_an_object_of_the_run_or_only_shares_a_name_is_not_offered() -> None:
    assert not {entry.name for entry in COMPONENTS} & {
        "LastCheckpoint",
        "RunRecord",
        "WandbRecord",
        "ResNetMaps",
        "VideoMAE",
    }


@pytest.mark.parametrize(
    ("group", "member"),
    [
        ("modules", "IEMFModule"),
        ("encoders", "ResNet18"),
        ("neurons", "IEMFLIF"),
        ("fusions", "FiLM"),
        ("modules", "SGMTModule"),
        ("networks", "LMF"),
        ("methods", "AVCIL"),
        ("methods", "Finetune"),
        ("trunks", "DualAttention"),
        ("fusions", "QuestionFusion"),
        ("datamodules", "CHSimsV2"),
        ("modulations", "IEMF"),
        ("datamodules", "DigitsAV"),
    ],
)
def test_groups_hold_what_they_are_named_for(group: str, member: str) -> None:
    assert member in [entry.name for entry in COMPONENTS if entry.group == group]


def test_every_class_that_an_experiment_names_is_listed() -> None:
    """Short names are those of this project, or of torch and Lightning with a dot."""
    files = Path(__file__).parents[3].joinpath("experiments").rglob("*.yaml")
    named = {name for file in files for name in CLASS_PATH.findall(file.read_text())}
    assert len(named) > 50
    assert named <= {entry.name for entry in COMPONENTS}


def test_entries_come_in_the_order_of_groups() -> None:
    order = [GROUPS.index(entry.group) for entry in catalogue()]
    assert order == sorted(order)


def test_experiments_of_the_working_directory_come_first(own_experiment: Path) -> None:
    mine = experiments()[0]
    assert mine.location == "experiments/mine.yaml"
    assert mine.summary == "My experiment."
    assert mine.text == "My experiment.\n\nMore words."


def test_an_experiment_in_another_encoding_is_listed(own_experiment: Path) -> None:
    own_experiment.write_bytes("# A café.\nmodel: x\n".encode("latin-1"))
    assert experiments()[0].summary == "A caf\ufffd."


def test_own_experiment_hides_a_shipped_one_of_its_name(own_experiment: Path) -> None:
    own_experiment.rename(own_experiment.with_name("quickstart.yaml"))
    found = [entry for entry in experiments() if entry.name == "quickstart"]
    assert [entry.location for entry in found] == ["experiments/quickstart.yaml"]


@pytest.mark.parametrize(
    "key", ["film", "FiLM", "snn_mm.fusion.FiLM", "snn_mm.fusion.conditioned.FiLM"]
)
def test_a_class_is_found_in_any_case_and_by_path(key: str) -> None:
    assert [entry.name for entry in find(key, COMPONENTS)] == ["FiLM"]


@pytest.mark.parametrize("key", ["mine", "mine.yaml", "experiments/mine.yaml"])
def test_an_experiment_is_found_by_name_and_file(own_experiment: Path, key: str) -> None:
    assert [entry.name for entry in find(key, experiments())] == ["mine"]


def test_a_group_names_all_its_members() -> None:
    assert {entry.group for entry in find("Fusions", COMPONENTS)} == {"fusions"}


def test_an_unknown_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="nothing is called 'fillm'; did you mean FiLM"):
        find("fillm", COMPONENTS)
    with pytest.raises(UserError, match="groups: experiments, modules"):
        find("qqqqqq", COMPONENTS)


def test_names_of_shipped_files_stand_for_them_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = Path(snn_mm.__file__).parents[1] / "experiments"
    assert shipped("--config=iemf_ks.yaml") == f"--config={home}/iemf_ks.yaml"
    assert shipped("experiments/_base/ann.yaml") == f"{home}/_base/ann.yaml"
    two = "config=_base/joint.yaml,_base/vanilla.yaml"
    assert shipped(two) == f"config={home}/_base/joint.yaml,{home}/_base/vanilla.yaml"
    Path("iemf_ks.yaml").write_text("model: {}")  # what is here is meant
    for word in ("iemf_ks.yaml", "none.yaml", "/elsewhere/iemf_us8k.yaml", "model.lr=0.1"):
        assert shipped(word) == word
