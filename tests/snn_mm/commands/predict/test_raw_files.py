"""`snnmm predict FILE --run RUN`: as predictions.csv, resumed, a bad file is one line."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch

import snn_mm
from snn_mm.cli import main
from snn_mm.commands.predict import one_sample, parse_sample
from snn_mm.commands.predict.raw_files import PredictionJournal
from snn_mm.errors import UserError

EXPERIMENT = "experiments/ead_digits.yaml"
TWIN = "experiments/_base/ann_ead.yaml"
"""After one step spiking networks are silent, and say the same of all samples."""


@pytest.fixture
def run(tmp_path: Path, fsdd_dir: Path, nmnist_dir: Path) -> Path:
    """A run of one step, and its predictions of the test set."""
    arguments = ["fit", "--config", EXPERIMENT, "--config", TWIN, "--data.root", str(tmp_path)]
    arguments += ["--run.root", str(tmp_path / "runs"), "--run.id", "one"]
    arguments += ["--trainer.max_steps", "1", "--trainer.accelerator", "cpu"]
    arguments += ["--trainer.enable_progress_bar", "false", "--test_after_fit", "false"]
    arguments += ["--data.val_fraction", "0.25"]
    assert main(arguments) == 0
    run = tmp_path / "runs" / "ead_digits" / "one"
    assert main(["predict", "--ckpt_path", str(run)]) == 0
    return run


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_files_without_their_data_set_get_the_predictions_of_the_test_set(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = table(run / "predictions.csv")[0]
    assert len({row["audio/0"] for row in table(run / "predictions.csv")}) > 1
    spoken, seen = expected["id"].split(":")
    aside = tmp_path / "aside"
    aside.mkdir()
    shutil.copy(tmp_path / "fsdd" / "recordings" / f"{spoken}.wav", aside)
    shutil.copy(tmp_path / "nmnist" / f"{seen}.bs2", aside)
    for folder in ("fsdd", "nmnist", "prepared"):  # the training data are gone
        shutil.rmtree(tmp_path / folder)
    both = f"audio={aside / spoken}.wav,events={aside / seen}.bs2"
    output = tmp_path / "said.csv"
    (aside / "bad.wav").write_text("no sound")
    files = [both, str(aside / "bad.wav"), str(aside / f"{spoken}.wav")]
    command = ["predict", *files, "--run", str(run), "--output", str(output)]
    capsys.readouterr()
    assert main(command) == 1
    first = capsys.readouterr()
    assert "bad.wav: is no film or recording" in first.err
    assert len(first.out.splitlines()) == 2
    rows = table(output)
    assert rows[0]["id"] == spoken
    assert rows[0]["predicted"] == expected["predicted"]
    for name in set(expected) - {"id", "target", "predicted"}:
        assert float(rows[0][name]) == pytest.approx(float(expected[name]), abs=1e-6)
    assert rows[1]["error"]
    assert float(rows[2]["audio/0"]) == pytest.approx(float(expected["audio/0"]), abs=1e-6)
    assert rows[2]["events/0"] == ""
    assert main(command) == 1  # what the journal has is not said again
    assert capsys.readouterr().out == ""
    assert table(output) == rows
    said = tmp_path / "said.json"
    assert main(["predict", both, "--run", str(run), "--output", str(said), "--workers", "1"]) == 0
    assert json.loads(said.read_text())[0]["fused/0"] == pytest.approx(float(rows[0]["fused/0"]))
    module, data, _ = snn_mm.load_run(run, stages=())
    batch = data.raw_batch([data.read_raw(aside / f"{spoken}.wav")])
    probability = module.predict_step(batch, 0)["probability"]["audio"]
    torch.testing.assert_close(float(probability[0, 0]), float(rows[2]["audio/0"]))


def test_a_name_of_any_bytes_is_told_and_written(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["caf\udce9.wav", "no\udce9.txt", "text.npz"]
    files = [str(tmp_path / name) for name in names]
    shutil.copy(next((tmp_path / "fsdd" / "recordings").iterdir()), files[0])
    for file in files[1:]:
        Path(file).write_text("hello")
    for output in (tmp_path / "said.csv", tmp_path / "said.json"):
        assert main(["predict", *files, "--run", str(run), "--output", str(output)]) == 1
    said = capsys.readouterr()
    assert "caf\ufffd.wav  audio" in said.out
    assert f"error: {tmp_path}/no\ufffd.txt: is of no known kind" in said.err
    assert [row["file"] for row in table(tmp_path / "said.csv")] == [
        file.replace("\udce9", "\ufffd") for file in files
    ]
    assert json.loads((tmp_path / "said.json").read_text())[0]["id"] == "caf\ufffd"


def test_a_question_longer_than_a_name_can_be_is_no_file() -> None:
    words = "Is it loud? " * 100
    assert parse_sample(f"question={words}") == [{"question": words}]


def test_samples_are_read_off_arguments_and_tables(tmp_path: Path) -> None:
    assert parse_sample("a.mp4") == ["a.mp4"]
    assert parse_sample("audio=a.wav,events=b.bs2") == [{"audio": "a.wav", "events": "b.bs2"}]
    assert parse_sample("visual=v.npy,question=Is it loud, or not?") == [
        {"visual": "v.npy", "question": "Is it loud, or not?"}
    ]
    (tmp_path / "list.csv").write_text("audio,events\na.wav,\nb.wav,b.bs2\n")
    assert parse_sample(f"@{tmp_path / 'list.csv'}") == [
        {"audio": "a.wav"},
        {"audio": "b.wav", "events": "b.bs2"},
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.wav"], "of which run"),
        (["--run", "r"], "which files"),
        (["a.wav", "--run", "r", "--output", "x.txt"], "accepted: a name with .csv or .json"),
        (["a.wav", "--run", "r", "--loud"], "unknown option '--loud'"),
        (["a.wav", "--run", "/nowhere"], "no run directory"),
    ],
)
def test_mistakes_of_the_line_are_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_journal_that_was_cut_short_goes_on_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "said.csv.journal"
    PredictionJournal(path).add("one", {"file": "a.wav", "audio/0": 0.5})
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:9])
    assert PredictionJournal(path).record == {"one": {"file": "a.wav", "audio/0": 0.5}}
    path.write_bytes(b"\xff" + whole)
    with pytest.raises(UserError, match=r"said\.csv\.journal"):
        PredictionJournal(path)


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (["clip.mp4"], "clip.mp4"),
        (["audio=a.wav", "visual=b.png"], {"audio": "a.wav", "visual": "b.png"}),
        (["audio=a.wav,visual=b.png"], {"audio": "a.wav", "visual": "b.png"}),
    ],
)
def test_the_files_of_one_sample_come_apart_or_in_one(arguments: list[str], files: object) -> None:
    assert one_sample(arguments) == files


def test_two_files_without_a_name_are_no_sample() -> None:
    with pytest.raises(UserError, match="MODALITY=FILE"):
        one_sample(["a.wav", "visual=b.png"])
    with pytest.raises(UserError, match="2 samples"):
        one_sample(["audio=a.wav", "audio=b.wav"])
