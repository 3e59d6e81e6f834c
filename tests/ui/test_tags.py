"""Tags of all runs: counted, renamed, merged, removed, described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline.errors import WordsRejected
from foldline.layout import Layout
from foldline_views import tagwords
from foldline_views.register import replace
from foldline_views.tagwords import TAG_WORDS_MAX, TagWord, TagWords
from tests.patience import wait_for
from tests.ui.fakes import Fake, serving
from tests.ui.processes import Server, up
from tests.ui.test_edits import send


def log(store: Path, run: str, *tags: str) -> None:
    with foldline.Run(id=run, store=store, tags=list(tags), capture=False):
        pass


def shown(server: Server) -> dict[str, tuple[int, int]]:
    answer: Any = server.ask("tags")
    return {row["tag"]: (row["runs"], row["archived"]) for row in answer["tags"]}


def test_tags_are_counted_renamed_merged_and_removed(tmp_path: Path) -> None:
    """Each answer shows the tags as they are on all runs, archived ones apart, no deleted ones."""
    store = tmp_path / "store"
    log(store, "one", "a", "b")
    log(store, "two", "a")
    log(store, "three", "<b>")
    log(store, "four", "gone")
    log(store, "five")
    with up(store) as server:
        server.wait_until_live()
        send(server, "PATCH", "runs/two", {"archived": True})
        send(server, "PATCH", "runs/four", {"deleted": True})
        known = {"<b>": (1, 0), "a": (1, 1), "b": (1, 0)}
        wait_for(lambda: shown(server) == known, "the changes to be folded")
        newest: Any = server.ask("runs/two")
        row = next(row for row in server.ask("tags")["tags"] if row["tag"] == "a")
        assert row["last_used"] == newest["created_at"]

        said = {"tag": "a", "color": "#aabbcc", "description": "first"}
        assert send(server, "POST", "tags/describe", said)[0] == 200
        status, edited = send(server, "POST", "tags/edit", {"tags": ["a"], "to": "c"})
        assert (status, edited["runs"], edited["left"], edited["folded"]) == (200, 2, 0, True)
        assert shown(server) == {"<b>": (1, 0), "b": (1, 0), "c": (1, 1)}
        words = {row["tag"]: row["description"] for row in server.ask("tags")["tags"]}
        assert words == {"<b>": "", "b": "", "c": "first"}

        _, edited = send(server, "POST", "tags/edit", {"tags": ["b", "<b>", "c"], "to": "c"})
        assert edited["runs"] == 2
        assert shown(server) == {"c": (2, 1)}
        _, edited = send(server, "POST", "tags/edit", {"tags": ["c"]})
        assert edited["runs"] == 3
        assert shown(server) == {}
        _, edited = send(server, "POST", "tags/edit", {"tags": ["nobody's"], "to": "x"})
        assert edited["runs"] == 0


def test_what_is_said_of_a_tag_is_kept_beside_the_log(tmp_path: Path) -> None:
    """Only what is named changes; a tag with no words left is forgotten; too many are refused."""
    layout = Layout(tmp_path / "store")
    layout.create()
    tagwords.describe(layout, "a", {"color": "#aabbcc"})
    tagwords.describe(layout, "a", {"description": "first"})
    assert tagwords.read(layout).tags == {"a": TagWord("#aabbcc", "first")}
    tagwords.move(layout, ["a"], "b")
    assert tagwords.read(layout).tags == {"b": TagWord("#aabbcc", "first")}
    tagwords.describe(layout, "c", {"color": "#000000"})
    tagwords.move(layout, ["b"], "c")
    assert tagwords.read(layout).tags == {"c": TagWord("#000000")}
    tagwords.describe(layout, "c", {"color": ""})
    assert tagwords.read(layout) == TagWords()
    for at in range(3):
        tagwords.describe(layout, f"t{at}", {"color": "#000000"})
    many = {f"m{at}": TagWord("#000000") for at in range(TAG_WORDS_MAX)}
    replace(layout.tags, TagWords(many))
    with pytest.raises(WordsRejected, match="1000 tags"):
        tagwords.describe(layout, "one more", {"color": "#000000"})
    layout.tags.write_text('{"tags": {"a": {"color": "red"}}}')
    with pytest.raises(WordsRejected, match=r"tags\.json"):
        tagwords.read(layout)


@pytest.mark.anyio
async def test_wrong_words_about_tags_are_refused(tmp_path: Path) -> None:
    """A colour is one, and a list of tags has some."""
    async with serving(Fake(tmp_path)) as client:
        for path, asked in (
            ("describe", {"tag": "a", "color": "red"}),
            ("describe", {"tag": "a", "color": "#aabbcc;x"}),
            ("describe", {"tag": "", "color": ""}),
            ("edit", {"tags": []}),
            ("edit", {"tags": ["a"], "to": ""}),
        ):
            answer = await client.post(f"/api/v1/tags/{path}", json=asked)
            assert answer.status == 400, asked
