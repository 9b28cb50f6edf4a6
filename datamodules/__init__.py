"""Data sets as LightningDataModules; they know nothing of models.

A class is imported when it is first asked for, because `datamodules.prepare` works without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.ave import AVE
    from datamodules.base import LoaderOptions, MultimodalDataModule
    from datamodules.ch_sims import CHSims, CHSimsV2
    from datamodules.class_incremental import ClassIncremental
    from datamodules.crema_d import CremaD
    from datamodules.digits_av import DigitsAV
    from datamodules.extract.module import ExtractedFeatures
    from datamodules.incremental_digits import IncrementalDigits, IncrementalDigitsAV
    from datamodules.kinetics_sounds import KineticsSounds
    from datamodules.mosei import Mosei
    from datamodules.mosi import Mosi
    from datamodules.mosi_utterances import MosiUtterances
    from datamodules.music_avqa.module import MusicAVQA
    from datamodules.pom import POM
    from datamodules.spoken_digits_events import SpokenDigitsEvents
    from datamodules.urbansound8k_av import UrbanSound8KAV

__all__ = [
    "AVE",
    "POM",
    "CHSims",
    "CHSimsV2",
    "ClassIncremental",
    "CremaD",
    "DigitsAV",
    "ExtractedFeatures",
    "IncrementalDigits",
    "IncrementalDigitsAV",
    "KineticsSounds",
    "LoaderOptions",
    "Mosei",
    "Mosi",
    "MosiUtterances",
    "MultimodalDataModule",
    "MusicAVQA",
    "SpokenDigitsEvents",
    "UrbanSound8KAV",
]

_HOMES = {
    "AVE": "ave",
    "CHSims": "ch_sims",
    "CHSimsV2": "ch_sims",
    "ClassIncremental": "class_incremental",
    "CremaD": "crema_d",
    "DigitsAV": "digits_av",
    "ExtractedFeatures": "extract.module",
    "IncrementalDigits": "incremental_digits",
    "IncrementalDigitsAV": "incremental_digits",
    "KineticsSounds": "kinetics_sounds",
    "LoaderOptions": "base",
    "Mosei": "mosei",
    "Mosi": "mosi",
    "MosiUtterances": "mosi_utterances",
    "MultimodalDataModule": "base",
    "MusicAVQA": "music_avqa.module",
    "POM": "pom",
    "SpokenDigitsEvents": "spoken_digits_events",
    "UrbanSound8KAV": "urbansound8k_av",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def import_all() -> None:
    """Import every data module, so that configs may use short class names."""
    for name in __all__:
        __getattr__(name)
