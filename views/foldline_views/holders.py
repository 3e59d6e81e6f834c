"""Whether runs name a blob.

Nothing tells of a blob by its digest, as nobody needs that who may see all runs. For others the
events that could name it are looked through.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Collection, Sequence

import msgspec

from foldline.layout import Layout
from foldline.shipper.trees import named_by

from .tracked import decode_entry

__all__ = ["Holders"]

RECENT_MAX = 16  # runs whose blobs were asked for last: whoever shows one picture shows more
TABLES_MAX = 1000  # that are looked through for a blob that one names: an answer has no more

_VALUES = """
    SELECT uid FROM run JOIN sequence ON sequence.run = run.id
    JOIN entry ON entry.sequence = sequence.id
    WHERE uid IN (SELECT value FROM json_each(?)) AND instr(entry.data, ?) LIMIT 1"""
_CAPTURED = """
    SELECT uid FROM run JOIN segment ON segment.run = run.id
    JOIN captured ON captured.segment = segment.id JOIN captured_text USING (digest)
    WHERE uid IN (SELECT value FROM json_each(?)) AND instr(captured_text.data, ?) LIMIT 1"""
_TABLES = """
    SELECT uid, entry.data FROM run JOIN sequence ON sequence.run = run.id
    JOIN entry ON entry.sequence = sequence.id
    WHERE uid IN (SELECT value FROM json_each(?)) AND kind NOT IN ('image', 'audio', 'video')
    AND instr(entry.data, ?) ORDER BY entry.id DESC LIMIT ?"""
_JSON = b"json"  # of the media types of what may name other blobs


class Holders:
    """Finds runs that name a blob, those first whose blobs were asked for last."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._recent: OrderedDict[str, None] = OrderedDict()

    def name(self, db: sqlite3.Connection, digest: str, runs: Collection[str]) -> bool:
        """Say whether one of these runs names a blob, itself or by a table."""
        recent = [run for run in reversed(self._recent) if run in runs]
        found = _direct(db, digest, recent) if recent else None
        if found is None:
            found = _direct(db, digest, list(runs))
        if found is None:
            found = self._by_table(db, digest, list(runs))
        if found is None:
            return False
        self._recent[found] = None
        self._recent.move_to_end(found)
        while len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)
        return True

    def _by_table(self, db: sqlite3.Connection, digest: str, runs: Sequence[str]) -> str | None:
        for run, data in db.execute(_TABLES, (_listed(runs), _JSON, TABLES_MAX)):
            for value in decode_entry(data).values:
                if value.blob and digest in named_by(self._layout.blob(value.blob)):
                    return str(run)
        return None


def _direct(db: sqlite3.Connection, digest: str, runs: Sequence[str]) -> str | None:
    asked = (_listed(runs), digest.encode())
    for question in (_VALUES, _CAPTURED):
        for (run,) in db.execute(question, asked):
            return str(run)
    return None


def _listed(runs: Sequence[str]) -> str:
    return msgspec.json.encode(runs).decode()
