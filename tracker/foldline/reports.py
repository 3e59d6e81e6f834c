"""What a script reports of a run, beside its points."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from .errors import ValueRejected
from .events import AlertRaised, MessageLogged, MetricDefined, ProgressReported, SummarySet
from .notices import Notices, shown
from .params import plain
from .results import Results
from .secrets import mask_param, mask_text, mask_tree
from .settings import Settings

__all__ = ["AlertLevel", "Reports", "aspects_of"]

ALERT_TITLES_MAX = 1_000  # whose last alert is remembered; a title is not to hold a step
LEVEL_MAX = 1_000  # of an alert; `logging` counts to 50
DEFINITIONS_MAX = 100_000  # as many as a process may have series

# What `define_metric` takes as a series' summary; `copy` is the older word for `last`.
ASPECTS = ("last", "first", "min", "max", "mean", "best", "none")

LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
ASPECTS_MAX = 100  # looked at, of what is given as a summary; there are seven

GOALS = {"min": "minimize", "max": "maximize"}


class AlertLevel(Enum):
    """How urgent an alert is, in W&B's words."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Reports(Settings):
    """The part of a run that reports: messages, progress, alerts, results."""

    def __init__(self, notices: Notices) -> None:
        super().__init__(notices)
        self._stated: dict[str, Any] = {}
        self._defined: dict[str, MetricDefined] = {}
        self._alerted: dict[str, float] = {}
        self._total: float | None = None

    # ---------------------------------------------------------------------------- messages

    def log_debug(self, msg: str, **params: Any) -> None:
        """Say something to whoever looks for the cause of a fault; `params` are kept with it."""
        self._message(10, msg, params)

    def log_info(self, msg: str, **params: Any) -> None:
        """Say something to people."""
        self._message(20, msg, params)

    def log_warning(self, msg: str, **params: Any) -> None:
        """Say that something is odd."""
        self._message(30, msg, params)

    def log_error(self, msg: str, **params: Any) -> None:
        """Say that something went wrong."""
        self._message(40, msg, params)

    def log_critical(self, msg: str, **params: Any) -> None:
        """Say that the training can't go on."""
        self._message(50, msg, params)

    def _message(self, level: int, msg: str, params: dict[str, Any]) -> None:
        tree = plain(params)
        assert isinstance(tree, dict)  # as a dict goes in
        text = mask_text(_text(msg))
        self._emit(MessageLogged(level, text, params=mask_tree(tree), place=_place()))

    # ---------------------------------------------------------------------------- progress

    def report_progress(
        self,
        done: float | None = None,
        total: float | None = None,
        *,
        expect_next_in: float = 0,
        block: bool = False,
    ) -> None:
        """Say how far the script is: `done` of `total`, in a unit of its own.

        With `expect_next_in`, in seconds, it promises to speak again by then. With `block` the
        call returns once that is on the disk.
        """
        try:
            now, end = _number("done", done), _number("total", total)
            promise = _number("expect_next_in", expect_next_in) or 0.0
        except ValueRejected as error:
            self._notices.give("report_progress", error)
            return
        self._total = self._total if end is None else end
        self._emit(ProgressReported(promise, now, self._total))
        if block:
            self.flush(durable=True)

    def report_successful_finish(self, *, block: bool = True) -> None:
        """Say that all is done, and take back every promise to speak again.

        The run goes on until `finish`. With `block` the call returns once that is on the disk.
        """
        total = 1.0 if self._total is None else self._total
        self.report_progress(total, total, block=block)

    # ------------------------------------------------------------------------------ alerts

    def alert(
        self,
        title: str,
        text: str = "",
        level: str | int | AlertLevel | None = None,
        wait_duration: float | timedelta | None = None,
    ) -> None:
        """Ask somebody to look.

        `level` is INFO, WARN or ERROR. Alerts of one title are left out for `wait_duration`
        seconds after one that was raised.
        """
        title = _text(title)
        now = time.monotonic()
        wait = wait_duration.total_seconds() if isinstance(wait_duration, timedelta) else None
        try:
            pause = _number("wait_duration", wait_duration) if wait is None else wait
            rank = _level(level)
        except ValueRejected as error:
            self._notices.give("alert", error)
            pause, rank = 0.0, 20  # an alert with a wrong level is one still
        with self._lock:
            if now < self._alerted.get(title, 0.0) + (pause or 0.0) and title in self._alerted:
                return
            while len(self._alerted) >= ALERT_TITLES_MAX:
                del self._alerted[next(iter(self._alerted))]
            self._alerted[title] = now
        self._emit(AlertRaised(mask_text(title), mask_text(_text(text)), rank))

    # ----------------------------------------------------------------------------- results

    @property
    def summary(self) -> Results:
        """The run's results: what the script stated, and the last value of all else it logged."""
        # Made anew: a run that held it would be held by it, and not end when nobody holds it.
        return Results(self._stated, self._state, self._last_logged)

    def define_metric(
        self,
        name: str | MetricDefined,
        step_metric: str | MetricDefined | None = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | Iterable[str] | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> MetricDefined | None:
        """Say how the metric `name`, or all that a glob such as `val/*` matches, are to be read.

        `step_metric` names the series whose values are the x axis: points keep their own steps,
        and a reader takes the value that the step metric had at that step, or last before it. So
        nothing has to be repeated in each row, and `step_sync` is accepted and not needed.
        `summary` is one or more of last, first, min, max, mean, best and none; `goal`, minimize
        or maximize, says what best is. What is left out stays as defined before, unless
        `overwrite`.
        """
        del step_sync
        try:
            definition = self._definition(name, step_metric, summary, goal)
        except ValueRejected as error:
            self._notices.give(f"define_metric {shown(name)}", error)
            return None
        with self._lock:
            before = None if overwrite else self._defined.get(definition.name)
            kept = MetricDefined(
                definition.name,
                definition.step_metric or (before.step_metric if before else ""),
                definition.summary or (before.summary if before else []),
                definition.goal or (before.goal if before else ""),
                bool(before and before.hidden) if hidden is None else bool(hidden),
            )
            if len(self._defined) < DEFINITIONS_MAX:
                self._defined[kept.name] = kept
        self._emit(kept)
        return kept

    def _definition(
        self,
        name: Any,
        step_metric: Any,
        summary: str | Iterable[str] | None,
        goal: Any,
    ) -> MetricDefined:
        """Return what was asked for, in our words. Raises ValueRejected."""
        whole, axis, aim = (
            plain(one.name if isinstance(one, MetricDefined) else one)
            for one in (name, step_metric, goal)
        )
        if (
            not isinstance(name, str | MetricDefined)
            or not whole
            or not isinstance(axis, str | None)
        ):
            raise ValueRejected(
                f"define_metric({shown(name)}, step_metric={shown(step_metric)}) names no metric",
                hint='define_metric("val/*", step_metric="epoch")',
            )
        ours = GOALS.get(str(aim or ""), str(aim or ""))
        if ours not in ("", *GOALS.values()):
            raise ValueRejected(
                f"goal={shown(goal)} is no goal", hint='goal="minimize" or "maximize"'
            )
        return MetricDefined(str(whole), str(axis or ""), aspects_of(summary), ours)

    def _definition_of(self, name: str) -> MetricDefined | None:
        """Return how a metric was defined: by its name, else by the last glob that matches."""
        exact = self._defined.get(name)
        if exact is not None or not self._defined:
            return exact
        globs = [one for one in reversed(self._defined.values()) if fnmatchcase(name, one.name)]
        return globs[0] if globs else None

    def _state(self, path: list[str], value: Any) -> None:
        """Log a result."""
        self._emit(SummarySet(path, mask_param(path, value)))

    def _last_logged(self) -> dict[str, Any]:
        """Return the last value of each name that `log` was given."""
        return {}


def aspects_of(summary: str | Iterable[str] | None) -> list[str]:
    """Return the aspects of a series that make up its summary. Raises ValueRejected."""
    if summary is None:
        return []
    try:
        words = (
            summary.split(",") if isinstance(summary, str) else list(islice(summary, ASPECTS_MAX))
        )
        aspects = ["last" if word == "copy" else word for word in map(str.strip, words)]
    except Exception:  # noqa: BLE001  # whatever it is, it is none of the words
        aspects = [shown(summary)]
    unknown = [word for word in aspects if word not in ASPECTS]
    if unknown:
        raise ValueRejected(
            f"summary={shown(summary)}: {unknown[0]!r} is not known",
            hint=f"one of {', '.join(ASPECTS)}",
        )
    return list(dict.fromkeys(aspects))


def _level(level: str | int | AlertLevel | None) -> int:
    """Return a level as `logging` counts them. Raises ValueRejected."""
    word: Any = level.value if isinstance(level, Enum) else level
    if word is None:
        return 20
    if type(word) is int and 0 <= word <= LEVEL_MAX:
        return int(word)
    number = LEVELS.get(word.upper()) if type(word) is str else None
    if number is None:
        raise ValueRejected(f"alert(level={shown(word)})", hint=f"one of {', '.join(LEVELS)}")
    return number


def _number(what: str, value: Any) -> float | None:
    """Return a number that may be missing. Raises ValueRejected."""
    if value is None:
        return None
    try:
        number = float(value)
    except Exception as error:  # `__float__` is the user's: anything may come
        raise ValueRejected(f"{what}={shown(value)} is no number", hint=f"{what}=10") from error
    if not math.isfinite(number):
        raise ValueRejected(f"{what}={number} is no number to go by", hint=f"{what}=10")
    return number


def _text(value: Any) -> str:
    text = plain(value)
    return text if isinstance(text, str) else str(text)


def _place() -> str:
    """Return file:line of the first caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
