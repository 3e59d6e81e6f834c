"""What a companion captures by and by.

Facts first, then samples of the system. In a thread of its own: git may take seconds on a network
disk, and what is printed can't wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container

import msgspec

from ..events import Event
from ..layout import Layout
from ..notices import Notices
from ..tracking import Tracking
from ..writer import Writer
from .choice import Choice
from .subject import Subject

__all__ = ["Rounds"]

FIRST_SAMPLE_S = 1.0  # after the start: a run of seconds shows its load too


class Rounds:
    """Gathers facts about a subject, then samples its system until it is told to end."""

    def __init__(
        self, subject: Subject, choice: Choice, writer: Writer, failed: Callable[[str], None]
    ) -> None:
        """Start at once; `failed` is told of what could not be captured."""
        self._subject, self._choice, self._writer = subject, choice, writer
        self._failed = failed
        self._over = threading.Event()
        self._modules: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether anything may still come."""
        return self._thread.is_alive()

    def end(self, modules: list[str]) -> None:
        """Sample no more, and gather what is open; `modules` are those that are imported by now."""
        self._modules = modules
        self._over.set()

    def _run(self) -> None:
        try:
            self._gather(self._choice, self._subject)
            if self._choice.system:
                self._sample()
            self._over.wait()
            new = set(self._modules) - set(self._subject.modules)
            if new and self._choice.sources:
                later = msgspec.structs.replace(self._subject, modules=self._modules)
                # The others may have been edited since: what they are now is not what ran.
                known = {self._subject.main_file, *self._subject.modules}
                self._gather(Choice(sources=True), later, known)
        except Exception as error:  # noqa: BLE001  # nobody else would ever hear of it
            self._failed(f"{type(error).__name__}: {error}")

    def _gather(self, choice: Choice, subject: Subject, known: Container[str] = ()) -> None:
        from .facts import gather

        for event in gather(choice, subject, self._layout, known):
            self._tell(event)

    def _sample(self) -> None:
        from .sampler import Sampler

        subject = self._subject
        points = Tracking(Notices(), self._writer, disabled=False)
        sampler = Sampler(
            subject.pid,
            per_host=not subject.local_rank,
            folders=[("store", str(self._layout.root))],
        )
        due = time.monotonic() + FIRST_SAMPLE_S
        while not self._over.wait(max(0.0, due - time.monotonic())):
            for name, context, value in sampler.sample():
                points.track(value, name=name, context=context)
            due = max(due, time.monotonic()) + self._choice.system_interval_s

    @property
    def _layout(self) -> Layout:
        return self._writer.layout

    def _tell(self, event: Event) -> None:
        self._writer.event(event)
