"""`snnmm doctor`: its report and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from snn_mm.commands import doctor
from snn_mm.commands.checks.result import Check, fail, info, ok, warn

GOOD = [ok("torch", "2.14"), info("cuda", "none"), warn("disk", "small")]


def broken_check() -> Iterator[Check]:
    yield ok("first", "fine")
    raise RuntimeError("no sensors")


@pytest.fixture
def with_checks(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Check]], None]:
    def use(checks: list[Check]) -> None:
        monkeypatch.setattr(doctor, "SECTIONS", {"Things": ("made.up",)})
        monkeypatch.setattr(doctor, "_function", lambda name: lambda: iter(checks))

    return use


def test_warnings_are_no_failure(
    with_checks: Callable[[list[Check]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with_checks(GOOD)
    assert doctor.run(["doctor"]) == 0
    assert capsys.readouterr().out.splitlines()[1:3] == [
        "Things",
        "  ok    torch                2.14",
    ]


def test_one_failure_makes_exit_code_1(
    with_checks: Callable[[list[Check]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with_checks([*GOOD, fail("torch", "missing")])
    assert doctor.run(["doctor"]) == 1
    assert capsys.readouterr().out.endswith("\n1 broken, marked FAIL above.\n")


def test_json_holds_every_check(
    with_checks: Callable[[list[Check]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with_checks([fail("torch", "missing")])
    assert doctor.run(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"section": "Things", "status": "FAIL", "name": "torch", "detail": "missing"}
    ]


def test_a_check_that_cannot_run_is_a_failure_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    functions = {"a.b": broken_check, "c.d": lambda: iter(GOOD[:1])}
    monkeypatch.setattr(doctor, "_function", functions.get)
    results = [check for _, check in doctor.examine({"Things": ("a.b", "c.d")})]
    assert results == [
        ok("first", "fine"),
        fail("a.b", "RuntimeError: no sensors"),
        ok("torch", "2.14"),
    ]


def test_every_named_check_exists() -> None:
    names = [name for section in (doctor.SECTIONS | doctor.IMPORTS).values() for name in section]
    assert all(callable(doctor._function(name)) for name in names)


def test_imports_are_tried_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, with_checks: Callable[[list[Check]], None]
) -> None:
    with_checks(GOOD)
    asked: list[str] = []
    monkeypatch.setattr(doctor, "_function", lambda name: asked.append(name) or (lambda: iter(())))
    doctor.run(["doctor"])
    doctor.run(["doctor", "--imports"])
    assert asked == ["made.up", "made.up", "imports.check_imports"]
