"""What a test predicted is counted by class, and only of samples that have the modality."""

from __future__ import annotations

import torch

from snn_mm.callbacks.recording.confusion import described, rated
from snn_mm.contracts import FusionOutput, StepOutput


def test_samples_without_a_modality_do_not_count_for_its_head() -> None:
    logits = {"audio": torch.eye(3), "fused": torch.eye(3)}
    mask = torch.tensor([True, False, True])
    output = FusionOutput(logits["fused"][None], {}, {}, present={"audio": mask})
    step = StepOutput(output, logits, torch.tensor([0, 1, 2]))
    assert rated(step, "audio")[1].tolist() == [0, 2]
    assert rated(step, "audio")[0].tolist() == torch.eye(3)[mask].tolist()
    assert rated(step, "fused")[1].tolist() == [0, 1, 2]


def test_results_name_each_class_with_its_scores() -> None:
    found = described(["no", "yes"], {"fused": [[3, 1], [0, 2]]})
    assert found["names"] == ["no", "yes"]
    assert found["confusion"] == {"fused": [[3, 1], [0, 2]]}
    assert found["scores"]["fused"][0] == {
        "class": "no",
        "samples": 4,
        "predicted": 3,
        "precision": 1.0,
        "recall": 0.75,
        "f1": 6 / 7,
    }
