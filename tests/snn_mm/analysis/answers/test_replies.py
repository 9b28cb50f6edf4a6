"""Questions about videos that lack sound or frames are answered as in the run's own test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from snn_mm.analysis.answers.replies import ask
from snn_mm.config.restore import Restored
from snn_mm.contracts import FUSED
from snn_mm.run.directory import RunDirectory
from tests.snn_mm.modules.avqa.made_questions import ANSWERS, module, questions


def test_a_video_without_sound_is_answered_from_its_frames(tmp_path: Path) -> None:
    network = module().eval()
    there = torch.tensor([True, False, True, False, True, True])
    found = []
    for fill in (100.0, float("nan")):
        batch: Any = questions(6)
        batch["inputs"]["audio"][~there] = fill
        batch["present"] = {"audio": there}
        data: Any = SimpleNamespace(
            questions=lambda part: [SimpleNamespace(text=f"{part}{i}") for i in range(6)],
            test_dataloader=lambda batch=batch: [batch],
            class_names=[str(k) for k in range(ANSWERS)],
        )
        found.append(ask(Restored(network, data, RunDirectory(tmp_path)), "cpu"))
    assert torch.equal(found[0].classes, found[1].classes)
    probability = network.predict_step(batch, 0)["probability"][FUSED]
    assert torch.equal(found[0].classes, probability.argmax(dim=-1))
    assert found[0].targets.tolist() == batch["target"].tolist()
