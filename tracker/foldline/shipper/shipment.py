"""One run on its way to a server.

The server says how far it has each segment, and from there it is sent on. So it matters to nobody
which of two shippers sent what, whether an answer was lost, or which of both sides was killed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from .. import blobs, packs
from ..errors import (
    FoldlineError,
    SegmentRejected,
    ServerFull,
    ServerRefused,
    ServerUnreachable,
)
from ..ids import is_id
from ..layout import Layout, SegmentName
from .link import Link
from .pace import Pieces, Rate
from .parcel import BEAT_S, Opened, Parcel
from .tail import DIGEST
from .trees import named_by

__all__ = ["Shipment"]

TURN_BYTES_MAX = 8 << 20  # of one segment before the others have their turn
BEGINNING_BYTES_MAX = 64 << 10  # of a segment: the first words of a run are among them
DIGESTS_MAX = 10_000  # asked about at once: 670 KB of JSON, and what the server takes
THERE_MAX = 100_000  # digests remembered, 12 MB; forgotten ones are asked about again
BLOB_TRIES_MAX = 3  # of a piece that a server takes and does not keep
_OF_ONE_SEGMENT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT})

Wait = Callable[[float], None]
"""Sleeps so many seconds, or until there is a reason not to."""


class Shipment:
    """Ships the segments of a run, those that grow among them, and the blobs that they name."""

    def __init__(
        self,
        layout: Layout,
        run: str,
        link: Link,
        *,
        opened: Opened | None = None,
        rate: Rate | None = None,
        wait: Wait = time.sleep,
    ) -> None:
        self.run = run
        self.sent_bytes = 0
        self._layout = layout
        self._is_hold = layout.remote.exists()
        self._link = link
        self._opened = opened
        self._rate = rate or Rate(0)
        self._wait = wait
        self._pieces = Pieces()
        self._parcels: dict[str, Parcel] = {}
        self._there: set[str] = set()  # blobs that the server has, or that nobody has

    @property
    def is_done(self) -> bool:
        """Whether all segments that were found are ended, and durable at the server."""
        return all(parcel.is_done for parcel in self._parcels.values())

    @property
    def waits(self) -> bool:
        """Whether something is ended and on its way, and not durable at the server yet."""
        parcels = self._parcels.values()
        return any(one.ended and not one.is_done and one.refused is None for one in parcels)

    @property
    def is_behind(self) -> bool:
        """Whether there are bytes that could be sent by now."""
        parcels = self._parcels.values()
        return any(one.logged < one.end and one.refused is None for one in parcels)

    @property
    def left_bytes(self) -> int:
        """How much of the segments that were found is not durable at the server."""
        return sum(parcel.left_bytes for parcel in self._parcels.values())

    @property
    def refusals(self) -> list[FoldlineError]:
        """Why segments are not taken, those that are not."""
        return [parcel.refused for parcel in self._parcels.values() if parcel.refused]

    def round(self) -> bool:
        """Ship what there is by now, a turn of each segment; say whether anything moved.

        Raises ServerUnreachable, and ServerRefused where it is no matter of one segment; all that
        was sent before counts.
        """
        moved = False
        full: ServerFull | None = None
        for parcel in self.look():
            try:
                moved |= self._turn(parcel)
            except ServerFull as error:
                full = error  # another segment may say that the run is of another experiment
            except SegmentRejected as error:
                parcel.refused = error
            except ServerRefused as error:
                if error.status not in _OF_ONE_SEGMENT:
                    raise
                if error.status != HTTPStatus.CONFLICT or not parcel.begin_again():
                    parcel.refused = error  # the others are none the worse
        if full is not None:
            raise full
        return moved

    def look(self) -> list[Parcel]:
        """Find segments that were begun, see how far each has come; return those to be shipped."""
        for name in packs.segments(self._layout, self.run):
            if name.writer in self._parcels or not is_id(name.writer) or self._is_noted(name):
                continue
            self._parcels[name.writer] = Parcel(self._layout, name, self._opened)
        waiting = []
        for parcel in self._parcels.values():
            try:
                if not parcel.is_done and parcel.refused is None:
                    parcel.look()
            except SegmentRejected as error:
                parcel.refused = error
            if not parcel.is_done and parcel.refused is None:
                waiting.append(parcel)
        return waiting

    def _is_noted(self, name: SegmentName) -> bool:
        return self._is_hold and self._layout.shipped(name).exists()

    def _note(self, name: SegmentName) -> None:
        """Note that a segment is durable there; without the note it is only asked about again."""
        note = self._layout.shipped(name)
        with suppress(OSError):
            note.parent.mkdir(mode=0o700, exist_ok=True)
            note.touch(mode=0o600)

    def _turn(self, parcel: Parcel) -> bool:
        before = (parcel.logged, parcel.durable, parcel.is_done)
        if parcel.logged < 0:
            self._heed(parcel, self._link.get(_address(parcel)))
        self._ship_blobs(parcel)
        room = TURN_BYTES_MAX
        while room > 0 and parcel.logged < parcel.end:
            room -= self._ship_piece(parcel)
        if parcel.logged == parcel.end > 0 and not parcel.is_done and parcel.is_due:
            self._ship_piece(parcel)
        return before != (parcel.logged, parcel.durable, parcel.is_done)

    def _ship_piece(self, parcel: Parcel) -> int:
        """Ship what follows, as much as goes at once or nothing; return how much that was."""
        offset = parcel.logged
        data = parcel.read(min(self._pieces.size, parcel.end - offset), offset)
        if not data and offset < parcel.end:
            parcel.is_done = True  # another shipper had it all, and freed it
            return TURN_BYTES_MAX
        end = offset + len(data)
        last = parcel.ended and end == parcel.end
        asked: dict[str, str | int] = {"offset": offset, "host": parcel.host}
        if last:
            asked |= {"ended": "true", "whole": parcel.checksum()}
        self._heed(parcel, self._ship(_address(parcel), data, asked), sent=end, checked=last)
        self.sent_bytes += len(data)
        return max(len(data), 1)

    def _ship(self, path: str, data: bytes, asked: dict[str, str | int]) -> Any:
        began = time.monotonic()
        try:
            told = self._link.ship(path, data, asked)
        except ServerUnreachable:
            self._pieces.failed()
            raise
        self._pieces.took(len(data), time.monotonic() - began)
        if (wait_s := self._rate.wait_s(len(data))) > 0:
            self._wait(wait_s)
        return told

    def _heed(
        self, parcel: Parcel, told: Any, *, sent: int | None = None, checked: bool = False
    ) -> None:
        """Take over what the server says of a segment, of which all before `sent` was sent."""
        try:
            logged, durable, ended = int(told["logged"]), int(told["durable"]), bool(told["ended"])
        except (TypeError, KeyError, ValueError) as error:
            raise ServerRefused(
                f"{self._link.remote.url} answers, but not as Foldline does",
                hint="check the address; the server may be of another version",
            ) from error
        if logged > parcel.end and (ended or parcel.ended):
            raise ServerRefused(
                f"{self._link.remote.url} has more of {self.run}/{parcel.name.writer} than is here",
                hint="two logs have one name: keep both, and compare them by `foldline verify`",
                status=HTTPStatus.CONFLICT,
            )
        known = logged if sent is None else min(logged, sent)
        parcel.heed(known, durable, checked=checked and ended)
        if parcel.is_done and self._is_hold:
            self._note(parcel.name)

    # ------------------------------------------------------------------------------------- blobs

    def _ship_blobs(self, parcel: Parcel) -> None:
        """Ship the blobs that a segment names as far as it has come, before it does so there."""
        if len(self._there) > THERE_MAX:
            self._there.clear()
        named = [digest for digest in parcel.digests if digest not in self._there]
        while named:
            mine = [digest for digest in named if self._layout.blob(digest).exists()]
            self._there.update(set(named) - set(mine))  # a text that looks like a digest
            if mine:
                self._show(parcel)
            lacking = self._lacking(mine)
            fresh: set[str] = set()
            for digest in mine:
                if digest in lacking:
                    self._ship_blob(digest)
                self._there.add(digest)
                # What a table names is there before the table is looked at.
                fresh |= named_by(self._layout.blob(digest))
            named = sorted(fresh - self._there)
        parcel.digests.clear()

    def _show(self, parcel: Parcel) -> None:
        """Let the server know that a writer lives, and how its segment begins.

        Then it frees no blob that is not named yet, and knows of which experiment the run is.
        """
        offset = parcel.logged
        header = parcel.read(min(BEGINNING_BYTES_MAX, parcel.end), 0) if offset == 0 else b""
        if (named := DIGEST.search(header)) is not None:
            header = header[: named.start()]  # no event that names a blob is whole
        asked: dict[str, str | int] = {"offset": offset, "host": parcel.host}
        told = self._ship(_address(parcel), header, asked)
        self._heed(parcel, told, sent=offset + len(header))

    def _lacking(self, digests: list[str]) -> set[str]:
        lacking: set[str] = set()
        for at in range(0, len(digests), DIGESTS_MAX):
            some = digests[at : at + DIGESTS_MAX]
            lacking |= set(self._link.post("blobs/lacking", {"digests": some})["lacking"])
        return lacking

    def _ship_blob(self, digest: str) -> None:
        with blobs.opened(self._layout, digest) as file:
            whole = os.fstat(file.fileno()).st_size
            received, tries = 0, 0
            while True:
                file.seek(received)
                data = file.read(min(self._pieces.size, whole - received))
                asked: dict[str, str | int] = {"offset": received, "whole": whole, "run": self.run}
                told = int(self._ship(f"blobs/{digest}", data, asked)["received"])
                self.sent_bytes += len(data)
                if told == whole:
                    return
                tries = tries + 1 if told <= received else 0
                if tries > BLOB_TRIES_MAX:
                    raise ServerRefused(
                        f"{self._link.remote.url} does not take the blob {digest}",
                        hint="see what the server's terminal says",
                        status=HTTPStatus.BAD_REQUEST,
                    )
                received = told
                self._beat()

    def _beat(self) -> None:
        """Say that writers live whose segments have to wait for a large blob."""
        for parcel in self._parcels.values():
            idle_s = time.monotonic() - parcel.told_at
            if parcel.logged >= 0 and not parcel.ended and idle_s > BEAT_S:
                asked: dict[str, str | int] = {"offset": parcel.logged, "host": parcel.host}
                sent = parcel.logged
                self._heed(parcel, self._link.ship(_address(parcel), b"", asked), sent=sent)


def _address(parcel: Parcel) -> str:
    return f"log/{parcel.name.run}/{parcel.name.writer}"
