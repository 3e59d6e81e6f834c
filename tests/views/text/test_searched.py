"""What sort keys and columns ask of the full-text search."""

from __future__ import annotations

from pathlib import Path

import anyio

import foldline
from foldline.layout import Layout
from foldline_views import searches
from foldline_views.answers import RunsPage
from foldline_views.asked import ExportRequest, Sort
from foldline_views.folding import catch_up
from foldline_views.reader import Views
from foldline_views.shelves import CATALOG, TEXT

BEST = Sort('search("needle")')


def ask(store: Path, query: str, *sorts: Sort, text: str = "") -> RunsPage:
    async def whole() -> RunsPage:
        layout = Layout(store)
        await catch_up(layout, shelves=(CATALOG, TEXT))
        views = await Views.open(layout.views)
        try:
            cells = ['search("needle")']
            page = await views.runs(query, sort=sorts, text=text, columns=cells, limit=2)
            behind = await views.runs(
                query, sort=sorts, text=text, columns=cells, limit=2, cursor=page.cursor
            )
            table = await views.export(ExportRequest(sort=list(sorts), columns=["run.id"]))
            every = [*page.rows, *(behind.rows if page.cursor else ())]
            assert [row.id for row in every] == table.columns[0].cells()[: len(every)]
        finally:
            await views.close()
        page.rows = every
        return page

    return anyio.run(whole)


def log_runs(store: Path) -> None:
    """Log four runs: in the last three a needle is found, best in the name."""
    for run, name, notes in (
        ("none", "plain", ""), ("noted", "other", "a needle"), ("named", "needle", ""),
        ("said", "third", ""),
    ):  # fmt: skip
        with foldline.Run(id=run, store=store, capture=False, name=name) as written:
            if notes:
                written.notes = notes
            if run == "said":
                written.log_info("no needle here")


def test_runs_are_sorted_by_how_well_they_are_found(tmp_path: Path) -> None:
    """By a search in the key the best comes first, page by page, whatever the query."""
    log_runs(tmp_path)
    found = ask(tmp_path, "", BEST, Sort("run.id"))
    assert [row.id for row in found.rows] == ["named", "noted", "said", "none"]
    assert [row.cells for row in found.rows] == [[1], [2], [3], [None]]
    beside = ask(tmp_path, "", BEST, text="needle")
    assert [row.id for row in beside.rows] == ["named", "noted", "said"]


def test_more_runs_than_are_ranked_are_told_of(tmp_path: Path) -> None:
    """Those behind the best are there all the same."""
    log_runs(tmp_path)
    before = searches.RANKED_MAX
    searches.RANKED_MAX = 1
    try:
        found = ask(tmp_path, "", BEST)
    finally:
        searches.RANKED_MAX = before
    assert [row.id for row in found.rows[:1]] == ["named"]
    assert len(found.rows) == 4
    assert found.warnings == ["the best 1 of 3 runs come in the order of the search"]
