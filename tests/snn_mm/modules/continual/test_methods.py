from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from snn_mm.contracts import FUSED, FusionOutput
from snn_mm.errors import UserError
from snn_mm.modules.continual.contrast import class_contrast, instance_contrast
from snn_mm.modules.continual.distillation import AttentionMaps, attention_distillation
from snn_mm.modules.continual.methods import AVCIL, SSIL, Finetune, Joint, LwF, Method
from snn_mm.modules.continual.step import TaskStep

NAMES = ("audio", "visual")


def make_step(tasks: int = 2, joint: float = 0.0, **options: Any) -> TaskStep:
    """Four samples of two classes a task; with two tasks the last two samples are exemplars."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    classes = 2 * tasks
    unimodal = {name: random(1, 4, classes) for name in NAMES}
    output = FusionOutput(
        random(1, 4, classes), unimodal, {name: random(1, 4, 3) for name in NAMES}
    )
    logits = {name: value[0] for name, value in output.by_name().items()}
    target = torch.tensor([classes - 1, classes - 2, 0, 1])
    taught = {name: random(4, classes - 2) for name in logits} if tasks > 1 else None
    blocks = tuple(range(2 * task, 2 * task + 2) for task in range(tasks))
    return TaskStep(output, logits, target, blocks, joint, taught, **options)


@pytest.mark.parametrize("method", [Finetune(), Joint(), LwF(), SSIL(), AVCIL()])
def test_the_first_task_is_an_ordinary_cross_entropy(method: Method) -> None:
    step = make_step(tasks=1, joint=0.5)
    terms = method.terms(step)
    assert set(terms) == {FUSED, *NAMES}
    for name, weight in {FUSED: 1.0, "audio": 0.5, "visual": 0.5}.items():
        torch.testing.assert_close(
            terms[name], weight * cross_entropy(step.logits[name], step.target)
        )


def test_finetuning_pushes_all_classes_or_the_block_alone() -> None:
    step = make_step()
    current = step._replace(
        logits={name: value[:2] for name, value in step.logits.items()}, target=step.target[:2]
    )
    whole = Finetune().terms(current)[FUSED]
    block = Finetune(softmax="block").terms(current)[FUSED]
    torch.testing.assert_close(whole, cross_entropy(step.logits[FUSED][:2], step.target[:2]))
    torch.testing.assert_close(
        block, cross_entropy(step.logits[FUSED][:2, 2:], step.target[:2] - 2)
    )


def test_unimodal_distillation_has_the_weight_of_joint_learning() -> None:
    silent, one, loud = (LwF(1.5).terms(make_step(joint=weight)) for weight in (0.0, 1.0, 2.5))
    assert set(silent) == {FUSED, "distillation"}
    for name, term in one.items():
        own = name.endswith(NAMES)
        torch.testing.assert_close(loud[name], (2.5 if own else 1.0) * term)
        assert own or float(silent[name]) == float(term)
    plain = LwF().terms(make_step(joint=1.0))
    torch.testing.assert_close(one["distillation_audio"], 1.5 * plain["distillation_audio"])
    torch.testing.assert_close(one["distillation"], 1.5 * plain["distillation"])


@pytest.mark.parametrize("method", [Finetune(), Joint(), LwF(), SSIL(), AVCIL(attention=0.0)])
def test_outside_the_window_no_term_is_of_a_head(method: Method) -> None:
    assert not [name for name in method.terms(make_step(joint=0.0)) if name.endswith(NAMES)]


def test_avcil_adds_contrast_and_attention_of_the_exemplars_to_ssil() -> None:
    generator = torch.Generator().manual_seed(1)
    maps = [
        AttentionMaps(
            torch.rand(4, 2, 3, 5, generator=generator, dtype=torch.float64).softmax(2),
            torch.rand(4, 2, 5, generator=generator, dtype=torch.float64).softmax(1),
        )
        for _ in range(2)
    ]
    step = make_step(joint=0.4, attention=maps[0], taught_attention=maps[1])
    weights = {"instance": 0.3, "class_contrast": 0.7, "attention": 2.0}
    chosen = AVCIL(
        **weights, query="visual", averaging="paper", contrast_temperature=0.2, spatial_share=0.3,
        distillation=1.5, temperature=3.0,
    )  # fmt: skip
    terms, plain = chosen.terms(step), SSIL(1.5, 3.0).terms(step)
    audio, visual = (step.features()[name] for name in NAMES)
    exemplars = [part.of(torch.tensor([2, 3])) for part in maps]
    expected = {
        **plain,
        "instance": 0.3 * instance_contrast(visual, audio, 0.2),
        "class_contrast": 0.7 * class_contrast(visual, audio, step.target, 0.2, "paper"),
        "attention": 2.0 * attention_distillation(*exemplars, 0.3),
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value)


def test_every_term_of_avcil_can_be_switched_off() -> None:
    method = AVCIL(instance=0.0, class_contrast=0.0, attention=0.0)
    assert method.terms(make_step()).keys() == SSIL().terms(make_step()).keys()
    assert not method.needs_attention


def test_joint_training_shows_modulations_everything() -> None:
    step = make_step()
    assert Joint().modulated(step).logits[FUSED].shape == (4, 4)
    assert SSIL().modulated(step).logits[FUSED].shape == (2, 2)
    assert SSIL().modulated(step).target.tolist() == [1, 0]


def test_wrong_options_are_named() -> None:
    with pytest.raises(UserError, match=r"AVCIL\.instance must not be negative"):
        AVCIL(instance=-1.0)
    with pytest.raises(UserError, match="accepted: all, block"):
        Finetune(softmax="none")  # type: ignore[arg-type]


@pytest.mark.parametrize("last", [[0, 0], [2, 3]], ids=["one old class missing", "no exemplar"])
def test_a_batch_may_lack_exemplars_of_old_classes(last: list[int]) -> None:
    generator = torch.Generator().manual_seed(1)
    spatial = torch.rand(2, 4, 2, 3, 5, generator=generator, dtype=torch.float64).softmax(3)
    temporal = torch.rand(2, 4, 2, 5, generator=generator, dtype=torch.float64).softmax(2)
    maps = [AttentionMaps(*pair) for pair in zip(spatial, temporal, strict=True)]
    step = make_step(joint=1.0, attention=maps[0], taught_attention=maps[1])
    step = step._replace(target=torch.tensor([3, 2, *last]))
    terms = AVCIL().terms(step)
    assert all(bool(term.isfinite()) for term in terms.values())
    if last == [2, 3]:
        assert float(terms["attention"]) == 0.0
        expected = cross_entropy(step.logits[FUSED][:, 2:], step.target - 2)
        torch.testing.assert_close(terms[FUSED], expected)
