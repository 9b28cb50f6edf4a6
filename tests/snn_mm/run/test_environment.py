import json
import subprocess
from pathlib import Path

import torch

from snn_mm.run.environment import describe_commit, describe_environment, installed_versions


def test_the_record_is_plain_data() -> None:
    environment = describe_environment()
    assert json.loads(json.dumps(environment)) == environment


def test_versions_are_those_that_run() -> None:
    assert installed_versions()["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_a_commit_says_whether_files_have_changed(tmp_path: Path) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for words in (("init", "-q"), (*identity, "commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    clean = describe_commit(tmp_path)
    (tmp_path / "new.py").touch()
    changed = describe_commit(tmp_path)
    assert clean is not None
    assert changed == {"commit": clean["commit"], "dirty": True}
    assert clean["dirty"] is False


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert describe_commit(tmp_path) is None
