from collections.abc import Callable

from lightning import Callback, LightningDataModule
from torch import nn
from torch.optim import SGD

import datamodules
import snn_mm.callbacks  # noqa: F401 - makes its classes choices
from snn_mm.config.class_names import class_choices, find_class, parameter_bases
from snn_mm.config.keys.hints import nearest
from snn_mm.encoders.base import Encoder
from snn_mm.modules import ContinualModule, IEMFModule
from snn_mm.modules.continual.dual_attention import DualAttention
from snn_mm.modules.continual.methods import AVCIL, Method


class Parent(nn.Module):
    def __init__(self, width: int, depth: int = 1) -> None:
        super().__init__()


class Child(Parent):
    def __init__(self, neuron: Callable[[], nn.ReLU], **options: int) -> None:
        super().__init__(**options)


def test_classes_are_found_by_short_name_and_by_path() -> None:
    assert find_class("IEMFModule") is IEMFModule
    assert find_class("torch.optim.SGD") is find_class("SGD") is SGD
    assert find_class("Nonsense") is find_class("no.such.module") is None


def test_a_parameter_says_which_classes_fit() -> None:
    assert parameter_bases(Child, "neuron") == [nn.ReLU]
    assert parameter_bases(IEMFModule, "encoders") == [Encoder]


def test_choices_leave_out_what_can_not_be_made() -> None:
    choices = class_choices([Callback])
    assert "IEMF" in choices
    assert "Modulation" not in choices


def test_choices_leave_out_bases_whose_class_variables_a_subclass_gives() -> None:
    datamodules.import_all()
    choices = class_choices([LightningDataModule])
    assert {"CremaD", "Mosi"} < set(choices)
    assert not {"ClipDataModule", "AlignedFileModule"} & set(choices)


def test_methods_of_class_incremental_learning_are_choices() -> None:
    assert find_class("AVCIL") is AVCIL
    assert parameter_bases(ContinualModule, "method") == [Method]
    assert nearest("LWF", class_choices([Method])) == ["LwF"]


def test_a_base_of_this_project_is_a_choice_itself() -> None:
    assert class_choices([DualAttention]) == ["DualAttention"]
    assert "Module" not in class_choices([nn.Module])
