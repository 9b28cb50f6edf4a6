"""What is imported may be called only if it is a class, or a function that makes layers."""

from __future__ import annotations

import pytest
from jsonargparse import Namespace
from jsonargparse._common import ImportDenied, parsing_settings
from jsonargparse._util import import_object
from torch import nn

from snn_mm.config.trust.gate import GuardedParser, only_classes, only_trusted
from snn_mm.errors import UserError


@pytest.mark.parametrize(
    "path",
    ["os.system", "posix.system", "torch.load", "snn_mm.run.replace.os.system", "builtins.eval",
     "snn_mm.run.replace.tempfile.TemporaryDirectory", "snn_mm.sweep.launch.subprocess.Popen"],
)  # fmt: skip
def test_nothing_is_reached_through_the_back_door_of_a_module(path: str) -> None:
    with only_trusted(), pytest.raises(ImportDenied):
        import_object(path)


def test_a_program_of_the_users_own_is_not_ruled_afterwards() -> None:
    before = dict(parsing_settings)
    with only_trusted():
        assert import_object("torch.nn.ReLU") is nn.ReLU
    assert parsing_settings == before


@pytest.mark.parametrize(
    "path",
    [
        "snn_mm.modules.IEMFModule.load_from_checkpoint",
        "lightning.LightningModule.load_from_checkpoint",
        "torchvision.io.write_file",
        "lightning.pytorch.trainer.call._call_and_handle_interrupt",
    ],
)
def test_what_is_no_class_is_not_called_with_arguments_of_a_config(path: str) -> None:
    spec = Namespace(class_path=path, init_args=Namespace(checkpoint_path="x"))
    with pytest.raises(UserError, match="it is no class"):
        only_classes({"a": [Namespace(init_args={"b": spec})]})


def test_classes_and_functions_that_make_layers_are() -> None:
    for path in ("torch.nn.ReLU", "torchvision.models.resnet18", "snn_mm.modules.sentiment.adam"):
        assert only_classes({"class_path": path}) == {"class_path": path}


def test_a_parser_builds_what_may_be_named_and_nothing_else() -> None:
    parser = GuardedParser(exit_on_error=False)
    parser.add_argument("--layer", type=nn.Module)
    parsed = parser.parse_object({"layer": {"class_path": "torch.nn.ReLU"}})
    assert isinstance(parser.instantiate_classes(parsed).layer, nn.ReLU)
    with pytest.raises(Exception, match=r"Importing 'os\.system' is not allowed"):
        parser.parse_object({"layer": {"class_path": "os.system"}})
