"""What every modulation promises, whatever its formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.utils.data import DataLoader

from snn_mm.callbacks import AGM, IEMF, LFM, MSLR, OGM, OGMGE, PMR, Modulation
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.fusion import Concat, FiLM, Fusion, Gated, Sum
from snn_mm.modules import IEMFModule

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
def test_accumulated_micro_batches_equal_one_large_batch(
    fit: Any, make_batch: MakeBatch, micro_batches: Any, make: Make
) -> None:
    batch, whole, parts = make_batch(8), make(), make()
    options: dict[str, Any] = {"lr": 0.1, "max_epochs": 3, "validation": [batch]}
    large = fit([batch], whole, **options)
    small = fit(micro_batches(batch, 2), parts, accumulate_grad_batches=4, **options)
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


@every_modulation
def test_window_is_inclusive_and_leaves_other_epochs_alone(
    fit: Any, updates: Any, make_batch: MakeBatch, make: Make
) -> None:
    batch, callback = make_batch(8), make(start_epoch=2, end_epoch=3)
    options: dict[str, Any] = {"lr": 0.1, "validation": [batch]}
    plain = updates(fit([batch], max_epochs=2, **options))
    before = updates(fit([batch], callback, max_epochs=2, **options))
    torch.testing.assert_close(before, plain, rtol=0, atol=0)
    assert callback.factors == {}
    assert [epoch for epoch in range(6) if callback.is_active(epoch)] == [2, 3]


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
@pytest.mark.parametrize("fusion", [Concat, Sum, FiLM, Gated])
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
