"""What is known of a process when its run begins."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator
from functools import cache
from pathlib import Path

from ..events import Event, MessageLogged
from ..layout import Layout
from ..unicode import encodable
from . import environment, git, machine, packages, sources
from .choice import Choice
from .subject import Subject

__all__ = ["gather"]

REASON_CHARS_MAX = 1_000  # of what went wrong
WARNING = 30  # as in `logging`, which a companion need not load


def gather(
    choice: Choice, subject: Subject, layout: Layout, known: Container[str] = ()
) -> Iterator[Event]:
    """Yield each fact that was chosen, as soon as it is known; the quick ones come first.

    One that fails says so in a message of the run, and stops no other. `known` are the files of
    sources that were captured before.
    """

    @cache
    def folder() -> str:
        """Return where the code lies: beside the script, else where the process stands."""
        beside = str(Path(subject.main_file).parent) if subject.main_file else ""
        return beside if beside and git.top(beside) else subject.cwd

    facts: dict[str, Callable[[], Event | None]] = {
        "machine": lambda: machine.captured(subject, os.environ),
        "environment": lambda: environment.captured(os.environ),
        "git": lambda: git.captured(folder(), layout),
        "packages": lambda: packages.captured(subject.sys_path, subject.cwd),
        "sources": lambda: sources.captured(subject, layout, git.top(folder()), os.environ, known),
    }
    for name, captured in facts.items():
        if not getattr(choice, name):
            continue
        try:
            fact = captured()
        except Exception as error:  # noqa: BLE001  # nobody is there to catch it; the run is told
            reason = f"{type(error).__name__}: {error}"[:REASON_CHARS_MAX]
            text = f"{name} could not be captured: {reason}"
            yield MessageLogged(WARNING, encodable(text), logger="foldline", rank=subject.rank)
        else:
            if fact is not None:
                yield fact
