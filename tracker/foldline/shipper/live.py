"""A run that is shipped while it grows.

It goes on in a thread of the companion, so no training ever waits for it, and goes on for a while
when the training is gone. What it could not do then is left for `foldline sync`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..errors import ServerFull, ServerRefused, ServerUnreachable
from ..layout import Layout
from .hold import Remote, remote_at
from .link import Link
from .pace import Backoff, Rate, told_rate
from .shipment import Shipment
from .trim import trim
from .turn import turn

__all__ = ["Live", "begin"]

POLL_S = 0.25  # between two looks at a log that moves: what is logged is at the server in half a s
IDLE_POLL_S = 1.0  # at one that has not moved for IDLE_AFTER_S
IDLE_AFTER_S = 5.0
# How many times as long as a round took it rests: with a thousand trainings a server that is slow
# to answer is asked less often, and what they log meanwhile goes with one piece.
EASE = 4.0
EASE_S_MAX = 5.0  # half of what lies between two signs of life
REFUSED_WAIT_S = 30.0  # until a server that refuses is asked again: somebody may have changed it
LINGER_S = 30.0  # without any success, after the run's end; then `foldline sync` has to do it

Tell = Callable[[str], None]


class Live:
    """Ships a run until it is told to end."""

    def __init__(self, layout: Layout, run: str, remote: Remote, tell: Tell) -> None:
        """Start at once; `tell` hears, in words, what goes wrong and will not go right again."""
        self._layout = layout
        self._link = Link(remote)
        self._shipment = Shipment(layout, run, self._link, rate=Rate(told_rate()))
        self._tell = tell
        self._told: set[str] = set()
        self._over = threading.Event()
        self._worked_at = time.monotonic()
        self._backoff = Backoff()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ship what there is by now, and return once it is durable or there is little hope."""
        self._worked_at = time.monotonic()
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        done = False
        while not done and not self._is_hopeless():
            wait_s = IDLE_POLL_S
            try:
                with turn(self._layout, self._shipment.run) as mine:
                    if mine:
                        done, wait_s = self._ship()
            except OSError as error:  # of this machine's disk
                self._say(f"{self._link.remote.url} is not sent this run for now: {error}")
            self._link.close()
            if not done:
                # Without its turn: while it waits for a server another one may try.
                self._wait(wait_s)
        if self._over.is_set():
            trim(self._layout)

    def _ship(self) -> tuple[bool, float]:
        """Ship until all is done, or is not to be done now; say which, and how long to wait."""
        shipment = self._shipment
        moved_at = time.monotonic()
        while not self._is_hopeless():
            over = self._over.is_set()  # before the round: what was logged by then is in it
            began = time.monotonic()
            try:
                moved = shipment.round()
            except ServerUnreachable as error:
                if isinstance(error, ServerFull):
                    self._say(str(error))
                return False, self._backoff.failed(error.after_s)
            except ServerRefused as error:
                self._say(str(error))
                return False, REFUSED_WAIT_S
            self._backoff.worked()
            self._worked_at = time.monotonic()
            for refusal in shipment.refusals:
                self._say(str(refusal))
            if moved:
                moved_at = self._worked_at
            elif over and not shipment.waits:
                return True, 0.0
            if not shipment.is_behind:
                idle = self._worked_at - moved_at > IDLE_AFTER_S
                took_s = self._worked_at - began
                slow_s = min(took_s * EASE, EASE_S_MAX)
                self._wait(max(IDLE_POLL_S if idle else POLL_S, slow_s))
        return False, 0.0

    def _is_hopeless(self) -> bool:
        return self._over.is_set() and time.monotonic() - self._worked_at > LINGER_S

    def _wait(self, seconds: float) -> None:
        """Wait; the end of the run is heard at once, and after it no wait is long."""
        if self._over.is_set():
            time.sleep(min(seconds, LINGER_S))
        else:
            self._over.wait(seconds)

    def _say(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._tell(what)


def begin(layout: Layout, run: str, tell: Tell) -> Live | None:
    """Ship a run from now on, if its store is a hold; Live has the rest."""
    remote = remote_at(layout)
    return None if remote is None else Live(layout, run, remote, tell)
