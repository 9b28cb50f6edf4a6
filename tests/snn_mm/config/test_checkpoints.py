from pathlib import Path

import pytest
import torch
from lightning import LightningModule
from torch import nn

from snn_mm.config.checkpoints import check_checkpoint, list_differences
from snn_mm.errors import UserError


class Net(LightningModule):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(2, width)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "toy" / "a" / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    (path.parents[1] / "config.yaml").write_text("model: {class_path: nets.OtherNet}\n")
    torch.save({"state_dict": Net().state_dict()}, path)
    return path


def test_the_models_own_checkpoint_passes(checkpoint: Path) -> None:
    check_checkpoint(checkpoint, Net())


def test_another_models_checkpoint_names_both_classes_and_the_difference(checkpoint: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_checkpoint(checkpoint, Net(width=4))
    message = str(caught.value)
    assert "saved: OtherNet; config: Net" in message
    assert "layer.weight: saved [3, 2], model [4, 2]" in message
    assert len(message.splitlines()) <= 5


def test_differences_name_what_either_side_lacks() -> None:
    assert list_differences({"a": (1,), "b": (2,)}, {"b": (2,), "c": (3,)}) == [
        "c: missing in the checkpoint",
        "a: not in the model",
    ]


@pytest.mark.parametrize("content", [b"", b"some text", b"PK\x03\x04 half an archive"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.ckpt is no checkpoint"):
        check_checkpoint(path, Net())


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    torch.save({"state_dict": Net()}, tmp_path / "a.ckpt")  # a module is an object with code
    with pytest.raises(UserError, match="safely"):
        check_checkpoint(tmp_path / "a.ckpt", Net())


def test_weights_without_a_checkpoint_around_them_are_refused(tmp_path: Path) -> None:
    torch.save(Net().state_dict(), tmp_path / "a.ckpt")
    with pytest.raises(UserError, match="state_dict"):
        check_checkpoint(tmp_path / "a.ckpt", Net())
