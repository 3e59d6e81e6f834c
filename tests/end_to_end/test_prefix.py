"""Behind a proxy, under a path."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser.page import Page
from tests.ui.processes import log_run, up


@contextmanager
def proxy(port: int, prefix: str, *, strips: bool) -> Iterator[str]:
    """Hand on what is asked for below a prefix, with the prefix or without it."""

    class Handing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(prefix):
                self.send_error(404)
                return
            path = self.path.removeprefix(prefix) if strips else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            upstream = http.client.HTTPConnection("127.0.0.1", port)
            headers = {**self.headers, "Host": f"127.0.0.1:{port}", "Connection": "close"}
            upstream.request(self.command, path, body, headers)
            with upstream.getresponse() as answer:
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"connection", "transfer-encoding", "date"}:
                        self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                while piece := answer.read1(65_536):
                    self.wfile.write(piece)
                    self.wfile.flush()
            upstream.close()

        do_POST = do_GET  # noqa: N815  # as the library calls it

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handing) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{prefix}/"
        server.shutdown()


@pytest.mark.parametrize("strips", [True, False])
def test_the_pages_work_behind_a_proxy(tmp_path: Path, page: Page, *, strips: bool) -> None:
    """A proxy on another port hands on what is below a path; pages, API and events are there."""
    log_run(tmp_path, "first")
    with (
        up(tmp_path, "--prefix", "/lab/fold") as server,
        proxy(server.port, "/lab/fold", strips=strips) as url,
    ):
        assert server.url.endswith("/lab/fold/")
        server.wait_until_live()
        page.goto(f"{url}runs")
        page.wait_for("body", "the first")
        page.wait_for("body", "Live")
        assert page.evaluate("location.pathname").startswith("/lab/fold/runs")
        log_run(tmp_path, "second")
        page.wait_for("body", "2 runs")
