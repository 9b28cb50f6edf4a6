"""A branch that starts from another run's weights."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning import Trainer
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from snn_mm.callbacks.warm_start import WarmStart
from snn_mm.contracts import Batch
from snn_mm.encoders import ConvNet, Encoder
from snn_mm.errors import UserError
from snn_mm.fusion import Concat
from snn_mm.modules import IEMFModule

MakeTrainer = Callable[..., Trainer]


def twin(channels: int = 4, name: str = "a", seed: int = 7) -> IEMFModule:
    """Return the unimodal twin of `spiking_module`, with weights of its own."""
    torch.manual_seed(seed)
    encoders: dict[str, Encoder] = {
        name: ConvNet(1, time_steps=1, channels=(channels,), feature_dim=5)
    }
    return IEMFModule(encoders, Concat, num_classes=2, optimizer=partial(SGD, lr=0.1))


def copy_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.fixture
def run(spiking_module: IEMFModule, tmp_path: Path) -> Path:
    """Write the directory of a bimodal run, seed 3."""
    folder = tmp_path / "multi-s3"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("model: x\n")
    torch.save({"state_dict": spiking_module.state_dict()}, folder / "checkpoints" / "best.ckpt")
    return folder


def test_encoder_starts_with_the_weights_of_the_run_and_the_classifier_does_not(
    run: Path, spiking_module: IEMFModule, make_trainer: MakeTrainer, loader: DataLoader[Batch]
) -> None:
    module = twin()
    classifier = copy_of(module.fusion)
    make_trainer(WarmStart(str(run)), max_epochs=0).fit(module, loader)
    assert same(copy_of(module.encoders["a"]), copy_of(spiking_module.encoders["a"]))
    assert same(copy_of(module.fusion), classifier)


def test_training_goes_on_from_there(
    run: Path, spiking_module: IEMFModule, make_trainer: MakeTrainer, loader: DataLoader[Batch]
) -> None:
    module = twin()
    make_trainer(WarmStart(str(run), modalities=["a"])).fit(module, loader)
    start, end = copy_of(spiking_module.encoders["a"]), copy_of(module.encoders["a"])
    moved = sum((end[k] - start[k]).abs().sum() for k in end if end[k].is_floating_point())
    from_scratch = copy_of(twin().encoders["a"])
    far = sum((end[k] - from_scratch[k]).abs().sum() for k in end if end[k].is_floating_point())
    assert 0 < moved < far


def test_a_frozen_encoder_stays_to_the_bit_and_the_classifier_learns(
    run: Path, spiking_module: IEMFModule, make_trainer: MakeTrainer, loader: DataLoader[Batch]
) -> None:
    module = twin()
    classifier = copy_of(module.fusion)
    make_trainer(WarmStart(str(run), frozen=True)).fit(module, loader, loader)
    assert same(copy_of(module.encoders["a"]), copy_of(spiking_module.encoders["a"]))
    assert not same(copy_of(module.fusion), classifier)


def test_seed_in_the_path_stands_for_the_seed_of_the_run(
    run: Path, spiking_module: IEMFModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "3")
    found = WarmStart(str(run.parent / "multi-s{seed}")).checkpoint()
    assert found == (run / "checkpoints" / "best.ckpt").resolve()


def test_a_seed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    with pytest.raises(UserError, match="set seed_everything"):
        WarmStart("runs/multi-s{seed}").checkpoint()


def test_a_run_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere is no run with a best checkpoint"):
        WarmStart(str(tmp_path / "nowhere")).checkpoint()


def test_for_a_run_that_does_not_exist_the_command_that_trains_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "3")
    wanted = f"--run.root {tmp_path} --run.name base --run.id seed=3 --seed_everything 3\n"
    with pytest.raises(UserError, match=re.escape(wanted)):
        WarmStart(f"{tmp_path}/base/seed={{seed}}").checkpoint()


def test_a_modality_that_the_module_lacks_is_named(
    run: Path, make_trainer: MakeTrainer, loader: DataLoader[Batch]
) -> None:
    with pytest.raises(UserError, match=r"no encoder speech; accepted: a"):
        make_trainer(WarmStart(str(run), modalities=["speech"])).fit(twin(), loader)


def test_a_modality_that_the_run_lacks_is_named(
    run: Path, make_trainer: MakeTrainer, loader: DataLoader[Batch]
) -> None:
    with pytest.raises(UserError, match=r"trained no modality 'c'; it has a, b"):
        make_trainer(WarmStart(str(run))).fit(twin(name="c"), loader)


def test_another_encoder_is_refused_by_its_first_difference(
    run: Path, make_trainer: MakeTrainer, loader: DataLoader[Batch]
) -> None:
    with pytest.raises(UserError, match=r"a encoder of .* size mismatch.*\naccepted: .*class"):
        make_trainer(WarmStart(str(run))).fit(twin(channels=6), loader)


def test_an_encoder_with_nan_is_refused(
    run: Path, spiking_module: IEMFModule, make_trainer: MakeTrainer, loader: DataLoader[Batch]
) -> None:
    name, weight = next(iter(spiking_module.encoders["a"].named_parameters()))
    weight.data.view(-1)[0] = torch.nan
    torch.save({"state_dict": spiking_module.state_dict()}, run / "checkpoints" / "best.ckpt")
    with pytest.raises(UserError, match=f"a encoder of .* holds NaN or infinity: {name}\\n"):
        make_trainer(WarmStart(str(run))).fit(twin(), loader)


def test_a_file_that_is_no_checkpoint_is_refused(run: Path, make_trainer: MakeTrainer) -> None:
    (run / "checkpoints" / "best.ckpt").write_text("half a file")
    with pytest.raises(UserError, match="no checkpoint that can be read"):
        WarmStart(str(run)).on_fit_start(make_trainer(), twin())


def test_a_resumed_run_keeps_its_own_weights(
    run: Path, make_trainer: MakeTrainer, loader: DataLoader[Batch], tmp_path: Path
) -> None:
    first = make_trainer(WarmStart(str(run)), max_epochs=1)
    module = twin()
    first.fit(module, loader)
    own = tmp_path / "last.ckpt"
    first.save_checkpoint(own)
    (run / "checkpoints" / "best.ckpt").unlink()
    again = twin(seed=8)
    second = make_trainer(WarmStart(str(run)), max_epochs=1)
    second.fit(again, loader, ckpt_path=own, weights_only=True)
    assert same(copy_of(again.encoders["a"]), copy_of(module.encoders["a"]))
