"""What is submitted to a cluster, started here with stand-ins for what a cluster has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from snn_mm.cli import main
from snn_mm.run import RunDirectory
from snn_mm.run.identity import DIRECTORY_VARIABLE

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "experiments" / "cluster"
TOY = ROOT / "tests" / "snn_mm" / "toy"

SRUN = """\
#!/bin/bash
# As many processes as tasks of the job.
for ((task = 0; task < SLURM_NTASKS; task++)); do
  SLURM_PROCID=$task SLURM_LOCALID=$task SLURM_NODEID=0 SLURM_STEP_ID=0 "$@" &
done
wait -n
code=$?
wait
exit $code
"""
SCONTROL = """\
#!/bin/bash
# Note what is asked for.
echo "$@" >> "$JOB/scontrol"
"""
SBATCH = """\
#!/bin/bash
# One index of an array; once more when scontrol is asked to.
export SLURM_JOB_ID=70 SLURM_ARRAY_JOB_ID=70 SLURM_ARRAY_TASK_ID=1 SLURM_JOB_NAME=toy
export SLURM_NTASKS=1 SLURM_NTASKS_PER_NODE=1 SLURM_NODELIST=localhost SLURM_RESTART_COUNT=0
bash "$1"
echo "$?" >> "$JOB/codes"
if [ -e "$JOB/scontrol" ]; then
  export SLURM_RESTART_COUNT=1
  TOY_KILL=:0:SIGKILL bash "$1"
  echo "$?" >> "$JOB/codes"
fi
"""

Job = Callable[..., str]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Run a command in a folder of its own, with a cluster's programs in its PATH; its stderr."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("sbatch", SBATCH)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    def start(*command: str, **variables: str) -> str:
        venv = Path(sys.executable).parent
        environment = {
            # Without what an earlier training in this process has left for ranks of its own.
            **{name: value for name, value in os.environ.items() if name != DIRECTORY_VARIABLE},
            "PATH": f"{programs}:{venv}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(TOY), str(ROOT)]),
            "JOB": str(tmp_path),
            "WANDB_MODE": "offline",
            "WANDB_SILENT": "true",
            **variables,
        }
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stderr

    return start


def outcome(run: RunDirectory) -> tuple[dict[str, Any], bytes]:
    results = json.loads(run.results.read_text())
    assert results.pop("train_seconds") > 0
    return results, run.metrics.read_bytes()


def test_the_array_over_seeds_is_what_the_sweep_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("SNN_MM_TRUST")
    assert main(["sweep", "experiments/quickstart.yaml", "--seeds", "3", "--print", "sbatch"]) == 0
    assert capsys.readouterr().out == (CLUSTER / "seeds.sbatch").read_text()


@pytest.mark.slow
def test_a_job_that_is_queued_again_goes_on_in_its_run_and_its_wandb_run(
    tmp_path: Path, job: Job
) -> None:
    experiment = yaml.safe_load((TOY / "toy.yaml").read_text())
    experiment["trainer"]["logger"] = {"class_path": "WandbLogger"}
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "quickstart.yaml").write_text(yaml.safe_dump(experiment))
    script = str(CLUSTER / "seeds.sbatch")
    said = job("sbatch", script, TOY_KILL="on_train_batch_start:8:SIGUSR1")
    assert (tmp_path / "codes").read_text() == "143\n0\n", said
    assert (tmp_path / "scontrol").read_text() == "requeue 70_1\n"
    (run,) = (RunDirectory(path) for path in (tmp_path / "runs" / "quickstart-sweep").iterdir())
    assert run.run_id == "seed=1"
    assert {path.name.rpartition("-")[2] for path in run.path.glob("wandb/offline-run-*")} == {
        "seed=1"
    }
    whole = ["--run.root", str(tmp_path / "whole"), "--run.name", "quickstart-sweep"]
    argv = ["fit", "--config", str(TOY / "toy.yaml"), *whole, "--run.id", "seed=1"]
    assert main([*argv, "--seed_everything", "1"]) == 0
    assert outcome(run) == outcome(RunDirectory(tmp_path / "whole" / "quickstart-sweep" / "seed=1"))


@pytest.mark.slow
def test_what_torchrun_starts_again_goes_on_in_its_run(tmp_path: Path, job: Job) -> None:
    flags = ["--config", str(TOY / "ranks.yaml"), "--run.save_every_steps", "1"]
    script = [str(CLUSTER / "torchrun.sh"), *flags]
    job(*script, "--run.root", "cut", TOY_KILL="on_train_batch_start:5:SIGKILL")
    job(*script, "--run.root", "whole")
    (cut,), (whole,) = (
        [RunDirectory(path) for path in (tmp_path / name / "toy").iterdir()]
        for name in ("cut", "whole")
    )
    assert len(json.loads(cut.environment.read_text())["earlier_attempts"]) == 1
    (ended, metrics), (expected, same) = outcome(cut), outcome(whole)
    assert metrics == same
    assert {**ended, "run_id": ""} == {**expected, "run_id": ""}
