"""Bookmarks: over HTTP, in a file, by many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from foldline.errors import WordsRejected
from foldline.layout import Layout
from foldline_views import bookmarks
from foldline_views.bookmarks import BOOKMARKS_MAX, Bookmark, Bookmarks
from foldline_views.register import replace
from tests.ui.fakes import Client, Fake, serving
from tests.ui.test_events import Stream

pytestmark = pytest.mark.anyio
BOOKMARKS = "/api/v1/bookmarks"


async def keep(client: Client, name: str, **more: Any) -> dict[str, Any]:
    asked = {"name": name, "page": "runs", "url": "runs?q=run.tags", **more}
    answer = await client.post(BOOKMARKS, json=asked)
    assert answer.status == 200, await answer.text()
    return dict(await answer.json())


async def names(client: Client) -> list[str]:
    answer = await (await client.get(BOOKMARKS)).json()
    return [bookmark["name"] for bookmark in answer["bookmarks"]]


async def test_bookmarks_are_kept_changed_and_removed(tmp_path: Path) -> None:
    """Pinned ones come first, then the last changed; another server of the store has the same."""
    fake = Fake(tmp_path)
    async with serving(fake) as client, serving(Fake(tmp_path)) as other:
        assert await names(client) == []
        first = await keep(client, "first", note="<b>a note</b>")
        second = await keep(client, "second")
        await keep(other, "third", pinned=True)
        assert await names(client) == ["third", "second", "first"]
        changed = await client.patch(f"{BOOKMARKS}/{first['id']}", json={"name": "1st"})
        body = await changed.json()
        assert {**body, "updated_at": 0} == {**first, "name": "1st", "updated_at": 0}
        assert await names(other) == ["third", "1st", "second"]
        left = await (await other.delete(f"{BOOKMARKS}/{second['id']}")).json()
        assert [bookmark["name"] for bookmark in left["bookmarks"]] == ["third", "1st"]
        gone = await client.delete(f"{BOOKMARKS}/{second['id']}")
        assert gone.status == 404
        assert (await gone.json())["error"]["code"] == "bookmark_not_found"
    assert fake.layout.bookmarks.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "\tjavascript:alert(1)",
        "java\nscript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,x",
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/runs",
        "..",
        "../other",
        "runs/../../other",
        "runs/./x",
        "x" * 8193,
    ],
)
async def test_an_address_out_of_the_app_is_refused(tmp_path: Path, url: str) -> None:
    """What a browser would take for a script or another site is no state of a page."""
    async with serving(Fake(tmp_path)) as client:
        answer = await client.post(BOOKMARKS, json={"name": "x", "page": "runs", "url": url})
        assert answer.status == 400
        kept = await keep(client, "good", url="runs?q=a:b&c=../d//e#f:g")
        changed = await client.patch(f"{BOOKMARKS}/{kept['id']}", json={"url": url})
        assert changed.status == 400
        assert await names(client) == ["good"]


async def test_a_slip_in_the_file_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    """A file that says something else is an error that names it, and it stays as it is."""
    fake = Fake(tmp_path)
    for slip in ("{", '{"bookmarks": [{"id": 1}]}', '{"bookmarks": [], "more": 1}'):
        fake.layout.bookmarks.write_text(slip)
        async with serving(fake) as client:
            answer = await client.get(BOOKMARKS)
            body = (await answer.json())["error"]
            assert (answer.status, body["code"]) == (400, "bad_words")
            assert str(fake.layout.bookmarks) in body["message"]
            kept = await client.post(BOOKMARKS, json={"name": "x", "page": "runs", "url": ""})
            assert kept.status == 400
        assert fake.layout.bookmarks.read_text() == slip


async def test_listeners_are_told_of_changes_by_anybody(tmp_path: Path) -> None:
    """A bookmark of ours, and one that another server kept, are told as one notice each."""
    fake = Fake(tmp_path)
    async with serving(fake) as client, Stream(client).open() as stream:
        await keep(client, "ours")
        assert (await stream.next()).kind == "bookmarks"
        bookmarks.add(fake.layout, name="another's", page="runs", url="runs")
        assert (await stream.next()).kind == "bookmarks"


def test_many_may_keep_at_once_and_none_is_lost(tmp_path: Path) -> None:
    """Each change is of what was there just before it."""
    layout = Layout(tmp_path / "store")
    layout.create()
    with ThreadPoolExecutor(8) as threads:
        kept = list(
            threads.map(
                lambda at: bookmarks.add(layout, name=f"b{at}", page="runs", url="runs"), range(40)
            )
        )
    assert {one.id for one in bookmarks.read(layout).bookmarks} == {one.id for one in kept}


def test_there_are_only_so_many(tmp_path: Path) -> None:
    """One too many is refused with a hint, and the others stay."""
    layout = Layout(tmp_path / "store")
    layout.create()
    replace(
        layout.bookmarks,
        Bookmarks([Bookmark(str(at), "x", "runs", "runs") for at in range(BOOKMARKS_MAX)]),
    )
    with pytest.raises(WordsRejected, match="1000 bookmarks already"):
        bookmarks.add(layout, name="x", page="runs", url="runs")
    assert len(bookmarks.read(layout).bookmarks) == BOOKMARKS_MAX
