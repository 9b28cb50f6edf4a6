"""One record of every number that steers training: ξ, k, ρ, attention entropy, gradient norms."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from snn_mm.callbacks.modulation.base import Modulation, epoch_of
from snn_mm.callbacks.modulation.gradient import GradientModulation
from snn_mm.callbacks.recording.run_files import callbacks_of, run_directory, writes_files
from snn_mm.contracts import Modulated
from snn_mm.errors import UserError
from snn_mm.run.epoch_table import EpochTable

COLUMNS = ("step", "epoch", "name", "value")
FLUSH_EVERY = 500
REDRAW_SECONDS = 60.0

When = Literal["modulated", "raw"]
Value = float | Tensor


@runtime_checkable
class OffersFactors(Protocol):
    """A module that has numbers of its own to track."""

    def tracked_factors(self) -> dict[str, Value]:
        """Numbers of the last training step by name; a tensor counts as its mean."""
        ...


class Step(NamedTuple):
    """What one optimizer step left."""

    step: int
    epoch: int
    values: dict[str, Value]


class FactorTracker(Callback):
    """Record factors and gradient norms of every optimizer step, on rank zero.

    Tracked are the factors of every modulation among the trainer's callbacks while it is active
    (`iemf/xi`), the L2 norm of the gradient of each modality's and the fusion's parameters
    (`gradient_norm/audio`, `gradient_norm/fusion`), before clipping, and what the module returns
    from `tracked_factors()` if it has that method. Files of the run directory: `factors.csv` and
    `figures/factors.png`. Means over the epoch go to the loggers, but for what modulations log
    themselves. Sharded gradients (FSDP) are not gathered: their norm is that of rank zero's shard.

    Args:
        when: whether norms are those of the `modulated` gradients, or of the `raw` ones; callbacks
            run in the order of their list, so the tracker must stand behind all modulations in the
            first case and before them in the second.
        every_n_steps: optimizer steps from one record to the next.
    """

    def __init__(self, when: When = "modulated", every_n_steps: int = 1) -> None:
        if every_n_steps < 1:
            raise UserError(f"FactorTracker: every_n_steps is at least 1, got {every_n_steps}")
        self.when = when
        self.every_n_steps = every_n_steps
        self._roles: dict[str, list[nn.Parameter]] | None = None
        self._current: Step | None = None
        self._pending: list[Step] = []
        self._sums: dict[str, tuple[float, int]] = {}
        self._drawn = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a place in the list of callbacks that contradicts `when`."""
        callbacks = callbacks_of(trainer)
        mine = callbacks.index(self)
        behind = self.when == "modulated"
        for place, callback in enumerate(callbacks):
            if isinstance(callback, GradientModulation) and (place < mine) != behind:
                other, side = type(callback).__name__, "behind" if behind else "before"
                raise UserError(
                    f"trainer.callbacks: FactorTracker measures {self.when} gradients, so it must "
                    f"stand {side} {other}.\nMove it, or set its `when`: modulated, raw"
                )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Drop what this run is going to record anew."""
        self._current, self._pending, self._sums = None, [], {}
        self._drawn = time.monotonic()
        if writes_files(trainer):
            self._table(trainer).drop_from(trainer.global_step, "step")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the parameters: a module may begin an epoch with new ones."""
        self._roles = None

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Measure the gradients."""
        if trainer.is_global_zero and trainer.global_step % self.every_n_steps == 0:
            if self._roles is None:
                self._roles = parameters_by_role(pl_module)
            norms = {f"gradient_norm/{k}": gradient_norm(v) for k, v in self._roles.items()}
            self._current = Step(trainer.global_step, trainer.current_epoch, {**norms})

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the factors of the optimizer step that this batch ended with, if it did."""
        if self._current is None:
            return
        values = self._current.values
        if isinstance(pl_module, OffersFactors):
            values.update(pl_module.tracked_factors())
        values.update(modulation_factors(trainer, pl_module))
        self._pending.append(self._current._replace(values=detached(values)))
        self._current = None
        if len(self._pending) >= FLUSH_EVERY:
            self._flush(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write, log the means of the epoch, and draw if the figure is a minute old."""
        self._flush(trainer)
        sums, self._sums = self._sums, {}
        logged_elsewhere = {c.name for c in callbacks_of(trainer) if isinstance(c, Modulation)}
        for name, (total, count) in sums.items():
            if name.split("/")[0] not in logged_elsewhere:
                # Of one rank alone, so nothing is synchronised: this only keeps Lightning quiet.
                pl_module.log(name, total / count, rank_zero_only=True, sync_dist=True)
        if time.monotonic() - self._drawn > REDRAW_SECONDS:
            self._draw(trainer)

    def epoch_state(self, trainer: Trainer) -> dict[str, Any]:
        """The sums of the epoch, when all rows so far are written."""
        self._flush(trainer)
        return {"sums": self._sums}

    def load_epoch_state(self, trainer: Trainer, state: dict[str, Any]) -> None:
        """Go on with them."""
        self._sums = {name: tuple(sums) for name, sums in state["sums"].items()}

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the figure."""
        self._draw(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Write what there is: it may tell why."""
        self._flush(trainer)

    def _flush(self, trainer: Trainer) -> None:
        pending, self._pending = self._pending, []
        numbers = iter(to_numbers([value for step in pending for value in step.values.values()]))
        rows = [(s.step, s.epoch, name, next(numbers)) for s in pending for name in s.values]
        for *_, name, number in rows:
            if math.isfinite(number):  # AMP skips steps whose gradients overflow
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + number, count + 1)
        if rows and writes_files(trainer):
            self._table(trainer).append(rows)

    def _draw(self, trainer: Trainer) -> None:
        if not writes_files(trainer):
            return
        from snn_mm.figures.factors import draw_factors
        from snn_mm.figures.style import save_figure

        rows = list(self._table(trainer).rows())
        if rows:
            figure = run_directory(trainer).figures / "factors.png"
            save_figure(draw_factors(rows), figure)
        self._drawn = time.monotonic()

    def _table(self, trainer: Trainer) -> EpochTable:
        return EpochTable(run_directory(trainer).path / "factors.csv", COLUMNS)


def parameters_by_role(module: LightningModule) -> dict[str, list[nn.Parameter]]:
    """Parameters of each modality and of the fusion; none if the module cannot tell them apart."""
    names: Iterable[str] = getattr(module, "modalities", ())
    if not names or not isinstance(module, Modulated):
        return {}
    roles = {name: list(module.modality_parameters(name)) for name in names}
    return {**roles, "fusion": list(module.fusion_parameters("module"))}


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """L2 norm of all gradients, a scalar that stays on their device; 0 where there are none."""
    return get_total_norm([p.grad for p in parameters if p.grad is not None])


def modulation_factors(trainer: Trainer, module: LightningModule) -> dict[str, float]:
    """Factors of all modulations that are active in this epoch, by prefixed name."""
    return {
        f"{callback.name}/{name}": value
        for callback in callbacks_of(trainer)
        if isinstance(callback, Modulation) and callback.is_active(epoch_of(trainer, module))
        for name, value in callback.factors.items()
    }


def detached(values: dict[str, Value]) -> dict[str, Value]:
    """Values that later steps cannot change."""
    return {
        name: value.detach().mean() if isinstance(value, Tensor) else float(value)
        for name, value in values.items()
    }


def to_numbers(values: list[Value]) -> list[float]:
    """Plain numbers of numbers and scalar tensors, with one transfer per device."""
    numbers = [math.nan if isinstance(value, Tensor) else value for value in values]
    places: dict[torch.device, list[int]] = {}
    for place, value in enumerate(values):
        if isinstance(value, Tensor):
            places.setdefault(value.device, []).append(place)
    for own in places.values():
        moved = torch.stack([torch.as_tensor(values[place]) for place in own]).tolist()
        for place, number in zip(own, moved):
            numbers[place] = number
    return numbers
