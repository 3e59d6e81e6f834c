"""Reads of the text index, at one commit."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import tantivy

from foldline.errors import ViewDamaged

from .damage import guarded
from .documents import Document
from .schema import decoded

__all__ = ["Place", "Reader"]

# Runs that the index counts in one answer; it refuses more, and they are counted here.
COUNTED_MAX = 60_000


class Place(NamedTuple):
    """Where a document is, and which run's it is."""

    run: int
    address: tantivy.DocAddress


class Reader:
    """What queries find; it stays as it was, whatever is committed meanwhile.

    Raises ViewDamaged where the index can't be read.
    """

    def __init__(self, folder: Path, schema: tantivy.Schema, searcher: tantivy.Searcher) -> None:
        self.folder = folder
        self.schema = schema
        self._searcher = searcher

    def count(self, query: tantivy.Query) -> int:
        """Return how many documents a query finds."""
        with guarded(self.folder):
            found = self._searcher.search(query, 1, count=True)
            return found.count or 0  # type: ignore[attr-defined]  # its stub has forgotten it

    def newest(self, query: tantivy.Query, limit: int) -> list[Place]:
        """Return where the newest documents are that a query finds, the newest first."""
        with guarded(self.folder):
            found = self._searcher.search(query, limit, count=False, order_by_field="time_ms")
            addresses = [address for _, address in found.hits]
            runs = self._searcher.fast_field_values("run", addresses)
        return [Place(int(run or 0), address) for run, address in zip(runs, addresses, strict=True)]

    def document(self, place: Place) -> Document:
        """Return a document: to read it takes longer than to find it."""
        with guarded(self.folder):
            return decoded(self._searcher.doc(place.address))

    def runs(self, query: tantivy.Query) -> set[int]:
        """Return the runs that a query finds documents of."""
        wanted = {"runs": {"terms": {"field": "run", "size": COUNTED_MAX}}}
        try:
            with guarded(self.folder):
                buckets = self._searcher.aggregate(query, wanted)["runs"]["buckets"]
        except ViewDamaged:
            pass  # too many runs perhaps; damage shows again below
        else:
            if len(buckets) < COUNTED_MAX:
                return {int(bucket["key"]) for bucket in buckets}
        with guarded(self.folder):
            count = self.count(query)
            hits = self._searcher.search(query, count, count=False).hits
            runs = self._searcher.fast_field_values("run", [address for _, address in hits])
            return set(np.unique(np.array(runs, np.int64)).tolist())

    def runs_after(self, run: int) -> set[int]:
        """Return the runs with a larger number that there is anything of."""
        kind = tantivy.FieldType.Integer
        return self.runs(tantivy.Query.range_query(self.schema, "run", kind, run + 1, None))

    def newest_runs(self, query: tantivy.Query, limit: int) -> list[tuple[int, int]]:
        """Return runs by the newest document that a query finds of each, and when that was, in ms.

        The newest run comes first.
        """
        wanted = {
            "runs": {
                "terms": {"field": "run", "size": limit, "order": {"newest": "desc"}},
                "aggs": {"newest": {"max": {"field": "time_ms"}}},
            }
        }
        with guarded(self.folder):
            buckets = self._searcher.aggregate(query, wanted)["runs"]["buckets"]
        return [(int(bucket["key"]), int(bucket["newest"]["value"])) for bucket in buckets]
