"""What trackers of a run leave behind, without a run's worth of tracking."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
from lightning import Callback, LightningModule, Trainer

from snn_mm.run import RunDirectory

ENERGY = {
    "parts": {"audio": {"compute_pj": 3.0}, "fusion": {"compute_pj": 1.0}},
    "layers": [{"name": "audio.0", "part": "audio", "mac": 12, "purity": None}],
}


class Draw(Callback):
    """Leaves a figure after training and energy after the test, as trackers do."""

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        figure, _ = plt.subplots(figsize=(1, 1))
        figure.savefig(RunDirectory(Path(trainer.default_root_dir)).figures / "factors.png")
        plt.close(figure)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        Path(trainer.default_root_dir, "energy.json").write_text(json.dumps(ENERGY))
