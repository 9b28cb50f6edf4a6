"""A proof counts every sample for which a file says something else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.export.graph import LENGTHS, Port
from snn_mm.export.proof import Proof, complete, fitted, prove, tracing_batch

PORTS = [Port("audio", (2,), "float32")]


class SoftmaxModule(torch.nn.Module):
    def predict_step(self, batch: Batch, batch_idx: int) -> Any:
        return {"id": batch["id"], "probability": {"fused": batch["inputs"]["audio"].softmax(1)}}


def batch(samples: int = 4, **more: Any) -> Batch:
    audio = torch.arange(2.0 * samples).view(samples, 2) % 3
    ids = [str(i) for i in range(samples)]
    return {"inputs": {"audio": audio}, "target": torch.ones(samples).long(), "id": ids, **more}


def proof_of(change: Any, batches: list[Batch] | None = None) -> Proof:
    def answer(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"fused": change(inputs["audio"].softmax(1))}

    batches = [batch(), batch(3)] if batches is None else batches
    return prove(SoftmaxModule(), batches, PORTS, "probability", answer)  # type: ignore[arg-type]


def test_a_file_that_says_the_same_is_proven() -> None:
    proof = proof_of(lambda p: p)
    assert (proof.samples, proof.alone, proof.off, proof.decided_otherwise) == (7, 1, 0, 0)
    assert proof.largest == 0
    right = sum(int((b["inputs"]["audio"].argmax(1) == 1).sum()) for b in (batch(), batch(3)))
    assert proof.as_dict()["accuracy"] == right / 7


def test_small_and_large_differences_are_told_apart() -> None:
    assert proof_of(lambda p: p + 5e-6).off == 0
    assert proof_of(lambda p: p + 5e-5).off == 8  # the one that is asked alone counts as well
    assert proof_of(lambda p: 1 - p).decided_otherwise > 0
    assert proof_of(lambda p: p * torch.nan).off == 8


def test_a_file_that_is_wrong_for_one_sample_alone_is_seen() -> None:
    assert proof_of(lambda p: p if len(p) > 1 else p + 1).off == 1


def test_samples_that_lack_a_modality_are_left_out_and_counted() -> None:
    lacking = batch(4, present={"audio": torch.tensor([True, False, True, False])})
    kept, left_out = complete(lacking)
    assert (kept["id"], left_out) == (["0", "2"], 2)
    proof = proof_of(lambda p: p, [lacking])
    assert (proof.samples, proof.left_out) == (2, 2)
    nobody = batch(2, present={"audio": torch.zeros(2).bool()})
    with pytest.raises(UserError, match="none of 2 test samples"):
        proof_of(lambda p: p, [nobody])


def test_only_what_close_spikes_explain_and_decide_alike_is_rounding() -> None:
    wanted = torch.tensor([[0.4, 0.6]] * 4)
    file = torch.tensor([[0.4, 0.6], [0.3, 0.7], [0.3, 0.7], [0.6, 0.4]])
    close = torch.tensor([True, True, False, True])
    proof = Proof()
    proof.add({"fused": wanted}, {"fused": file}, lambda: ({"fused": file}, close))
    assert (proof.off, proof.rounded, proof.decided_otherwise) == (3, 1, 1)
    proof = Proof()
    proof.add({"fused": wanted}, {"fused": file}, lambda: ({"fused": wanted}, close))
    assert (proof.off, proof.rounded) == (3, 0)


def test_sequences_are_padded_to_the_longest_of_all_batches() -> None:
    def sequences(steps: int) -> Batch:
        lengths = {"audio": torch.tensor([steps, 1])}
        return {**batch(2, lengths=lengths), "inputs": {"audio": torch.ones(2, steps, 3)}}  # type: ignore[typeddict-item]

    traced = tracing_batch([sequences(2), sequences(5)])
    assert traced["inputs"]["audio"].shape == (2, 5, 3)
    assert traced["inputs"]["audio"].sum() == 2 * 2 * 3
    ports = [Port("audio", (4, 3), "float32"), Port("audio" + LENGTHS, (), "int64")]
    assert fitted(sequences(2), ports)["audio"].shape == (2, 4, 3)
    with pytest.raises(UserError, match=r"audio is \[5, 3\] here; the file takes \[4, 3\]"):
        fitted(sequences(5), ports)
