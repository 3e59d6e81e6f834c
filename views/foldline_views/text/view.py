"""The text view: what runs say, as documents.

The index can't join a transaction of SQLite, so it commits first. A crash between the two leaves
it ahead of the offsets: what is folded again then replaces itself, for each document has a key.
Only a run that SQLite has never heard of could be taken for another one that gets its number;
what the index has of such runs is removed when it is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec

from foldline.errors import ViewDamaged
from foldline.events import (
    ConsolePrinted,
    FieldsSet,
    GitCaptured,
    MachineCaptured,
    MessageLogged,
    ParamsRemoved,
    ParamsSet,
    SourcesCaptured,
    TagsChanged,
    ValuesTracked,
    WriterClosed,
    WriterFound,
    WriterLost,
    WriterOpened,
)
from foldline.layout import Layout
from foldline_ingest.batch import Batch, Fact, facts

from ..generation import mark_damaged, store_of
from ..lineblocks import BLOCK_LINES, moment
from ..lines import LINES_MAX
from ..messages import bounded_level
from ..runs import RunState
from ..series import context_key
from ..session import Session
from ..tracked import is_placed
from .blocks import block_of
from .documents import Document, Message, SourceLines, Text, source_lines
from .index import TextIndex
from .runwords import words_of
from .texts import blob_text, value_text

__all__ = ["TextView", "index_folder"]

# What may change the words of a run.
WORDS = {
    kind.TYPE
    for kind in (
        FieldsSet, GitCaptured, MachineCaptured, ParamsRemoved, ParamsSet, TagsChanged,
        WriterClosed, WriterFound, WriterLost, WriterOpened,
    )
}  # fmt: skip


def index_folder(file: Path) -> Path:
    """Return the folder of the index that belongs to a shelf's file."""
    return file.parent / "text"


class TextView:
    """Folds what runs say into documents; `authors`, `runs` and `lines` come before it.

    Raises ViewDamaged if the index can't be used: the shelf is made again then.
    """

    name = "text"
    version = 1
    schema = """
        CREATE TABLE text_run (run INTEGER PRIMARY KEY, digest BLOB NOT NULL);
        CREATE TABLE text_source (
            run INTEGER NOT NULL, path TEXT NOT NULL, time REAL NOT NULL, writer TEXT NOT NULL,
            seq INTEGER NOT NULL, blob TEXT NOT NULL, blocks INTEGER NOT NULL,
            PRIMARY KEY (run, path)) WITHOUT ROWID;
    """

    def __init__(self) -> None:
        self._index: TextIndex | None = None
        # Of an index that this object made, and that has been ahead of nothing: the last block of
        # each segment that was put. None where others may have put what is put now.
        self._made: dict[int, int] | None = None
        self._changed = False
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(RunState)

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Put the batches' documents, and commit the index."""
        try:
            self._apply(session, batches)
        except ViewDamaged:
            mark_damaged(session.file)
            raise

    def forget(self) -> None:
        """Drop what is in memory, and what was not committed; another may write then."""
        index, self._index, self._made = self._index, None, None
        if index is not None:
            index.close()

    def _apply(self, session: Session, batches: Sequence[Batch]) -> None:
        index = self._opened(session)
        layout = store_of(session.file)
        self._changed = False
        for batch in batches:
            self._put_said(session, batch)
            self._put_lines(session, batch)
            self._put_sources(session, layout, batch)
        self._put_runs(session, batches)
        if self._changed:
            index.commit()

    def _opened(self, session: Session) -> TextIndex:
        if self._index is None:
            folder = index_folder(session.file)
            made = not folder.exists()
            self._index = TextIndex(folder, write=True)
            if made:
                self._made = {}
            else:
                ((known,),) = session.db.execute("SELECT coalesce(max(run), 0) FROM text_run")
                self._index.remove_runs(self._index.reader.runs_after(known))
        elif not self._index.exists():
            raise ViewDamaged(f"{self._index.folder} was deleted", hint="it is made again")
        return self._index

    def _put(self, documents: Iterable[Document], *, new: bool) -> None:
        """Put documents; `new` says that nothing committed has their keys."""
        assert self._index is not None  # opened before anything is put
        self._index.put(self._counted(documents), fresh=new and self._made is not None)

    def _counted(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            self._changed = True
            yield document

    # --- what a run is called and what it is set to -----------------------------------------------

    def _put_runs(self, session: Session, batches: Sequence[Batch]) -> None:
        told = {
            batch.segment.run
            for batch in batches
            if any(head.type in WORDS for head in batch.events)
        }
        for uid, run in session.runs.items():
            row = session.db.execute("SELECT digest FROM text_run WHERE run = ?", (run,)).fetchone()
            if row is not None and uid not in told:
                continue
            data = session.db.execute("SELECT data FROM run_state WHERE run = ?", (run,)).fetchone()
            if data is None:
                continue  # nothing of it can be read
            words = words_of(run, uid, self._decoder.decode(data[0]))
            digest = blake2b(self._encoder.encode(words), digest_size=16).digest()
            if row is None or row[0] != digest:
                self._put([words], new=row is None)
                session.db.execute("INSERT OR REPLACE INTO text_run VALUES (?, ?)", (run, digest))
                session.told.runs[uid] = None

    # --- what it said -----------------------------------------------------------------------------

    def _put_said(self, session: Session, batch: Batch) -> None:
        """Put messages and texts."""
        run = session.runs[batch.segment.run]
        layout = store_of(session.file)
        for fact in facts(batch, MessageLogged, ValuesTracked):
            match fact.event:
                case MessageLogged() as said:
                    self._put([_message(run, fact, said)], new=True)
                case ValuesTracked(kind="text") as said if is_placed(said):
                    self._put(_texts(layout, run, fact, said), new=True)
                case _:
                    continue
            session.told.runs[batch.segment.run] = None

    def _put_lines(self, session: Session, batch: Batch) -> None:
        """Put the blocks of lines that the batch's events change, as `lines` has them now."""
        numbers: set[int] = set()
        for fact in facts(batch, ConsolePrinted):
            assert isinstance(fact.event, ConsolePrinted)  # no other was asked for
            first, count = fact.event.first, fact.event.text.count("\n") + 1
            if 0 <= first <= LINES_MAX - count:
                numbers.update(range(first // BLOCK_LINES, (first + count - 1) // BLOCK_LINES + 1))
        if not numbers:
            return
        segment = session.segments[batch.segment]
        made = {} if self._made is None else self._made
        last = made.get(segment, -1)
        made[segment] = max(last, *numbers)
        for number in sorted(numbers):
            block = block_of(session.db, batch.segment.writer, segment, number)
            if block is not None:
                document = block.document(session.runs[batch.segment.run])
                self._put([document], new=number > last)
        session.told.runs[batch.segment.run] = None

    # --- its code ---------------------------------------------------------------------------------

    def _put_sources(self, session: Session, layout: Layout, batch: Batch) -> None:
        """Put captured files. Of what several processes captured under a path the latest counts."""
        run = session.runs[batch.segment.run]
        for fact in facts(batch, SourcesCaptured):
            assert isinstance(fact.event, SourcesCaptured)  # no other was asked for
            for file in fact.event.files:
                self._put_source(session, layout, run, fact, file.path, file.blob)
            session.told.runs[batch.segment.run] = None

    def _put_source(
        self, session: Session, layout: Layout, run: int, fact: Fact, path: str, blob: str
    ) -> None:
        assert self._index is not None  # opened before anything is put
        row = session.db.execute(
            "SELECT time, writer, seq, blob, blocks FROM text_source WHERE run = ? AND path = ?",
            (run, path),
        ).fetchone()
        if row is not None and (tuple(row[:3]) > fact.stamp):
            return
        blocks = 0 if row is None else row[4]
        if row is None or row[3] != blob:
            text = blob_text(layout, blob)
            found = source_lines(run, moment(fact.time), path, blob, text)
            self._put(found, new=row is None)
            surplus = range(len(found), blocks)
            self._index.remove(
                SourceLines(run, 0.0, path, blob, number * BLOCK_LINES).key for number in surplus
            )
            self._changed = self._changed or bool(surplus)
            blocks = len(found)
        session.db.execute(
            "INSERT OR REPLACE INTO text_source VALUES (?, ?, ?, ?, ?, ?, ?)",
            (run, path, *fact.stamp, blob, blocks),
        )


def _message(run: int, fact: Fact, said: MessageLogged) -> Message:
    time = moment(said.time) or moment(fact.time)
    level = bounded_level(said.level)
    return Message(run, time, fact.writer, fact.seq, level, said.text, said.logger)


def _texts(layout: Layout, run: int, fact: Fact, said: ValuesTracked) -> Iterator[Text]:
    context = context_key(said.context) if said.context else ""
    for number, value in enumerate(said.values):
        yield Text(
            run, moment(said.time), fact.writer, fact.seq, said.name, float(said.step),
            value_text(layout, value), number, context,
        )  # fmt: skip
