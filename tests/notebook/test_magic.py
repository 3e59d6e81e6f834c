"""The `%foldline` magic, in a real kernel."""

from __future__ import annotations

import http.server
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from foldline.layout import Layout
from foldline.served import served
from tests.browser.page import Page
from tests.notebook.kernel import Kernel
from tests.patience import wait_for
from tests.ui.processes import log_run, up


@pytest.fixture
def magic(kernel: Kernel) -> Kernel:
    """A kernel that knows `%foldline`."""
    assert kernel.run("%load_ext foldline") == []
    return kernel


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_up_starts_one_server_and_shows_it(magic: Kernel, tmp_path: Path) -> None:
    """The first call starts a server, the next one finds it, and `stop` ends it."""
    said, frame = magic.run("%foldline up --height 400")
    url = re.search(r"http://[\w.:]+/", said.text)
    assert url is not None
    assert f'src="{url[0]}"' in frame.html and 'height="400"' in frame.html
    with urlopen(f"{url[0]}api/v1/health", timeout=10) as answer:
        assert answer.status == 200
    found = served(Layout(tmp_path / "store"))
    assert found is not None and found.url == url[0]
    assert url[0] in magic.run("%foldline up")[0].text
    [said] = magic.run("%foldline stop")
    assert "was stopped" in said.text
    assert not alive(found.pid)
    assert served(Layout(tmp_path / "store")) is None


def test_a_server_that_a_kernel_started_ends_with_it(magic: Kernel, tmp_path: Path) -> None:
    """No server is left when a notebook is closed."""
    magic.run("%foldline up")
    found = served(Layout(tmp_path / "store"))
    assert found is not None
    magic.end()
    wait_for(lambda: not alive(found.pid), "the server to be gone")


def test_up_shows_a_server_that_was_there(magic: Kernel, tmp_path: Path) -> None:
    """A store has one server: the notebook shows that of somebody else and leaves it running."""
    with up(tmp_path / "other") as server:
        said, frame = magic.run(f"%foldline up --store '{tmp_path / 'other'}'")
        assert server.url in said.text and server.url in frame.html
        assert server.process.poll() is None
        magic.run(f"%foldline stop --store '{tmp_path / 'other'}'")
        assert server.process.wait(30) == 0


def test_a_mistake_is_told_in_a_line_and_spares_the_kernel(magic: Kernel) -> None:
    """What is wrong is said with what to type, and no traceback of ours."""

    def check(line: str, told: str) -> None:
        text = "".join(output.text for output in magic.run(line))
        assert told in text, text
        assert "magic.py" not in text

    check("%foldline", "usage: %foldline")
    check("%foldline down", "invalid choice")
    check("%foldline up --height tall", "invalid int")
    check("%foldline stop", "nobody serves the store")
    check("%foldline up --store /dev/null/store", "can't be written")
    assert magic.run("print(1)")[0].text == "1\n"


class _Notebook(http.server.BaseHTTPRequestHandler):
    """Answers every request with a page that frames another."""

    frame = ""

    def do_GET(self) -> None:
        body = f'<!doctype html><iframe src="{self.frame}"></iframe>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on standard error."""


@contextmanager
def notebook(frame: str) -> Iterator[str]:
    """Serve a page that frames an address, as a notebook's does."""
    answers = type("Framing", (_Notebook,), {"frame": frame})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_page_of_this_machine_may_frame_the_pages(page: Page, tmp_path: Path) -> None:
    """A browser shows the server's page inside of a notebook's, and reports no refusal."""
    log_run(tmp_path / "store")
    with up(tmp_path / "store") as server, notebook(server.url) as address:
        page.goto(address)

        def framed() -> bool:
            frames = page._send("Page.getFrameTree")["frameTree"].get("childFrames", [])
            return bool(
                frames
                and frames[0]["frame"]["url"].startswith(server.url)
                and "unreachableUrl" not in frames[0]["frame"]
            )

        wait_for(framed, "the page to be framed")
        asked = f"{server.url.removeprefix('http://').rstrip('/')}"
        wait_for(lambda: asked in page.hosts, "the framed page to ask its server")
