"""A trained network that is given its input piece by piece, with a state that the caller holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from snn_mm.contracts import FusionOutput
from snn_mm.encoders.base import Encoder
from snn_mm.encoders.inputs import check_inputs, widths
from snn_mm.errors import UserError, check_range
from snn_mm.modules.base import MultimodalModule
from snn_mm.modules.continual.task_sequence import TaskSequenceModule
from snn_mm.modules.taaf import TAAFModule
from snn_mm.neurons import Carrier, States, reset_neurons


@dataclass(frozen=True)
class StreamState:
    """Where a stream is. It is never changed: each step makes a new one.

    Attributes:
        states: what the neurons hold.
        recent: logits and features of the last time steps, `[1, N, ...]` each, oldest first.
        steps: how many there were since the start.
        modalities: those that the stream has; None before its first chunk.
    """

    states: States = field(default_factory=dict)
    recent: tuple[FusionOutput, ...] = ()
    steps: int = 0
    modalities: frozenset[str] | None = None

    @property
    def size(self) -> int:
        """Bytes of all tensors that are held."""
        outputs = [x for output in self.recent for x in _tensors(output)]
        return sum(x.numel() * x.element_size() for x in (*self.states.values(), *outputs))


class StreamOutput(NamedTuple):
    """What a network says after a chunk.

    Attributes:
        logits: the running decision `[N, K]`, by modality and for `FUSED`.
        output: logits and features `[t, N, ...]` of the chunk's own t time steps.
    """

    logits: dict[str, Tensor]
    output: FusionOutput


class StreamingNetwork:
    """Runs a module step by step: `output, state = network.step({modality: chunk}, state)`.

    However an input is cut into chunks, the outputs are the same bit for bit, for a chunk runs time
    step by time step. They are those of the module on the whole input, up to the rounding of matrix
    products of other shapes. All state is in the object that the caller holds, so that one network
    serves any number of streams, and its size does not grow.

    The running decision is the module's own readout over the last `window` time steps; for an input
    of no more than that it is the decision on the whole. TAAF's scores are a mean over queries of a
    softmax over keys, so that a new key changes what every earlier query said: exact scores need
    all steps, and are exact within the window.

    Args:
        module: an IEMFModule, TAAFModule, ContinualModule of encoders, or another one that changes
            neither `forward` nor `encode`, in evaluation mode, whose encoders and fusion run step
            by step.
        window: time steps of the running decision; None is the T that the encoders have.

    Raises:
        UserError: the module or a part of it sees the whole input at once; the part is named.
    """

    def __init__(self, module: nn.Module, window: int | None = None) -> None:
        self.module = check_streams(module)
        self.encoders = cast("dict[str, Encoder]", dict(self.module.encoders.items()))
        self.steps = max(part.time_steps for part in self.encoders.values())
        self.window = self.steps if window is None else window
        check_range("window", self.window, 1)
        self.widths = widths(self.module.encoders)
        self._carrier = Carrier({**self.encoders, "fusion": self.module.fusion})
        self._lock = Lock()

    def start(self) -> StreamState:
        """The state before the first chunk: all neurons at rest."""
        return StreamState()

    @torch.no_grad()
    def step(
        self, chunk: Mapping[str, Tensor], state: StreamState, steps: int | None = None
    ) -> tuple[StreamOutput, StreamState]:
        """Go on by a chunk of one time step or more.

        Args:
            chunk: by modality what came in: event bins `[N, t, C, H, W]`, columns
                `[N, C, F, t L/T]` of a RecurrentNet, the same t for all; an input without time,
                such as a picture `[N, C, H, W]`, is shown in each of the t steps. A modality that
                the first chunk lacks is absent from the whole stream.
            state: left by the chunk before; it stays as it is.
            steps: t, where nothing in the chunk has time; by default 1.

        Returns:
            The output, and the state after it.

        Raises:
            UserError: chunks of different modalities or lengths, or not finite.
        """
        there = self._modalities(chunk, state)
        check_inputs(chunk, [name for name in self.encoders if name in there])
        samples = {len(chunk[name]) for name in there} | {o.fused.shape[1] for o in state.recent}
        if len(samples) > 1:
            raise UserError("chunk: another number of samples than before; start a new stream")
        cut = {
            name: self.encoders[name].cut(chunk[name]) for name in self.encoders if name in there
        }
        outputs, states = [], state.states
        for t in range(_length(cut, steps)):
            inputs = {n: chunk[n] if parts is None else parts[t] for n, parts in cut.items()}
            output, states = self._advance(inputs, states)
            outputs.append(output)
        recent = (*state.recent, *outputs)
        new = StreamState(states, recent[-self.window :], state.steps + len(outputs), there)
        return StreamOutput(self.module.readout(_joined(new.recent)), _joined(tuple(outputs))), new

    def chunks(self, inputs: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
        """A whole input as chunks of one time step each, T of them where nothing has time.

        Args:
            inputs: `[N, ...]` by modality, as the module takes them.
        """
        whole = {n: part.timed(inputs[n]) for n, part in self.encoders.items() if n in inputs}
        cut = {name: self.encoders[name].cut(x) for name, x in whole.items()}
        timed = any(parts is not None for parts in cut.values())
        steps = _length(cut, None if timed else self.steps)
        return [
            {
                name: x if (parts := cut[name]) is None else self.encoders[name].joined(parts[t])
                for name, x in whole.items()
            }
            for t in range(steps)
        ]

    def _advance(self, inputs: dict[str, Tensor], states: States) -> tuple[FusionOutput, States]:
        """One time step of inputs `[N, ...]` by modality."""
        with self._lock, self._carrier.carry(states) as after:
            features = {}
            for name, x in inputs.items():
                reset_neurons(self.encoders[name])  # which puts the states in
                features[name] = self.encoders[name].advance(x)  # [1, N, D]
            like = next(iter(features.values()))
            absent = [name for name in self.encoders if name not in inputs]
            for name in absent:
                features[name] = like.new_zeros(*like.shape[:2], self.widths[name])
            mask = torch.zeros(like.shape[1], dtype=torch.bool, device=like.device)  # [N]
            features = {name: features[name] for name in self.encoders}
            output = self.module.fuse(features, dict.fromkeys(absent, mask) if absent else None)
        return output, after

    def _modalities(self, chunk: Mapping[str, Tensor], state: StreamState) -> frozenset[str]:
        there = frozenset(chunk) & frozenset(self.encoders)
        if not there or state.modalities not in (None, there):
            began = state.modalities or self.encoders
            raise UserError(
                f"chunk: there is {', '.join(chunk) or 'nothing'}; accepted: "
                f"{', '.join(sorted(began))}, of which a stream has the same from its start on"
            )
        return there


def check_streams(module: nn.Module) -> MultimodalModule:
    """A module that runs step by step.

    Raises:
        UserError: it, or its fusion, does not; encoders are asked when they get their first chunk.
    """
    name, base = type(module).__name__, MultimodalModule
    of_tasks = isinstance(module, TaskSequenceModule)
    if of_tasks and cast("TaskSequenceModule", module).trunk is not None:
        name = type(cast("TaskSequenceModule", module).trunk).__name__
        of_tasks = False
    encode = TaskSequenceModule.encode if of_tasks else base.encode
    if (
        not isinstance(module, base)
        or type(module).forward is not base.forward
        or type(module).encode is not encode
    ):
        raise UserError(
            f"{name}: can't run step by step: it reads its whole input at once\n"
            "accepted: IEMFModule, TAAFModule, ContinualModule of encoders"
        )
    if module.training:
        raise UserError(f"{name}: is in training; accepted: module.eval()")
    scaled = isinstance(module, TAAFModule) and bool(module.attention)
    if scaled and cast("TAAFModule", module).attention_on != "loss":
        raise UserError(
            f"{name}: can't run step by step: attention_on scales each time step by all others\n"
            "accepted: attention_on: loss"
        )
    if type(module).fuse not in (base.fuse, TAAFModule.fuse) or not module.fusion.causal:
        raise UserError(
            f"{type(module.fusion).__name__}: can't run step by step: it may see later time steps\n"
            "accepted: every fusion but SCMRL and SCA with tokens: time; of your own, one that "
            "says causal = True"
        )
    return module


def _length(cut: Mapping[str, list[Tensor] | None], steps: int | None) -> int:
    """How many time steps a chunk has."""
    found = {name: len(parts) for name, parts in cut.items() if parts is not None}
    lengths = set(found.values()) | ({steps} if steps is not None else set())
    if len(lengths) > 1 or lengths & {0}:
        listed = ", ".join(f"{name}: {count}" for name, count in found.items())
        raise UserError(
            f"chunk: the modalities differ in time steps, or have none ({listed or steps})"
        )
    return lengths.pop() if lengths else 1


def _tensors(output: FusionOutput) -> list[Tensor]:
    return [output.fused, *output.unimodal.values(), *output.features.values()]


def _joined(outputs: tuple[FusionOutput, ...]) -> FusionOutput:
    """Outputs `[t, N, ...]` of time steps one after the other as one."""

    def joined(values: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.cat([value[name] for value in values]) for name in values[0]}

    return FusionOutput(
        torch.cat([output.fused for output in outputs]),
        joined([output.unimodal for output in outputs]),
        joined([output.features for output in outputs]),
        present=outputs[0].present,
    )
