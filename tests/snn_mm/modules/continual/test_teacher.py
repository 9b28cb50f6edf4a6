import torch
from torch import nn

from snn_mm.encoders import ConvNet
from snn_mm.fusion.added import Added
from snn_mm.modules.continual.dual_attention import DualAttention
from snn_mm.modules.continual.teacher import Teacher, extract_features

DIMS = {"a": 5, "b": 5}


def spiking() -> nn.ModuleDict:
    return nn.ModuleDict(
        {name: ConvNet(1, time_steps=2, channels=(4,), feature_dim=5) for name in DIMS}
    )


def test_a_copy_in_the_middle_of_a_training_answers_as_the_original_and_never_changes() -> None:
    encoders, fusion = spiking(), Added(DIMS, 3)
    inputs = {name: torch.randn(4, 1, 8, 8) for name in DIMS}
    encoders["a"].register_forward_hook(lambda *_: called.append(1))
    called: list[int] = []
    extract_features(encoders, None, inputs)  # membranes of a graph, which can't be copied
    teacher = Teacher(encoders, fusion).train()
    called.clear()
    with torch.no_grad():
        answer, attention = teacher(inputs)
    assert not called
    assert attention is None
    assert not any(part.training for part in teacher.modules())
    encoders.eval()
    torch.testing.assert_close(
        answer.fused, fusion(extract_features(encoders, None, inputs).features).fused
    )


def test_the_copy_of_a_trunk_contains_the_copies_of_its_branches() -> None:
    trunk = DualAttention(6, 6, 5, frames=2)
    teacher = Teacher(trunk.encoders, Added({"audio": 5, "visual": 5}, 3), trunk)
    inputs = {"audio": torch.randn(2, 6), "visual": torch.randn(2, 8, 6)}
    answer, attention = teacher(inputs, keep_attention=True)
    assert answer.fused.shape == (1, 2, 3)
    assert attention is not None
    assert attention.spatial.shape == (2, 2, 4, 6)
    assert teacher.encoders["audio"] is teacher.trunk.encoders["audio"]  # type: ignore[union-attr,index]
