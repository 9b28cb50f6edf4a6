"""What holds for every spiking fusion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.callbacks import IEMF, LossAdjustment
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.fusion import CMCI, MISNET, SCA, SCMRL, SpikingFusion, WeightAttention
from snn_mm.modules import TAAFModule
from snn_mm.neurons import is_spiking

Spikes = Callable[..., dict[str, Tensor]]
FUSIONS = [WeightAttention, SCA, CMCI, SCMRL, MISNET]
MIXING = [WeightAttention, SCA, SCMRL]
TWO, THREE = dict.fromkeys("ab", 16), dict.fromkeys("abc", 16)
K = 4

every_fusion = pytest.mark.parametrize("fusion_class", FUSIONS)


@every_fusion
@pytest.mark.parametrize("unimodal", ["heads", "shared"])
@pytest.mark.parametrize("dims", [TWO, THREE])
def test_fused_and_unimodal_logits_of_any_number_of_modalities(
    fusion_class: Any, unimodal: str, dims: dict[str, int], make_spikes: Spikes
) -> None:
    output = fusion_class(dims, K, unimodal=unimodal).double()(make_spikes(dims))
    assert output.fused.shape == (3, 16, K)
    assert {n: o.shape for n, o in output.unimodal.items()} == dict.fromkeys(dims, (3, 16, K))


@pytest.mark.parametrize("fusion_class", MIXING)
def test_widths_may_differ_where_features_are_concatenated(
    fusion_class: Any, make_spikes: Spikes
) -> None:
    dims = {"a": 8, "b": 16}
    assert fusion_class(dims, K, join="concat").double()(make_spikes(dims)).fused.shape[-1] == K
    with pytest.raises(UserError, match="different widths"):
        fusion_class(dims, K)


@every_fusion
def test_gradients_reach_every_parameter(fusion_class: Any, make_spikes: Spikes) -> None:
    fusion = fusion_class(TWO, K, unimodal="heads").double()
    output = fusion(make_spikes(TWO, steps=4, size=64))
    (
        output.fused.square().sum() + sum(o.square().sum() for o in output.unimodal.values())
    ).backward()
    assert not [n for n, p in fusion.named_parameters() if p.grad is None or not p.grad.any()]


@every_fusion
def test_nothing_of_one_batch_reaches_the_next(fusion_class: Any, make_spikes: Spikes) -> None:
    fusion = fusion_class(TWO, K, unimodal="shared").double()
    for _ in range(10):  # running statistics that fit
        fusion(make_spikes(TWO))
    fusion.eval()
    x = make_spikes(TWO)
    first = fusion(x)
    fusion(make_spikes(TWO, size=5))
    again = fusion(x)
    assert torch.equal(first.fused, again.fused)
    assert torch.equal(first.unimodal["a"], again.unimodal["a"])


@every_fusion
def test_shared_logits_ignore_the_others_and_leave_statistics(
    fusion_class: Any, make_spikes: Spikes
) -> None:
    fusion, x = fusion_class(TWO, K, unimodal="shared").double(), make_spikes(TWO)
    statistics = {n: b.clone() for n, b in fusion.named_buffers() if "running" in n}
    before = fusion.shared_logits("a", x)
    after = fusion.shared_logits("a", {"a": x["a"], "b": 1 - x["b"]})
    assert torch.equal(before, after)
    assert all(torch.equal(b, fusion.get_buffer(n)) for n, b in statistics.items())
    fusion(x)
    changed = [n for n, b in statistics.items() if not torch.equal(b, fusion.get_buffer(n))]
    assert bool(changed) == bool(statistics)  # WeightAttention has none


@every_fusion
@pytest.mark.parametrize("unimodal", ["heads", "shared"])
def test_every_parameter_has_exactly_one_role(
    fusion_class: Any, unimodal: str, make_encoders: Any
) -> None:
    def fusion(dims: dict[str, int], classes: int) -> SpikingFusion:
        return fusion_class(dims, classes, unimodal=unimodal)  # type: ignore[no-any-return]

    module = TAAFModule(make_encoders({"audio": 3, "visual": 3}), 3, fusion, width=16)
    roles = [*module.fusion_parameters("module")]
    for name in module.modalities:
        roles += module.modality_parameters(name)
    assert sorted(map(id, roles)) == sorted(map(id, module.parameters()))
    classifier = list(module.fusion_parameters("classifier"))
    assert [tuple(p.shape) for p in classifier] == [(3, 16), (3,)]


@pytest.mark.parametrize("fusion_class", [SCA, CMCI, SCMRL, MISNET])
def test_ann_twin_has_one_step_and_no_membrane(fusion_class: Any, make_spikes: Spikes) -> None:
    twin = fusion_class(TWO, K, neuron=nn.ReLU).double()
    assert is_spiking(fusion_class(TWO, K))
    assert not is_spiking(twin)
    assert twin(make_spikes(TWO, steps=1)).fused.shape == (1, 16, K)


@every_fusion
def test_one_modality_is_refused(fusion_class: Any) -> None:
    with pytest.raises(UserError, match="at least two modalities"):
        fusion_class({"a": 16}, K)


@every_fusion
def test_modulations_of_gradients_and_losses_work(
    fusion_class: Any, make_encoders: Any, make_batch: Callable[[int], Batch], tmp_path: Path
) -> None:
    encoders = make_encoders({"audio": 2, "visual": 2})
    module = TAAFModule(encoders, 3, fusion_class, width=16).double()
    before = [p.clone() for p in module.fusion_parameters()]
    callbacks = [IEMF(), LossAdjustment()]
    trainer = quiet_trainer(*callbacks, max_epochs=2, default_root_dir=tmp_path)
    trainer.fit(module, DataLoader([make_batch(8)], batch_size=None))  # type: ignore[arg-type]
    assert all(callback.factors for callback in callbacks)
    assert not any(map(torch.equal, before, module.fusion_parameters()))
