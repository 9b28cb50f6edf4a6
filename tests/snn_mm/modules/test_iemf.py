from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import cross_entropy

from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.modules import IEMFModule

MakeModule = Callable[..., IEMFModule]
MakeBatch = Callable[[int], Batch]


def loss_of(module: IEMFModule, batch: Batch) -> torch.Tensor:
    output = module(batch["inputs"])
    terms = module.loss_terms(output, module.readout(output), batch["target"])
    return torch.stack(list(terms.values())).sum()


def test_loss_is_fused_plus_weighted_unimodal_cross_entropy(
    make_module: MakeModule, make_batch: MakeBatch
) -> None:
    module, batch = make_module(joint_weight=0.5), make_batch(6)
    output = module(batch["inputs"])
    logits = module.readout(output)
    terms = {name: cross_entropy(value, batch["target"]) for name, value in logits.items()}
    expected = terms[FUSED] + 0.5 * (terms["audio"] + terms["visual"])
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


def test_every_parameter_gets_a_gradient_even_without_joint_learning(
    make_module: MakeModule, make_batch: MakeBatch
) -> None:
    """DDP stops on parameters that take no part in the loss."""
    module, batch = make_module(joint_weight=0.0), make_batch(6)
    loss_of(module, batch).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_negative_joint_weight_is_refused(make_module: MakeModule) -> None:
    with pytest.raises(UserError, match="joint_weight must not be negative"):
        make_module(joint_weight=-1.0)
