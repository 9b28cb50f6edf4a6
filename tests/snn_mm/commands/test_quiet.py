import logging
import warnings

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from snn_mm.commands.quiet import is_wanted, silence


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("lightning", logging.INFO, "file", 1, message, None, None)


@pytest.mark.parametrize("message", ["Seed set to 0", "[rank: 1] Seed set to 0", "💡 Tip: buy"])
def test_tips_are_left_out(message: str) -> None:
    assert not is_wanted(record(message))


def test_everything_else_is_kept() -> None:
    assert is_wanted(record("Epoch 3 had no batches"))


def test_only_the_named_warnings_are_silenced() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        silence()
        warnings.warn("The 'train_dataloader' does not have many workers", stacklevel=1)
        DataLoader(TensorDataset(torch.zeros(2)), num_workers=4096)  # its own words
        warnings.warn("The learning rate is negative", stacklevel=1)
    assert [str(warning.message) for warning in caught] == ["The learning rate is negative"]
