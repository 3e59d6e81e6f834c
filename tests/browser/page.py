"""One page in Chromium, used as a person would."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .chromium import Chromium, DevToolsError

__all__ = ["Page"]

Stub = Callable[[str], object]  # what is done with a paused request, by its id

DEADLINE_S = 30.0  # for a condition in the page, on a busy machine with two cores
POLL_S = 0.03
WIDTH_PX, HEIGHT_PX = 1440, 900

KEYS = {
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Tab": (9, ""),
    "Backspace": (8, ""),
    "Delete": (46, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
    "Home": (36, ""),
    "End": (35, ""),
    "Space": (32, " "),
}
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}


class Page:
    """A tab with storage of its own.

    What the page reports as an error, whether thrown, logged or refused by the server, is kept in
    `errors`; the hosts it asked anything of, in `hosts`; the requests that are not answered yet,
    but for streams of events, in `waiting`.
    """

    def __init__(self, chromium: Chromium) -> None:
        self._chromium = chromium
        self._context = chromium.send("Target.createBrowserContext")["browserContextId"]
        self._target = chromium.send(
            "Target.createTarget", url="about:blank", browserContextId=self._context
        )["targetId"]
        attached = chromium.send("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session: str = attached["sessionId"]
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        self.waiting: set[str] = set()
        self._stubs: list[tuple[str, Stub]] = []
        chromium.listen(self._session, self._hear)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")
        self.resize(WIDTH_PX, HEIGHT_PX)

    def close(self) -> None:
        """Close the tab and forget its storage."""
        self._chromium.listen(self._session, None)
        self._chromium.send("Target.disposeBrowserContext", browserContextId=self._context)

    def goto(self, url: str) -> None:
        """Open `url` and wait until its document and scripts are loaded."""
        result = self._send("Page.navigate", url=url)
        assert not result.get("errorText"), f"{url}: {result['errorText']}"
        self.wait_until("document.readyState === 'complete'")

    def reload(self) -> None:
        """Load the address again, and wait until its document and scripts are loaded."""
        self.evaluate("window.isOld = true")
        self._send("Page.reload")
        self._wait(self._is_new, "the page to be loaded again", DEADLINE_S)

    def _is_new(self) -> bool:
        try:
            return bool(self.evaluate("!window.isOld && document.readyState === 'complete'"))
        except DevToolsError:
            return False  # asked between the two documents

    def resize(self, width: int, height: int) -> None:
        """Make the window `width` x `height` CSS pixels."""
        self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, **features: str) -> None:
        """Set what the person prefers: `color_scheme="dark"`, `reduced_motion="reduce"`."""
        named = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value}
            for name, value in features.items()
        ]
        self._send("Emulation.setEmulatedMedia", features=named)

    def hold(self, pattern: str) -> None:
        """Never answer requests whose URL matches a glob, as a very slow server would."""
        self._stub(pattern, lambda _: None)

    def refuse(self, pattern: str) -> None:
        """Fail such requests as if nobody listened at the server's port."""
        self._stub(
            pattern,
            lambda request: self._send(
                "Fetch.failRequest", requestId=request, errorReason="ConnectionRefused"
            ),
        )

    def reply(self, pattern: str, status: int, body: bytes) -> None:
        """Answer such requests with a status and a body of JSON, and ask no server."""
        self._stub(
            pattern,
            lambda request: self._send(
                "Fetch.fulfillRequest",
                requestId=request,
                responseCode=status,
                responseHeaders=[{"name": "Content-Type", "value": "application/json"}],
                body=base64.b64encode(body).decode(),
            ),
        )

    def let(self, pattern: str) -> None:
        """Let such requests pass, whatever is said of them later; of two words the first counts."""
        self._stub(pattern, lambda request: self._send("Fetch.continueRequest", requestId=request))

    def _stub(self, pattern: str, stub: Stub) -> None:
        self._stubs.append((pattern, stub))
        self._send("Fetch.enable", patterns=[{"urlPattern": "*/api/*"}])

    def _answer(self, url: str, request: str) -> None:
        for pattern, stub in self._stubs:
            if fnmatch(url, pattern):
                stub(request)
                return
        self._send("Fetch.continueRequest", requestId=request)

    def unstub(self) -> None:
        """Let all requests pass again; those that were held stay so."""
        self._stubs.clear()
        self._send("Fetch.disable")

    def heap_bytes(self) -> int:
        """Return what the page's scripts hold in memory, once what nobody holds is freed."""
        self._send("HeapProfiler.collectGarbage")
        return int(self._send("Runtime.getHeapUsage")["usedSize"])

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited.

        Raises AssertionError if it throws.
        """
        reply = self._send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in reply:
            details = reply["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description", details["text"]))
        return reply["result"].get("value")

    def wait_until(self, expression: str, *, deadline_s: float = DEADLINE_S) -> Any:
        """Return the first truthy value of a JavaScript expression."""

        def value() -> Any:
            try:
                return self.evaluate(expression)
            except DevToolsError as error:
                if "navigated" not in str(error):
                    raise
                return None  # the page goes elsewhere by itself, and is asked again there

        return self._wait(value, expression, deadline_s)

    def wait_for(self, selector: str, text: str = "", *, deadline_s: float = DEADLINE_S) -> None:
        """Wait until an element that matches `selector` is visible and contains `text`."""
        self.wait_until(
            f"[...document.querySelectorAll({json.dumps(selector)})].some("
            f"e => e.checkVisibility() && e.textContent.includes({json.dumps(text)}))",
            deadline_s=deadline_s,
        )

    def address(self) -> str:
        """Return path, query and place within the page."""
        return str(self.evaluate("location.pathname + location.search + location.hash"))

    def count(self, selector: str) -> int:
        """Return how many elements match."""
        return int(self.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length"))

    def text(self, selector: str) -> str:
        """Return the text of the first element that matches, as it is seen."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def attribute(self, selector: str, name: str) -> str | None:
        """Return an attribute of the first element that matches."""
        value: str | None = self.evaluate(
            f"document.querySelector({json.dumps(selector)}).getAttribute({json.dumps(name)})"
        )
        return value

    def hover(self, selector: str, *, at: tuple[float, float] = (0.5, 0.5)) -> None:
        """Move the pointer over an element, `at` these parts of its width and height."""
        self._mouse("mouseMoved", *self._point(selector, at))

    def click(self, selector: str, *, at: tuple[float, float] = (0.5, 0.5), count: int = 1) -> None:
        """Click on an element, after it has come."""
        x, y = self._point(selector, at)
        self._mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self._mouse(kind, x, y, button="left", clickCount=count)

    def click_text(self, selector: str, text: str) -> None:
        """Click the first element that matches and shows a text."""
        self.wait_for(selector, text)
        self.evaluate(
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            f".find(e => e.textContent.includes({json.dumps(text)})).click()"
        )

    def drag(
        self,
        selector: str,
        start: tuple[float, float],
        end: tuple[float, float],
        *,
        button: str = "left",
    ) -> None:
        """Drag inside an element from one part of its width and height to another."""
        x, y = self._point(selector, start)
        to_x, to_y = self._point(selector, end)
        held = {"left": 1, "right": 2, "middle": 4}[button]
        self._mouse("mouseMoved", x, y)
        self._mouse("mousePressed", x, y, button=button, clickCount=1)
        for part in (0.3, 0.7, 1.0):
            self._mouse("mouseMoved", x + (to_x - x) * part, y + (to_y - y) * part, buttons=held)
        self._mouse("mouseReleased", to_x, to_y, button=button, clickCount=1)

    def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        for character in text:
            self._send("Input.dispatchKeyEvent", type="char", text=character)

    def press(self, keys: str) -> None:
        """Press one key, or some together: `"Escape"`, `"j"`, `"Control+k"`."""
        *held, key = keys.split("+") if len(keys) > 1 else [keys]
        code, text = KEYS.get(key, (ord(key[0].upper()), key))
        modifiers = sum(MODIFIERS[name] for name in held)
        shared = {
            "key": " " if key == "Space" else key,
            "code": f"Key{key.upper()}" if len(key) == 1 and key.isalpha() else key,
            "windowsVirtualKeyCode": code,
            "modifiers": modifiers,
        }
        typed = {"text": text} if text and not modifiers & ~MODIFIERS["Shift"] else {}
        self._send("Input.dispatchKeyEvent", type="keyDown", **shared, **typed)
        self._send("Input.dispatchKeyEvent", type="keyUp", **shared)

    def accessibility(self) -> list[tuple[str, str]]:
        """Return role and name of all that a screen reader is told of."""
        nodes = self._send("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", "").strip())
            for node in nodes
            if not node["ignored"]
        ]

    def screenshot(self, path: Path) -> Path:
        """Save what is seen as a PNG; return its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._send("Page.captureScreenshot")["data"]))
        return path

    def _wait(self, condition: Callable[[], Any], what: str, deadline_s: float) -> Any:
        end = time.monotonic() + deadline_s
        while not (value := condition()):
            if time.monotonic() > end:
                seen = str(self.evaluate("document.body.innerText"))[:1500]
                raise AssertionError(
                    f"waited {deadline_s:g} s for {what}\n"
                    f"the page's errors: {self.errors}\nthe page shows:\n{seen}"
                )
            self._chromium.pump(POLL_S)
        return value

    def _point(self, selector: str, at: tuple[float, float]) -> tuple[float, float]:
        self.wait_for(selector)
        x, y = self.evaluate(
            "(() => {"
            f"const e = [...document.querySelectorAll({json.dumps(selector)})]"
            ".find(e => e.checkVisibility());"
            "e.scrollIntoView({block: 'nearest', inline: 'nearest', behavior: 'instant'});"
            "const r = e.getBoundingClientRect();"
            f"return [r.x + r.width * {at[0]}, r.y + r.height * {at[1]}];"
            "})()"
        )
        return x, y

    def _mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._chromium.send(method, self._session, **parameters)

    def _hear(self, method: str, event: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", details["text"])
            self.errors.append(f"thrown: {thrown}")
        elif method == "Runtime.consoleAPICalled" and event["type"] in {"error", "assert"}:
            words = [str(arg.get("value", arg.get("description", ""))) for arg in event["args"]]
            self.errors.append(f"console: {' '.join(words)}")
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error":
            entry = event["entry"]
            self.errors.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")
        elif method == "Fetch.requestPaused":
            with suppress(DevToolsError):  # the page gave the request up meanwhile
                self._answer(event["request"]["url"], event["requestId"])
        elif method in {"Network.loadingFinished", "Network.loadingFailed"}:
            self.waiting.discard(event["requestId"])
        elif method == "Network.requestWillBeSent":
            if event.get("type") != "EventSource":
                self.waiting.add(event["requestId"])
            url = urlsplit(event["request"]["url"])
            if url.scheme in {"http", "https", "ws", "wss"}:
                self.hosts.add(url.netloc)
