"""Where the seconds of a training step go, from the actions that Lightning tells a profiler of."""

from __future__ import annotations

from collections.abc import Callable

from lightning.pytorch.profilers import Profiler

DATA, FORWARD, BACKWARD, OPTIMIZER = "data", "forward", "backward", "optimizer"
CALLBACKS, OTHER = "callbacks", "other"
PARTS = (DATA, FORWARD, BACKWARD, OPTIMIZER, CALLBACKS, OTHER)
"""`other` is what is left: the loop itself, and what the module does in its own hooks."""
OUTSIDE = "outside"
"""What the measurement itself takes; no part of a step."""

ENDINGS = {
    "dataloader_next": DATA,
    "batch_to_device": DATA,
    "transfer_batch": DATA,
    ".training_step": FORWARD,
    ".backward": BACKWARD,
    ".optimizer_step": OPTIMIZER,
    ".optimizer_zero_grad": OPTIMIZER,
    ".configure_gradient_clipping": OPTIMIZER,
}
"""What Lightning's actions end with, by the part of a step they are."""


def part_of(action: str, around: str) -> str:
    """The part of a step that an action is; one that is none belongs to the action around it.

    Example:
        >>> part_of("[Strategy]SingleDeviceStrategy.backward", "optimizer")
        'backward'
        >>> part_of("[LightningModule]IEMFModule.on_before_zero_grad", "optimizer")
        'optimizer'
    """
    if around == OUTSIDE:
        return OUTSIDE
    if action.startswith("[Callback]"):
        return OUTSIDE if action.startswith("[Callback]StepBench") else CALLBACKS
    return next((part for end, part in ENDINGS.items() if action.endswith(end)), around)


class StepClock(Profiler):
    """Adds up the seconds of each part of a step, without those of the actions inside it.

    Args:
        now: the time in seconds; waits for a GPU first.

    Attributes:
        waits: whether every action is waited for, as its seconds need, or the end of a lap alone:
            then a GPU works behind the program, as it does in a training, and only the lap counts.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.now = now
        self.waits = True
        self.inside = [OTHER]
        self.last = now()
        self.seconds = dict.fromkeys((*PARTS, OUTSIDE), 0.0)

    def start(self, action_name: str) -> None:
        """Go into an action."""
        self._look()
        self.inside.append(part_of(action_name, self.inside[-1]))

    def stop(self, action_name: str) -> None:
        """Come out of an action."""
        self._look()
        if len(self.inside) > 1:
            self.inside.pop()

    def _look(self) -> None:
        if self.waits:
            self._book()

    def _book(self) -> None:
        moment = self.now()
        self.seconds[self.inside[-1]] += moment - self.last
        self.last = moment

    def lap(self) -> dict[str, float]:
        """The seconds since the last lap by part, and their sum as `step`."""
        self._book()
        parts = {part: self.seconds[part] for part in PARTS}
        self.seconds = dict.fromkeys(self.seconds, 0.0)
        return {"step": sum(parts.values()), **parts}
