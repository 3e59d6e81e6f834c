"""What a run holds of its capture: the companion's other end.

Nothing here raises into a training, and nothing waits for long: should the companion hang, or be
killed with the shell that waits beside it, the descriptors go back to where they led.
"""

from __future__ import annotations

import _thread
import os
import select
import threading
import time
from contextlib import suppress

from ..errors import FoldlineError
from ..notices import Notices
from ..writer import Writer
from .choice import Choice
from .console import Console, channels, waiting_bytes
from .exit_status import own_pidfd
from .launch import launch
from .orders import ANSWER_DONE, ANSWER_KILLED, FRAME_BYTES_MAX, Begin, End, Order, Ping, frame
from .subject import is_prompt, local_modules, subject_of

__all__ = ["Beside"]

ANSWER_WAIT_S_MAX = 5.0  # at the end of a run: a slow terminal; the companion goes on beyond it
HUNG_CHECK_S = 5.0  # a companion that answers no question for so long, over a full pipe, hangs
SPEAK_S_MAX = 1.0  # that the end of a run waits for a warning: a full pipe may take none
LULL_S = 0.02  # who waited for room in a full pipe has written by then
PIPE_BYTES = 65_536  # what a pipe holds without being asked for more

_turn = threading.RLock()  # the descriptors of a process are replaced by one run at a time
_waiting: list[Beside] = []  # that have a console, or shall have it; the first one has it


class Beside:
    """A companion of one run in this process, and the console that it captures."""

    def __init__(self, choice: Choice, writer: Writer, notices: Notices) -> None:
        """Start a companion, and send it what is printed. Raises OSError without descriptors."""
        self._subject = subject = subject_of(writer.layout, writer.run, writer.writer)
        self._notices = notices
        self._ended = self._alone = False
        self._is_killed = False  # and its shell copies in its place, and answers nothing more
        self._speaking = _thread.allocate_lock()  # held from the decision to warn until it is done
        self._reply, reply = os.pipe()
        self._listening, self._control = os.pipe()
        # Both ends are ours too: a control pipe that nobody reads must not be a broken one.
        os.set_blocking(self._control, False)
        pidfd = own_pidfd()
        with _turn:
            # With the first process of a container the kernel ends all others: the last words of
            # one whose descriptors lead through a companion would be lost.
            only_hear = is_prompt() or subject.pid == 1
            ways = channels(subject.run, only_hear=only_hear) if choice.console else []
            self.console = Console(subject.run, ways)
            self.launched = launch(ways, control=self._listening, reply=reply, pidfd=pidfd)
            os.close(reply)
            if pidfd >= 0:
                os.close(pidfd)
            if not self.launched:
                self._close()
                return
            self._tell(Begin(subject, choice, writer.buffered))
            _waiting.append(self)
            if _waiting[0] is self:
                self._take()
        self._watch()

    def end(self, *, at_exit: bool = False) -> None:
        """Have all that was printed handed on, and let the companion go, soon or at the exit."""
        with _turn:
            over = self._ended or not self.launched
            if not over:
                self._ended = True
                self._give_back()
        if not over:
            self._tell(End(local_modules(self._subject), at_exit))
            self._await_answer()
        # A thread that prints while the interpreter ends makes Python abort.
        if self._speaking.acquire(timeout=SPEAK_S_MAX):
            self._speaking.release()
        if over:
            return
        with _turn:
            self._close()
            self._pass_on()

    def forget(self) -> None:
        """Leave the companion to the parent: called in a forked child."""
        self._ended = True
        self._speaking = _thread.allocate_lock()  # a thread of the parent's may have it
        _waiting.clear()
        if self.launched and not self._alone:
            self._close()

    def _give_back(self) -> None:
        self.console.give_back()
        if self in _waiting:
            _waiting.remove(self)

    @staticmethod
    def _pass_on() -> None:
        """Give the console to the run that began next."""
        if _waiting and not _waiting[0].console.taken:
            _waiting[0]._take()

    def _take(self) -> None:
        try:
            self.console.take()
        except OSError as error:
            self._notices.give("console", FoldlineError(f"the console is not captured: {error}"))

    def _tell(self, order: Order) -> None:
        data = frame(order)
        if len(data) > PIPE_BYTES:
            import fcntl

            with suppress(AttributeError, OSError):
                fcntl.fcntl(self._control, fcntl.F_SETPIPE_SZ, 2 * FRAME_BYTES_MAX)
        with suppress(OSError):  # nobody reads, or it is full: there will be no answer
            os.write(self._control, data)

    def _await_answer(self) -> None:
        """Wait until all is handed on, or nobody is there who would do it."""
        deadline = time.monotonic() + ANSWER_WAIT_S_MAX
        while not self._is_killed:
            if not _readable(self._reply, max(0.0, deadline - time.monotonic())):
                return
            answer = os.read(self._reply, 1)
            if answer == ANSWER_DONE:
                return
            if not answer:
                self._hand_on(until_lull=True)
                return
            self._is_killed = answer == ANSWER_KILLED
        while any(map(waiting_bytes, self._copied())) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(LULL_S)  # what the shell took last is where it belongs by then

    def _copied(self) -> dict[int, int]:
        """Return where what is read from each replaced descriptor goes on to."""
        return {way.reading: way.original for way in self.console.ways if way.numbers}

    # ------------------------------------------------------------ should the companion not be well

    def _watch(self) -> None:
        if self._copied():
            with suppress(RuntimeError):  # the interpreter is ending: then this is over soon
                _thread.start_new_thread(self._look_after, ())

    def _look_after(self) -> None:
        """Take the console back from a companion that hangs, or is gone with its shell."""
        asked = False
        while True:
            told = _readable(self._reply, HUNG_CHECK_S)
            with _turn:  # what is read here is not waited for at the end
                if self._ended:
                    return
                answer = os.read(self._reply, 1) if told else None
                if answer == ANSWER_KILLED:
                    self._is_killed = True
                    self._speaking.acquire()
            if answer == b"":
                break
            if answer is not None:
                if answer == ANSWER_KILLED:
                    self._tell_lost()
                asked = False  # it answers; or its shell hands on from now on
                continue
            if asked and self._is_stuck():
                break
            asked = self._is_stuck()
            if asked:
                self._tell(Ping())
        with _turn:
            if self._is_ended():  # while this thread waited for its turn
                return
            self._ended = self._alone = True
            # First what is in the pipes, so that nothing overtakes it.
            self._hand_on(until_lull=True)
            self._give_back()
            self._pass_on()
            self._speaking.acquire()
        self._tell_lost()
        self._hand_on(until_lull=False)

    def _is_ended(self) -> bool:
        return self._ended

    def _tell_lost(self) -> None:
        lost = FoldlineError(
            "the companion of this run is gone or hangs: its console is captured no more",
            hint="see whether it was killed or stopped; the training itself goes on",
        )
        try:
            with suppress(FoldlineError):  # in strict mode; this thread has nobody to raise it to
                self._notices.give("companion", lost)
        finally:
            self._speaking.release()

    def _is_stuck(self) -> bool:
        """Say whether what is printed waits, though where it leads to would take it."""
        return any(
            not _writable(way.writing) and _writable(way.original)
            for way in self.console.ways
            if way.numbers
        )

    def _hand_on(self, *, until_lull: bool) -> None:
        """Copy what is in the pipes to where it leads: up to a lull, or all that ever comes."""
        copied = self._copied()
        poll = select.poll()
        for way in self.console.ways:
            if way.reading in copied:
                poll.register(way.reading, select.POLLIN)
                if not until_lull and way.writing >= 0:
                    os.close(way.writing)  # or the end would never come
                    way.writing = -1
        while copied:
            ready = poll.poll(LULL_S * 1000 if until_lull else None)
            if not ready:
                return
            for reading, _ in ready:
                data = _read(reading)
                _write(copied[reading], data)
                if not data:
                    poll.unregister(reading)
                    del copied[reading]

    def _close(self) -> None:
        self.console.close()
        for descriptor in (self._reply, self._listening, self._control):
            os.close(descriptor)


def _readable(descriptor: int, wait_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(wait_s * 1000))


def _writable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # a pseudo-terminal whose other end is closed
        return b""


def _write(descriptor: int, data: bytes) -> None:
    with suppress(OSError):  # where it led to is gone
        while data:
            data = data[os.write(descriptor, data) :]
