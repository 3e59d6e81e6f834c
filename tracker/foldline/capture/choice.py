"""What a run captures without being asked."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from ..errors import ValueRejected
from ..notices import shown

__all__ = ["NAMES", "SYSTEM_INTERVAL_S", "Choice", "choose"]

NAMES = (
    "console", "messages", "git", "packages", "sources", "machine", "environment", "system",
)  # fmt: skip
SYSTEM_INTERVAL_S = 10.0  # between two samples of the system
INTERVAL_S_MIN = 0.1  # more often would measure the sampler
_SYSTEM_PARAMS = ("git", "packages", "sources", "machine", "environment")

Wish = bool | str | Iterable[str] | Mapping[str, bool] | None
Tell = Callable[[ValueRejected], None]


class Choice(msgspec.Struct, frozen=True):
    """Which parts are captured, and how often the system is sampled."""

    console: bool = False
    messages: bool = False
    git: bool = False
    packages: bool = False
    sources: bool = False
    machine: bool = False
    environment: bool = False
    system: bool = False
    system_interval_s: float = SYSTEM_INTERVAL_S

    def __bool__(self) -> bool:
        """Say whether anything is captured."""
        return any(getattr(self, name) for name in NAMES)

    @property
    def needs_companion(self) -> bool:
        """Say whether anything is captured that this process does not capture itself."""
        return any(getattr(self, name) for name in NAMES if name != "messages")


def choose(
    capture: Wish = None,
    *,
    system_tracking_interval: float | None = SYSTEM_INTERVAL_S,
    log_system_params: bool | None = None,
    capture_terminal_logs: bool | None = None,
    tell: Tell,
) -> Choice:
    """Return what a script and its environment allow together; without a word it is everything.

    `capture` is a bool, names (`"git"`, `"-console"`), or a dict of names to bools. The rest are
    Aim's keywords; `system_tracking_interval` is in seconds, None for never. FOLDLINE_CAPTURE is
    `all`, `none`, or names: what either of both turns off is off. Of a name that means nothing
    `tell` is told, and rather less is captured than was asked for: nothing for `consle`, and for
    `-consle` no console.
    """
    unknown: dict[str, str] = {}
    names = _names(capture, "capture=", unknown) & _names(
        os.environ.get("FOLDLINE_CAPTURE") or None, "FOLDLINE_CAPTURE=", unknown
    )
    if system_tracking_interval is None:
        names.discard("system")
    if log_system_params is False:
        names.difference_update(_SYSTEM_PARAMS)
    if capture_terminal_logs is False:
        names.discard("console")
    if unknown:
        tell(_unknown(unknown, [name for name in NAMES if name in names]))
    return Choice(
        **dict.fromkeys(names, True),
        system_interval_s=_interval(system_tracking_interval, tell),
    )


def _names(wish: Wish, where: str, unknown: dict[str, str]) -> set[str]:
    """Return the parts that are wished for; each word that is none with the nearest one."""
    if wish is None or wish is True:
        return set(NAMES)
    if wish is False:
        return set()
    if isinstance(wish, Mapping):
        words = ["all", *(str(name) if on else f"-{name}" for name, on in wish.items())]
    else:
        words = [str(word) for word in (wish.split(",") if isinstance(wish, str) else wish)]
    words = [word for word in (word.strip().lower() for word in words) if word]
    # Names alone are all there is; with a `-` they are taken from the whole.
    only = any(word[0] != "-" for word in words) or not words
    chosen = set() if only else set(NAMES)
    for word in words:
        name = word.removeprefix("-")
        if word == "all":
            chosen = set(NAMES)
        elif word in ("none", "0", "false", "off"):
            chosen = set()
        elif name not in NAMES:
            unknown[where + shown(word)] = nearest = _nearest(name)
            if word != name:
                chosen.discard(nearest)
        elif word == name:
            chosen.add(name)
        else:
            chosen.discard(name)
    return chosen


def _nearest(word: str) -> str:
    """Return the part that was meant, or "" if that can't be guessed."""
    from difflib import get_close_matches

    begun = [name for name in NAMES if name.startswith(word)]
    return next(iter(begun or get_close_matches(word, NAMES, 1)), "")


def _unknown(unknown: Mapping[str, str], captured: list[str]) -> ValueRejected:
    meant = ", ".join(dict.fromkeys(name for name in unknown.values() if name))
    return ValueRejected(
        f"{', '.join(unknown)}: nothing of that name is captured; what is captured: "
        f"{', '.join(captured) or 'nothing'}",
        hint=(f"did you mean {meant}? " if meant else "")
        + f"all, none, or any of {', '.join(NAMES)}, each perhaps with a - before it",
    )


def _interval(asked: Any, tell: Tell) -> float:
    """Return the seconds between samples: FOLDLINE_SYSTEM_INTERVAL_S unless a script asks."""
    for_script = asked is not None and asked != SYSTEM_INTERVAL_S
    where = "system_tracking_interval" if for_script else "FOLDLINE_SYSTEM_INTERVAL_S"
    if not for_script:
        asked = os.environ.get(where) or SYSTEM_INTERVAL_S
    try:
        interval = float(asked)
    except (TypeError, ValueError):
        interval = math.nan
    if math.isfinite(interval):
        return max(interval, INTERVAL_S_MIN)
    tell(
        ValueRejected(
            f"{where}={shown(asked)} is no number of seconds; it is {SYSTEM_INTERVAL_S:g}",
            hint=f"{where}=10",
        )
    )
    return SYSTEM_INTERVAL_S
