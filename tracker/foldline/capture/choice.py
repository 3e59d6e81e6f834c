"""What a run captures without being asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import msgspec

from ..errors import ValueRejected

__all__ = ["NAMES", "SYSTEM_INTERVAL_S", "Choice", "choose"]

NAMES = (
    "console", "messages", "git", "packages", "sources", "machine", "environment", "system",
)  # fmt: skip
SYSTEM_INTERVAL_S = 10.0  # between two samples of the system
_SYSTEM_PARAMS = ("git", "packages", "sources", "machine", "environment")

Wish = bool | str | Iterable[str] | Mapping[str, bool] | None


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
) -> Choice:
    """Return what a script and its environment allow together; without a word it is everything.

    `capture` is a bool, names (`"git"`, `"-console"`), or a dict of names to bools. The rest are
    Aim's keywords; `system_tracking_interval` is in seconds, None for never. FOLDLINE_CAPTURE is
    `all`, `none`, or names: what either of both turns off is off. Raises ValueRejected for a name
    that means nothing.
    """
    names = _names(capture, "capture=") & _names(
        os.environ.get("FOLDLINE_CAPTURE") or None, "FOLDLINE_CAPTURE="
    )
    if system_tracking_interval is None:
        names.discard("system")
    if log_system_params is False:
        names.difference_update(_SYSTEM_PARAMS)
    if capture_terminal_logs is False:
        names.discard("console")
    return Choice(
        **dict.fromkeys(names, True), system_interval_s=_interval(system_tracking_interval)
    )


def _names(wish: Wish, where: str) -> set[str]:
    if wish is None or wish is True:
        return set(NAMES)
    if wish is False:
        return set()
    if isinstance(wish, Mapping):
        words = ["all", *(str(name) if on else f"-{name}" for name, on in wish.items())]
    elif isinstance(wish, str):
        words = [word.strip() for word in wish.split(",") if word.strip()]
    else:
        words = [str(word) for word in wish]
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
            raise ValueRejected(
                f"{where}{word!r}: nothing of that name is captured",
                hint=f"all, none, or any of {', '.join(NAMES)}, each perhaps with a - before it",
            )
        elif word == name:
            chosen.add(name)
        else:
            chosen.discard(name)
    return chosen


def _interval(asked: float | None) -> float:
    """Return the seconds between samples: FOLDLINE_SYSTEM_INTERVAL_S unless a script asks."""
    if asked is None or asked == SYSTEM_INTERVAL_S:
        asked = SYSTEM_INTERVAL_S
        try:
            asked = float(os.environ.get("FOLDLINE_SYSTEM_INTERVAL_S") or asked)
        except ValueError:
            pass  # no number: as if it were not set
    return max(float(asked), 0.1)
