"""A finished run comes back as it was tested: a toy is trained once for this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from lightning import Trainer

from snn_mm.analysis.restore import restore
from snn_mm.cli import main
from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory, read_json

TOY = Path(__file__).parent.parent / "commands"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunDirectory]:
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        flags = ["--run.root", str(root), "--run.id", "a", "--trainer.max_epochs", "2"]
        assert main(["fit", "--config", str(TOY / "toy.yaml"), *flags]) == 0
        yield RunDirectory(root / "toy" / "a")


@pytest.fixture
def copied(trained: RunDirectory, tmp_path: Path) -> RunDirectory:
    """The run's config and checkpoint in a directory that a test may damage."""
    copy = RunDirectory(tmp_path / "toy" / "b")
    copy.create()
    copy.config.write_text(trained.config.read_text())
    copy.best.write_bytes(trained.best.read_bytes())
    return copy


def test_weights_are_those_of_the_best_checkpoint(trained: RunDirectory) -> None:
    saved = torch.load(trained.best, weights_only=True)["state_dict"]
    restored = restore(trained.path).module.state_dict()
    assert saved.keys() == restored.keys()
    assert all(torch.equal(saved[name], restored[name]) for name in saved)


def test_the_restored_module_tests_as_the_run_did(trained: RunDirectory) -> None:
    module, data, run = restore(trained.path)
    trainer = Trainer(logger=False, enable_progress_bar=False, enable_model_summary=False)
    (metrics,) = trainer.test(module, data, verbose=False)
    recorded = read_json(run.results)["test"]
    assert metrics["test/accuracy/fused"] == pytest.approx(recorded["test/accuracy/fused"], abs=0.1)


def test_it_is_in_evaluation_mode_and_nothing_is_written(trained: RunDirectory) -> None:
    before = sorted(trained.root.rglob("*"))
    assert not any(part.training for part in restore(trained.path).module.modules())
    assert sorted(trained.root.rglob("*")) == before


def test_data_root_replaces_that_of_the_config(trained: RunDirectory) -> None:
    with pytest.raises(UserError, match=r"data\.root: no directory 'missing'"):
        restore(trained.path, data_root="missing")


def test_a_folder_that_is_no_run_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run directory"):
        restore(tmp_path)


def test_a_run_without_best_checkpoint_is_explained(copied: RunDirectory) -> None:
    copied.best.unlink()
    with pytest.raises(UserError, match=r"no checkpoints/best\.ckpt"):
        restore(copied.path)


def test_a_checkpoint_of_another_model_is_refused(copied: RunDirectory) -> None:
    config = yaml.safe_load(copied.config.read_text())
    config["model"]["init_args"]["encoders"]["visual"]["init_args"]["width"] = 7
    copied.config.write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match="is of another model") as caught:
        restore(copied.path)
    assert len(str(caught.value).splitlines()) <= 5


def test_a_class_that_is_not_installed_is_explained(copied: RunDirectory) -> None:
    text = copied.config.read_text().replace("toy_experiment.ToyData", "toy_experiment.Gone")
    copied.config.write_text(text)
    with pytest.raises(UserError, match=r"toy_experiment\.Gone") as caught:
        restore(copied.path)
    assert len(str(caught.value).splitlines()) <= 5


def test_a_damaged_config_is_explained(copied: RunDirectory) -> None:
    copied.config.write_text("model: [")
    with pytest.raises(UserError, match="damaged"):
        restore(copied.path)
