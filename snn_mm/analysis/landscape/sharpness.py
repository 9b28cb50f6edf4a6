"""Sharpness of a minimum: IEMF Eq. 14 as a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Summands = Callable[[], Iterable[Tensor]]
"""The loss at the parameters' present values as scalars that add up to it, such as one a batch;
each is differentiated before the next is asked for, so that one graph is held at a time."""

LONGEST_STEP = 16.0
"""In radii: on the sphere such a step goes nearly all the way to where the gradient points."""


@dataclass(frozen=True)
class Sharpness:
    """Sharpness of a minimum, and how it was searched for.

    Attributes:
        value: the largest rise that was found, in nats: a lower bound of the maximum.
        one_step: the rise after one step of length ρ along the gradient, as SAM looks at.
        gradient_norm: ‖∇L‖ at the minimum; times ρ the first-order estimate of the rise.
        radius: ρ.
        starts: number of ascents, the first along the gradient, the others at random.
        steps: gradient evaluations of each.
        seed: of the random starts.
    """

    value: float
    one_step: float
    gradient_norm: float
    radius: float
    starts: int
    steps: int
    seed: int


def sharpness(
    loss: Summands,
    parameters: Sequence[nn.Parameter],
    radius: float,
    steps: int = 20,
    starts: int = 4,
    seed: int = 0,
) -> Sharpness:
    """s(W, ρ) = max over ‖ε‖₂ <= ρ of L(W + ε) − L(W) (IEMF Eq. 14), by projected ascent.

    Each start climbs along the normalised gradient and is projected back into the ball; a step that
    does not raise the loss is halved. Every candidate is judged by the true loss. That matters for
    spiking networks: their loss is piecewise constant in the weights before the last spikes, where
    the surrogate gradient is a direction to try and no derivative. It is smooth in the fusion's
    classifier, for which the ascent finds the maximum of a quadratic to a thousandth.

    Source: the first start is the step of Foret et al., "Sharpness-Aware Minimization", Eq. 2.

    Args:
        loss: evaluated at the present values of the parameters.
        parameters: W; they are moved, and come back to the bit.
        radius: ρ > 0, of all parameters together.
        steps: gradient evaluations of each start.
        starts: at least 1.
        seed: of the random starts.
    """
    centre = [parameter.detach().clone() for parameter in parameters]
    climber = _Climber(loss, parameters, centre, radius)
    generator = torch.Generator().manual_seed(seed)
    try:
        base, gradient = climber.evaluate([torch.zeros_like(w) for w in centre])
        norm = float(_norm(gradient))
        first = _scaled(gradient, radius) if norm > 0 else _random(centre, radius, generator)
        top = climber.climb(first, steps)
        one_step = climber.first - base
        for _ in range(starts - 1):
            top = max(top, climber.climb(_random(centre, radius, generator), steps))
    finally:
        climber.move_to(centre)
    return Sharpness(max(0.0, top - base), one_step, norm, radius, starts, steps, seed)


class _Climber:
    """Projected gradient ascent inside the ball around the trained parameters."""

    def __init__(
        self,
        loss: Summands,
        parameters: Sequence[nn.Parameter],
        centre: list[Tensor],
        radius: float,
    ) -> None:
        self.loss, self.parameters, self.centre, self.radius = loss, parameters, centre, radius
        self.first = 0.0

    def climb(self, offset: list[Tensor], steps: int) -> float:
        """The highest loss on the way up from an offset; `first` becomes the loss there."""
        top, gradient = self.evaluate(offset)
        self.first, length = top, self.radius
        for _ in range(steps - 1):
            if float(_norm(gradient)) == 0:
                break
            step = _scaled(gradient, length)
            candidate = self._project([e + s for e, s in zip(offset, step)])
            height, slope = self.evaluate(candidate)
            if height > top:
                top, offset, gradient = height, candidate, slope
                length = min(2 * length, LONGEST_STEP * self.radius)
            else:
                length /= 2
        return top

    def evaluate(self, offset: list[Tensor]) -> tuple[float, list[Tensor]]:
        """Loss and gradient at W + ε."""
        self.move_to([value + e for value, e in zip(self.centre, offset)])
        total, gradient = 0.0, [torch.zeros_like(value) for value in self.centre]
        for summand in self.loss():
            slopes = torch.autograd.grad(summand, list(self.parameters), allow_unused=True)
            total += float(summand.detach().double())
            gradient = [g if s is None else g + s for g, s in zip(gradient, slopes)]
        return total, gradient

    @torch.no_grad()
    def move_to(self, values: list[Tensor]) -> None:
        """Give the parameters new values."""
        for parameter, value in zip(self.parameters, values):
            parameter.copy_(value)

    def _project(self, offset: list[Tensor]) -> list[Tensor]:
        return _scaled(offset, self.radius) if float(_norm(offset)) > self.radius else offset


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    total: Tensor = torch.stack([tensor.double().square().sum() for tensor in tensors]).sum()
    return total.sqrt()


def _scaled(tensors: Sequence[Tensor], length: float) -> list[Tensor]:
    factor = length / float(_norm(tensors))
    return [tensor * factor for tensor in tensors]


def _random(like: Sequence[Tensor], radius: float, generator: torch.Generator) -> list[Tensor]:
    drawn = [torch.randn(w.shape, generator=generator, dtype=torch.float64).to(w) for w in like]
    return _scaled(drawn, radius)
