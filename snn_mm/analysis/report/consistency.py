"""What should be equal for runs that are compared, and is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from snn_mm.analysis.report.config_facts import as_text, differing, select
from snn_mm.analysis.report.run_files import Run, as_dict

FINGERPRINT = "data fingerprint"


def circumstances(run: Run, observers: Iterable[str]) -> dict[str, str]:
    """What should be equal for runs that are compared, by a readable name."""
    environment = run.environment
    git = as_dict(environment.get("git"))
    facts = {
        "commit": str(git.get("commit", "?"))[:7],
        "uncommitted changes": as_text(git.get("dirty")),
        FINGERPRINT: str(environment.get("data", "?")),
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
    keys = [key for key in differing(many) if key != FINGERPRINT or not drawn_as_told(runs, many)]
    return {key: Counter(facts.get(key, "?") for facts in many) for key in keys}


def drawn_as_told(runs: Sequence[Run], many: Sequence[dict[str, str]]) -> bool:
    """Whether the data differ just as `data.seed` and the method say: one fingerprint for each."""
    pairs = {(data_of_method(run), facts[FINGERPRINT]) for run, facts in zip(runs, many)}
    return len(pairs) == len({told for told, _ in pairs})


def data_of_method(run: Run) -> tuple[str, ...]:
    """What a config says of the data beyond the data set: seed, fold, what a task trains on."""
    drawn = {key: run.facts.get(key) for key in ("data.seed", "data.fold")}
    told = {**drawn, **select(run.facts, "method", ())}
    return tuple(f"{key}={as_text(told[key])}" for key in sorted(told) if key.startswith("data."))
