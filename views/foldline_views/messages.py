"""The messages view: what scripts said to people, at a level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from foldline.events import MessageLogged
from foldline_ingest.batch import Batch, facts

from .authors import bounded_rank
from .lineblocks import moment
from .session import Session

__all__ = ["LEVEL_MAX", "MessagesView", "Said", "bounded_level", "decode_said"]

LEVEL_MAX = 1000  # levels of `logging` end at 50; whatever is beyond this says no more than this


class Said(msgspec.Struct, frozen=True, array_like=True):
    """A message, but for its time and level."""

    text: str
    logger: str
    params: dict[str, Any]
    place: str
    rank: int | None  # None where it is the writer's


_encoder = msgspec.msgpack.Encoder()
decode_said = msgspec.msgpack.Decoder(Said).decode


class MessagesView:
    """Folds messages into rows, and counts those of each run and level.

    Messages of a run are ordered by (time, writer, seq).
    """

    name = "messages"
    version = 1
    schema = """
        CREATE TABLE message (
            run INTEGER NOT NULL, level INTEGER NOT NULL, time REAL NOT NULL, writer TEXT NOT NULL,
            seq INTEGER NOT NULL, segment INTEGER NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY (run, level, time, writer, seq)) WITHOUT ROWID;
        CREATE TABLE message_count (
            run INTEGER NOT NULL, level INTEGER NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (run, level)) WITHOUT ROWID;
    """

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Write a row for each message of the batches."""
        rows = []
        counts: Counter[tuple[int, int]] = Counter()
        for batch in batches:
            run, writer = batch.segment
            for fact in facts(batch, MessageLogged):
                said = fact.event
                assert isinstance(said, MessageLogged)  # no other was asked for
                key = (session.runs[run], bounded_level(said.level))
                data = (said.text, said.logger, said.params, said.place, bounded_rank(said.rank))
                time = moment(said.time) or moment(fact.time)
                segment = session.segments[batch.segment]
                rows.append((*key, time, writer, fact.seq, segment, _encoder.encode(data)))
                counts[key] += 1
                session.told.runs[run] = None
        session.db.executemany("INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        session.db.executemany(
            "INSERT INTO message_count VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET count = count + excluded.count",
            [(*key, count) for key, count in counts.items()],
        )

    def forget(self) -> None:
        """Drop what is in memory: there is nothing."""


def bounded_level(level: int) -> int:
    """Return a level within 0 to LEVEL_MAX."""
    return min(max(level, 0), LEVEL_MAX)
