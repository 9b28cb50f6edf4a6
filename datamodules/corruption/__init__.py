"""Recordings made worse on purpose: what is done to them, how badly, and in which parts."""

from datamodules.corruption.kinds import CORRUPTIONS, Corruption, Corruptions

__all__ = ["CORRUPTIONS", "Corruption", "Corruptions"]
