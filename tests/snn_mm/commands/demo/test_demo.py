"""`snnmm demo`: the page in a real browser, and what it says without one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

import snn_mm.commands.demo as demo
from datamodules.raw.reads import RawReader
from snn_mm.cli import main
from snn_mm.commands.demo import network as asked
from snn_mm.commands.demo import port as demo_port
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

    with tempfile.TemporaryDirectory() as uploads, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", uploads)
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
        heard = [f"--use-fake-{what}-for-media-stream" for what in ("ui", "device")]
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox", *heard])
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
    drawn = ("Input", "Evidence over time", "Modalities", "Spikes")
    assert all(said[name].count("<img ") for name in drawn)
    sample = network.say_sample(network.samples[0])
    assert "label is" in sample["Decision"] or "is right" in sample["Decision"]
    for ask in (lambda: network.say({}), lambda: network.say_sample(None)):
        with pytest.raises(UserError, match="first"):
            ask()


def test_a_port_that_is_taken_and_what_is_no_run_are_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _: True)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["demo", str(tmp_path), "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"--port {port} of 127.0.0.1: Address already in use" in said
    assert demo_port.free_port(port) == port
    with pytest.raises(UserError, match="no run directory"):
        RunOnShow.load(tmp_path)


def test_who_asks_too_much_is_told_and_the_next_is_answered(
    network: RunOnShow, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(network, "_show", lambda *_: {"waited": str(ended.wait(60))})
    monkeypatch.setattr(asked, "SECONDS", 0.1)
    with pytest.raises(UserError, match=r"no answer within 0\.1 s"):
        network.say_sample(network.samples[0])
    ended.set()
    monkeypatch.setattr(asked, "SECONDS", 60.0)
    assert network.say_sample(network.samples[0]) == {"waited": "True"}


def test_what_a_reader_says_names_no_folder_of_uploads(network: RunOnShow, tmp_path: Path) -> None:
    (tmp_path / "broken.npy").write_bytes(b"no array")
    with pytest.raises(UserError) as said:
        network.say({"visual": str(tmp_path / "broken.npy")})
    assert "broken.npy" in str(said.value)
    assert str(tmp_path) not in str(said.value)


def test_one_file_and_a_question_are_asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    read, given = RawReader(lambda *_: numpy.zeros(1), {".npz"}), []
    readers = {"audio": read, "visual": read, "question": RawReader(read.read)}
    data = SimpleNamespace(raw_readers=lambda: readers)
    network = RunOnShow(None, data, Path("a/b"))
    monkeypatch.setattr(network, "_read", lambda files: given.append(files) or {})
    network.say({"question": "who?"}, "one.npz")
    network.say({}, "one.npz")
    assert given == [{"audio": "one.npz", "visual": "one.npz", "question": "who?"}, "one.npz"]
    for files, whole in (({"audio": "a.npz"}, "one.npz"), ({"question": "who?"}, None)):
        with pytest.raises(UserError):
            network.say(files, whole)


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


def test_a_browser_asks_by_its_microphone(address: str, browser: Any) -> None:
    page = browser.new_context(permissions=["microphone"]).new_page()
    page.goto(address)
    page.get_by_role("button", name="Record").click()
    page.wait_for_timeout(1000)
    page.get_by_role("button", name="Stop").first.click()
    page.get_by_role("button", name="Play").first.wait_for()
    assert not page.get_by_role("button", name="Share").count()
    page.locator("#ask").click()
    page.locator(".said", has_text="It says").first.wait_for()


def test_two_visitors_at_once_get_each_their_own_answer(
    address: str, browser: Any, tmp_path: Path
) -> None:
    numpy.save(tmp_path / "clip.npy", numpy.full((8, 8), 3.0))
    one, other = browser.new_context().new_page(), browser.new_context().new_page()
    for page in (one, other):
        page.goto(address)
        page.locator("#ask").wait_for()
    one.locator("input[type=file]").nth(-1).set_input_files(tmp_path / "clip.npy")
    one.get_by_text("clip").first.wait_for()
    other.get_by_role("tab", name="Test samples").click()
    one.locator("#ask").click()
    other.locator("#ask-sample").click()
    for page in (one, other):
        page.locator(".said", has_text="It says").first.wait_for()
    said = [page.locator(".said").first.inner_text() for page in (one, other)]
    assert ["(absent)" in each for each in said] == [True, False]
    assert [bool(re.search("the label is|is right", each)) for each in said] == [False, True]


def test_an_upload_that_is_too_large_is_refused_and_not_kept(address: str) -> None:
    import httpx

    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
        yield from (bytes(2**20) for _ in range(200))
        yield b"\r\n--x--\r\n"

    kind = {"content-type": "multipart/form-data; boundary=x"}
    said = httpx.post(f"{address}gradio_api/upload", content=body(), headers=kind, timeout=60)
    assert said.status_code == 413
    assert "File size exceeded" in said.text
    left = Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*")
    assert not [path for path in left if path.is_file() and path.stat().st_size > 2**24]


def test_nobody_on_the_network_reaches_it(address: str) -> None:
    port = int(address.rstrip("/").rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):  # who serves all addresses serves this one too
        socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.mark.slow
def test_interrupted_it_ends_with_130_without_uploads_and_frees_its_port(
    network: RunOnShow, tmp_path: Path
) -> None:
    pytest.importorskip("gradio", reason="the page needs gradio, an extra")
    run = str(network.directory)
    code = "import sys; from snn_mm.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "demo", run]
    place = {**os.environ, "TMPDIR": str(tmp_path)}
    started = subprocess.Popen(
        command, env=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", started.stdout.readline())
    assert found
    assert list(tmp_path.glob("snnmm-demo-*"))
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 130
    assert said.splitlines()[-1] == "snnmm: interrupted"
    assert "Traceback" not in said
    assert not list(tmp_path.glob("snnmm-demo-*"))
    assert demo_port.free_port(int(found[1])) == int(found[1])


def test_a_page_of_another_host_gets_no_answer(address: str) -> None:
    import httpx

    said = httpx.get(address, headers={"host": "elsewhere.example"})
    assert said.status_code == 400
    assert "default-src 'self'" in httpx.get(address).headers["content-security-policy"]
