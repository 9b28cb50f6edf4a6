from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision

from snn_mm.callbacks import IEMF
from snn_mm.callbacks.modulation.functional.iemf import gather_evidence, iemf_coefficient
from snn_mm.contracts import Batch
from snn_mm.errors import UserError
from snn_mm.fusion import AVAttention, Concat, FiLM, Fusion, Gated, Sum
from snn_mm.modules import IEMFModule

MakeModule = Callable[..., IEMFModule]
MakeBatch = Callable[[int], Batch]


def expected_xi(module: IEMFModule, batch: Batch, **options: Any) -> float:
    evidence = gather_evidence(module.readout(module(batch["inputs"])), batch["target"])
    values = {name: value.item() for name, value in evidence.sums.items()}
    fused = values.pop("fused")
    return iemf_coefficient(list(values.values()), fused, **options)


@pytest.mark.parametrize("scope", ["classifier", "module"])
@pytest.mark.parametrize("fusion", [AVAttention, Concat, Sum, FiLM, Gated])
def test_update_scales_exactly_the_parameters_in_scope(
    fit: Any, updates: Any, make_batch: MakeBatch, fusion: type[Fusion], scope: str
) -> None:
    batch, callback = make_batch(8), IEMF(scope=scope)  # type: ignore[arg-type]
    options = {"fusion": fusion}
    plain = updates(fit([batch], module=options), **options)
    module = fit([batch], callback, module=options)
    scaled = updates(module, **options)
    chosen = {id(p) for p in module.fusion_parameters(scope)}
    for name, parameter in module.named_parameters():
        factor = callback.factors["xi"] if id(parameter) in chosen else 1.0
        torch.testing.assert_close(scaled[name], factor * plain[name])


@pytest.mark.parametrize("options", [{}, {"gamma": 0.7, "kappa": "softsign"}], ids=str)
def test_coefficient_equals_eq_10_of_the_batch(
    fit: Any, make_module: MakeModule, make_batch: MakeBatch, options: dict[str, Any]
) -> None:
    batch, callback = make_batch(8), IEMF(**options)
    fit([batch], callback)
    torch.manual_seed(0)
    expected = expected_xi(make_module(), batch, **options)
    assert callback.factors["xi"] == pytest.approx(expected, rel=1e-12)
    assert expected != pytest.approx(1.0, abs=1e-4)


def test_accumulated_micro_batches_equal_one_large_batch(
    fit: Any, updates: Any, micro_batches: Any, make_batch: MakeBatch
) -> None:
    batch, whole, parts = make_batch(8), IEMF(), IEMF()
    large = updates(fit([batch], whole))
    small = updates(fit(micro_batches(batch, 2), parts, accumulate_grad_batches=4))
    assert parts.factors["xi"] == pytest.approx(whole.factors["xi"], rel=1e-12)
    torch.testing.assert_close(small, large)


def test_an_incomplete_last_window_weighs_its_own_micro_batches(
    fit: Any, updates: Any, micro_batches: Any, make_batch: MakeBatch
) -> None:
    parts = micro_batches(make_batch(10), 2)  # windows of three and of two
    whole = [parts_of(make_batch(10), rows) for rows in (slice(0, 6), slice(6, 10))]
    torch.testing.assert_close(updates(fit(parts, accumulate_grad_batches=3)), updates(fit(whole)))


def parts_of(batch: Batch, rows: slice) -> Batch:
    inputs = {name: value[rows] for name, value in batch["inputs"].items()}
    return {"inputs": inputs, "target": batch["target"][rows], "id": batch["id"][rows]}


def test_a_stream_of_unknown_length_is_told(make_module: Any) -> None:
    module = make_module()
    module._trainer = SimpleNamespace(
        strategy=SimpleNamespace(handles_gradient_accumulation=False),
        accumulate_grad_batches=3,
        num_training_batches=float("inf"),
    )
    with pytest.warns(UserWarning, match="accumulate_grad_batches is 3, of data of unknown length"):
        assert [module.share_of_window(index) for index in range(4)] == [1.0] * 4


def test_modulation_happens_before_clipping(fit: Any, updates: Any, make_batch: MakeBatch) -> None:
    module = fit([make_batch(8)], IEMF(gamma=50.0), gradient_clip_val=0.01)
    total = sum(value.square().sum() for value in updates(module).values())
    assert float(total) ** 0.5 == pytest.approx(0.01, rel=1e-3)


def test_loss_scaling_of_amp_does_not_change_the_modulated_update(
    fit: Any, make_batch: MakeBatch
) -> None:
    """A scaler multiplies gradients by 2^12; the noise-free factor must see them unscaled."""
    batch = make_batch(8)
    batch["inputs"] = {name: value.float() for name, value in batch["inputs"].items()}
    scaler = torch.amp.GradScaler("cpu", init_scale=4096.0)
    plugin = MixedPrecision("16-mixed", "cpu", scaler=scaler)
    results = {}
    for name, plugins in {"plain": [], "amp": [plugin]}.items():
        module = fit([batch], IEMF(gamma=2.0), plugins=plugins, dtype=torch.float32)
        results[name] = next(module.fusion_parameters()).detach()
    torch.testing.assert_close(results["amp"], results["plain"], atol=5e-3, rtol=5e-3)


def test_bfloat16_autocast_trains_with_a_coefficient_close_to_float32(
    fit: Any, make_batch: MakeBatch
) -> None:
    batch, exact, mixed = make_batch(8), IEMF(), IEMF()
    batch["inputs"] = {name: value.float() for name, value in batch["inputs"].items()}
    fit([batch], exact, dtype=torch.float32)
    fit([batch], mixed, dtype=torch.float32, precision="bf16-mixed")
    assert mixed.factors["xi"] == pytest.approx(exact.factors["xi"], abs=0.01)


def test_window_is_inclusive_and_counts_epochs_from_zero(fit: Any, make_batch: MakeBatch) -> None:
    epochs: list[int] = []

    class Recorder(IEMF):
        def rewrite_gradients(self, module: Any, factors: Any, optimizer_step: int) -> None:
            epochs.append(optimizer_step)

    fit([make_batch(4)], Recorder(start_epoch=1, end_epoch=2), max_epochs=5)
    assert epochs == [1, 2]


def test_noise_depends_on_seed_and_step_alone(fit: Any, make_batch: MakeBatch) -> None:
    first, again, other = (
        next(fit([make_batch(8)], IEMF(grad_noise="ge", seed=seed)).fusion_parameters()).detach()
        for seed in (1, 1, 2)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.allclose(first, other)


def test_noise_has_the_raw_gradients_deviation_and_is_not_scaled(
    fit: Any, updates: Any, make_batch: MakeBatch
) -> None:
    batch, callback = make_batch(8), IEMF(gamma=3.0, grad_noise="ge", seed=5)
    plain, module = updates(fit([batch])), fit([batch], callback)
    noisy, generator = updates(module), callback.generator(0, torch.device("cpu"))
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for parameter in module.fusion_parameters():
        raw = -plain[names[id(parameter)]]
        unit = torch.empty_like(raw).normal_(generator=generator)
        expected = callback.factors["xi"] * raw + unit * (raw.std() + 1e-8)
        torch.testing.assert_close(-noisy.pop(names[id(parameter)]), expected)
    torch.testing.assert_close(noisy, {name: plain[name] for name in noisy})


def test_noise_differs_from_step_to_step() -> None:
    callback, cpu = IEMF(seed=1), torch.device("cpu")
    first, second, again = (
        torch.randn(4, generator=callback.generator(step, cpu)) for step in (0, 1, 0)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, second)


def test_two_modulations_compose(fit: Any, updates: Any, make_batch: MakeBatch) -> None:
    batch, first, second = make_batch(8), IEMF(), IEMF(gamma=3.0, end_epoch=9)
    plain = updates(fit([batch]))["fusion.classifier.weight"]
    both = updates(fit([batch], first, second))["fusion.classifier.weight"]
    torch.testing.assert_close(both, first.factors["xi"] * second.factors["xi"] * plain)


def test_last_factor_survives_a_checkpoint() -> None:
    saved, restored = IEMF(), IEMF()
    saved.factors = {"xi": 1.25}
    restored.load_state_dict(saved.state_dict())
    assert restored.factors == {"xi": 1.25}
    assert saved.state_key != IEMF(start_epoch=60).state_key


def test_module_that_cannot_be_modulated_is_refused() -> None:
    from lightning.pytorch.demos.boring_classes import BoringModel

    with pytest.raises(UserError, match="IEMF cannot modulate BoringModel"):
        IEMF().setup(None, BoringModel(), "fit")  # type: ignore[arg-type]


def test_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(UserError, match="start_epoch=5, end_epoch=3"):
        IEMF(start_epoch=5, end_epoch=3)
