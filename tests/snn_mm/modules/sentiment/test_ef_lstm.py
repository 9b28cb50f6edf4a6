from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.modules.sentiment.ef_lstm import EFLSTM, SequenceNorm

Widths = Callable[..., tuple[dict[str, int], dict[str, int]]]


def test_parameters_are_the_peers_but_for_the_norm_which_is_by_feature(
    sims_v2: tuple[dict[str, int], dict[str, int]],
) -> None:
    network = EFLSTM(*sims_v2)
    by_step, by_feature = 2 * 50, 2 * (768 + 25 + 177)
    assert sum(p.numel() for p in network.parameters()) == 844_133 - by_step + by_feature


def test_batch_norm_is_over_valid_steps_and_leaves_zeros_beyond() -> None:
    norm = SequenceNorm(3).double().train()
    x, lengths = torch.randn(3, 5, 3, dtype=torch.float64), torch.tensor([5, 1, 2])
    valid = np.concatenate([row[:n].numpy() for row, n in zip(x, lengths, strict=True)])
    x[1, 1:], x[2, 2:] = float("nan"), 1e6
    found = norm(x, lengths).detach().numpy()
    expected = (valid - valid.mean(axis=0)) / np.sqrt(valid.var(axis=0) + 1e-5)
    kept = np.concatenate([row[:n] for row, n in zip(found, lengths, strict=True)])
    assert kept == pytest.approx(expected, rel=1e-9)
    assert not found[1, 1:].any()
    assert not found[2, 2:].any()
    assert norm.norm.running_mean.numpy() == pytest.approx(0.1 * valid.mean(axis=0), rel=1e-9)


def test_reads_to_the_last_step_of_the_longest_modality(
    widths: Widths, clips_for: Callable[..., Any]
) -> None:
    network = EFLSTM(*widths(), hidden=8, steps=19).double().eval()
    inputs, lengths = clips_for(network)
    lengths["text"][:], lengths["visual"][:], lengths["audio"][:] = 2, 3, 9
    before = network(inputs, lengths)["fused"]
    inputs["audio"][:, 8] += 1
    assert not torch.isclose(network(inputs, lengths)["fused"], before).any()


def test_dropout_of_a_single_layer_raises_no_warning(widths: Widths) -> None:
    assert EFLSTM(*widths(), layers=1, dropout=0.5).lstm.dropout == 0.0


def test_a_sequence_longer_than_the_data_said_is_refused(widths: Widths) -> None:
    network = EFLSTM(*widths("audio"))
    with pytest.raises(UserError, match=r"max_lengths\.audio is 19"):
        network({"audio": torch.zeros(2, 20, 5)}, {"audio": torch.tensor([20, 1])})


def test_one_valid_step_alone_is_refused_in_training(widths: Widths) -> None:
    network = EFLSTM(*widths("audio")).train()
    with pytest.raises(UserError, match="drop_last"):
        network({"audio": torch.zeros(1, 3, 5)}, {"audio": torch.tensor([1])})
