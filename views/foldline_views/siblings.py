"""The series of each run, by name and context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .catalog import Catalog

__all__ = ["Siblings"]


class Siblings:
    """Finds series beside one another for one answer; a run is gone through once."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._kinds: dict[int, dict[int, int]] = {}
        self._named: dict[int, dict[str, list[int]]] = {}

    def of_kind(self, run: int, kind: int) -> int | None:
        """Return the row of a run's series of a kind: a name in a context."""
        if run not in self._kinds:
            table = self.catalog.series
            self._kinds[run] = {
                int(table.kind[series]): series for series in self.catalog.series_of(run)
            }
        return self._kinds[run].get(kind)

    def of_name(
        self, run: int, name: str, context: Mapping[str, Any] | str | None
    ) -> tuple[int | None, int]:
        """Return the row of a run's series, and among how many of its name it was chosen.

        `context` may be JSON with its keys in order. Without it, it is the series without any, else
        the first that the run logged.
        """
        if run not in self._named:
            named: dict[str, list[int]] = {}
            for series in self.catalog.series_of(run):
                named.setdefault(self.catalog.series.key(series)[0], []).append(series)
            self._named[run] = named
        found = self._named[run].get(name, [])
        wanted = _key(context or {})
        for series in found:
            if _key(self.catalog.series.key(series)[1]) == wanted:
                return series, 1
        if context is not None or not found:
            return None, 0
        return found[0], len(found)

    def names(self) -> set[str]:
        """Return the names of all series."""
        return {name for name, _ in self.catalog.series.kinds}


def _key(context: Mapping[str, Any] | str) -> bytes:
    if isinstance(context, str):
        return context.encode()
    return msgspec.json.encode(context, order="deterministic")
