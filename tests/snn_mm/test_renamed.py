from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

import snn_mm
from datamodules.sentiment.extracted import ExtractedFeatures
from snn_mm.fusion import CMCI, MixingFusion
from snn_mm.modules import IEMFModule, SGMTModule
from snn_mm.modules.sentiment import MulT
from snn_mm.modules.sgmt.layer import SpikingLayer
from snn_mm.renamed import RENAMED, present_name


@pytest.mark.parametrize(
    ("module", "name", "present"),
    [
        ("snn_mm.spiking_fusion", "CMCI", CMCI),
        ("snn_mm.spiking_fusion.base", "MixingFusion", MixingFusion),
        ("snn_mm.sentiment", "MulT", MulT),
        ("snn_mm.modules.iemf", "IEMFModule", IEMFModule),
        ("snn_mm.modules.sgmt", "SGMTModule", SGMTModule),
        ("snn_mm.sgmt.layer", "SpikingLayer", SpikingLayer),
        ("datamodules.extract.module", "ExtractedFeatures", ExtractedFeatures),
    ],
)
def test_a_class_under_its_former_path_is_the_class_of_today(
    module: str, name: str, present: type
) -> None:
    assert getattr(import_module(module), name) is present


@pytest.mark.parametrize("former", RENAMED)
def test_every_former_name_leads_to_a_module_and_hides_none(former: str) -> None:
    assert import_module(RENAMED[former]).__name__ == present_name(former)
    assert present_name(RENAMED[former]) is None


def test_what_a_module_lacks_is_missed_under_its_former_name_too() -> None:
    with pytest.raises(ImportError):
        from snn_mm.spiking_fusion import Nothing  # type: ignore[attr-defined]  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        import_module("snn_mm.spiking_fusion.nothing")


def test_a_folder_with_compiled_leftovers_hides_no_former_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sgmt" / "__pycache__").mkdir(parents=True)
    monkeypatch.setattr(snn_mm, "__path__", [*snn_mm.__path__, str(tmp_path)])
    for name in [name for name in sys.modules if name.startswith("snn_mm.sgmt")]:
        monkeypatch.delitem(sys.modules, name)
    assert import_module("snn_mm.sgmt").SpikingLayer is SpikingLayer
