"""Data sets as LightningDataModules; they know nothing of models.

A class is imported when it is first asked for, because `datamodules.store` works without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.av_cil.module import ClassIncremental
    from datamodules.base import LoaderOptions, MultimodalDataModule
    from datamodules.clips.ave import AVE
    from datamodules.clips.crema_d import CremaD
    from datamodules.clips.kinetics_sounds import KineticsSounds
    from datamodules.clips.urbansound8k_av import UrbanSound8KAV
    from datamodules.digits.digits_av import DigitsAV
    from datamodules.digits.spoken_digits_events import SpokenDigitsEvents
    from datamodules.incremental.scenario import IncrementalScenario
    from datamodules.music_avqa.module import MusicAVQA
    from datamodules.sentiment.ch_sims import CHSims, CHSimsV2
    from datamodules.sentiment.extracted import ExtractedFeatures
    from datamodules.sentiment.mosei import Mosei
    from datamodules.sentiment.mosi import Mosi
    from datamodules.sentiment.mosi_utterances import MosiUtterances
    from datamodules.sentiment.pom import POM

__all__ = [
    "AVE",
    "POM",
    "CHSims",
    "CHSimsV2",
    "ClassIncremental",
    "CremaD",
    "DigitsAV",
    "ExtractedFeatures",
    "IncrementalScenario",
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
    "AVE": "clips.ave",
    "CHSims": "sentiment.ch_sims",
    "CHSimsV2": "sentiment.ch_sims",
    "ClassIncremental": "av_cil.module",
    "CremaD": "clips.crema_d",
    "DigitsAV": "digits.digits_av",
    "ExtractedFeatures": "sentiment.extracted",
    "IncrementalScenario": "incremental.scenario",
    "KineticsSounds": "clips.kinetics_sounds",
    "LoaderOptions": "base",
    "Mosei": "sentiment.mosei",
    "Mosi": "sentiment.mosi",
    "MosiUtterances": "sentiment.mosi_utterances",
    "MultimodalDataModule": "base",
    "MusicAVQA": "music_avqa.module",
    "POM": "sentiment.pom",
    "SpokenDigitsEvents": "digits.spoken_digits_events",
    "UrbanSound8KAV": "clips.urbansound8k_av",
}

_FORMER = dict.fromkeys(("IncrementalDigits", "IncrementalDigitsAV"), "incremental.former")


def __getattr__(name: str) -> Any:
    home = (_HOMES | _FORMER).get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def import_all() -> None:
    """Import every data module, so that configs may use short class names."""
    for name in __all__:
        __getattr__(name)
