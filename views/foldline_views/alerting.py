"""What a store's rules make of what is logged.

Beside the fold, and behind it: what the catalog has committed is read once more from the log, but
only while there are rules. A rule is met once in each series; that it was is an `AlertRaised` in a
segment whose name follows from the rule and the series, so a fold process that was killed says it
again and it counts once. What the rules remember of a series is in memory alone, and is read again
from the log.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator

import anyio
import anyio.to_thread
import msgspec
import numpy as np
from numpy.typing import NDArray

from foldline.errors import FoldlineError, QueryError
from foldline.events import AlertRaised
from foldline.ids import run_id
from foldline.layout import Layout, SegmentName
from foldline.packs import is_there
from foldline.series import is_system
from foldline_ingest.batch import Batch
from foldline_ingest.reader import SegmentReader
from foldline_ingest.statement import mark, state
from foldline_ingest.stored import written_at

from . import rules
from .answers import plain
from .catalog import Catalog, RunTable, SeriesTable
from .changes import read_changes
from .conditions import Nonfinite, Stalled
from .generation import Generation, current
from .opened import read
from .outbox import post
from .query import parse
from .rules import Rule, Rules
from .series import context_key
from .shelves import CATALOG
from .snapshot import load
from .watched import Found, Watched

__all__ = ["Alerting", "stalled_runs", "told", "watch"]

log = logging.getLogger(__name__)

LOOK_S = 0.25  # between two looks: who is told by a person's device minds no quarter of a second
LOOK_BYTES_MAX = 64 << 20  # of the log in one look: half a second of work, after which others may
# Alerts of one rule in one run. A rule that fits 10,000 series of a run that diverges says nothing
# more with the hundred-and-first.
ALERTS_OF_RULE_MAX = 100
# How often it is noted up to when everything was looked at, in seconds, and how much earlier a
# restart begins: the times of files are those of their file system.
NOTE_S = 10.0
STALLED_S = 1.0  # between two looks at the clock: a rule waits for minutes
SLACK_S = 60.0


def told(found: Found) -> AlertRaised:
    """Return what is logged of a rule that was met."""
    rule = found.rule
    if isinstance(rule.when, Stalled):
        title = f"no progress for {rule.when.for_s:g} s"
    elif isinstance(rule.when, Nonfinite):
        title = f"{found.series} is {plain(found.value)}"
    else:
        title = f"{found.series} is {found.value:,.6g}: {rules.words(rule)}"
    context = dict(found.context)
    where = f"; context {context_key(context)}" if context else ""
    at = f"; step {found.step:,.10g}" if found.step is not None else ""
    text = f"rule {rule.id}: {rule.query or 'all series'}{where}{at}"
    return AlertRaised(
        title,
        text,
        rule.level,
        rule.id,
        found.series,
        context,
        found.step,
        found.value,
        found.time,
    )


class Alerting:
    """The rules of a store, and the runs that they look at."""

    def __init__(self, layout: Layout, *, now: Callable[[], float] = time.time) -> None:
        self._layout = layout
        self._now = now
        self._rules = Rules()
        self._rules_of: tuple[int, int] = (-1, -1)  # time and inode of the file they are from
        self._asked: tuple[object, ...] = ()  # what the masks were made of
        self._noted = self._timed = 0.0
        self._budget = 0
        self._by_run: dict[str, list[Watched]] | None = None  # during one look
        self._forget()

    def _forget(self) -> None:
        self._generation: Generation | None = None
        self._catalog = Catalog()
        self._last_segment = 0
        self._followed: set[int] = set()  # rows of the segments that are watched
        self._due: list[Found] = []  # met, and not logged yet
        self._watched: dict[SegmentName, Watched] = {}
        self._places: dict[str, tuple[int, dict[tuple[str, str], int]]] = {}
        self._masks: dict[str, NDArray[np.bool_]] = {}
        self._raised: set[tuple[str, int, str, str, str]] = set()
        self._counts: dict[tuple[str, int, str], int] = {}

    def look(self) -> list[Found]:
        """Look at what was committed since the last look; return the alerts that were raised.

        Raises OSError if an alert can't be logged; the next look raises it again.
        """
        self._read_rules()
        if not self._rules.rules:
            if self._watched or self._last_segment:
                self._forget()
            return []
        segments = self._refresh()
        if segments is None:
            return []
        self._ask()
        self._budget = LOOK_BYTES_MAX
        self._by_run = None
        for name, end in segments:
            self._due += self._read(name, end)
        now = self._now()
        if abs(now - self._timed) >= STALLED_S:
            self._timed = now
            self._due += stalled_runs(self._catalog, self._rules.rules, self._newest, now)
        raised = []
        while self._due:
            raised += self._raise(self._due[0])
            del self._due[0]
        if self._budget > 0:
            self._note(now)
        return raised

    def _read_rules(self) -> None:
        try:
            found = self._layout.alerts.stat()
        except FileNotFoundError:
            self._rules, self._rules_of = Rules(), (-1, -1)
            return
        if (found.st_mtime_ns, found.st_ino) == self._rules_of:
            return
        self._rules_of = (found.st_mtime_ns, found.st_ino)
        try:
            self._rules = rules.read(self._layout)
        except FoldlineError as error:
            log.warning("%s; the rules before go on", error)

    def _refresh(self) -> list[tuple[SegmentName, int]] | None:
        """Take over what was committed; return what of which segments is to be read.

        None if there are no views to go by.
        """
        generation = current(CATALOG.folder(self._layout.views))
        if generation is None:
            return None
        if generation != self._generation:
            # What was read of segments stays; row numbers are the new generation's.
            self._catalog, self._last_segment = Catalog(), 0
            self._followed.clear()
            self._places.clear()
            self._generation = generation
        with read(self._layout.views, CATALOG) as db:
            if db is None:
                return None
            segments = self._segments(db)
            if not self._catalog.revision:
                self._catalog = load(db, generation.path)
                return segments
            changes = read_changes(db, self._catalog.known)
        if changes is not None:
            self._catalog.take(changes)
        return segments

    def _segments(self, db: sqlite3.Connection) -> list[tuple[SegmentName, int]]:
        """Return the segments that have grown, each with how far it is committed."""
        since = self._since() if not self._last_segment else 0.0
        rows = db.execute(
            "SELECT segment.id, uid, writer, offset, finished FROM segment JOIN run ON run.id = run"
            " WHERE segment.id > ? OR segment.id IN (SELECT value FROM json_each(?))"
            " ORDER BY segment.id",
            (self._last_segment, msgspec.json.encode(sorted(self._followed)).decode()),
        ).fetchall()
        grown = []
        for row, run, writer, offset, finished in rows:
            name = SegmentName(run, writer)
            watched = self._watched.get(name)
            if watched is None:
                if finished and self._is_older(name, since):
                    self._last_segment = max(self._last_segment, row)
                    continue
                watched = self._watched[name] = Watched(name)
            self._last_segment = max(self._last_segment, row)
            self._followed.add(row)
            if watched.offset < offset:
                grown.append((name, offset))
            elif finished:
                del self._watched[name]
                self._followed.discard(row)
        return grown

    def _since(self) -> float:
        """Return the unix time up to which everything was looked at before this process."""
        since = min((rule.since for rule in self._rules.rules), default=0.0)
        try:
            noted = float((self._layout.views / "alerts").read_text())
        except (OSError, ValueError):
            noted = 0.0
        return max(since, noted) - SLACK_S

    def _is_older(self, name: SegmentName, since: float) -> bool:
        try:
            return bool(since) and written_at(self._layout, name) < since
        except FileNotFoundError:
            return True

    def _ask(self) -> None:
        """Ask every rule's query which series it wants."""
        asked = (self._catalog, self._catalog.revision, self._rules_of)
        if asked == self._asked:
            return
        self._asked = asked
        table = SeriesTable(self._catalog)
        self._masks = {}
        for rule in self._rules.rules:
            try:
                self._masks[rule.id] = parse(rule.query, "metric").mask(table)
            except QueryError as error:  # too costly for what the catalog holds now
                log.warning("rule %s is not looked at: %s", rule.id, error)

    def _chosen(self, run: str, name: str, key: str) -> list[Rule]:
        row = self._row(run, name, key)
        return [
            rule
            for rule in self._rules.rules
            if row is not None and rule.id in self._masks and self._masks[rule.id][row]
            if (rule.id, rule.armed, run, name, key) not in self._raised
        ]

    def _row(self, run: str, name: str, key: str) -> int | None:
        """Return the catalog's row of a series."""
        series = self._catalog.series
        held = self._places.get(run)
        if held is None or held[0] != series.count:
            mine = self._catalog.row_of.get(run, -1)
            rows = np.flatnonzero(series.run[: series.count] == mine).tolist()
            keys = (series.key(row) for row in rows)
            places = {(n, context_key(c)): row for (n, c), row in zip(keys, rows, strict=True)}
            held = self._places[run] = (series.count, places)
        return held[1].get((name, key))

    def _read(self, name: SegmentName, end: int) -> Iterator[Found]:
        watched = self._watched[name]

        def again(until: int) -> Iterator[Batch]:
            return _batches(self._layout, name, 0, until)

        for batch in _batches(self._layout, name, watched.offset, end):
            if self._budget <= 0:
                return  # the next look goes on here
            self._budget -= batch.bytes
            yield from watched.take(batch, self._chosen, again)
        watched.offset = max(watched.offset, end)  # what can't be read was told of by the fold

    def _newest(self, run: str, rule: Rule) -> float:
        """Return when the newest point of a run's series that a rule wants was tracked."""
        mask = self._masks.get(rule.id)
        times = [0.0]
        if self._by_run is None:
            self._by_run = {}
            for name, watched in self._watched.items():
                self._by_run.setdefault(name.run, []).append(watched)
        for watched in self._by_run.get(run, ()):
            for series in watched.series.values():
                if is_system(series.name):
                    continue  # a machine goes on whatever becomes of its training
                row = self._row(run, series.name, series.key)
                if mask is not None and row is not None and mask[row]:
                    times.append(series.newest)
        return max(times)

    def _raise(self, found: Found) -> list[Found]:
        """Log an alert if it is not logged yet, and post it; return it if it is new."""
        if found.key in self._raised:
            return []
        rule = found.rule
        count = self._counts.get((rule.id, rule.armed, found.run), 0)
        self._counts[rule.id, rule.armed, found.run] = count + 1
        self._raised.add(found.key)
        if count >= ALERTS_OF_RULE_MAX:
            return []
        digest = msgspec.json.encode(found.key).decode()
        name = SegmentName(found.run, run_id(f"alert {digest}"))
        if is_there(self._layout, name):
            return []
        event = told(found)
        try:
            # First: an alert that is logged is not raised again, and would never be sent.
            if address := self._rules.address(rule):
                post(self._layout, name, address, event, self._catalog)
            state(self._layout, name, event)
            mark(self._layout, name)
        except OSError:
            self._raised.discard(found.key)
            self._counts[rule.id, rule.armed, found.run] = count
            raise
        return [found]

    def _note(self, now: float) -> None:
        """Note that all was looked at, for a process that starts after this one."""
        if abs(now - self._noted) >= NOTE_S:
            self._noted = now
            (self._layout.views / "alerts").write_text(f"{now}\n")


def stalled_runs(
    catalog: Catalog,
    wanted: Iterable[Rule],
    newest: Callable[[str, Rule], float],
    now: float,
) -> Iterator[Found]:
    """Yield the running runs that have made no progress for as long as a rule allows.

    Progress is a point of a series that the rule wants and that is not the machine's, or the
    script's own word. `newest` says when the newest such point was tracked. A run that has none
    yet is counted from its start, if the rule's query is about runs.
    """
    for rule in wanted:
        if not isinstance(rule.when, Stalled):
            continue
        try:
            mask = parse(rule.query, "run").mask(RunTable(catalog))
            begun = True
        except QueryError:  # it speaks of a series
            mask = np.ones(len(catalog.heads), dtype=np.bool_)
            begun = False
        for row in np.flatnonzero(mask).tolist():
            head = catalog.heads[row]
            if head.status != "running":
                continue
            last = newest(head.id, rule) or (head.created_at if begun else 0.0)
            said = catalog.states[row].progress
            if last and said is not None:
                last = max(last, said[1][0] + said[0].expect_next_in)
            if last and now - last >= rule.when.for_s:
                yield Found(rule, head.id, time=last)


def _batches(layout: Layout, name: SegmentName, start: int, end: int) -> Iterator[Batch]:
    """Yield what a segment holds from `start` up to `end`; what can't be read is passed over."""
    reader = SegmentReader(name, layout.segment(name), start, end=end)
    try:
        while (batch := reader.read(final=True)).bytes:
            yield batch
    except (FoldlineError, FileNotFoundError):
        return
    finally:
        reader.close()


async def watch(layout: Layout) -> None:
    """Look again and again, until cancelled."""
    alerting = Alerting(layout)
    complained = ""
    while True:
        try:
            for found in await anyio.to_thread.run_sync(alerting.look):
                log.info("rule %s: %s of run %s", found.rule.id, found.series, found.run)
            complained = ""
        except (OSError, FoldlineError, sqlite3.Error) as error:
            # A full disk, or views that are being made again: the fold goes on, and so do we.
            if str(error) != complained:
                log.warning("alert rules are looked at again in a moment: %s", error)
            complained = str(error)
        except Exception as error:
            # A mistake of ours in a rule must not end the fold; everything is read anew.
            if str(error) != complained:
                log.exception("alert rules could not be looked at")
            complained = str(error)
            alerting = Alerting(layout)
        await anyio.sleep(LOOK_S)
