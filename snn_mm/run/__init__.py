"""The run directory: where it is, and the files a run leaves in it."""

from snn_mm.run.directory import RunDirectory

__all__ = ["RunDirectory"]
