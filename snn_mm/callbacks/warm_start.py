"""Starts modalities from the encoders of another run, to fine-tune or to probe a branch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from snn_mm.callbacks.numerics import broken_weights, some
from snn_mm.errors import UserError
from snn_mm.run.checkpoint_io import AtomicCheckpointIO
from snn_mm.run.directory import find_run

SEED = "{seed}"


class WarmStart(Callback):
    """Load the encoders of modalities from another run's best checkpoint before training.

    With a unimodal twin (the same experiment with one entry in `encoders`) this measures what
    multimodal training gave one branch (IEMF Fig. 2d): the branch is fine-tuned with a new
    classifier, as the same branch trained alone has one. A resumed run goes on with its own
    weights.

    Args:
        run: directory of the run; `{seed}` in it stands for this run's own seed, so that one
            config serves every seed of a sweep.
        modalities: whose encoders are loaded; without it, all of the module.
        frozen: keep the loaded encoders as they are, batch-norm statistics included: a linear
            probe. Otherwise they are fine-tuned.
    """

    def __init__(
        self, run: str, modalities: Sequence[str] | None = None, frozen: bool = False
    ) -> None:
        self.run = run
        self.modalities = modalities
        self.frozen = frozen

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze before gradients are reduced over ranks: what has none must be known by then."""
        if stage == "fit" and self.frozen:
            for encoder in self.encoders(pl_module).values():
                encoder.requires_grad_(requires_grad=False)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Load, unless the run is resumed: only now Lightning tells."""
        encoders = self.encoders(pl_module)
        if trainer.ckpt_path is not None:
            return
        state = load_state(self.checkpoint())
        for name, encoder in encoders.items():
            load_encoder(encoder, state, name, self.run)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep batch-norm statistics of frozen encoders."""
        if self.frozen:
            for encoder in self.encoders(pl_module).values():
                encoder.eval()

    def encoders(self, module: LightningModule) -> dict[str, nn.Module]:
        """The encoders that are loaded, by modality.

        Raises:
            UserError: the module has no such modality.
        """
        own: dict[str, nn.Module] = dict(getattr(module, "encoders", {}))
        names = list(own) if self.modalities is None else list(self.modalities)
        missing = [name for name in names if name not in own]
        if missing or not names:
            raise UserError(
                f"WarmStart.modalities: {type(module).__name__} has no encoder "
                f"{', '.join(missing) or 'at all'}; accepted: {', '.join(own)}"
            )
        return {name: own[name] for name in names}

    def checkpoint(self) -> Path:
        """The best checkpoint of the run.

        Raises:
            UserError: there is no such run, or it has none.
        """
        seed = os.environ.get("PL_GLOBAL_SEED")
        if SEED in self.run and seed is None:
            raise UserError(f"WarmStart.run: {self.run} needs a seed; set seed_everything")
        path = Path(self.run.replace(SEED, seed or ""))
        run = find_run(path)
        if run is None or not run.best.is_file():
            raise UserError(
                f"WarmStart.run: {path} is no run with a best checkpoint\n"
                f"train it first: {training_command(path, seed)}\n"
                "or name one that is there: a directory such as runs/quickstart/<run id>"
            )
        return run.best


def training_command(path: Path, seed: str | None) -> str:
    """What trains a run into a directory, which is `<root>/<name>/<run id>`, with a seed."""
    root, name, run_id = path.parent.parent, path.parent.name or "NAME", path.name
    seeded = f" --seed_everything {seed}" if seed else ""
    return (
        f"snnmm fit --config EXPERIMENT.yaml --run.root {root} --run.name {name} "
        f"--run.id {run_id}{seeded}"
    )


def load_state(path: Path) -> dict[str, Tensor]:
    """The parameters and buffers of a checkpoint.

    Raises:
        UserError: the file is no checkpoint.
    """
    try:
        state: dict[str, Tensor] = AtomicCheckpointIO().load_checkpoint(path)["state_dict"]
    except Exception as error:  # torch raises many kinds of errors for garbage
        raise UserError(f"WarmStart.run: {path} is no checkpoint that can be read") from error
    return state


def load_encoder(encoder: nn.Module, state: dict[str, Tensor], modality: str, source: str) -> None:
    """Load one modality's encoder from the state of a whole module.

    Raises:
        UserError: the run has no such modality, or its encoder is another one or holds NaN.
    """
    prefix = f"encoders.{modality}."
    own = {k.removeprefix(prefix): value for k, value in state.items() if k.startswith(prefix)}
    if not own:
        known = dict.fromkeys(k.split(".")[1] for k in state if k.startswith("encoders."))
        raise UserError(
            f"WarmStart: {source} trained no modality {modality!r}; it has {', '.join(known)}"
        )
    try:
        encoder.load_state_dict(own)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()
        raise UserError(
            f"WarmStart: the {modality} encoder of {source} is another: {first}\n"
            f"accepted: a run whose model.encoders.{modality} has the class and sizes of this "
            "module's; its config.yaml says them"
        ) from error
    if broken := broken_weights(encoder):
        raise UserError(
            f"WarmStart: the {modality} encoder of {source} holds NaN or infinity: {some(broken)}\n"
            "its training had diverged; accepted: another run"
        )
