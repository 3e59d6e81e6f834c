"""The process that stands beside a training.

It hands on what the training prints and logs it, gathers facts, samples the system, and says how
the training ended. One loop in one thread waits for all of it; only what may take long is done in
another.
"""

from __future__ import annotations

import os
import select
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from .. import origin, secrets, spool
from ..events import MessageLogged, WriterClosed, WriterLost, WriterOpened
from ..layout import Layout, SegmentName
from ..notices import Notices
from ..presence import HEARTBEAT_S
from ..version import VERSION
from ..writer import Writer
from .exit_status import OomKills, death, ending
from .launch import CONTROL, LIFE, PIDFD, REPLY, Post
from .lines import Count, Lines
from .orders import ANSWER_DONE, ANSWER_HERE, Begin, End, Order, Orders, Ping
from .rounds import Rounds
from .tee import DRAIN_BYTES_MAX, Tee

if TYPE_CHECKING:
    from ..shipper.live import Live

__all__ = ["Companion", "main"]

LIFE_CHECK_S = 1.0  # where the system has no way to wait for the end of somebody else's process
# Who prints line by line would wake this process for each: after a little, it lets more gather.
PACE_S = 0.004
PACE_BYTES = 16 * 1024
FACTS_WAIT_S_MAX = 60.0  # after the training's end; git on a dead network disk would hold for ever
TRACEBACK_CHARS_MAX = 4_096  # of an error of our own


class Companion:
    """One companion, from the training's first word to the last of all who print."""

    def __init__(self, post: Post, orders: Orders, begin: Order) -> None:
        """Begin to log; the descriptors are those of `post`."""
        assert isinstance(begin, Begin)  # a training's first word
        self._tees = [Tee(tap) for tap in post.taps]
        self._life = os.dup(LIFE)
        os.dup2(0, LIFE)  # no child of ours shall hold it
        self._orders = orders
        self._subject = subject = begin.subject
        self._writer = Writer(
            Layout(Path(subject.store)),
            subject.run,
            opened=self._opened,
            notices=Notices(),
            buffered=begin.buffered,
        )
        self._writer.open()
        self._live = self._ship()
        count = Count()
        for tee in self._tees:
            tee.lines = Lines(tee.stream, count, secrets.mask_text)
        self._kills = OomKills(subject.pid)
        self._pidfd = PIDFD if post.pidfd else -1
        self._death = death(subject.pid, self._pidfd)
        self._rounds = Rounds(subject, begin.choice, self._writer, self.fail)
        self._give_up_at = float("inf")
        self._awaits_code = False  # of a training that ended, as far as its interpreter knew
        self._next_beat = 0.0
        self._poll = select.poll()
        for descriptor in (CONTROL, self._death, *(tee.reading for tee in self._tees)):
            if descriptor >= 0:
                self._poll.register(descriptor, select.POLLIN)
        if not self._tees:
            self._release()

    @property
    def _writing(self) -> bool:
        return not self._writer.closed

    def serve(self) -> None:
        """Work until nobody prints any more and all is logged."""
        while self._tees or self._writing:
            ready = {descriptor for descriptor, _ in self._poll.poll(self._wait_s() * 1000)}
            busy = False
            for tee in tuple(self._tees):
                if tee.reading in ready:
                    busy |= self._hand_on(tee)
            if CONTROL in ready:
                self._listen()
            if self._death in ready or (self._death < 0 and self._is_gone()):
                self._mourn()
            self._look_around()
            if busy and self._writing:
                time.sleep(PACE_S)

    def _wait_s(self) -> float:
        now = time.monotonic()
        due = [self._next_beat - now] + [tee.wants_at() - now for tee in self._tees]
        if self._death < 0 and not self._subject_ended:
            due.append(LIFE_CHECK_S)
        if self._subject_ended:
            due.append(0.05)  # the facts are about to be complete
        return max(0.0, min(due))

    @property
    def _subject_ended(self) -> bool:
        return self._give_up_at < float("inf")

    def _hand_on(self, tee: Tee) -> bool:
        """Hand on and log what there is to read; say whether it was only a little."""
        data = tee.read()
        if not data:
            self._log(tee, b"", last=True)
            self._poll.unregister(tee.reading)
            self._tees.remove(tee)
            tee.close()
            if not self._tees:
                self._release()
            return False
        self._log(tee, data)
        return len(data) < PACE_BYTES

    def _release(self) -> None:
        """Let the shell go that would copy in our place: it holds where it would copy to."""
        with suppress(OSError):
            os.write(self._life, b"done\n")

    def _log(self, tee: Tee, data: bytes, *, last: bool = False) -> None:
        if tee.lines is not None and self._writing:
            for event in tee.lines.feed(data, time.monotonic(), last=last):
                self._writer.event(event)

    def _listen(self) -> None:
        data = os.read(CONTROL, 65_536)
        if not data:  # the training closed it, or became another program
            self._poll.unregister(CONTROL)
        self.obey(self._orders.feed(data))

    def obey(self, orders: list[Order]) -> None:
        """Do what the training says."""
        for order in orders:
            if isinstance(order, Ping):
                _answer(ANSWER_HERE)
            elif isinstance(order, End):
                self._drain()
                self._awaits_code = order.at_exit and self._death >= 0
                self._leave(order.modules)
                self._writer.flush(durable=False)
                _answer(ANSWER_DONE)

    def _drain(self) -> None:
        """Hand on and log all that was printed up to now."""
        for tee in tuple(self._tees):
            left = DRAIN_BYTES_MAX
            while left > 0 and tee in self._tees and tee.is_ready():
                before = tee.handed_on
                self._hand_on(tee)
                left -= max(1, tee.handed_on - before)
            self._log(tee, b"", last=True)

    def _leave(self, modules: list[str]) -> None:
        """Log nothing more but the facts that are still gathered."""
        self._rounds.end(modules)
        self._give_up_at = time.monotonic() + FACTS_WAIT_S_MAX
        if self._death >= 0 and not self._awaits_code:
            with suppress(KeyError):
                self._poll.unregister(self._death)
            self._death = -1

    def _mourn(self) -> None:
        """Log how the training ended that did not say so itself."""
        if self._awaits_code:
            self._note_code()
        if self._subject_ended:
            return
        seen, subject = time.time(), self._subject
        self._drain()
        end = ending(subject.pid, self._pidfd)
        reason = end.reason
        if end.signal == "SIGKILL" and self._kills.risen():
            reason = "out of memory"
        with suppress(Exception):  # a value that can't be finished must not hide the end
            spool.finish(self._writer.layout, subject.run, subject.writer, self._writer.event)
        self._writer.event(
            WriterLost(subject.writer, seen, reason, signal=end.signal, exit_code=end.exit_code)
        )
        self._leave(subject.modules)

    def _note_code(self) -> None:
        """Log an exit code that belies the end which the interpreter told."""
        self._awaits_code = False
        self._poll.unregister(self._death)
        self._death = -1
        end, subject = ending(self._subject.pid, self._pidfd), self._subject
        if end.exit_code and self._writing:
            lost = WriterLost(subject.writer, time.time(), end.reason, exit_code=end.exit_code)
            self._writer.event(lost)

    def _is_gone(self) -> bool:
        """Say whether the process is gone, where there is nothing to wait on."""
        if self._subject_ended:
            return False
        try:
            os.kill(self._subject.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def _look_around(self) -> None:
        """Do what is due by the clock."""
        now = time.monotonic()
        for tee in self._tees:
            if tee.wants_at() <= now:
                tee.follow_size()
                self._log(tee, b"")
        if now >= self._next_beat:
            self._next_beat = now + HEARTBEAT_S
            self._beat()
        over = not self._rounds.running
        over &= not self._awaits_code
        if self._subject_ended and self._writing and (over or now > self._give_up_at):
            self._writer.close(WriterClosed("finished"))

    def _beat(self) -> None:
        """Touch the markers: where no lock is seen from another host, this is a sign of life."""
        layout, subject = self._writer.layout, self._subject
        alive = [self._writer.writer] if self._writing else []
        if not self._subject_ended:
            alive.append(subject.writer)
        for writer in alive:
            with suppress(OSError):  # folded to its end already, or a store that is gone
                os.utime(layout.marker(SegmentName(subject.run, writer)))

    def _opened(self) -> WriterOpened:
        return msgspec.structs.replace(
            origin.opened(VERSION), command=[], role="companion", beside=self._subject.writer
        )

    def _ship(self) -> Live | None:
        """Ship the run, if it is one for a server."""
        if not self._writer.layout.remote.exists():
            return None
        from ..shipper.live import begin  # loads an HTTP client, which other runs do without

        return begin(self._writer.layout, self._subject.run, self.fail)

    def see_off(self) -> None:
        """Stay until a run for a server is there, or there is little hope; nobody waits for it."""
        if self._live is not None:
            self._live.end()

    def fail(self, what: str) -> None:
        """Say in the log what went wrong here; never raises."""
        with suppress(Exception):
            self._writer.event(MessageLogged(40, what[-TRACEBACK_CHARS_MAX:], logger="foldline"))


def main(words: str) -> None:
    """Be a companion; `words` is a Post as JSON."""
    with suppress(OSError):
        os.setsid()  # where it was not done as this process was started
    companion = None
    try:
        post = msgspec.json.decode(words, type=Post)
        orders = Orders()
        found: list[Order] = []
        while not found:
            data = os.read(CONTROL, 65_536)
            if not data:
                os._exit(1)  # it ended before its first word; the shell copies what it printed
            found = orders.feed(data)
        companion = Companion(post, orders, found[0])
        companion.obey(found[1:])
        companion.serve()
        companion.see_off()
    except BaseException:  # noqa: BLE001  # the shell copies on; the run is told why
        if companion is not None:
            companion.fail(traceback.format_exc())
        os._exit(1)
    os._exit(0)


def _answer(word: bytes) -> None:
    with suppress(OSError):  # nobody waits for it any more
        os.write(REPLY, word)
