"""The entry point: dispatch, exit codes, and no torch before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import snn_mm
from snn_mm import cli
from snn_mm.errors import UserError

TORCH_FREE = [[], ["--help"], ["--version"], ["help"], ["list"], ["list", "encoders"], ["doctor"]]

PROBE = """
import sys
from snn_mm.cli import main
main(sys.argv[1:])
print(sorted({"torch", "lightning", "jsonargparse", "numpy"} & set(sys.modules)), file=sys.stderr)
"""


def run_module(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snn_mm", *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def answer_with(monkeypatch: pytest.MonkeyPatch, run: object) -> None:
    """Let `run` answer every command."""
    monkeypatch.setattr(cli, "import_module", lambda name: SimpleNamespace(name=name, run=run))


def test_importing_the_package_is_cheap_and_offers_to_load_a_run() -> None:
    code = "import sys, snn_mm; print(snn_mm.load_run.__name__, 'torch' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.split() == ["load_run", "False"]


@pytest.mark.parametrize("argv", TORCH_FREE, ids=" ".join)
def test_heavy_packages_stay_unimported(argv: list[str]) -> None:
    command = [sys.executable, "-c", PROBE, *argv]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert child.stderr.strip() == "[]"
    assert child.stdout


ASCII = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def under_ascii(code: str, *argv: str) -> str:
    command = [sys.executable, "-c", code, *argv]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=ASCII).stdout


def test_what_an_ascii_pipe_cannot_show_is_written_as_its_escape() -> None:
    code = "import sys; from snn_mm import cli; cli._print_anywhere(); print('\\u03be')"
    assert under_ascii(code) == "\\u03be\n"


def test_files_are_written_in_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from snn_mm.run.directory import write_text;"
        "write_text(Path(sys.argv[1]), '\\u03be')"
    )
    under_ascii(code, str(tmp_path / "file"))
    assert (tmp_path / "file").read_text(encoding="utf-8") == "\u03be"


def test_version_is_the_packages_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"snnmm {snn_mm.__version__}\n"


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    assert capsys.readouterr().out.startswith("usage: snnmm COMMAND")


def test_arguments_default_to_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["snnmm", "--version"])
    assert cli.main() == 0
    assert "snnmm" in capsys.readouterr().out


def test_unknown_command_names_the_nearest_and_exits_with_2() -> None:
    child = run_module("fti", "--config", "x.yaml")
    assert child.returncode == 2
    assert "unknown command 'fti'; did you mean 'fit'?" in child.stderr
    assert len(child.stderr.splitlines()) <= 5
    assert not child.stdout


def test_an_unlike_word_gets_no_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["zzzzz"]) == 2
    assert "did you mean" not in capsys.readouterr().err


def test_an_option_before_the_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--config", "x.yaml"]) == 2
    assert "a command comes first: snnmm fit --config" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_training_commands_get_the_whole_argument_list(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def run(argv: list[str]) -> int:
        seen.append(argv)
        return 7

    answer_with(monkeypatch, run)
    assert cli.main([command, "--config", "x.yaml"]) == 7
    assert seen == [[command, "--config", "x.yaml"]]


def test_help_word_asks_the_command_for_its_help(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, lambda argv: 0 if argv == ["fit", "--help"] else 1)
    assert cli.main(["help", "fit"]) == 0


def test_user_error_is_one_message_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(argv: list[str]) -> int:
        raise UserError("no such directory: nowhere")

    answer_with(monkeypatch, run)
    assert cli.main(["list"]) == 2
    assert capsys.readouterr().err == "snnmm: error: no such directory: nowhere\n"


def test_interrupt_is_one_line_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(argv: list[str]) -> int:
        raise KeyboardInterrupt

    answer_with(monkeypatch, run)
    assert cli.main(["list"]) == 130
    assert capsys.readouterr().err == "snnmm: interrupted\n"


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: list[str]) -> int:
        raise ZeroDivisionError

    answer_with(monkeypatch, run)
    with pytest.raises(ZeroDivisionError):
        cli.main(["list"])


def test_a_reader_that_goes_away_causes_no_traceback() -> None:
    script = f"{sys.executable} -m snn_mm list | true; exit ${{PIPESTATUS[0]}}"
    child = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert child.returncode in (0, 141)
    assert not child.stderr


@pytest.mark.parametrize("theirs", ["datamodules/__init__.py", "datamodules.py", "own/__init__.py"])
def test_a_folder_of_the_users_does_not_hide_our_datamodules(theirs: str, tmp_path: Path) -> None:
    (tmp_path / theirs).parent.mkdir(exist_ok=True)
    (tmp_path / theirs).touch()
    code = "import snn_mm, datamodules; print(datamodules.import_all.__module__)"
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert child.stdout.strip() == "datamodules"
    hides = theirs.startswith("datamodules")
    assert (f"{tmp_path / theirs} has the name of snn_mm's own" in child.stderr) is hides


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_output_without_room_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert cli.main(["list"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "such as the output, can't be written: No space left on device" in line
