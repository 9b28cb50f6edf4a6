from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from snn_mm.errors import UserError
from snn_mm.modules.sentiment.multitask import MLFDNN
from snn_mm.modules.sentiment.subnets import (
    PooledSubnet,
    TextSubnet,
    check_normalisable,
    last_state,
    score_head,
    size_of,
)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def numpy_lstm(lstm: nn.LSTM, steps: np.ndarray) -> np.ndarray:
    """State of a one-layer LSTM after the last row of `[L, D]`, gate by gate."""
    w_in, w_state, b_in, b_state = (p.detach().numpy() for p in lstm.parameters())
    h = c = np.zeros(lstm.hidden_size)
    for x in steps:
        i, f, g, o = np.split(w_in @ x + b_in + w_state @ h + b_state, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h


def test_last_state_is_the_one_after_the_last_valid_step_in_any_order_of_lengths() -> None:
    lstm = nn.LSTM(3, 4, batch_first=True).double()
    x, lengths = torch.randn(4, 6, 3, dtype=torch.float64), torch.tensor([2, 6, 1, 3])
    x[0, 2:] = float("nan")
    found = last_state(lstm, x, lengths).detach()
    for row, n, state in zip(x.numpy(), lengths.tolist(), found, strict=True):
        assert state.numpy() == pytest.approx(numpy_lstm(lstm, row[:n]), rel=1e-10)


def test_last_state_is_that_of_the_last_layer() -> None:
    lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)
    x = torch.randn(2, 5, 3)
    outputs, _ = lstm(x)
    torch.testing.assert_close(last_state(lstm, x, torch.tensor([5, 5])), outputs[:, -1])


def test_text_vector_is_a_linear_map_of_the_last_valid_state() -> None:
    subnet = TextSubnet(3, 4, 2)
    x, lengths = torch.randn(3, 5, 3), torch.tensor([5, 1, 2])
    expected = subnet.projection(last_state(subnet.lstm, x, lengths))
    torch.testing.assert_close(subnet(x, lengths), expected)


def test_pooled_vector_normalises_the_mean_of_valid_steps_by_the_batch() -> None:
    subnet = PooledSubnet(3, 4, dropout=0.0).double().train()
    x, lengths = torch.randn(4, 6, 3, dtype=torch.float64), torch.tensor([2, 6, 1, 3])
    means = np.stack([x[i, :n].numpy().mean(axis=0) for i, n in enumerate(lengths.tolist())])
    hidden = (means - means.mean(axis=0)) / np.sqrt(means.var(axis=0) + 1e-5)
    for layer in (m for m in subnet.layers if isinstance(m, nn.Linear)):
        weight, bias = (p.detach().numpy() for p in layer.parameters())
        hidden = np.maximum(hidden @ weight.T + bias, 0)
    assert subnet(x, lengths).detach().numpy() == pytest.approx(hidden, rel=1e-9)
    assert subnet.norm.running_mean.numpy() == pytest.approx(0.1 * means.mean(axis=0), rel=1e-9)


def test_a_score_head_gives_one_score_a_vector_also_for_one() -> None:
    assert score_head(3, 4, 0.0)(torch.randn(5, 3)).shape == (5,)
    assert score_head(3, 4, 0.0)(torch.randn(1, 3)).shape == (1,)


def test_dropout_acts_on_the_vector_and_only_in_training() -> None:
    head = score_head(50, 4, 0.5)
    x = torch.randn(1, 50)
    torch.testing.assert_close(head.eval()(x), head.eval()(x), rtol=0, atol=0)
    head.train()
    assert not torch.equal(head(x), head(x))


def test_each_modality_has_a_head_of_its_own_size() -> None:
    dims = {"text": 6, "audio": 4}
    network = MLFDNN(dims, dims, {"text": 9, "audio": 5}, 3, head_hidden={"text": 7, "audio": 2})
    shapes = {name: head[1].weight.shape for name, head in network.unimodal_heads.items()}
    assert shapes == {"text": (7, 3), "audio": (2, 5)}


def test_a_modality_without_a_size_is_refused_by_key_and_name() -> None:
    with pytest.raises(UserError, match=r"network\.hidden: no size for gaze, only for text"):
        size_of({"text": 3}, "gaze", "hidden")


def test_one_sample_is_refused_in_training_alone() -> None:
    module = nn.Identity()
    check_normalisable(module.train(), 2)
    check_normalisable(module.eval(), 1)
    with pytest.raises(UserError, match="drop_last"):
        check_normalisable(module.train(), 1)
