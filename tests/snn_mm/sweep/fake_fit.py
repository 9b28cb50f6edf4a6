"""Stands in for `snnmm fit`: leaves the same files, learns nothing, needs no torch.

Each start adds a line to `starts.txt` of its run directory. `FAKE_SECONDS` is how long a run takes;
`--model.mood=sad` makes it crash, `--model.mood=typo` end as a user's mistake does,
`--model.mood=sentimental` leave an error instead of an accuracy, `--model.mood=lost` diverge. It
has a checkpoint after half its time, and then resumes with the second half.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from snn_mm.run.directory import RunDirectory, write_json


def main(argv: list[str]) -> int:
    flags = dict(word[2:].split("=", 1) for word in argv if word.startswith("--") and "=" in word)
    if "--resume" in argv:
        run = RunDirectory(Path(argv[argv.index("--resume") + 1]))
    else:
        run = RunDirectory(Path(flags["run.root"], flags["run.name"], flags["run.id"]))
        if run.results.is_file():
            raise SystemExit("snnmm: error: exists already")
    if flags.get("model.mood") == "typo":
        sys.stderr.write("snnmm: error: model.mood: no such key\naccepted: model.fusion\n")
        return 2
    train(run, flags.get("model.mood"))
    return 0


def train(run: RunDirectory, mood: str | None) -> None:
    run.create()
    with (run.path / "starts.txt").open("a") as file:
        file.write(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}\n")
    run.config.write_text("seed_everything: 0\n")
    write_json(run.results, {"status": "running"})
    half = float(os.environ.get("FAKE_SECONDS", "0")) / 2
    if not run.last.is_file():
        time.sleep(half)
        run.last.touch()
    if mood == "sad":
        raise ValueError("spikes everywhere")
    time.sleep(half)
    score = {"test/mae/fused": 0.25} if mood == "sentimental" else {"test/accuracy/fused": 0.75}
    status = "diverged" if mood == "lost" else "finished"
    write_json(run.results, {"status": status, "epochs": 2, "test": score})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
