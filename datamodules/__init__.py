"""Data sets as LightningDataModules; they know nothing of models.

A class is imported when it is first asked for, because `datamodules.store` works without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.archives.grid_corpus import GridCorpus as GridCorpus
    from datamodules.archives.utd_mhad import UtdMhad as UtdMhad
    from datamodules.av_cil.module import ClassIncremental as ClassIncremental
    from datamodules.base import LoaderOptions as LoaderOptions
    from datamodules.base import MultimodalDataModule as MultimodalDataModule
    from datamodules.clips.ave import AVE as AVE
    from datamodules.clips.crema_d import CremaD as CremaD
    from datamodules.clips.kinetics_sounds import KineticsSounds as KineticsSounds
    from datamodules.clips.urbansound8k_av import UrbanSound8KAV as UrbanSound8KAV
    from datamodules.digits.digits_av import DigitsAV as DigitsAV
    from datamodules.digits.spoken_digits_events import SpokenDigitsEvents as SpokenDigitsEvents
    from datamodules.incremental.scenario import IncrementalScenario as IncrementalScenario
    from datamodules.music_avqa.module import MusicAVQA as MusicAVQA
    from datamodules.sentiment.extracted import ExtractedFeatures as ExtractedFeatures
    from datamodules.sentiment.mmsa import CHSims as CHSims
    from datamodules.sentiment.mmsa import CHSimsV2 as CHSimsV2
    from datamodules.sentiment.mmsa import Mosei as Mosei
    from datamodules.sentiment.mmsa import Mosi as Mosi
    from datamodules.sentiment.mosi_utterances import MosiUtterances as MosiUtterances
    from datamodules.sentiment.pom import POM as POM
    from datamodules.table.module import SampleTable as SampleTable

_HOMES = {
    "AVE": "clips.ave",
    "CHSims": "sentiment.mmsa",
    "CHSimsV2": "sentiment.mmsa",
    "ClassIncremental": "av_cil.module",
    "CremaD": "clips.crema_d",
    "DigitsAV": "digits.digits_av",
    "ExtractedFeatures": "sentiment.extracted",
    "GridCorpus": "archives.grid_corpus",
    "IncrementalScenario": "incremental.scenario",
    "KineticsSounds": "clips.kinetics_sounds",
    "LoaderOptions": "base",
    "Mosei": "sentiment.mmsa",
    "Mosi": "sentiment.mmsa",
    "MosiUtterances": "sentiment.mosi_utterances",
    "MultimodalDataModule": "base",
    "MusicAVQA": "music_avqa.module",
    "POM": "sentiment.pom",
    "SampleTable": "table.module",
    "SpokenDigitsEvents": "digits.spoken_digits_events",
    "UtdMhad": "archives.utd_mhad",
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
    for name in _HOMES:
        __getattr__(name)
