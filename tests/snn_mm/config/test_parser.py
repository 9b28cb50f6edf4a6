"""Values of the command line as they were typed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from snn_mm.cli import main
from snn_mm.config.parser import as_typed
from snn_mm.config.tree import read_flags


def test_null_is_null_on_the_command_line_and_words_stay_words(
    quickstart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = {
        "--data.loader.prefetch_factor": "null",
        "--data.snr_db.audio": "~",
        "--model.init_args.joint_weight": ".inf",
        "--model.optimizer.init_args.lr": "1e-3",
        "--data.root": "None",
    }
    flags = [word for flag in typed.items() for word in flag]
    assert main(["fit", "--config", str(quickstart), *flags, "--print_config"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    data, model = config["data"]["init_args"], config["model"]["init_args"]
    assert data["loader"]["prefetch_factor"] is None
    assert data["snr_db"]["audio"] is None
    assert data["root"] == "None"
    assert model["joint_weight"] == float("inf")
    assert model["optimizer"]["init_args"]["lr"] == 1e-3


def test_a_flag_is_found_by_the_end_of_its_key_and_by_its_value() -> None:
    typed = list(read_flags(["--data.a", "null", "--model.net.init_args.a", "[1, null]"]))
    assert as_typed("--a=None", typed) == "--a=null"
    assert as_typed("--a=[1, None]", typed) == "--a=[1, null]"
    assert as_typed("--b=None", typed) == "--b=None"
    assert as_typed("--a", typed) == "--a"
