"""Data sets as LightningDataModules; they know nothing of models."""

from datamodules.base import LoaderOptions, MultimodalDataModule
from datamodules.digits_av import DigitsAV
from datamodules.spoken_digits_events import SpokenDigitsEvents

__all__ = ["DigitsAV", "LoaderOptions", "MultimodalDataModule", "SpokenDigitsEvents"]
