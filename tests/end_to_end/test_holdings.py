"""Lines, values and blobs, from a training to a page."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foldline
from foldline.events import ConsolePrinted
from tests.patience import wait_for
from tests.ui.processes import Server, up

PIXELS = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def printed(run: foldline.Run, number: int, text: str) -> None:
    run._writer.event(ConsolePrinted("stdout", number, text))


def status_of(server: Server, path: str) -> tuple[int, Any]:
    try:
        return 200, server.ask(path)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["error"]["code"]


def test_what_a_run_holds_is_answered_while_it_grows(tmp_path: Path) -> None:
    """A page sees lines, messages and pictures as they come, and finds its way between them."""
    with (
        foldline.Run(id="first", store=tmp_path, capture=False) as run,
        up(tmp_path) as server,
    ):
        for step in range(20):
            run.track(1.0 / (step + 1), name="loss", step=step)
            printed(run, step, f"step {step}")
        run.log_warning("slow", workers=2)
        run.track(foldline.Image(PIXELS), name="samples", step=3, context={"subset": "val"})
        run.track(foldline.Text("hello"), name="said", step=4)
        run.flush(durable=True)

        def lines(query: str = "") -> Any:
            return server.ask(f"runs/first/lines{query}")

        wait_for(lambda: status_of(server, "runs/first/lines")[0] == 200, "the run to be there")
        wait_for(lambda: lines()["total"] == 20, "all lines to be folded")
        page = lines("?from=-2")
        assert [line["text"] for line in page["lines"]] == ["step 18", "step 19"]
        assert (page["start"], page["next"]) == (18, 20)
        printed(run, 20, "one more")
        wait_for(lambda: lines()["total"] == 21, "the next line to come")
        hits = server.ask("runs/first/lines/search?text=STEP%201")
        assert len(hits["lines"]) == 11 and hits["cursor"] is None
        at = hits["lines"][0]["time"]
        wait_for(
            lambda: server.ask(f"runs/first/step?at={at}")["step"] is not None, "points to be there"
        )
        assert server.ask(f"runs/first/step?at={at}")["step"] == 1
        assert server.ask("runs/first/step?at=0")["step"] is None
        back = server.ask("runs/first/time?step=1")["time"]
        (first,) = server.ask(f"runs/first/lines?at={back}&limit=1")["lines"]
        assert first["text"] == "step 1"
        assert server.ask("runs/first/time?step=18.5")["time"] > back
        assert server.ask("runs/first/time?step=20")["time"] is None
        (warning,) = server.ask("runs/first/messages?level=30")["messages"]
        assert (warning["text"], warning["params"]) == ("slow", {"workers": 2})

        def values(query: str = "") -> Any:
            return server.ask(f"runs/first/values{query}")

        wait_for(lambda: len(values()["entries"]) == 2, "both values to be kept and folded")
        (picture,) = values("?kind=image&context=%7B%22subset%22:%22val%22%7D")["entries"]
        (text,) = values("?name=said")["entries"]
        assert text["values"][0]["text"] == "hello" and text["step"] == 4
        steps = server.ask("runs/first/values/steps?kind=text&name=said")
        assert (steps["steps"], steps["total"]) == ([4], 1)
        val = "&context=%7B%22subset%22:%22val%22%7D"
        assert server.ask(f"runs/first/values/steps?kind=image&name=samples{val}")["steps"] == [3]
        assert server.ask("runs/first/values/steps?kind=image&name=samples")["steps"] == []
        blob = picture["values"][0]["blob"]
        with urllib.request.urlopen(f"{server.url}api/v1/blobs/{blob}?type=image/png") as answer:
            assert answer.read(4) == b"\x89PNG" and answer.headers["Content-Type"] == "image/png"
        found = server.ask("values/search", {"query": "not run.archived", "kind": "image"})
        assert [entry["run"] for entry in found["entries"]] == ["first"]
        assert list(found["runs"]) == ["first"]
        assert server.ask("values/search", {"query": "run.archived"})["entries"] == []
        for path in ("lines", "lines/search?text=x", "messages", "values", "step?at=1"):
            assert status_of(server, f"runs/nowhere/{path}") == (404, "run_not_found")


@pytest.mark.parametrize("view", ["lines", "values"])
def test_a_view_is_made_again_by_itself(tmp_path: Path, view: str) -> None:
    """Who rebuilds one set of views gets the same answers."""
    with foldline.Run(id="first", store=tmp_path, capture=False) as run:
        printed(run, 0, "a line")
        run.track(foldline.Text("hello"), name="said", step=4)
    with up(tmp_path) as server:
        server.wait_until_live()
        wait_for(lambda: status_of(server, "runs/first/values")[0] == 200, "values to be folded")
        wait_for(lambda: status_of(server, "runs/first/lines")[0] == 200, "lines to be folded")
        wait_for(lambda: server.ask("runs/first/lines")["total"] == 1, "the line to be there")
        (file,) = (tmp_path / "views" / view).glob("*/views.db")
        file.write_bytes(b"damaged" * 5000)
        route = "runs/first/lines" if view == "lines" else "runs/first/values"

        def healed() -> bool:
            status, answer = status_of(server, route)
            assert status in {200, 503}, answer
            return status == 200 and bool(answer.get("total") or answer.get("entries"))

        wait_for(healed, "the views to be made again")
