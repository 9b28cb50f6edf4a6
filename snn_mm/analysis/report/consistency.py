"""What should be equal for runs that are compared, and is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from snn_mm.analysis.report.config_facts import as_text, differing, select
from snn_mm.analysis.report.run_files import Run, as_dict


def circumstances(run: Run, observers: Iterable[str]) -> dict[str, str]:
    """What should be equal for runs that are compared, by a readable name."""
    environment = run.environment
    git = as_dict(environment.get("git"))
    facts = {
        "commit": str(git.get("commit", "?"))[:7],
        "uncommitted changes": as_text(git.get("dirty")),
        "data fingerprint": str(environment.get("data", "?")),
        "ranks": str(environment.get("ranks", 1)),
        "python": str(environment.get("python", "?")),
    }
    packages = as_dict(environment.get("packages"))
    facts |= {f"version of {name}": str(version) for name, version in packages.items()}
    protocol = select(run.facts, "protocol", observers)
    return facts | {f"protocol: {k}": as_text(v) for k, v in protocol.items()}


def differences(runs: Sequence[Run], observers: Iterable[str]) -> dict[str, Counter[str]]:
    """What differs between runs: how many runs have each value, by a readable name."""
    many = [circumstances(run, observers) for run in runs]
    return {key: Counter(facts.get(key, "?") for facts in many) for key in differing(many)}
