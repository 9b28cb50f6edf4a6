"""A finished run comes back as it was tested: a toy is trained once for this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from lightning import Trainer

import datamodules
import snn_mm
from snn_mm.cli import main
from snn_mm.config.restore import load_state, restore
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule
from snn_mm.run.directory import RunDirectory, read_json

TOY = Path(__file__).parent.parent / "toy"


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


def test_data_modules_that_the_config_does_not_name_are_not_imported(
    trained: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(datamodules, "import_all", lambda: asked.append("all"))
    restore(trained.path, stages=())
    assert not asked


def test_the_restored_module_tests_as_the_run_did(trained: RunDirectory) -> None:
    module, data, run = restore(trained.path)
    trainer = Trainer(logger=False, enable_progress_bar=False, enable_model_summary=False)
    (metrics,) = trainer.test(module, data, verbose=False)
    recorded = read_json(run.results)["test"]
    assert metrics["test/accuracy/fused"] == pytest.approx(recorded["test/accuracy/fused"], abs=0.1)


def test_one_line_of_python_loads_a_run_or_one_of_its_checkpoints(copied: RunDirectory) -> None:
    checkpoint = torch.load(copied.best, weights_only=True)
    best = {name: value.clone() for name, value in checkpoint["state_dict"].items()}
    last = {name: value + 1 for name, value in best.items()}
    torch.save({**checkpoint, "state_dict": last}, copied.last)
    for path, saved in {str(copied.path): best, copied.best: best, copied.last: last}.items():
        module, data, run = snn_mm.load_run(path)
        assert run.path == copied.path
        assert all(torch.equal(saved[name], value) for name, value in module.state_dict().items())
        batch = next(iter(data.test_dataloader()))
        assert module(batch["inputs"]).fused.shape[1] == len(batch["id"])


def test_without_stages_the_data_are_not_looked_for(
    trained: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, asked = type(snn_mm.load_run(trained.path).data), []
    monkeypatch.setattr(kind, "prepare_data", lambda _: asked.append("prepare_data"))
    monkeypatch.setattr(kind, "setup", lambda _, stage: asked.append(stage))
    snn_mm.load_run(trained.path, stages=())
    assert asked == []
    snn_mm.load_run(trained.path, stages=("test",))
    assert asked == ["prepare_data", "test"]


def test_the_state_of_the_data_comes_with_the_checkpoint(
    trained: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the task that class-incremental data have come to."""
    checkpoint = torch.load(trained.best, weights_only=True)
    module, data, _ = restore(trained.path, stages=())
    seen: list[object] = []
    monkeypatch.setattr(data, "load_state_dict", seen.append)
    monkeypatch.setattr(module, "on_load_checkpoint", seen.append)
    given = {**checkpoint, type(data).__qualname__: {"task": 1}}
    load_state(given, module, data)
    assert seen == [given, {"task": 1}]


def test_lightnings_own_loading_says_what_is_missing_and_what_to_write_instead(
    trained: RunDirectory,
) -> None:
    module = snn_mm.load_run(trained.path, stages=()).module
    lines = "IEMFModule.load_from_checkpoint: .*encoders, fusion, num_classes\nsnn_mm.load_run"
    with pytest.raises(UserError, match=lines):
        IEMFModule.load_from_checkpoint(trained.best)
    again = IEMFModule.load_from_checkpoint(
        trained.best, encoders=dict(module.encoders), fusion=Concat, num_classes=2
    )
    for name, value in module.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


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
