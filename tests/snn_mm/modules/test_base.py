from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import OneCycleLR, StepLR

from snn_mm.callbacks.modulation.functional.iemf import gather_evidence
from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.fusion import CMCI
from snn_mm.modules import IEMFModule
from snn_mm.modules.base import STAGES, Stage

MakeModule = Callable[..., IEMFModule]
MakeBatch = Callable[[int], Batch]


def test_readout_is_the_mean_over_time(make_module: MakeModule, make_batch: MakeBatch) -> None:
    module = make_module()
    output = module(make_batch(4)["inputs"])
    logits = module.readout(output)
    torch.testing.assert_close(logits[FUSED], (output.fused[0] + output.fused[1]) / 2)
    audio = output.unimodal["audio"]
    torch.testing.assert_close(logits["audio"], (audio[0] + audio[1]) / 2)


def test_evidence_sums_true_class_probabilities_without_gradient() -> None:
    logits = {"audio": torch.randn(5, 3, requires_grad=True), FUSED: torch.randn(5, 3)}
    target = torch.tensor([0, 1, 2, 0, 1])
    evidence = gather_evidence(logits, target)
    expected = sum(logits["audio"][i].double().softmax(0)[t] for i, t in enumerate(target))
    assert evidence.sums["audio"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert not evidence.sums["audio"].requires_grad
    assert evidence.samples == 5


def test_evidence_of_two_halves_adds_up_to_the_whole() -> None:
    logits, target = torch.randn(6, 3).double(), torch.tensor([0, 1, 2, 0, 1, 2])
    whole = gather_evidence({FUSED: logits}, target)
    halves = [gather_evidence({FUSED: logits[s]}, target[s]) for s in (slice(2), slice(2, 6))]
    total = sum(half.sums[FUSED] for half in halves)
    torch.testing.assert_close(total, whole.sums[FUSED])


def test_every_parameter_has_exactly_one_role(make_module: MakeModule) -> None:
    module = make_module()
    roles = [
        *module.modality_parameters("audio"),
        *module.modality_parameters("visual"),
        *module.fusion_parameters("module"),
    ]
    assert sorted(map(id, roles)) == sorted(map(id, module.parameters()))


def test_parameter_groups_give_each_modality_its_own_options(make_module: MakeModule) -> None:
    groups = {"audio": {"lr": 0.5}, "fusion": {"weight_decay": 0.1}}
    module = make_module(optimizer=partial(SGD, lr=0.01), parameter_groups=groups)
    optimizer = module.configure_optimizers()
    found = {
        group["name"]: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups
    }
    assert found == {"audio": (0.5, 0), "visual": (0.01, 0), "fusion": (0.01, 0.1)}


def test_unknown_parameter_group_is_named(make_module: MakeModule) -> None:
    with pytest.raises(UserError, match="unknown group smell; accepted: audio, visual, fusion"):
        make_module(parameter_groups={"smell": {"lr": 1.0}})


def test_schedule_of_steps_is_refused_per_epoch_and_taken_per_step(make_module: MakeModule) -> None:
    schedule = partial(OneCycleLR, max_lr=0.1, total_steps=10)
    with pytest.raises(UserError, match="lr_scheduler_interval: step"):
        make_module(lr_scheduler=schedule).configure_optimizers()
    module = make_module(lr_scheduler=schedule, lr_scheduler_interval="step")
    assert module.configure_optimizers()["lr_scheduler"]["interval"] == "step"


def test_step_schedule_is_taken_per_epoch(make_module: MakeModule) -> None:
    module = make_module(lr_scheduler=partial(StepLR, step_size=70))
    assert module.configure_optimizers()["lr_scheduler"]["interval"] == "epoch"


def test_default_optimizer_is_table_s1(make_module: MakeModule) -> None:
    group = make_module().configure_optimizers().param_groups[0]
    assert (group["lr"], group["weight_decay"], group["momentum"]) == (5e-3, 1e-4, 0.9)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            SimpleNamespace(modalities=("audio",), num_classes=3),
            "no modality visual; accepted: audio",
        ),
        (SimpleNamespace(modalities=("audio", "visual"), num_classes=9), "has 9 classes"),
    ],
)
def test_data_that_does_not_fit_the_module_is_refused(
    make_module: MakeModule, data: SimpleNamespace, message: str
) -> None:
    module = make_module()
    module.trainer = SimpleNamespace(datamodule=data)  # type: ignore[assignment]
    with pytest.raises(UserError, match=message):
        module.setup("fit")


def test_no_modality_may_be_called_fused(make_module: MakeModule) -> None:
    with pytest.raises(UserError, match="none may be called 'fused'"):
        IEMFModule({}, lambda dims, classes: None, num_classes=3)  # type: ignore[arg-type, return-value]


def test_prediction_holds_ids_and_probabilities(
    make_module: MakeModule, make_batch: MakeBatch
) -> None:
    prediction = make_module().predict_step(make_batch(4), 0)
    assert prediction["id"] == ["0", "1", "2", "3"]
    torch.testing.assert_close(prediction["probability"][FUSED].sum(-1), torch.ones(4).double())


@pytest.mark.parametrize("stage", STAGES)
def test_every_step_leaves_its_output_without_the_graph(
    make_module: MakeModule, make_batch: MakeBatch, stage: Stage
) -> None:
    module, batch = make_module(), make_batch(4)
    module.log = lambda *_, **__: None
    module.shared_step(batch, stage)
    assert module.step is not None
    torch.testing.assert_close(module.step.logits, module.readout(module(batch["inputs"])))
    values = [*module.step.features.values(), *module.step.logits.values()]
    assert not any(value.requires_grad for value in values)


def test_shared_logits_of_modalities_sum_to_the_fused_logits_of_a_concatenation(
    make_module: MakeModule, make_batch: MakeBatch
) -> None:
    module, batch = make_module(), make_batch(4)
    features = module.encode(batch["inputs"])
    fused = module.readout(module(batch["inputs"]))[FUSED]
    torch.testing.assert_close(sum(module.shared_logits(features).values()), fused)


def test_a_coalition_is_heard_without_the_others(
    make_module: MakeModule, make_batch: MakeBatch
) -> None:
    module, batch = make_module(), make_batch(4)
    features = module.encode(batch["inputs"])
    fused = module.readout(module(batch["inputs"]))[FUSED]
    torch.testing.assert_close(module.coalition_logits(features, list(features)), fused)
    silent = {name: x if name == "audio" else 0 * x for name, x in features.items()}
    alone = module.fusion.fuse(silent).mean(dim=0)
    torch.testing.assert_close(module.coalition_logits(features, ["audio"]), alone)


def test_shared_logits_leave_the_statistics_of_a_spiking_fusion_alone(
    make_module: MakeModule, make_batch: MakeBatch
) -> None:
    module = make_module(CMCI).train()
    before = {name: value.clone() for name, value in module.fusion.named_buffers()}
    features = module.encode(make_batch(6)["inputs"])
    module.shared_logits(features)
    module.coalition_logits(features, ["audio"])
    assert before
    torch.testing.assert_close(dict(module.fusion.named_buffers()), before)


def test_modalities_choose_encoders_their_order_and_their_parameter_groups(
    make_module: MakeModule,
) -> None:
    groups = {"audio": {"lr": 0.1}, "visual": {"lr": 0.2}}
    module = make_module(modalities=["visual"], parameter_groups=groups)
    assert module.modalities == ("visual",)
    assert module.parameter_groups.keys() == {"visual"}
    assert make_module(modalities=["visual", "audio"]).modalities == ("visual", "audio")
    for wanted in (["smell"], []):
        with pytest.raises(UserError, match=r"model\.encoders: audio, visual"):
            make_module(modalities=wanted)
