"""A store of another machine, opened for analysis: `foldline.open("https://…")`.

A server answers what `store.Store` works out on the machine that has the files. Runs and series are
the same to a script; points, lines, values and files come when they are looked at.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from .answers import RunRow, RunsPage, SeriesPage, SeriesRow
from .api import Api
from .artifacts import VersionsPage
from .listing import Answer, FoundRun
from .portions import RunPortion, RunSeriesPage
from .searchpages import SearchPage
from .servedruns import Fetched, ServedRun, fetch_artifact, fetch_points
from .stored import Run, Series
from .versions import Version

__all__ = ["ServedStore"]

RUNS_ASKED = 200  # rows of an answer: each has all series of its run
SERIES_ASKED = 10_000
ROWS_ASKED = 1000


class ServedStore:
    """The runs and series of a server's store, by the methods of `Store`.

    Each question is answered by the server, with what it has folded: it is milliseconds behind.
    All methods raise ServerUnreachable and ServerRefused beside what they name.
    """

    def __init__(self, address: str) -> None:
        """FOLDLINE_TOKEN is shown to the server. Raises ValueRejected for a wrong address."""
        self._api = Api(address)
        folder = Path(tempfile.mkdtemp(prefix="foldline-"))
        self._files = Fetched.of(self._api, folder)
        self._find = partial(fetch_artifact, self._api, self._files)
        # With the last run that may still fetch, or when Python ends.
        weakref.finalize(self._api, shutil.rmtree, folder, ignore_errors=True)
        self._api.get("health", dict)  # a wrong address is told now

    def __repr__(self) -> str:
        return f"<foldline store at {self._api.url}>"

    def runs(self, query: str = "") -> Answer[Run]:
        """Return the runs that match, newest first. Raises QueryError."""
        rows: dict[str, RunRow] = {}
        warnings: list[str] = []
        asked = {"query": query, "limit": RUNS_ASKED}
        for page in self._api.pages(self._api.post, "runs/search", RunsPage, **asked):
            rows.update({row.id: row for row in page.rows})
            warnings = page.warnings
        return Answer([self._run(row) for row in rows.values()], warnings)

    def run(self, id: str) -> Run:
        """Return one run. Raises RunNotFound."""
        row = self._api.get(f"runs/{id}", RunPortion)
        if len(row.metrics) < row.metrics_total:
            path, asked = f"runs/{row.id}/series", {"limit": ROWS_ASKED}
            pages = self._api.pages(self._api.get, path, RunSeriesPage, **asked)
            row.metrics = [one for page in pages for one in page.series]
        return self._run(row)

    def series(self, query: str = "") -> Answer[Series]:
        """Return the series that match, those of the newest runs first. Raises QueryError."""
        found: dict[int, SeriesRow] = {}
        asked, total = 0, 1
        warnings: list[str] = []
        while asked < total:
            page = self._api.post(
                "series/search", SeriesPage, query=query, limit=SERIES_ASKED, offset=asked
            )
            # Runs that begin meanwhile move the rest on: what comes again is there already.
            found.update({row.series: row for row in page.series})
            asked, total, warnings = asked + SERIES_ASKED, page.total, page.warnings
        series = [
            Series(row.run, row, partial(fetch_points, self._api, (row.run, row.name, row.context)))
            for row in found.values()
        ]
        return Answer(series, warnings)

    def search(
        self, text: str, query: str = "", *, limit: int = 20, hits: int = 3
    ) -> Answer[FoundRun]:
        """Return the best runs in which a question is found, of those that match a query.

        At most 200 of them. Raises QuestionError and QueryError.
        """
        asked = {"q": text, "query": query, "limit": limit, "hits": hits}
        page = self._api.get("search", SearchPage, **asked)
        runs = [FoundRun(self.run(one.run.id), one.hits, more=one.more) for one in page.runs]
        return Answer(runs, page.warnings, total=page.total, exact=page.exact)

    def artifacts(self, name: str | None = None) -> list[Version]:
        """Return the versions of all artifacts, or of those of one name, by name and number.

        Of the runs that made and used one, the first hundred are told.
        """
        asked = {"name": name, "limit": ROWS_ASKED}
        return [
            Version.of(one, self._find)
            for page in self._api.pages(self._api.get, "artifacts", VersionsPage, **asked)
            for one in page.versions
        ]

    def close(self) -> None:
        """Close the connection; the next question makes another."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, row: RunRow) -> Run:
        return Run(ServedRun(self._api, self._files, row), row)
