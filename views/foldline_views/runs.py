"""The runs view: all of a run but its points.

A run's state is folded from the events of all its writers, in whatever order they arrive: each
fact carries a stamp (time, writer, seq), and the greatest stamp wins. So any interleaving of the
writers gives the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from foldline.events import (
    FieldsSet,
    ParamsRemoved,
    ParamsSet,
    PointsDropped,
    TagsChanged,
    WriterClosed,
    WriterLost,
    WriterOpened,
)
from foldline_ingest.batch import Batch, Fact, facts

from .database import BULK_INSERT, bulk
from .session import Session

__all__ = ["Patch", "RunState", "RunsView", "Stamp", "WriterState", "fold_run", "params", "status"]

# States held in memory; more are read again from the file.
STATES_MAX = 4096

Stamp = tuple[float, str, int]
"""What orders facts of different writers: (unix time, writer, seq)."""


class Patch(msgspec.Struct, array_like=True):
    """A change of the params tree: the value now at `path`, or that there is none."""

    stamp: Stamp
    path: list[str]
    value: Any = None
    removed: bool = False


class WriterState(msgspec.Struct):
    """One process that wrote to the run."""

    opened_at: float | None = None
    host: str = ""
    pid: int = 0
    rank: int | None = None
    command: list[str] = []
    closed_at: float | None = None
    status: str = "running"  # finished, failed, killed
    error_type: str = ""
    error_message: str = ""
    traceback: str = ""
    dropped: int = 0  # points that could not be kept


class RunState(msgspec.Struct):
    """Everything folded of one run.

    Tables are kept in the order of their keys, so that a state's bytes don't tell which writer's
    facts arrived first.
    """

    seen_at: float = float("inf")  # the time of the earliest thing that was logged
    fields: dict[str, tuple[Any, Stamp]] = {}
    tags: dict[str, tuple[bool, Stamp]] = {}
    # Patches of the params tree in the order of their stamps; none is hidden by a later one.
    params: list[Patch] = []
    writers: dict[str, WriterState] = {}


def fold_run(state: RunState, new: Iterable[Fact]) -> RunState:
    """Return the state with facts folded in; `state` itself is used up."""
    patched = False
    for fact in new:
        event, stamp = fact.event, (fact.time, fact.writer, fact.seq)
        state.seen_at = min(state.seen_at, fact.time)
        match event:
            case FieldsSet():
                for name, value in event.fields.items():
                    _keep_latest(state.fields, name, value, stamp)
            case TagsChanged():
                for tag in event.added:
                    _keep_latest(state.tags, tag, True, stamp)
                for tag in event.removed:
                    _keep_latest(state.tags, tag, False, stamp)
            case ParamsSet():
                state.params.append(Patch(stamp, event.path, event.value))
                patched = True
            case ParamsRemoved():
                state.params.append(Patch(stamp, event.path, removed=True))
                patched = True
            case _:
                _fold_writer(state.writers, fact)
    if patched:
        state.params = _visible(state.params)
    state.fields = dict(sorted(state.fields.items()))
    state.tags = dict(sorted(state.tags.items()))
    state.writers = dict(sorted(state.writers.items()))
    return state


def params(state: RunState) -> dict[str, Any]:
    """Return the params of a run as one tree."""
    tree: dict[str, Any] = {}
    for patch in state.params:
        *above, last = patch.path or [""]
        if not patch.path:
            tree = dict(patch.value) if isinstance(patch.value, dict) else {}
            continue
        if patch.removed and not _has(tree, patch.path):
            continue
        node = tree
        for key in above:
            child = node.get(key)
            # A copy: the state's own values must not grow the later patches.
            node[key] = dict(child) if isinstance(child, dict) else {}
            node = node[key]
        if patch.removed:
            del node[last]
        else:
            node[last] = patch.value
    return tree


def _has(tree: Any, path: list[str]) -> bool:
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return True


def status(state: RunState) -> str:
    """Return running, finished, failed or killed.

    A run is running while any writer is. Then the writers that were there when the last one
    opened decide: failed if any failed, else what became of the first of them to open.
    """
    writers = [w for w in state.writers.values() if w.opened_at is not None]
    if not writers:
        return "running"
    if any(writer.status == "running" for writer in writers):
        return "running"
    last_opened = max(writer.opened_at or 0 for writer in writers)
    together = [w for w in writers if (w.closed_at or last_opened) >= last_opened]
    if any(writer.status == "failed" for writer in together):
        return "failed"
    return min(together, key=lambda writer: writer.opened_at or 0).status


class RunsView:
    """Folds events into one row a run."""

    name = "runs"
    version = 2
    schema = """
        CREATE TABLE run_state (run INTEGER PRIMARY KEY, revision INTEGER NOT NULL, data BLOB);
        CREATE INDEX run_state_revision ON run_state (revision);
    """

    def __init__(self) -> None:
        self._states: dict[int, RunState] = {}
        self.touched: list[str] = []
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(RunState)

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Fold the batches' events and write the runs that they change."""
        changed: dict[int, str] = {}
        for batch in batches:
            run = session.runs[batch.segment.run]
            new = list(facts(batch))
            state = self._states.get(run) or self._load(session, run)
            # Damage may have taken the first events; the points still say when it was.
            first = float(batch.points.time.min()) if len(batch.points) else state.seen_at
            if not new and first >= state.seen_at < float("inf"):
                continue
            state.seen_at = min(state.seen_at, first)
            self._states[run] = fold_run(state, new)
            changed[run] = batch.segment.run
        rows = [(run, session.revision, self._encoder.encode(self._states[run])) for run in changed]
        session.db.execute(BULK_INSERT.format(table="run_state"), bulk(rows))
        self.touched = list(changed.values())
        while len(self._states) > STATES_MAX:
            del self._states[next(iter(self._states))]

    def forget(self) -> None:
        """Drop what is in memory: all of it can be read again, as of the last commit."""
        self._states.clear()

    def _load(self, session: Session, run: int) -> RunState:
        row = session.db.execute("SELECT data FROM run_state WHERE run = ?", (run,)).fetchone()
        return self._decoder.decode(row[0]) if row else RunState()


def _keep_latest(
    table: dict[str, tuple[Any, Stamp]], name: str, value: object, stamp: Stamp
) -> None:
    if name not in table or tuple(table[name][1]) < stamp:
        table[name] = (value, stamp)


def _fold_writer(writers: dict[str, WriterState], fact: Fact) -> None:
    event = fact.event
    name = event.writer if isinstance(event, WriterLost) else fact.writer
    match event:
        case WriterOpened():
            writer = writers.setdefault(name, WriterState())
            writer.opened_at = fact.time
            writer.host, writer.pid, writer.rank = event.host, event.pid, event.rank
            writer.command = event.command
        case WriterClosed():
            writer = writers.setdefault(name, WriterState())
            writer.closed_at, writer.status = fact.time, event.status
            writer.error_type, writer.error_message = event.error_type, event.error_message
            writer.traceback = event.traceback
        case WriterLost():
            writer = writers.setdefault(name, WriterState())
            # What the process itself said of its end is worth more than what was seen of it.
            if writer.status in ("running", "killed"):
                writer.closed_at = min(event.last_seen, writer.closed_at or event.last_seen)
                writer.status = "killed"
        case PointsDropped():
            writers.setdefault(name, WriterState()).dropped += event.count


def _visible(patches: list[Patch]) -> list[Patch]:
    """Return the patches in order, without those that a later one at or above their path hides."""
    ordered = sorted(patches, key=lambda patch: tuple(patch.stamp))
    covered: set[tuple[str, ...]] = set()
    visible = []
    for patch in reversed(ordered):
        path = tuple(patch.path)
        if not any(path[:depth] in covered for depth in range(len(path) + 1)):
            covered.add(path)
            visible.append(patch)
    return visible[::-1]
