from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam, AdamW

from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule

MakeModule = Callable[..., IEMFModule]
MakeBatch = Callable[[int], Batch]


def loss_of(module: IEMFModule, batch: Batch) -> torch.Tensor:
    output = module(batch["inputs"])
    terms = module.loss_terms(output, module.readout(output), batch["target"])
    return torch.stack(list(terms.values())).sum()


@pytest.mark.parametrize("weight", [0.5, 2.5])
def test_loss_is_fused_plus_weighted_unimodal_cross_entropy(
    make_module: MakeModule, make_batch: MakeBatch, weight: float
) -> None:
    module, batch = make_module(joint_weight=weight, label_smoothing=0.2), make_batch(6)
    output = module(batch["inputs"])
    logits, target = module.readout(output), batch["target"]
    terms = {n: cross_entropy(o, target, label_smoothing=0.2) for n, o in logits.items()}
    expected = terms[FUSED] + weight * (terms["audio"] + terms["visual"])
    torch.testing.assert_close(loss_of(module, batch), expected)


def test_only_the_fused_loss_reaches_the_fused_classifier(
    make_module: MakeModule, make_batch: MakeBatch
) -> None:
    """So ξ scales exactly the gradient of the fused loss (audio-visual Eq. 11)."""
    gradients = []
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        module, batch = make_module(joint_weight=weight), make_batch(6)
        loss_of(module, batch).backward()
        gradients.append(next(module.fusion_parameters()).grad)
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("unimodal", ["heads", "shared"])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 2.5])
def test_heads_alone_have_no_gradient_without_joint_learning_and_ddp_is_told(
    make_module: MakeModule, make_batch: MakeBatch, weight: float, unimodal: Any
) -> None:
    module = make_module(partial(Concat, unimodal=unimodal), joint_weight=weight)
    loss_of(module, make_batch(6)).backward()
    silent = {name.split(".")[1] for name, p in module.named_parameters() if p.grad is None}
    assert silent == ({"heads"} if unimodal == "heads" and not weight else set())
    assert module.skips_parameters() == bool(silent)


@pytest.mark.parametrize(
    "optimizer",
    [
        partial(Adam, lr=0.1, weight_decay=0.1),
        partial(AdamW, lr=0.1, weight_decay=0.1),
        partial(SGD, lr=0.1, momentum=0.9, weight_decay=0.1),
    ],
    ids=["adam", "adamw", "momentum"],
)
def test_no_optimizer_moves_heads_whose_joint_weight_has_become_zero(
    make_module: MakeModule, make_batch: MakeBatch, optimizer: Any
) -> None:
    module, batch = make_module(joint_weight=1.0), make_batch(6)
    steps = optimizer(module.parameters())
    moved = []
    for module.joint_weight in (1.0, 0.0, 0.0):
        before = {name: p.detach().clone() for name, p in module.named_parameters()}
        steps.zero_grad()
        loss_of(module, batch).backward()
        steps.step()
        changed = {
            name for name, p in module.named_parameters() if not torch.equal(p, before[name])
        }
        moved.append({".".join(name.split(".")[:2]) for name in changed})
    others = {"encoders.audio", "encoders.visual", "fusion.classifier"}
    assert moved == [others | {"fusion.heads"}, others, others]


def test_negative_joint_weight_is_refused(make_module: MakeModule) -> None:
    with pytest.raises(UserError, match=r"joint_weight is -\d.*; accepted: 0 or more"):
        make_module(joint_weight=-1.0)
