"""`snnmm fit`, `validate`, `test` and `predict`."""

from __future__ import annotations

from snn_mm.config.keys.check import check_keys
from snn_mm.config.options import Command, read_command
from snn_mm.run.imports import heavy_imports

HELP = """\
usage: snnmm {stage} --config EXPERIMENT.yaml [--config MORE.yaml ...] [--KEY VALUE ...]

{purpose}

options:
{options}
  --run.root DIR          folder of all runs (runs); a run lies in DIR/NAME/ID
  --run.name NAME         name of the experiment (that of the first config file)
  --trust NAME            a package or module whose classes the config may name
  --print_config          print the whole config and stop; save it, change it, give it to --config
  --help=full             every option of trainer, run, checkpoint and guard

any key of the config is a flag, and flags win over files:
  --trainer.max_epochs 20   --data.loader.batch_size 32   --model.encoders.audio.time_steps 8
  --trainer.callbacks+ EarlyStopping --trainer.callbacks.monitor val/loss

what a key accepts: snnmm list KEY (snnmm list IEMFModule, snnmm list ConvNet)"""

FIT_OPTIONS = """\
  --config FILE           an experiment; a later file wins over an earlier one
  --resume RUN_DIR        go on with a run; `auto`: the newest unfinished one, or start
  --force                 go on although seed, data or batch size are others; marks the run
  --test_after_fit BOOL   end with the test of the best checkpoint (true)
  --linear_probe BOOL     also rate a linear model on pooled features, in seconds (true)
  --checkpoint.monitor M  what decides which checkpoint is best (val/accuracy/fused)
  --guard.action WHAT     about NaN and infinity: stop, skip the step, or ignore (stop)
  --seed_everything N     seed of everything that is drawn (0)
  --run.id ID             name of the run (time and seed, or the SLURM job)"""

EVALUATE_OPTIONS = """\
  --ckpt_path PATH        a checkpoint, or a run directory: its best checkpoint and its config
  --config FILE           an experiment, instead of the config of the run"""

PURPOSES = {
    "fit": "Train, then test the best checkpoint.",
    "validate": "Measure a checkpoint on the validation set.",
    "test": "Measure a checkpoint on the test set.",
    "predict": "Write a checkpoint's predictions to a CSV file.",
}


def run(argv: list[str]) -> int:
    """Run one of the four commands; the exit code after an interrupt is 130 or 143.

    Nothing here imports torch: help and the commonest mistakes answer at once.
    """
    stage, *rest = argv
    if {"-h", "--help"} & set(rest):
        print(short_help(stage))
        return 0
    if "--help=full" in rest:
        command = Command(stage, [stage, "--help"])
    else:
        command = read_command(argv)
        check_keys(command)
    with heavy_imports():
        from snn_mm.commands.stages import execute

    return execute(command)


def short_help(stage: str) -> str:
    """The help that fits a screen."""
    options = FIT_OPTIONS if stage == "fit" else EVALUATE_OPTIONS
    return HELP.format(stage=stage, purpose=PURPOSES[stage], options=options)
