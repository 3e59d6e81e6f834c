"""People change runs: over HTTP, beside a training."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import foldline
from tests.patience import wait_for
from tests.ui.fakes import Fake, serving
from tests.ui.processes import Server, log_run, up


def send(server: Server, method: str, path: str, body: object) -> tuple[int, Any]:
    """Return the status and the JSON of an answer."""
    request = urllib.request.Request(
        f"{server.url}api/v1/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_runs_are_changed_while_they_run(tmp_path: Path) -> None:
    """Each answer shows the change it answers; the training writes on and knows nothing of it."""
    store = tmp_path / "store"
    log_run(store, "done")
    with up(store) as server, foldline.Run(id="live", store=store, name="mine") as run:
        wait_for(lambda: server.ask("health")["runs"]["total"] == 2, "both runs")
        run.track(1.0, name="loss", step=0)
        for number in range(5):
            edit = {"name": f"take {number}", "tags_added": [f"t{number}"]}
            status, shown = send(server, "PATCH", "runs/live", edit)
            assert (status, shown["name"]) == (200, f"take {number}")
        assert shown["tags"] == [f"t{number}" for number in range(5)]
        assert shown["status"] == "running"
        run.track(2.0, name="loss", step=1)
        many = {"ids": ["live", "done"], "edit": {"deleted": True}}
        status, edited = send(server, "POST", "runs/edit", many)
        assert (status, edited["folded"], len(edited["runs"])) == (200, True, 2)
        assert server.ask("runs/search", {})["total"] == 0
        status, back = send(server, "PATCH", "runs/done", {"deleted": False})
        assert (status, back["deleted_at"]) == (200, None)
        found = server.ask("runs/search", {"query": "run.deleted"})
        assert [row["id"] for row in found["rows"]] == ["live"]


def test_wrong_changes_are_told(tmp_path: Path) -> None:
    """What changes nothing, contradicts itself or names no run is an error of the one who asks."""
    store = tmp_path / "store"
    log_run(store, "done")
    with up(store) as server:
        server.wait_until_live()
        for edit, told in (
            ({}, "something to change"),
            ({"tags_added": ["a"], "tags_removed": ["a"]}, "not both"),
            ({"tags_added": ["x" * 300]}, "length <= 256"),
            ({"archived": "yes"}, "bool"),
            ({"status": "finished"}, "status"),
        ):
            status, answer = send(server, "PATCH", "runs/done", edit)
            assert status == 400
            assert told in answer["error"]["message"]
        status, answer = send(server, "PATCH", "runs/nobody", {"archived": True})
        assert (status, answer["error"]["code"]) == (404, "run_not_found")


@pytest.mark.anyio
async def test_a_change_that_does_not_show_yet_is_accepted(tmp_path: Path) -> None:
    """Kept and not folded is 202, so that a page knows that what it got is old."""
    fake = Fake(tmp_path)
    fake.views.folded = False
    async with serving(fake) as client:
        answer = await client.patch("/api/v1/runs/0k1", json={"archived": True})
        assert answer.status == 202
        many = {"ids": ["0k1"], "edit": {"archived": True}}
        assert (await client.post("/api/v1/runs/edit", json=many)).status == 202


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("format_", "media", "start"),
    [
        ("csv", "text/csv", b"run.name\r\nfirst\r\n"),
        ("json", "application/json", b'[{"run.name":"first"}'),
        ("jsonl", "application/jsonl", b'{"run.name":"first"}\n'),
        ("latex", "application/x-tex", b"% \\usepackage{booktabs}"),
        ("parquet", "application/vnd.apache.parquet", b"PAR1"),
    ],
)
async def test_a_file_is_answered(tmp_path: Path, format_: str, media: str, start: bytes) -> None:
    """A file comes with its type and a name to save it by, and never as a page."""
    async with serving(Fake(tmp_path)) as client:
        asked = {"format": format_, "columns": ["run.name"]}
        answer = await client.post("/api/v1/runs/export", json=asked)
        body = await answer.read()
    assert answer.status == 200
    assert answer.content_type == media
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="runs.')
    assert body.startswith(start)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "asked", "code"),
    [
        ("groups", {"by": ["run."]}, "bad_column"),
        ("groups", {"by": ["run.name"], "columns": ["1 +"]}, "bad_column"),
        ("groups", {"by": ["run.name"], "sort": [{"by": "run."}]}, "bad_sort"),
        ("groups", {"by": []}, "bad_request"),
        ("export", {"columns": ["run."]}, "bad_column"),
        ("export", {"best": {"by": "run.lr"}}, "bad_request"),
        ("export", {"group_sort": [{"by": "runs"}]}, "bad_request"),
        ("export", {"group_by": ["run.lr"], "group_sort": [{"by": "1 +"}]}, "bad_sort"),
        ("export", {"group_by": ["run.name"], "sort": [{"by": "run.name"}]}, "bad_request"),
        ("export", {"format": "xlsx"}, "bad_request"),
        ("columns", {"sources": ["secret"]}, "bad_request"),
    ],
)
async def test_what_names_nothing_is_told_apart_from_the_query(
    tmp_path: Path, path: str, asked: dict[str, Any], code: str
) -> None:
    """An error in a column, a key or an order says in which, and points into no query."""
    fake = Fake(tmp_path)
    async with serving(fake) as client:
        answer = await client.post(f"/api/v1/runs/{path}", json=asked)
        error = (await answer.json())["error"]
    assert (answer.status, error["code"], error["at"]) == (400, code, None)
    assert fake.views.asked == []
