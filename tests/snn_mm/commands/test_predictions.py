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
    assert header == "id,predicted,audio/no,audio/yes,fused/no,fused/yes"
    assert (first, second) == ("a,no,0.25,0.75,0.5,0.5", "b,no,0.25,0.75,0.5,0.5")


def test_predictions_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="predict_step"):
        write_predictions(tmp_path / "p.csv", [torch.zeros(2)], ["no", "yes"])


def test_a_score_has_one_column_for_each_head(tmp_path: Path) -> None:
    score = {"text": torch.tensor([0.25, -1.0]), "fused": torch.tensor([0.5, 0.0])}
    path = tmp_path / "predictions.csv"
    assert write_predictions(path, [{"id": ["a", "b"], "score": score}], ()) == 2
    assert path.read_text().splitlines() == ["id,text,fused", "a,0.25,0.5", "b,-1.0,0.0"]


def test_scores_of_more_samples_than_ids_are_not_cut_off(tmp_path: Path) -> None:
    batch = {"id": ["a", "b"], "score": {"fused": torch.zeros(4)}}
    with pytest.raises(ValueError, match="longer"):
        write_predictions(tmp_path / "p.csv", [batch], ())


def test_batches_of_two_kinds_are_refused(tmp_path: Path) -> None:
    score = {"id": ["a"], "score": {"fused": torch.zeros(1)}}
    probability = {"id": ["a"], "probability": {"fused": torch.ones(1, 1)}}
    with pytest.raises(UserError, match="`probability` or `score`"):
        write_predictions(tmp_path / "p.csv", [score, probability], ["yes"])


def test_target_and_predicted_class_stand_before_the_probabilities(tmp_path: Path) -> None:
    probability = {"fused": torch.tensor([[0.25, 0.75], [0.5, 0.5]])}
    path = tmp_path / "predictions.csv"
    batch = {"id": ["a", "b"], "probability": probability}
    write_predictions(path, [batch], ["no", "yes"], {"a": 0, "b": 0})
    lines = ["id,target,predicted,fused/no,fused/yes", "a,no,yes,0.25,0.75", "b,no,no,0.5,0.5"]
    assert path.read_text().splitlines() == lines


def test_a_score_has_its_target_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    batch = {"id": ["a"], "score": {"fused": torch.tensor([0.5])}}
    write_predictions(path, [batch], (), {"a": -1.5})
    assert path.read_text().splitlines() == ["id,target,fused", "a,-1.5,0.5"]
