"""One run, as its own log has it.

`foldline.open()` answers of a whole store, which it folds first; a training that reads its own
run back must not wait for that.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import msgspec
import numpy as np

from foldline.events import EVENTS, ConsolePrinted, PointTracked, SeriesDefined, ValuesTracked
from foldline.layout import Layout
from foldline.packs import segments

from .answers import RunHead
from .arrays import Columns
from .heads import head
from .logged import Line, Message, read_facts, read_lines, read_messages
from .patches import tree
from .runs import RunState, fold_run

__all__ = ["Recalled", "RecordedLine", "RecordedMessage", "lines", "messages", "others", "recall"]

# Events that tell of a run: not its lines and values, of which there may be millions.
_KINDS = [
    kind
    for kind in EVENTS.values()
    if kind not in (ConsolePrinted, PointTracked, SeriesDefined, ValuesTracked)
]


class Recalled(NamedTuple):
    """A run as its log has it."""

    head: RunHead
    fields: dict[str, Any]
    params: dict[str, Any]
    summary: dict[str, Any]


class RecordedLine(str):
    """A line of a console: a text, and who printed it when."""

    __slots__ = ("line",)
    line: Line

    @property
    def data(self) -> str:
        """The text, by Aim's name."""
        return str(self)


class RecordedMessage(NamedTuple):
    """A message, by Aim's names."""

    message: str
    level: int
    timestamp: float  # unix seconds
    args: dict[str, Any] | None
    logger: str
    place: str  # file:line
    rank: int | None

    def json(self) -> dict[str, Any]:
        """Return the message with its level's name, as a dict."""
        level = logging.getLevelName(self.level)
        return {
            "message": self.message,
            "log_level": level,
            "timestamp": self.timestamp,
            "args": self.args,
        }


def others(layout: Layout, run: str, mine: str | None) -> bool:
    """Say whether the run has a segment of a writer that is not `mine`."""
    return any(name.writer != mine for name in segments(layout, run))


def recall(layout: Layout, run: str) -> Recalled:
    """Return the run as all its writers' facts make it; of a run without a log an empty one."""
    state = fold_run(RunState(), read_facts(layout, run, *_KINDS))
    fields = {name: value for name, (value, _) in state.fields.items()}
    told = head(run, state)
    if not state.writers:
        told = msgspec.structs.replace(told, status="", duration=0.0)  # it has not even begun
    return Recalled(told, fields, tree(state.params), tree(state.summary))


def lines(layout: Layout, run: str) -> Columns:
    """Return what the run's processes printed, numbered in the order of its times."""
    found = []
    for one in read_lines(layout, run):
        line = RecordedLine(one.text)
        line.line = one
        found.append(line)
    return _numbered(found, [line.line.time for line in found])


def messages(layout: Layout, run: str) -> Columns:
    """Return the run's messages, numbered in the order of their times."""
    found = [_recorded(message) for message in read_messages(layout, run)]
    return _numbered(found, [message.timestamp for message in found])


def _recorded(one: Message) -> RecordedMessage:
    params = one.params or None
    return RecordedMessage(one.text, one.level, one.time, params, one.logger, one.place, one.rank)


def _numbered(values: list[Any], times: list[float]) -> Columns:
    steps: list[int | float] = list(range(len(values)))
    return Columns(steps, values, np.full(len(values), np.nan), np.array(times), _same)


def _same(value: Any) -> Any:
    return value
