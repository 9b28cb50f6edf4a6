"""What every modulation promises, whatever its formula."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.utils.data import DataLoader

from snn_mm.callbacks import AGM, IEMF, LFM, MSLR, OGM, OGMGE, PMR, LossAdjustment, Modulation
from snn_mm.callbacks.recording.factor_tracker import FactorTracker
from snn_mm.callbacks.recording.last_checkpoint import LastCheckpoint
from snn_mm.callbacks.reproducibility import EpochSeed
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.fusion import AVAttention, Concat, FiLM, Fusion, Gated, Sum
from snn_mm.modules import IEMFModule
from snn_mm.run.directory import RunDirectory

Make = Callable[..., Modulation]
MakeBatch = Callable[..., Batch]
THREE = {"audio": 3, "visual": 5, "touch": 2}

MODULATIONS: dict[str, Make] = {
    "ogm": lambda **o: OGM(params="all", **o),
    "ogm_ge": lambda **o: OGMGE(params="all", seed=1, **o),
    "mslr_keep": lambda **o: MSLR("keep", {"audio": 0.5}, **o),
    "mslr_dynamic": lambda **o: MSLR(window=1, evidence="training", **o),
    "agm": lambda **o: AGM(**o),
    "agm_benchmark": lambda **o: AGM(form="benchmark", **o),
    "lfm": lambda **o: LFM(**o),
    "lfm_learnable": lambda **o: LFM(schedule="learnable", alpha_rate=0.1, **o),
    "lfm_iemf": lambda **o: LFM(form="iemf", **o),
    "pmr": lambda **o: PMR(evidence="last_step", **o),
    "pmr_released": lambda **o: PMR(form="released", evidence="last_step", **o),
}
every_modulation = pytest.mark.parametrize("make", MODULATIONS.values(), ids=MODULATIONS)


@every_modulation
def test_it_trains_and_changes_the_training(fit: Any, make_batch: MakeBatch, make: Make) -> None:
    batches, options = [make_batch(8), make_batch(6)], {"fusion": FiLM}
    plain = fit(batches, lr=0.1, max_epochs=3, module=options)
    module = fit(batches, make(), lr=0.1, max_epochs=3, module=options, validation=batches)
    weights = [torch.cat([p.flatten() for p in m.parameters()]) for m in (plain, module)]
    assert torch.isfinite(weights[1]).all()
    assert not torch.allclose(*weights, rtol=1e-6)


@every_modulation
def test_three_modalities_have_a_factor_each(fit: Any, make_batch: MakeBatch, make: Make) -> None:
    callback, batch = make(), make_batch(8, THREE)
    fit([batch], callback, lr=0.1, max_epochs=3, module={"dims": THREE}, validation=[batch])
    named = {key.rsplit("_")[-1] for key in callback.factors}
    assert named in (set(THREE), {"alpha1", "alpha2"}, {"weight"})


@every_modulation
def test_one_modality_is_refused(make_module: Callable[..., IEMFModule], make: Make) -> None:
    module = make_module(dims={"audio": 3})
    with pytest.raises(UserError, match=r"needs at least 2 of them; the model has audio alone"):
        make().setup(None, module, "fit")  # type: ignore[arg-type]


@every_modulation
@pytest.mark.parametrize("window", [4, 7])  # the longer one is not complete when the epoch ends
def test_accumulated_micro_batches_equal_one_large_batch(
    fit: Any, make_batch: MakeBatch, micro_batches: Any, make: Make, window: int
) -> None:
    batch, whole, parts = make_batch(8), make(), make()
    options: dict[str, Any] = {"lr": 0.1, "max_epochs": 3, "validation": [batch]}
    large = fit([batch], whole, **options)
    small = fit(micro_batches(batch, 2), parts, accumulate_grad_batches=window, **options)
    assert parts.factors
    assert parts.factors == pytest.approx(whole.factors, rel=1e-9)
    for one, other in zip(small.parameters(), large.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@every_modulation
@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_mixed_precision_keeps_the_factors(
    fit: Any, make_batch: MakeBatch, make: Make, precision: str
) -> None:
    """A scaler multiplies gradients and loss by 2^12; factors must not see it."""
    batch, exact, mixed = make_batch(8), make(), make()
    batch["inputs"] = {name: value.float() for name, value in batch["inputs"].items()}
    options = {"lr": 0.01, "max_epochs": 3, "dtype": torch.float32, "validation": [batch]}
    scaled = precision == "16-mixed"
    scaler = torch.amp.GradScaler("cpu", init_scale=4096.0) if scaled else None
    plugin = MixedPrecision(precision, "cpu", scaler=scaler)  # type: ignore[arg-type]
    modules = [fit([batch], exact, **options), fit([batch], mixed, plugins=[plugin], **options)]
    assert mixed.factors == pytest.approx(exact.factors, abs=0.03)
    for one, other in zip(*(module.parameters() for module in modules), strict=True):
        torch.testing.assert_close(one, other, atol=0.03, rtol=0.03)


@pytest.mark.parametrize("make", [*MODULATIONS.values(), IEMF], ids=[*MODULATIONS, "iemf"])
def test_unequal_micro_batches_have_the_factors_of_one_large_batch(
    fit: Any, make_batch: MakeBatch, micro_batches: Any, make: Make
) -> None:
    """Of 4, 4 and 1 samples, so that the mean of their means is another; weights stay."""
    batch, whole, parts = make_batch(9), make(), make()
    options: dict[str, Any] = {"lr": 0.0, "max_epochs": 3, "validation": [batch]}
    fit([batch], whole, **options)
    fit(micro_batches(batch, 4), parts, accumulate_grad_batches=3, **options)
    assert parts.factors
    assert parts.factors == pytest.approx(whole.factors, rel=1e-9)


class Effects(Callback):
    """Notes gradients and learning rates of every optimizer step, by epoch."""

    def __init__(self) -> None:
        self.by_epoch: list[torch.Tensor] = []

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        rates = [torch.tensor([1e9 * group["lr"]]) for group in optimizer.param_groups]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in pl_module.parameters()]
        seen = torch.cat([value.flatten().double() for value in (*rates, *grads)])
        if len(self.by_epoch) == trainer.current_epoch:
            self.by_epoch.append(seen.new_empty(0))
        self.by_epoch[-1] = torch.cat([self.by_epoch[-1], seen])


SHOWN: dict[str, Make] = {
    **{name: make for name, make in MODULATIONS.items() if name != "mslr_dynamic"},
    # Accuracies that stand still give a ratio of 1.
    "mslr_dynamic": lambda **o: MSLR(scales={"audio": 0.5}, window=1, evidence="training", **o),
    "iemf": lambda **o: IEMF(gamma=2.0, **o),
    "iemf_rate": lambda **o: IEMF(gamma=2.0, update="learning_rate", **o),
    "iemf_ge": lambda **o: IEMF(grad_noise="ge", **o),
    "loss_adjustment": lambda **o: LossAdjustment(**o),
    "loss_adjustment_validation": lambda **o: LossAdjustment(level="validation", **o),
}


class KeepAll(LastCheckpoint):
    """Saves at every step, and keeps each file."""

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(run, every_steps=1)
        self.kept: list[Path] = []

    def _save(self, trainer: Any, begun: Any) -> None:
        super()._save(trainer, begun)
        self.kept.append(self.run.last.with_name(f"{len(self.kept)}.ckpt"))
        shutil.copy(self.run.last, self.kept[-1])


@pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before")
def test_resumed_amid_an_epoch_it_ends_as_in_one_piece(
    fit: Any, make_batch: MakeBatch, tmp_path: Path, make: Make
) -> None:
    batches = [make_batch(size) for size in (8, 6, 7, 8)]
    options: dict[str, Any] = {"lr": 0.1, "max_epochs": 3, "validation": batches}

    def train(name: str, resume: Path | None = None) -> tuple[list[Path], list[float], Any]:
        run = RunDirectory(tmp_path / name / "a")
        run.create()
        keep, callback, means = KeepAll(run), make(), LastMeans()
        each = (keep, EpochSeed(0), callback, FactorTracker(), means)
        groups = {"parameter_groups": {"fusion": {}}}
        module = fit(batches, *each, resume=resume, module=groups, **options)
        weights = torch.cat([p.flatten() for p in module.parameters()]).tolist()
        factors = (tmp_path / "factors.csv").read_text()
        return keep.kept, weights, (factors, callback.factors, means.metrics)

    kept, *whole = train("whole")
    assert len(kept) == 12  # 3 amid an epoch, one behind it
    for path in (kept[4], kept[10]):  # one batch into the second epoch, and three into the third
        assert list(train(path.stem, path)[1:]) == whole


class LastMeans(Callback):
    """The means of the last epoch."""

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self.metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}


def effects_of(fit: Any, make_batch: MakeBatch, epochs: int, *callbacks: Modulation) -> Effects:
    """What optimizer steps see while weights stand still."""
    batches, effects = [make_batch(8), make_batch(6)], Effects()
    module = {"parameter_groups": {"fusion": {}}}
    options = {"lr": 1e-9, "max_epochs": epochs, "validation": batches[:1], "module": module}
    fit(batches, *callbacks, effects, **options)
    return effects


@pytest.mark.parametrize("name", SHOWN)
def test_it_acts_in_the_epochs_of_its_window_both_ends_included_and_in_no_other(
    fit: Any, make_batch: MakeBatch, name: str
) -> None:
    plain = effects_of(fit, make_batch, 1).by_epoch[0]
    for start, end, epochs in ((0, 0, 2), (1, 2, 4), (1, None, 3)):
        callback = SHOWN[name](start_epoch=start, end_epoch=end)
        found = effects_of(fit, make_batch, epochs, callback).by_epoch
        acts = [epoch for epoch in range(epochs) if not torch.allclose(found[epoch], plain)]
        # Prototypes are those of the epoch before; the first validation ends the first epoch.
        waits = name.startswith("pmr") or (name == "loss_adjustment_validation" and start == 0)
        assert acts == list(range(start + waits, epochs if end is None else end + 1))


@every_modulation
def test_resumed_training_equals_the_uninterrupted_one(
    make_module: Any, make_trainer: Any, make_batch: MakeBatch, make: Make, tmp_path: Path
) -> None:
    loader: Any = DataLoader([make_batch(8), make_batch(6)], batch_size=None)  # type: ignore[arg-type]
    results = {}
    for name, epochs in {"whole": [5], "resumed": [3, 5]}.items():
        path = None
        for last in epochs:
            torch.manual_seed(0)
            callback, module = make(), make_module()
            trainer = make_trainer(callback, max_epochs=last)
            trainer.fit(module, loader, loader, ckpt_path=path, weights_only=True)
            path = tmp_path / f"{name}.ckpt"
            trainer.save_checkpoint(path)
        results[name] = (callback.factors, list(module.parameters()))
    (whole, expected), (resumed, found) = results.values()
    assert resumed == whole
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@every_modulation
def test_factors_are_logged_under_its_name(fit: Any, make_batch: MakeBatch, make: Make) -> None:
    batch, callback = make_batch(8), make()
    module = fit([batch], callback, lr=0.1, max_epochs=3, validation=[batch])
    logged = module.trainer.callback_metrics
    for key, value in callback.factors.items():
        assert float(logged[f"{callback.name}/{key}"]) == pytest.approx(value, rel=1e-5)


GRADIENT = [name for name in MODULATIONS if not name.startswith(("lfm", "pmr"))]


@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("fusion", [AVAttention, Concat, Sum, FiLM, Gated])
def test_with_iemf_both_factors_reach_their_own_parameters(
    fit: Any, updates: Any, make_batch: MakeBatch, fusion: type[Fusion], name: str
) -> None:
    callbacks = [MODULATIONS[name](), IEMF()]
    if isinstance(callbacks[0], OGM):
        callbacks[0].noise = "none"
    batch, module = make_batch(8), {"fusion": fusion}
    plain = updates(fit([batch], module=module), **module)
    both = fit([batch], *callbacks, module=module)
    found = updates(both, **module)
    factor = expected_factors(both, *callbacks)
    for key in plain:
        torch.testing.assert_close(found[key], factor[key] * plain[key], rtol=1e-9, atol=1e-12)


def expected_factors(
    module: IEMFModule, modulation: Modulation, iemf: Modulation
) -> dict[str, float]:
    """Factor of each parameter, found by walking through the layers."""
    factors = {id(p): 1.0 for p in module.parameters()}
    factors |= {id(p): iemf.factors["xi"] for p in module.fusion.classifier_parameters()}
    matrices_alone = isinstance(modulation, AGM) and modulation.form == "benchmark"
    prefix = "scale" if isinstance(modulation, MSLR) else "k"
    for name, encoder in module.encoders.items():
        for parameter in (*encoder.parameters(), *module.fusion.heads[name].parameters()):
            if parameter.dim() > 1 or not matrices_alone:
                factors[id(parameter)] = modulation.factors[f"{prefix}_{name}"]
    return {key: factors[id(parameter)] for key, parameter in module.named_parameters()}


def test_a_class_without_a_name_is_refused() -> None:
    with pytest.raises(UserError, match=r"^Unnamed: no name; accepted: name = "):
        type("Unnamed", (Modulation,), {"setup": None})()
