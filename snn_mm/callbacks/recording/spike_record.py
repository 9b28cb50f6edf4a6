"""`spikes.csv`, `spikes.npz` and their figures in a run directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snn_mm.callbacks.recording.spike_counter import LayerSpikes, membrane_edges
from snn_mm.reading.arrays import read_entries
from snn_mm.reading.text import naming
from snn_mm.run.directory import RunDirectory
from snn_mm.run.epoch_table import EpochTable
from snn_mm.run.replace import replacing

COLUMNS = ("epoch", "stage", "modality", "layer", "rate", "silent", "saturated")
KEYS = COLUMNS[:4]

Histograms = dict[str, np.ndarray[Any, Any]]
"""Equally long `epoch`, `stage`, `modality`, `layer` `[R]` and `counts` `[R, B + 2]`."""


class SpikeRecord:
    """The files of `SpikeMonitor`, all replaced in one step so that a kill leaves whole ones.

    `spikes.npz` holds `edges` `[B + 1]` in units of the firing threshold and, for row by row of
    `epoch`, `stage`, `modality` and `layer`, `counts` `[B + 2]`: potentials below the first edge,
    in each bin, and at or above the last edge.

    Args:
        folder: the run directory; it is made if needed.
    """

    def __init__(self, folder: Path) -> None:
        self.run = RunDirectory(folder)
        self.table = EpochTable(folder / "spikes.csv", COLUMNS)
        self.histograms_path = folder / "spikes.npz"

    def drop_from(self, epoch: int) -> None:
        """Drop this and later epochs, and every test."""
        self._keep(lambda row_epoch, stage: row_epoch < epoch and stage != "test")

    def write(self, epoch: int, stage: str, layers: list[LayerSpikes]) -> None:
        """Write what the layers did, in place of an earlier test or validation of this epoch."""
        self._keep(
            lambda row_epoch, row_stage: (
                row_stage != stage or (stage != "test" and row_epoch != epoch)
            )
        )
        self.table.append(
            (epoch, stage, one.modality, one.layer, one.rate, one.silent, one.saturated)
            for one in layers
        )
        seen = [one for one in layers if one.membrane]
        added: Histograms = {
            "epoch": np.full(len(seen), epoch),
            "stage": np.array([stage] * len(seen), dtype=np.str_),
            "modality": np.array([one.modality for one in seen], dtype=np.str_),
            "layer": np.array([one.layer for one in seen], dtype=np.str_),
            "counts": np.array([one.membrane for one in seen], dtype=np.int64),
        }
        before = self.histograms()
        self._save(
            {k: np.concatenate([before[k], v]) for k, v in added.items()} if before else added
        )

    def histograms(self) -> Histograms:
        """What `spikes.npz` holds, without the edges; empty if there is no file."""
        if not self.histograms_path.is_file():
            return {}
        return read_entries(self.histograms_path, (*KEYS, "counts"))

    def draw(self) -> None:
        """Draw `firing_rate.png` and `membrane.png` from what is written."""
        from snn_mm.figures.spikes import draw_membranes, draw_spikes
        from snn_mm.figures.style import save_figure

        rows = list(self.table.rows())
        if rows:
            save_figure(draw_spikes(rows), self.run.figures / "firing_rate.png")
        histograms = self.histograms()
        if len(histograms.get("epoch", ())):
            figure = draw_membranes(np.array(membrane_edges()), histograms)
            save_figure(figure, self.run.figures / "membrane.png")

    def _keep(self, is_wanted: Callable[[int, str], bool]) -> None:
        self.table.keep(lambda row: is_wanted(int(row["epoch"]), row["stage"]))
        histograms = self.histograms()
        if not histograms:
            return
        with naming(self.histograms_path, "holds no histograms of spikes"):
            pairs = zip(histograms["epoch"].tolist(), histograms["stage"].tolist())
            wanted = np.array([is_wanted(*pair) for pair in pairs], dtype=bool)
            self._save({key: values[wanted] for key, values in histograms.items()})

    def _save(self, histograms: Histograms) -> None:
        arrays: dict[str, Any] = {"edges": np.array(membrane_edges()), **histograms}
        with replacing(self.histograms_path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
