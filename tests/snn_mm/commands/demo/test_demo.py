"""`snnmm demo`: the page in a real browser, and what it says without one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import snn_mm.commands.demo as demo
from snn_mm.cli import main
from snn_mm.commands.demo.network import RunOnShow
from snn_mm.errors import UserError

ROOT = Path(__file__).parents[4]
STEPS = [
    "--trainer.max_epochs=1",
    *(f"--trainer.limit_{s}_batches=2" for s in ("train", "val", "test")),
]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, digits_root: str) -> RunOnShow:
    """Return a run of the quickstart."""
    root = tmp_path_factory.mktemp("runs")
    place = [f"--run.root={root}", "--run.id=a", f"--data.root={digits_root}"]
    config = f"--config={ROOT / 'experiments/quickstart.yaml'}"
    assert main(["fit", config, *place, *STEPS, "--trainer.accelerator=cpu"]) == 0
    return RunOnShow.load(root / "quickstart" / "a")


@pytest.fixture(scope="module")
def address(network: RunOnShow) -> Iterator[str]:
    """Serve the page."""
    pytest.importorskip("gradio", reason="the page needs gradio, an extra")
    from snn_mm.commands.demo.page import build, open_page

    page = build(network)
    yield open_page(page, 0)
    page.close(verbose=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return Chromium."""
    driver = pytest.importorskip("playwright.sync_api", reason="no playwright drives a browser")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no Chromium on this machine")
    with driver.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


def test_without_gradio_one_line_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    assert main(["demo", "somewhere"]) == 2
    assert capsys.readouterr().err.count("snn_mm[page]") == 1


def test_a_file_and_a_sample_are_answered_and_nothing_is_a_mistake(
    network: RunOnShow, tmp_path: Path
) -> None:
    numpy.save(tmp_path / "clip.npy", numpy.full((8, 8), 3.0))
    said = network.say({"visual": str(tmp_path / "clip.npy")})
    assert "It says" in said["Decision"]
    assert "the label" not in said["Decision"]
    assert "(absent)" in said["Decision"]
    assert "nan" not in said["Decision"]
    assert all(said[name].count("<img ") for name in ("Evidence over time", "Modalities", "Spikes"))
    sample = network.say_sample(network.samples[0])
    assert "label is" in sample["Decision"] or "is right" in sample["Decision"]
    for asked in (lambda: network.say({}), lambda: network.say_sample(None)):
        with pytest.raises(UserError, match="first"):
            asked()


def test_a_browser_uploads_a_file_and_reads_the_decision_and_fetches_from_nowhere_else(
    address: str, browser: Any, tmp_path: Path
) -> None:
    numpy.save(tmp_path / "clip.npy", numpy.full((8, 8), 3.0))
    (tmp_path / "broken.npy").write_bytes(b"no array")
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name, said in (("clip", "It says"), ("broken", "broken.npy")):
        page.goto(address)
        page.locator("#ask").wait_for()
        upload = page.locator("input[type=file]").nth(-1)
        upload.set_input_files(tmp_path / f"{name}.npy")
        page.get_by_text(f"{name}").first.wait_for()
        page.locator("#ask").click()
        page.locator(".said", has_text=said).first.wait_for()
    assert asked
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()


def test_a_page_of_another_host_gets_no_answer(address: str) -> None:
    import httpx

    said = httpx.get(address, headers={"host": "elsewhere.example"})
    assert said.status_code == 400
    assert "default-src 'self'" in httpx.get(address).headers["content-security-policy"]
