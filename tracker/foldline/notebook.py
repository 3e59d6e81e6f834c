"""Runs in notebooks, and the cells that made them.

A run shows as a card, with a link where its store is served and small curves that grow while a cell
trains. Whoever runs a cell again begins a new run, and the one that the cell made before is let go.
"""

from __future__ import annotations

import re
import shlex
import sys
import threading
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from weakref import ref

from . import process
from .errors import FoldlineError
from .served import served

if TYPE_CHECKING:
    from foldline_views.sparklines import Sparkline

    from .run import Run

__all__ = ["Card", "Cells", "note", "show"]

REFRESH_S = 2.0  # between two looks at a run that is shown while it goes on
SHOWN_MAX = 20  # cards kept up to date at once; an older one stays as it is

_OUTPUT = re.compile(r"_\d*$|__$|___$")  # IPython's names for what cells gave back
_shown: dict[Card, Any] = {}  # cards and IPython's handles of them
_lock = threading.Lock()
_wake = threading.Event()
_thread: threading.Thread | None = None
_cells: Cells | None = None


class Card:
    """What a notebook shows of a run; it does not keep the run from being let go."""

    def __init__(self, run: Run) -> None:
        from foldline_views.sparklines import Sparklines  # a training without a notebook needs none

        self.id = run.id
        self.layout = run._writer.layout
        self._run = ref(run)
        self._lines = Sparklines(self.layout, run.id)
        self._title = run.name or run.id
        self.said = ""  # what was shown last

    @property
    def ended(self) -> bool:
        """Whether nothing more will come from this process."""
        run = self._run()
        return run is None or run._writer.closed

    def html(self) -> str:
        """Return the card as HTML without a script."""
        run = self._run()
        if run is not None:
            self._title = str(run._fields.get("name") or self._title)
        lines, more = self._lines.read(), self._lines.more
        rows = "".join(map(_row, lines))
        if more:
            rows += f'<tr><td colspan="3">and {more} more</td></tr>'
        return (
            '<div style="font: 13px system-ui, sans-serif; line-height: 1.5">'
            f"<b>{escape(self._title)}</b> · {'ended' if self.ended else 'running'} · "
            f"{self._link()}"
            f'<table style="font: inherit">{rows}</table></div>'
        )

    def _link(self) -> str:
        there = served(self.layout)
        if there is None:
            store = escape(shlex.quote(str(self.layout.root)))
            return f"<code>foldline up --store {store}</code> serves it"
        address = escape(f"{there.url.rstrip('/')}/runs/{quote(self.id)}", quote=True)
        return f'<a href="{address}" target="_blank" rel="noopener">{address}</a>'


def _row(line: Sparkline) -> str:
    context = " ".join(f"{key}={value}" for key, value in line.context.items())
    return (
        f'<tr><td style="text-align: left">{escape(line.name)} <small>{escape(context)}</small>'
        f"</td><td>{line.svg}</td><td>{line.last:.6g}</td></tr>"
    )


def show(run: Run) -> None:
    """Show a run in the cell that is running, and keep it up to date while the run goes on."""
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    global _thread  # noqa: PLW0603  # one thread for all cards, started by the first
    text = repr(run)
    if not hasattr(get_ipython(), "kernel"):  # a terminal, where nothing can be shown again
        sys.stdout.write(f"{text}\n")
        return
    card = Card(run)
    card.said = card.html()
    bundle = {"text/html": card.said, "text/plain": text}
    handle = display(bundle, raw=True, display_id=True)
    with _lock:
        while len(_shown) >= SHOWN_MAX:
            del _shown[next(iter(_shown))]
        _shown[card] = handle
        if _thread is None:
            _thread = threading.Thread(target=_refresh, name="foldline-notebook", daemon=True)
            _thread.start()


def _refresh() -> None:
    """Show cards anew, every REFRESH_S and when a cell ends, until all of their runs ended."""
    global _thread  # noqa: PLW0603  # the next card starts another
    while True:
        _wake.wait(REFRESH_S)
        _wake.clear()
        with _lock:
            cards = dict(_shown)
        for card, handle in cards.items():
            ended = card.ended  # looked at first: what is read after it is all
            # The kernel may be on its way out; and a card matters less than the training.
            with suppress(Exception):
                html = card.html()
                if card.said != html:
                    card.said = html
                    handle.update({"text/html": html, "text/plain": card.id}, raw=True)
            if ended:
                with _lock:
                    _shown.pop(card, None)
        with _lock:
            if not _shown:
                _thread = None
                return


def note(run: Run) -> None:
    """Take note of a run that begins in a notebook."""
    global _cells  # noqa: PLW0603  # one for the kernel, made by its first run
    # Other people's code, which may change with every version: the training matters more.
    with suppress(Exception):
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
        if shell is not None:
            _cells = _cells or Cells(shell)
            _cells.made(run)


class Cells:
    """Which cell made which runs.

    A run that a cell made is not to go on unseen when the cell runs again and makes another. If
    the cell had raised, its run failed with that. Else nobody holds the run once its variable has
    the new one, and it ends as any run does that is let go; but IPython keeps what cells gave
    back, so it is asked to forget that one.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._cell: str | None = None  # which one is running
        self._now: list[ref[Run]] = []  # made by it
        self._before: dict[str, list[ref[Run]]] = {}
        self._errors: dict[str, BaseException] = {}
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    def made(self, run: Run) -> None:
        """Take note that the cell which is running made a run."""
        if not self._now and self._cell is not None:
            error = self._errors.pop(self._cell, None)
            for old in filter(None, (known() for known in self._before.pop(self._cell, ()))):
                if error is not None:
                    # Strict mode may raise what it raised before; this run is to begin.
                    with suppress(FoldlineError):
                        old._end(process.closed_by(error))
                self._forget(old)
        self._now.append(ref(run))

    def _begin(self, info: Any) -> None:
        self._cell, self._now = _key(info), []

    def _end(self, result: Any) -> None:
        cell = _key(result.info)  # the first run's cell began before anybody listened
        if self._now:
            self._before[cell] = self._now
            error = result.error_in_exec
            if error is not None:
                self._errors[cell] = error.with_traceback(None)
        self._cell, self._now = None, []
        _wake.set()

    def _forget(self, run: Run) -> None:
        """Have IPython forget what cells gave back, where it is this run."""
        outputs = self._shell.user_ns.get("Out", {})
        for number in [number for number, value in outputs.items() if value is run]:
            del outputs[number]
        for names in (self._shell.user_ns, self._shell.user_ns_hidden):
            for name in [name for name, value in names.items() if value is run]:
                if _OUTPUT.match(name):
                    names[name] = None
        hook = self._shell.displayhook
        for name in ("_", "__", "___"):
            if getattr(hook, name, None) is run:
                setattr(hook, name, None)


def _key(info: Any) -> str:
    """Return what a cell is known by: its id where the front-end says it, else its text."""
    return str(info.cell_id or info.raw_cell)
