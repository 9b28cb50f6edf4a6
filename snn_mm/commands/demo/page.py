"""The page itself, by gradio: on loopback only, and it fetches nothing from elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from html import escape
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read while gradio is imported
os.environ["GRADIO_RUN_HISTORY"] = "False"  # a page that offers to send answers elsewhere
import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from snn_mm.commands.demo.network import RunOnShow
from snn_mm.commands.demo.port import HOST, free_port
from snn_mm.errors import UserError

UPLOAD = "64mb"
KEEP_SECONDS = 600
"""How long uploads stay on the disk."""
PLACE = {"height": 150, "min_width": 300}
"""Pixels of a place to drop a file in; its name stands above, that of the file within."""
SECTIONS = ("Decision", "Input", "Evidence over time", "Modalities", "Spikes")
POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""What a browser may fetch: this server's own files."""
STYLE = """
.said img { width: 100%; max-width: 760px; }
.said table { width: auto; max-width: 100%; }
.said td, .said th { padding: 2px 10px; text-align: left; }
.said .wide { overflow-x: auto; }
.said .legend { display: none; }
.said .mistake { color: #b3261e; font-weight: 600; }
"""


def serve(network: RunOnShow, port: int) -> None:
    """Serve the page until the process is interrupted; uploads are gone then.

    Raises:
        KeyboardInterrupt: it was.
        UserError: the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="snnmm-demo-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        address = open_page(build(network), port)
        print(f"{address}  (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        idle = network.finish()  # threads of the server end with the process
    if not idle:
        print("snnmm: interrupted", file=sys.stderr, flush=True)
        os._exit(128 + signal.SIGINT)
    raise KeyboardInterrupt


def open_page(page: gr.Blocks, port: int) -> str:
    """Start to serve, in a thread.

    Args:
        page: what to serve.
        port: of loopback; 0 for a free one.

    Returns:
        Where the page is.

    Raises:
        UserError: the port is taken, or not ours to open.
    """
    chosen = free_port(port)
    try:
        _, address, _ = page.launch(
            share=False,
            server_name=HOST,
            server_port=chosen,
            prevent_thread_lock=True,
            quiet=True,
            show_error=True,
            max_file_size=UPLOAD,
            allowed_paths=[],
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            footer_links=[],
            app_kwargs={"middleware": _middleware()},
            css=STYLE,
            theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        )
    except OSError:
        raise UserError(f"--port {chosen}: it is taken") from None
    return str(address)


def build(network: RunOnShow) -> gr.Blocks:
    """The page of a network."""
    with gr.Blocks(
        analytics_enabled=False,
        title=f"snn_mm: {network.title}",
        delete_cache=(KEEP_SECONDS, KEEP_SECONDS),
    ) as page:
        gr.Markdown(f"# {network.title}\nWhat does this network make of it?")
        with gr.Tabs():
            asks = [_files_tab(network), _samples_tab(network)]
        shown = [gr.HTML(elem_classes="said", padding=False) for _ in SECTIONS]
        for button, inputs, answer in filter(None, asks):
            button.click(answer, inputs, shown, concurrency_limit=1, concurrency_id="network")
    page.queue(max_size=8)
    return page


def _files_tab(network: RunOnShow) -> Any:
    readers = network.readers
    if not readers:
        return None
    suffixes = [suffix for reader in readers.values() for suffix in reader.suffixes]
    shared = len(set(suffixes)) < len(suffixes)
    with gr.Tab("Your files"):
        with gr.Row():
            whole = gr.File(label="All in one file", visible=shared, **PLACE)
            each = [_input(name, reader) for name, reader in readers.items()]
        sound = next((name for name, r in readers.items() if ".wav" in r.suffixes), "")
        kinds = {name: " ".join(sorted(r.suffixes)) for name, r in readers.items() if r.suffixes}
        gr.Markdown(
            "  \n".join(f"{name}: {each}" for name, each in kinds.items())
            + f"  \nEach file has at most {UPLOAD.upper()}."
        )
        speech = gr.Audio(
            label=f"Or speak: {sound}",
            sources=["microphone"],
            type="filepath",
            buttons=[],  # gradio's own would share what was said
            visible=bool(sound),
        )
        button = gr.Button("What is it?", variant="primary", elem_id="ask")

    def answer(whole: str | None, spoken: str | None, *files: str | None) -> list[str]:
        given = {name: file for name, file in zip(readers, files, strict=True) if file}
        if spoken:
            given.setdefault(sound, spoken)
        return said(lambda: network.say(given, whole))

    return button, [whole, speech, *each], answer


def _input(name: str, reader: Any) -> Any:
    if not reader.suffixes:
        return gr.Textbox(label=name, min_width=PLACE["min_width"])
    return gr.File(label=name, **PLACE)


def _samples_tab(network: RunOnShow) -> Any:
    if not network.samples:
        return None
    with gr.Tab("Test samples"):
        chosen = gr.Dropdown(network.samples, label="A sample that it was not trained on")
        button = gr.Button("What is it?", variant="primary", elem_id="ask-sample")
    return button, [chosen], lambda name: said(lambda: network.say_sample(name))


def said(answer: Callable[[], dict[str, str]]) -> list[str]:
    """Each section as HTML; a mistake is a line in the first."""
    try:
        sections = answer()
    except UserError as error:
        line = str(error).replace("\n", "; ")
        return [f'<p class="mistake">{escape(line)}</p>', *[""] * (len(SECTIONS) - 1)]
    return [f"<h2>{escape(name)}</h2>{sections[name]}" for name in SECTIONS]


def _middleware() -> list[Middleware]:
    """No other host's pages may ask (DNS rebinding), and the page may fetch from none."""
    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]),
        Middleware(_Policy),
    ]


class _Policy:
    """Sends `POLICY` with every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"content-security-policy", POLICY.encode()))
            await send(message)

        await self.app(scope, receive, with_policy)
