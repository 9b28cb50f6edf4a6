"""Every shipped experiment and switch trains, validates and tests, on data in its real layout."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from snn_mm.cli import main
from snn_mm.sweep.request import read_request

FOLDER = Path(__file__).parents[2] / "experiments"
BASE = FOLDER / "_base"
# Sentiment, tasks, questions, tables and archives have files of their own beside this one.
OWN_FILES = ("sgmt_", "iemf_ave_", "iemf_ks_", "iemf_vs100_", "incremental_", "iemf_avqa", "avqa_")
ARCHIVES = tuple(f"{paper}_{data}" for paper in ("iemf", "taaf") for data in ("mhad", "grid"))
ELSEWHERE = ("published", "table", *ARCHIVES, *OWN_FILES)
EXPERIMENTS = [
    path.stem for path in sorted(FOLDER.glob("*.yaml")) if not path.stem.startswith(ELSEWHERE)
]
CLIPS = ("iemf_cremad", "iemf_ks", "iemf_us8k")
RESNETS = (*CLIPS, "taaf_cremad", "taaf_ave")
METHODS = [path.stem for path in sorted((BASE / "methods").glob("*.yaml"))]
RELEASED = ("profiles/released", "profiles/released_cremad")
ONE_BATCH = [f"--trainer.limit_{stage}_batches=1" for stage in ("train", "val", "test")]

SWITCHED = [
    *((name, (switch,)) for name in CLIPS for switch in ("ann", "audio_only", "visual_only")),
    *((name, ("profiles/released",)) for name in CLIPS),
    ("iemf_ks", ("ann", "visual_only")),
    ("iemf_cremad", (*RELEASED, "profiles/released_cremad_lfm", "vanilla")),
    ("iemf_cremad", (*RELEASED, "methods/ogm_ge", "profiles/released_cremad_with_iemf")),
    ("iemf_ks", ("profiles/released", "profiles/released_lfm", "profiles/released_with_iemf")),
    ("imbalanced_digits", ("methods/ogm_ge", "with_iemf", "energy", "trackers")),
    ("imbalanced_ead", ("ann_ead", "methods/mslr_ead", "with_iemf")),
    ("imbalanced_ead", ("methods/mslr_ead", "vanilla")),
    *(("taaf_cremad", (f"taaf/{row}",)) for row in ("without_ta", "la_ta", "la")),
    *(("taaf_ave", (f"taaf/{row}",)) for row in ("without_ta", "la_ta", "la")),
]
MODULATED = [
    ("imbalanced_digits", (*network, f"methods/{method}", update))
    for method in METHODS
    if method not in ("mslr_ead", "iemf")
    for network, update in (((), "vanilla"), (("ann",), "with_iemf"))
]


@pytest.fixture
def small_data(
    digits_root: str, fsdd_dir: Path, nmnist_dir: Path, prepared_root: str, ave_root: str
) -> dict[str, list[str]]:
    """Flags by the start of an experiment's name that give it small data in the real layout."""
    speech = [f"--data.root={fsdd_dir.parent}", f"--data.nmnist_dir={nmnist_dir}"]
    digits = [f"--data.root={digits_root}"]
    clips = [f"--data.root={prepared_root}", "--data.loader.num_workers=0"]
    clips += ["--data.loader.persistent_workers=false", "--data.test_fraction=0.34"]
    clips += ["--data.loader.batch_size=4", "--data.val_fraction=0.34"]
    spoken = [*speech, "--data.val_fraction=0.25"]
    flags = dict.fromkeys(("quickstart", "imbalanced_digits", "taaf_digits"), digits)
    flags |= dict.fromkeys(("ead_digits", "imbalanced_ead", "taaf_ead"), spoken)
    flags |= {"taaf_ave": [f"--data.root={ave_root}", *clips[1:]]}
    # The lists of the small CREMA-D leave too few clips of a class for a validation part.
    return flags | dict.fromkeys(CLIPS, clips) | {"taaf_cremad": [*clips, "--data.split=random"]}


def narrow(experiment: str) -> list[str]:
    """Flags that make the ResNets narrow, also one that is switched off.

    On the CPU torch 2.14 crashes in the backward pass of narrow channels-last convolutions.
    """
    if experiment not in RESNETS:
        return []
    small = ("width=4", "channels_last=false")
    return [f"--model.encoders.{name}.{flag}" for name in ("audio", "visual") for flag in small]


def configs(experiment: str, switches: tuple[str, ...]) -> list[str]:
    files = [FOLDER / experiment, *(BASE / switch for switch in switches)]
    return [f"--config={path}.yaml" for path in files]


def train(
    experiment: str,
    switches: tuple[str, ...],
    flags: list[str],
    root: Path,
    row: Sequence[str] = (),
) -> Path:
    """Train one step, validate and test one batch; the run directory. A row's files come first."""
    place = [f"--run.root={root}", "--run.name=run", "--run.id=one", "--trainer.accelerator=cpu"]
    first, *others = configs(experiment, switches)
    command = ["fit", first, *row, *others, *flags, *narrow(experiment)]
    assert main([*command, *ONE_BATCH, "--trainer.max_epochs=1", *place]) == 0
    run = root / "run" / "one"
    record = json.loads((run / "results.json").read_text())
    assert record["status"] == "finished"
    assert 0 <= record["test"]["test/accuracy/fused"] <= 1
    return run


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_trains_and_tests(
    experiment: str, small_data: dict[str, list[str]], tmp_path: Path
) -> None:
    train(experiment, (), small_data[experiment], tmp_path)


@pytest.mark.parametrize(
    ("experiment", "switches"), [*SWITCHED, *MODULATED], ids=lambda value: str(value)
)
def test_it_trains_and_tests_with_every_switch(
    experiment: str, switches: tuple[str, ...], small_data: dict[str, list[str]], tmp_path: Path
) -> None:
    train(experiment, switches, small_data[experiment], tmp_path)


ROWS = [
    *(("taaf_ead", "taaf_ablation_ead", row, ()) for row in ("full_ead", "la_ta_ead")),
    *(
        ("taaf_digits", "taaf_digits", row, ())
        for row in ("detached", "no_adjustment", "off", "neither", "no_attention")
    ),
    ("taaf_digits", "taaf_digits", "attention_on_fusion", ("energy", "trackers")),
    ("taaf_digits", "taaf_digits", "attention_strength", ("trackers",)),
]


@pytest.mark.parametrize(("experiment", "sweep", "row", "switches"), ROWS, ids=str)
def test_a_row_of_a_sweep_trains_and_tests(
    experiment: str,
    sweep: str,
    row: str,
    switches: tuple[str, ...],
    small_data: dict[str, list[str]],
    tmp_path: Path,
) -> None:
    flags = read_request(FOLDER / f"sweeps/{sweep}.yaml").rows["row"][row]
    files = [flag for flag in flags if flag.startswith("--config=")]
    keys = [flag for flag in flags if flag not in files]
    own = [*small_data[experiment], *keys]
    train(experiment, switches, own, tmp_path, files)


@pytest.mark.parametrize("fusion", ["Sum", "FiLM", "Gated"])
def test_vanilla_keeps_shared_logits_with_every_fusion(
    fusion: str, small_data: dict[str, list[str]], tmp_path: Path
) -> None:
    flags = [*small_data["imbalanced_digits"], f"--model.fusion={fusion}"]
    switches = ("methods/ogm_ge", "vanilla")
    run = train("imbalanced_digits", switches, flags, tmp_path)
    settings = yaml.safe_load((run / "config.yaml").read_text())["model"]["init_args"]
    assert settings["fusion"]["class_path"].endswith(fusion)
    assert settings["fusion"]["init_args"]["unimodal"] == "shared"


@pytest.fixture
def settings(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def read(experiment: str, *switches: str) -> dict[str, Any]:
        assert main(["fit", *configs(experiment, switches), "--print_config"]) == 0
        found: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
        return found

    return read


@pytest.mark.parametrize("experiment", CLIPS)
def test_the_paper_is_the_default_and_undoes_the_released_code(
    experiment: str, settings: Callable[..., dict[str, Any]]
) -> None:
    assert settings(experiment, "profiles/released", "profiles/paper") == settings(experiment)


def test_the_released_code_differs_where_it_should(
    settings: Callable[..., dict[str, Any]],
) -> None:
    released = settings("iemf_cremad", *RELEASED)
    model, data = released["model"]["init_args"], released["data"]["init_args"]
    (iemf,) = released["trainer"]["callbacks"]
    assert released["run"]["profile"] == "released"
    assert model["label_smoothing"] == 0.1
    assert model["optimizer"]["init_args"]["nesterov"]
    assert model["optimizer"]["init_args"]["weight_decay"] == 5e-4
    assert model["encoders"]["visual"]["init_args"]["neuron"]["init_args"]["form"] == "released"
    assert (data["split"], data["select"]) == ("listed", "test")
    assert data["override"] == {"spectrogram": "log_stft", "frame_draw": "once"}
    assert (iemf["init_args"]["grad_noise"], iemf["init_args"]["start_epoch"]) == ("ge", 60)


def test_an_ann_twin_with_one_modality_has_no_other_and_no_neurons(
    settings: Callable[..., dict[str, Any]],
) -> None:
    config = settings("iemf_ks", "ann", "audio_only")
    (encoder,) = config["model"]["init_args"]["encoders"].values()
    assert encoder["init_args"]["in_channels"] == 1
    assert encoder["init_args"]["neuron"]["class_path"] == "torch.nn.ReLU"
    assert config["trainer"]["callbacks"] == []


@pytest.mark.parametrize("sweep", sorted(FOLDER.glob("sweeps/*.yaml")), ids=lambda path: path.stem)
def test_a_sweep_expands_and_its_last_run_parses(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", str(sweep), "--print", "commands"]) == 0
    lines = capsys.readouterr().out.splitlines()
    announced = re.search(r"(\d+) runs", sweep.read_text())
    assert announced is not None
    assert len(lines) == len(set(lines)) == int(announced[1])
    last = shlex.split(lines[-1])[1:]
    assert main([*last, "--print_config"]) == 0


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: path.stem)
def test_a_file_is_short_and_says_what_it_is(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= 60 or path.stem == "published"
