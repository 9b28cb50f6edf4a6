"""Raw files of a test sample are told what `predictions.csv` says; IEMF's in `test_raw_files`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest

from datamodules import ClassIncremental, MusicAVQA
from snn_mm.cli import main
from tests.datamodules import avqa_files
from tests.datamodules.av_cil import av_cil_data
from tests.datamodules.sentiment import test_pom

EXPERIMENTS = Path(__file__).parents[4] / "experiments"
SMALL = "{class_path: ConvNet, init_args: {neuron: torch.nn.ReLU, time_steps: 1, channels: [4, 4]}}"
"""Spikes need more steps of training to tell samples apart."""


class Case(NamedTuple):
    """An experiment with made-up data: its files, its flags, and raw files of a test sample."""

    configs: list[str]
    flags: list[str]
    raw: str
    sample: str


@pytest.fixture
def taaf(prepared_root: str, crema_d_dir: Path) -> Case:
    """Films and sounds."""
    name = "1003_DFA_HAP_XX"
    sound, film = crema_d_dir / f"AudioWAV/{name}.wav", crema_d_dir / f"VideoFlash/{name}.flv"
    flags = [f"--data.root={prepared_root}", "--data.split=listed", "--data.loader.batch_size=4"]
    flags += [f"--model.encoders={{audio: {SMALL}, visual: {SMALL}}}", "--model.time_steps=1"]
    return Case(["taaf_cremad"], flags, f"audio={sound},visual={film}", name)


@pytest.fixture
def sgmt(tmp_path: Path) -> Case:
    """Sequences of features, of which the first steps are padding."""
    (tmp_path / "pom").mkdir()
    folder = test_pom.folder.__wrapped__(tmp_path / "pom")
    raw = tmp_path / "review.npz"
    with h5py.File(folder / "audio_test.h5") as audio, h5py.File(folder / "video_test.h5") as film:
        np.savez(raw, audio=audio["d1"][3], visual=film["d1"][3])
    return Case(["sgmt_pom"], [f"--data.root={tmp_path}"], str(raw), "test003")


@pytest.fixture
def avqa(tmp_path: Path) -> Case:
    """Features of a film, and a question in words."""
    root = avqa_files.write_avqa(tmp_path / "avqa")
    question = MusicAVQA(avqa_dir=str(root), features=avqa_files.SMALL).questions("test")[2]
    layout = avqa_files.SMALL
    sound, film = (
        root / folder / f"{question.video_id}.npy"
        for folder in (layout.audio_dir, layout.visual_dir)
    )
    flags = [f"--data.avqa_dir={root}", "--data.features.audio_shape=[60, 5]"]
    flags += ["--data.features.visual_shape=[60, 4, 3, 3]", "--data.loader.batch_size=16"]
    flags += ["--model.encoders.audio.in_features=5", "--model.encoders.audio.feature_dim=4"]
    flags += ["--model.encoders.visual.channels=4"]
    raw = f"audio={sound},visual={film},question={question.text}"
    return Case(["iemf_avqa"], flags, raw, f"{question.video_id}:2")


@pytest.fixture
def continual(tmp_path: Path) -> Case:
    """Features of classes that come in tasks."""
    folder = av_cil_data.write(tmp_path / "AVE")
    shapes = {"audio_dim": av_cil_data.AUDIO_DIM, "visual_shape": av_cil_data.VISUAL_SHAPE}
    data = ClassIncremental(data_dir=str(folder), classes_per_task=2, memory=0, **shapes)
    sample, raw = data.split("test")[5], tmp_path / "one.npz"
    np.savez(raw, **{name: x.numpy() for name, x in sample.inputs.items()})
    flags = [f"--data.data_dir={folder}", "--data.classes_per_task=2", "--data.epochs_per_task=1"]
    flags += [f"--data.{name}={value}" for name, value in {**shapes, "memory": 4}.items()]
    flags = [flag.replace("(", "[").replace(")", "]") for flag in flags]
    flags += ["--data.exemplar_batch=4", "--data.loader.batch_size=4", "--trainer.max_epochs=2"]
    flags += ["--model.num_classes=4", "--model.classes_per_task=2", "--model.trunk.audio_dim=6"]
    flags += ["--model.trunk.visual_dim=5", "--model.trunk.feature_dim=6"]
    return Case(["iemf_ave_ci", "_base/continual/spiking_trunk"], flags, str(raw), sample.id)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("module", ["taaf", "sgmt", "avqa", "continual"])
def test_raw_files_of_a_test_sample_are_said_to_be_what_the_test_said(
    module: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    case: Case = request.getfixturevalue(module)
    run, said = tmp_path / "runs" / "case" / "a", tmp_path / "said.csv"
    files = [f"--config={EXPERIMENTS / name}.yaml" for name in case.configs]
    place = [f"--run.root={tmp_path / 'runs'}", "--run.name=case", "--run.id=a"]
    short = ["--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--linear_probe=false"]
    loader = ["--data.loader.num_workers=0", "--data.loader.persistent_workers=false"]
    assert (
        main(["fit", *files, *place, *short, *loader, "--test_after_fit=false", *case.flags]) == 0
    )
    assert main(["predict", "--ckpt_path", str(run)]) == 0
    tested = rows(run / "predictions.csv")
    columns = [name for name in tested[0] if name not in ("id", "target", "predicted")]
    assert len({row[columns[-1]] for row in tested}) > 1, "the network tells no samples apart"
    assert main(["predict", case.raw, "--run", str(run), "--output", str(said)]) == 0
    (expected,) = (row for row in tested if row["id"] == case.sample)
    (found,) = rows(said)
    for name in columns:
        assert float(found[name]) == pytest.approx(float(expected[name]), abs=1e-6), name
    assert found.get("predicted") == expected.get("predicted")
    assert found.keys() - {"file"} == expected.keys() - {"target"}
    last = ["--ckpt_path", str(run / "checkpoints" / "last.ckpt")]
    assert main(["explain", case.raw, "--run", str(run), *last, "--out", str(tmp_path / "p")]) == 0
    page = (tmp_path / "p" / "index.html").read_text()
    drawn = {file.stem for file in (tmp_path / "p").glob("*.png")}
    assert page.count("<img ") == len(drawn)
    assert ("attention" in drawn) == (module != "continual")
    assert "of this inference" in page
    asked = case.raw.partition("question=")[2].rstrip("?")
    assert (f"question: {asked}" in page) == (module == "avqa")
