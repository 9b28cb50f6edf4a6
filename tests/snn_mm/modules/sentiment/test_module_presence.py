"""A module of sequences: masked and never loaded are equal to 0.0, and means count who is there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from every_network import EACH, LONGEST, NETWORKS, PRESENT, SAMPLES, WIDTHS, Made, clips
from lightning import Trainer
from torch import Tensor
from torch.optim import SGD, Adam
from torch.utils.data import DataLoader
from toy_training import quiet_trainer

from snn_mm.contracts import FUSED, Batch
from snn_mm.errors import UserError
from snn_mm.modules import SentimentModule

CLASSES = 3


def made_module(make: Made, classes: bool = False, **options: Any) -> SentimentModule:
    torch.manual_seed(0)
    known: dict[str, Any] = {"num_classes": CLASSES} if classes else {}
    module = SentimentModule(lambda *_: make(), WIDTHS, LONGEST, **known, **options)
    return module.double()


def batch(classes: bool = False) -> Batch:
    inputs, lengths = clips()
    scores = torch.linspace(-1, 1, SAMPLES, dtype=torch.float64)
    own = {name: scores.roll(i + 1) for i, name in enumerate(WIDTHS)}
    made: Batch = {
        "inputs": inputs,
        "lengths": lengths,
        "target": torch.arange(SAMPLES) % CLASSES if classes else scores,
        "id": [f"clip{i}" for i in range(SAMPLES)],
    }
    return made if classes else {**made, "unimodal_target": own}


def masked(present: dict[str, Tensor], classes: bool = False) -> Batch:
    """All is loaded, and garbage is what is said to be absent."""
    made = batch(classes)
    for name, there in present.items():
        made["inputs"][name][~there] = torch.nan
        made["lengths"][name][~there] = LONGEST[name]
        if not classes:
            made["unimodal_target"][name][~there] = torch.nan
    return {**made, "present": present}


def never_loaded(present: dict[str, Tensor], classes: bool = False) -> Batch:
    """Absent sequences have no step; what no sample has is not there at all."""
    made = batch(classes)
    for name, there in present.items():
        made["lengths"][name][~there] = 0
        steps = max(1, int(made["lengths"][name].max()))
        made["inputs"][name] = made["inputs"][name][:, :steps] * there[:, None, None]
        if not there.any():
            del made["inputs"][name], made["lengths"][name]
    return {**made, "present": present}


def trainer(**options: Any) -> Trainer:
    return quiet_trainer(devices=1, precision="64-true", **options)


def loader(*batches: Batch) -> DataLoader[Batch]:
    return DataLoader(list(batches), batch_size=None)  # type: ignore[arg-type]


def step(module: SentimentModule, data: Batch, stage: str = "train") -> dict[str, Tensor]:
    """Loss, summands, gradients and tracked states of one step."""
    module.train(stage == "train")
    module.zero_grad()
    torch.manual_seed(1)
    loss = module.shared_step(data, stage)  # type: ignore[arg-type]
    found = {"loss": loss.detach(), **module.summands}
    if stage == "train":
        loss.backward()
        for name, p in module.named_parameters():
            found[f"grad {name}"] = torch.zeros(()) if p.grad is None else p.grad.clone()
    states = module.network.state_dict().items()
    return found | {f"state {name}": value.clone() for name, value in states}


@EACH
@pytest.mark.parametrize("classes", [False, True], ids=["scores", "classes"])
@pytest.mark.parametrize("stage", ["train", "val"])
def test_masked_and_never_loaded_are_equal_to_the_bit(
    make: Made, classes: bool, stage: str
) -> None:
    nobody = {**PRESENT, "audio": torch.zeros(SAMPLES, dtype=torch.bool)}
    nobody["text"] = nobody["text"] | ~nobody["visual"]
    for present in (PRESENT, nobody):
        left = step(made_module(make, classes), masked(present, classes), stage)
        right = step(made_module(make, classes), never_loaded(present, classes), stage)
        assert left.keys() == right.keys()
        assert left["loss"].isfinite()
        for name, value in left.items():
            assert torch.equal(value, right[name]), name
            assert value.isfinite().all(), name


@EACH
def test_masks_that_are_all_true_change_no_bit(make: Made) -> None:
    everywhere = dict.fromkeys(WIDTHS, torch.ones(SAMPLES, dtype=torch.bool))
    plain = step(made_module(make), batch())
    given = step(made_module(make), {**batch(), "present": everywhere})
    assert plain.keys() == given.keys()
    for name, value in plain.items():
        assert torch.equal(value, given[name]), name


@EACH
def test_a_summand_is_the_mean_over_the_samples_that_have_its_modality(make: Made) -> None:
    module = made_module(make)
    step(module, masked(PRESENT), "val")
    data = masked(PRESENT)
    with torch.no_grad():
        scores = module(data["inputs"], data["lengths"], data["present"])
    targets = module.targets(data)
    for head, term in module.summands.items():
        there = PRESENT.get(head, torch.ones(SAMPLES, dtype=torch.bool))
        expected = (scores[head] - targets[head])[there].abs().mean()
        torch.testing.assert_close(term, expected, rtol=1e-12, atol=0)


@EACH
def test_a_modality_that_no_sample_has_is_not_moved(make: Made) -> None:
    """Neither by weight decay nor by the momentum of a step before."""
    nobody = {"audio": torch.zeros(SAMPLES, dtype=torch.bool)}
    for optimizer in (
        lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        lambda p: Adam(p, lr=0.1, weight_decay=0.1),
    ):
        module = made_module(make, optimizer=optimizer)
        seen: list[dict[str, Tensor]] = []

        def keep(*_: Any, module: Any = module, seen: Any = seen) -> None:
            parameters = enumerate(module.modality_parameters("audio"))
            seen.append({str(i): p.detach().clone() for i, p in parameters})

        module.on_train_batch_end = keep  # type: ignore[method-assign]
        run = trainer(max_epochs=1)
        run.fit(module, loader(batch(), masked(nobody), batch()))
        first, second, third = seen
        for name in first:
            assert torch.equal(first[name], second[name])
            assert third[name].isfinite().all()
        if first:
            assert any(not torch.equal(second[name], third[name]) for name in first)


def first_network() -> Made:
    return NETWORKS["MLFDNN-"]


def test_a_sample_without_any_modality_is_refused_by_its_name() -> None:
    present = {name: there & (torch.arange(SAMPLES) != 3) for name, there in PRESENT.items()}
    module = made_module(first_network())
    for stage in ("train", "val"):
        with pytest.raises(UserError, match=r"'clip3' has none of text, audio, visual"):
            module.shared_step(masked(present), stage)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="3 of a batch"):
        module(*(masked(present)[key] for key in ("inputs", "lengths", "present")))  # type: ignore[literal-required]


def test_a_length_of_zero_says_that_a_sample_lacks_it() -> None:
    silent = never_loaded(PRESENT)
    del silent["present"]
    said = step(made_module(first_network()), never_loaded(PRESENT))
    found = step(made_module(first_network()), silent)
    assert all(torch.equal(value, said[name]) for name, value in found.items())


def test_scores_of_an_epoch_are_of_the_samples_that_are_there() -> None:
    module = made_module(first_network())
    (logged,) = trainer().test(module, loader(masked(PRESENT), masked(PRESENT)), verbose=False)
    data, there = masked(PRESENT), PRESENT["audio"]
    with torch.no_grad():
        score = module.eval()(data["inputs"], data["lengths"], PRESENT)["audio"].clamp(-1, 1)
    error = (score - data["unimodal_target"]["audio"])[there].abs().mean()
    assert logged["test/mae/audio"] == pytest.approx(error.item(), abs=1e-6)


def test_a_head_without_a_sample_has_no_score_and_no_error() -> None:
    nobody = {"audio": torch.zeros(SAMPLES, dtype=torch.bool)}
    for classes in (False, True):
        module = made_module(first_network(), classes)
        (logged,) = trainer().test(module, loader(masked(nobody, classes)), verbose=False)
        assert all(torch.tensor(v).isfinite() for n, v in logged.items() if "audio" not in n)


def test_predicted_scores_of_what_is_absent_are_no_numbers() -> None:
    (found,) = trainer().predict(made_module(first_network()), loader(masked(PRESENT))) or []
    for name, there in PRESENT.items():
        assert torch.equal(found["score"][name].isnan(), ~there)
    assert found["score"][FUSED].isfinite().all()
