"""The contract every backbone fulfils: an input becomes a feature sequence `[T, N, D]`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, cast, get_args

import torch
from spikingjelly.activation_based import functional
from torch import Tensor

from snn_mm.errors import UserError, check_choice
from snn_mm.neurons import StartsAtRest, is_spiking, repeated, response, spiking_layers

InputKind = Literal["static", "frames", "events"]
"""`static` `[N, C, H, W]`, `frames` `[N, L, C, H, W]`, `events` `[N, T, C, H, W]`."""

_SHAPES = {"static": "[N, {}, H, W]", "frames": "[N, L, {}, H, W]", "events": "[N, T, {}, H, W]"}


class Encoder(StartsAtRest, ABC):
    """Base class of every backbone.

    A call begins with the neurons at rest, so that no membrane potential leaks from one batch into
    the next whatever caller and subclass do, and its features are checked. A static input is
    encoded directly: what comes before the first neuron is computed once and shared by all T steps.
    The ANN twin of an encoder is the same class with `neuron=torch.nn.ReLU` and `time_steps=1`.

    Attributes:
        feature_dim: D, the width of the features.
        time_steps: T of a static input; an event input brings its own T.
        takes_lengths: whether inputs are sequences `[N, L, D]`, and `forward` takes their lengths
            `[N]` as well.
    """

    feature_dim: int
    time_steps: int
    takes_lengths: bool = False

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Encode `[N, C, H, W]`, `[N, L, C, H, W]` or `[N, T, C, H, W]` to features `[T, N, D]`."""

    def advance(self, x: Tensor) -> Tensor:
        """Features `[1, N, D]` of one time step of an input; neurons go on from where they are.

        Args:
            x: one of the steps that `cut` makes of a chunk, or a whole input that has no time of
                its own, such as a picture `[N, C, H, W]`, which is then shown for one step.
        """
        raise UserError(self._timeless())

    def cut(self, chunk: Tensor) -> list[Tensor] | None:
        """The time steps of a piece of an input; None where the input has no time of its own.

        Raises:
            UserError: they are not whole, or the encoder does not run step by step.
        """
        raise UserError(self._timeless())

    def timed(self, x: Tensor) -> Tensor:
        """A whole input as the chunk that holds all its time steps."""
        return x

    def joined(self, step: Tensor) -> Tensor:
        """The chunk of one of the time steps that `cut` makes."""
        return step

    def _timeless(self, why: str = "it has no `advance`") -> str:
        return (
            f"{type(self).__name__}: can't run step by step: {why}\n"
            "accepted: ConvNet and ResNet18, MLP of vectors, RecurrentNet, or a class with cut "
            "and advance"
        )

    def __call__(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Run `forward` on neurons at rest.

        Raises:
            UserError: it gave no features `[T, N, D]`, or a neuron layer does not fit.
        """
        try:
            features = super().__call__(x, *args, **kwargs)
        except (RuntimeError, ValueError) as error:
            if misfit := _misfit(self):
                raise UserError(misfit) from error
            raise
        shape = list(features.shape) if isinstance(features, Tensor) else type(features).__name__
        if len(shape) != 3 or shape[1:] != [x.shape[0], self.feature_dim]:
            raise UserError(_wrong_features(self, len(x), shape))
        return cast("Tensor", features)


def feature_width(encoder: Encoder) -> int:
    """D of an encoder.

    Raises:
        UserError: it does not say.
    """
    width = getattr(encoder, "feature_dim", None)
    if not isinstance(width, int) or width < 1:
        raise UserError(
            f"{type(encoder).__name__}: feature_dim is {width}; accepted: D of the features "
            "[T, N, D], which __init__ sets"
        )
    return width


def _wrong_features(encoder: Encoder, samples: int, found: list[int] | str) -> str:
    """What an encoder should have given, and the shape, or the kind, of what it gave."""
    hint = "\nwithout time T is 1: features.unsqueeze(0)" if len(found) == 2 else ""
    return _misfit(encoder) or (
        f"{type(encoder).__name__}: forward must give a tensor [T, N, D] (time steps, batch, "
        f"feature_dim), here [T, {samples}, {encoder.feature_dim}]; it gave {found}{hint}"
    )


def _misfit(encoder: Encoder) -> str | None:
    """What is wrong with the first neuron layer that fits no encoder, or not this one."""
    for name, layer in spiking_layers(encoder):
        what = f"{type(encoder).__name__}: its {name}, {type(layer).__name__}"
        spikes, steps = response(layer), getattr(layer, "T", encoder.time_steps)
        if spikes is not None and spikes.dim() > 3:
            return f"{what}, makes {list(spikes.shape)} of [T, N, D]"
        if steps != encoder.time_steps:
            return f"{what}, has T = {steps}, the encoder time_steps: {encoder.time_steps}"
    return None


class ImageEncoder(Encoder):
    """What the convolutional backbones share: kinds of input, direct encoding, the reset.

    A subclass builds its layers, calls `finish`, and writes two functions: `stem`, all that comes
    before the first neuron, and `body`, the rest. Frames are folded into the batch and their
    features averaged. The ANN twin has no time: it sees the mean of the T bins of an event input.

    Batch statistics of the stem are taken over N images of a static input, not over T equal copies.
    They are the same, but for the running variance, which estimates n/(n - 1) with n smaller by T.

    Args:
        in_channels: C of the input.
        time_steps: T of a static input; 1 for the ANN twin.
        input_kind: `static`, `frames` or `events`.
        channels_last: memory format of the feature maps.
    """

    def __init__(
        self,
        in_channels: int,
        time_steps: int = 4,
        input_kind: InputKind = "static",
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels, self.time_steps = in_channels, time_steps
        self.input_kind, self.channels_last = input_kind, channels_last

    @abstractmethod
    def stem(self, x: Tensor) -> Tensor:
        """Input current of the first neurons `[B, C', H', W']` of images `[B, C, H, W]`."""

    @abstractmethod
    def body(self, current: Tensor) -> Tensor:
        """Features `[T, B, D]` from the current of the first neurons `[T, B, C', H', W']`."""

    def forward(self, x: Tensor) -> Tensor:
        """Encode `[N, C, H, W]`, `[N, L, C, H, W]` or `[N, T, C, H, W]` to features `[T, N, D]`."""
        self._check(x)
        if self.input_kind == "events":
            return self.body(self._event_current(x))
        if self.input_kind == "frames":
            features = self.body(self._shared_current(x.flatten(0, 1)))  # [T, N*L, D]
            return features.reshape(-1, *x.shape[:2], self.feature_dim).mean(2)  # [T, N, D]
        return self.body(self._shared_current(x))

    def advance(self, x: Tensor) -> Tensor:
        """Features `[1, N, D]` of one bin, picture `[N, C, H, W]` or frames `[N, L, C, H, W]`."""
        images = x.flatten(0, 1) if self.input_kind == "frames" else x  # [B, C, H, W]
        features = self.body(self.stem(self._formatted(images)).unsqueeze(0))  # [1, B, D]
        if self.input_kind == "frames":
            return features.reshape(-1, *x.shape[:2], self.feature_dim).mean(2)  # [1, N, D]
        return features

    def cut(self, chunk: Tensor) -> list[Tensor] | None:
        """The bins `[N, C, H, W]` of events `[N, t, C, H, W]`; pictures and frames have no time."""
        self._check(chunk)
        if self.input_kind != "events":
            return None
        if not is_spiking(self):
            raise UserError(self._timeless("without neurons it sees the mean over all bins"))
        return list(chunk.unbind(1))

    def joined(self, step: Tensor) -> Tensor:
        """The chunk `[N, 1, C, H, W]` of one bin `[N, C, H, W]`."""
        return step.unsqueeze(1)

    def finish(self) -> None:
        """Set step mode and memory format of all layers; a subclass calls it when all are built."""
        check_choice(f"{self._name}: input_kind", self.input_kind, get_args(InputKind))
        if self.time_steps < 1:
            raise UserError(f"{self._name}: time_steps must be at least 1, not {self.time_steps}")
        if self.time_steps > 1 and not is_spiking(self):
            raise UserError(
                f"{self._name}: without spiking neurons all {self.time_steps} time steps compute "
                "the same features; set time_steps: 1"
            )
        functional.set_step_mode(self, "m")
        if self.channels_last:
            self.to(memory_format=torch.channels_last)

    def _shared_current(self, images: Tensor) -> Tensor:
        current = self.stem(self._formatted(images))
        return repeated(current, self.time_steps)  # [T, B, C', H', W']

    def _event_current(self, x: Tensor) -> Tensor:
        bins = x.transpose(0, 1)  # [T, N, C, H, W]
        if not is_spiking(self):
            bins = bins.mean(0, keepdim=True)  # [1, N, C, H, W]
        current = self.stem(self._formatted(bins.flatten(0, 1)))  # [T*N, C', H', W']
        return current.view(*bins.shape[:2], *current.shape[1:])  # [T, N, C', H', W']

    def _formatted(self, images: Tensor) -> Tensor:
        return (
            images.contiguous(memory_format=torch.channels_last) if self.channels_last else images
        )

    def _check(self, x: Tensor) -> None:
        shape = _SHAPES[self.input_kind].format(self.in_channels)
        if x.dim() != shape.count(",") + 1 or x.shape[-3] != self.in_channels:
            raise UserError(
                f"{self._name}: an input of kind {self.input_kind!r} must be {shape}, "
                f"this one is {list(x.shape)}\n"
                "Set in_channels and input_kind of the encoder to what the data module delivers."
            )

    @property
    def _name(self) -> str:
        return type(self).__name__
