"""Who wrote each segment: host, rank and role.

A shelf whose other views need to know has this one among its first.
"""

from __future__ import annotations

from collections.abc import Sequence

from foldline.events import WriterOpened
from foldline_ingest.batch import Batch, facts

from .session import Session

__all__ = ["RANK_MAX", "AuthorsView", "bounded_rank"]

RANK_MAX = 1 << 31  # a rank is a few thousands; one beyond this is nobody's


class AuthorsView:
    """Folds how each writer opened its segment into a row."""

    name = "authors"
    version = 1
    schema = """
        CREATE TABLE author (
            segment INTEGER PRIMARY KEY, host TEXT NOT NULL, rank INTEGER, role TEXT NOT NULL,
            beside TEXT NOT NULL);
    """

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Write a row for each segment that opens in the batches."""
        for batch in batches:
            for fact in facts(batch, WriterOpened):
                opened = fact.event
                assert isinstance(opened, WriterOpened)  # no other was asked for
                session.db.execute(
                    "INSERT OR REPLACE INTO author VALUES (?, ?, ?, ?, ?)",
                    (
                        session.segments[batch.segment],
                        opened.host,
                        bounded_rank(opened.rank),
                        opened.role,
                        opened.beside,
                    ),
                )

    def forget(self) -> None:
        """Drop what is in memory: there is nothing."""


def bounded_rank(rank: int | None) -> int | None:
    """Return a rank, or None for what can be none."""
    return rank if rank is not None and 0 <= rank < RANK_MAX else None
