"""The three forms of `snnmm list`: text, tables, JSON."""

from __future__ import annotations

import json
import sys

import pytest

from snn_mm.commands import listing
from snn_mm.config.catalogue import CatalogueEntry, Parameter

ENTRIES = [
    CatalogueEntry("experiments", "quick", "experiments/quick.yaml", "Train.\n\nIn a minute."),
    CatalogueEntry(
        "encoders",
        "ConvNet",
        "snn_mm.encoders.convnet.ConvNet",
        "A small network. More.",
        (Parameter("width", "int", None, "C."), Parameter("form", "str", "'post'", "which form.")),
    ),
]


@pytest.fixture(autouse=True)
def fixed_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "catalogue", lambda: ENTRIES)


def output(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert listing.run(["list", *argv]) == 0
    return capsys.readouterr().out


def test_overview_is_aligned_over_all_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys).splitlines() == [
        "experiments",
        "  quick    Train.",
        "",
        "encoders",
        "  ConvNet  A small network.",
    ]


def test_group_shows_its_members_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "encoders") == "encoders\n  ConvNet  A small network.\n"


def test_class_shows_parameters_defaults_and_descriptions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = output(capsys, "convnet")
    assert "class_path: snn_mm.encoders.convnet.ConvNet\ninit_args:\n" in text
    assert "  width  int  (required)\n      C.\n" in text
    assert "  form   str  = 'post'\n      which form.\n" in text


def test_experiment_shows_its_comment_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "quick")
    assert "Train.\n\nIn a minute." in text
    assert "snnmm fit --config experiments/quick.yaml" in text


def test_json_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    experiment, encoder = json.loads(output(capsys, "--json"))
    assert experiment["summary"] == "Train."
    assert encoder["location"] == "snn_mm.encoders.convnet.ConvNet"
    assert encoder["parameters"][0] == {
        "name": "width",
        "type": "int",
        "default": None,
        "description": "C.",
        "fields": [],
        "is_class_dict": False,
    }


def test_terminal_gets_tables_with_every_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    text = output(capsys)
    assert all(word in text for word in ("experiments", "quick", "encoders", "ConvNet"))


def test_class_without_parameters_says_so() -> None:
    assert "init_args: none" in listing.detail(CatalogueEntry("callbacks", "X", "a.X", "Does X."))


def test_an_empty_table_has_no_lines() -> None:
    assert listing.aligned([]) == []
