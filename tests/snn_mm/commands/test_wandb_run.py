from pathlib import Path

from jsonargparse import Namespace

from snn_mm.commands.wandb_run import fill_wandb_defaults
from snn_mm.run.directory import RunDirectory

RUN = RunDirectory(Path("/runs/toy/a"))


def logger(class_path: str = "lightning.pytorch.loggers.WandbLogger", **given: str) -> Namespace:
    empty = {"id": None, "name": None, "group": None, "save_dir": "."}
    return Namespace(class_path=class_path, init_args=Namespace(**{**empty, **given}))


def test_a_wandb_run_takes_id_group_and_place_from_the_run_directory() -> None:
    wandb = logger()
    fill_wandb_defaults([wandb], RUN)
    expected = {"id": "a", "name": "a", "group": "toy", "save_dir": "/runs/toy/a"}
    assert vars(wandb.init_args) == expected


def test_what_the_user_set_stays() -> None:
    wandb = logger(id="mine", save_dir="/elsewhere")
    fill_wandb_defaults(wandb, RUN)
    assert (wandb.init_args.id, wandb.init_args.save_dir) == ("mine", "/elsewhere")


def test_other_loggers_and_flags_are_left_alone() -> None:
    other = logger("lightning.pytorch.loggers.CSVLogger")
    fill_wandb_defaults([other], RUN)
    fill_wandb_defaults(False, RUN)
    assert other.init_args.id is None
