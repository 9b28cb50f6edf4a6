from pathlib import Path

import pytest
import torch

from snn_mm.commands.predictions import write_predictions
from snn_mm.errors import UserError


def test_a_row_holds_every_probability_of_a_sample(tmp_path: Path) -> None:
    probability = {"audio": torch.tensor([[0.25, 0.75]]), "fused": torch.tensor([[0.5, 0.5]])}
    batches = [{"id": ["a"], "probability": probability}, {"id": ["b"], "probability": probability}]
    path = tmp_path / "predictions.csv"
    assert write_predictions(path, batches, ["no", "yes"]) == 2
    header, first, second = path.read_text().splitlines()
    assert header == "id,audio/no,audio/yes,fused/no,fused/yes"
    assert (first, second) == ("a,0.25,0.75,0.5,0.5", "b,0.25,0.75,0.5,0.5")


def test_predictions_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="predict_step"):
        write_predictions(tmp_path / "p.csv", [torch.zeros(2)], ["no", "yes"])
