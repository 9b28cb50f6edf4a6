"""Modules under their former names: configs of earlier runs, and code of users, import them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

RENAMED = {
    "datamodules.extract": "feature_makers.extract",
    "datamodules.extract.module": "datamodules.sentiment.extracted",
    "datamodules.pretrained": "feature_makers.pretrained",
    "datamodules.sentiment.ch_sims": "datamodules.sentiment.mmsa",
    "datamodules.sentiment.mosei": "datamodules.sentiment.mmsa",
    "datamodules.sentiment.mosi": "datamodules.sentiment.mmsa",
    "snn_mm.alignment": "snn_mm.modules.taaf.alignment",
    "snn_mm.attention": "snn_mm.modules.taaf.attention",
    "snn_mm.avqa": "snn_mm.modules.avqa",
    "snn_mm.continual": "snn_mm.modules.continual",
    "snn_mm.continual.added": "snn_mm.fusion.added",
    "snn_mm.neurons.projection": "snn_mm.neurons.normed",
    "snn_mm.sentiment": "snn_mm.modules.sentiment",
    "snn_mm.sgmt": "snn_mm.modules.sgmt",
    "snn_mm.spike_generated_attention": "snn_mm.modules.sgmt.spike_generated_attention",
    "snn_mm.spiking_fusion": "snn_mm.fusion",
    "snn_mm.spiking_fusion.base": "snn_mm.fusion.spiking",
    "snn_mm.theory": "snn_mm.modules.iemf.theory",
}
"""The module or package of today by its former name; a package stands for all that is in it."""


def present_name(name: str) -> str | None:
    """The name that a module has today, if it had this one before."""
    former = max((old for old in RENAMED if f"{name}.".startswith(f"{old}.")), key=len, default="")
    return RENAMED[former] + name.removeprefix(former) if former else None


class RenamedFinder(MetaPathFinder, Loader):
    """Makes of a former name a module that answers with what the present one holds."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A specification for a former name; a folder of it holds at most compiled leftovers."""
        known = present_name(fullname) is not None
        return ModuleSpec(fullname, self, is_package=True) if known else None

    def exec_module(self, module: ModuleType) -> None:
        """Look every attribute up in the present module."""
        present = present_name(module.__name__)
        if present is not None:
            module.__getattr__ = partial(getattr, import_module(present))  # type: ignore[method-assign]


def install() -> None:
    """Have Python ask for former names first, once."""
    if not any(isinstance(finder, RenamedFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, RenamedFinder())
