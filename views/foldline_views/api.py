"""Questions to a server, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NoReturn, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from foldline.errors import (
    BlobMissing,
    QueryError,
    QuestionError,
    RunNotFound,
    ServerRefused,
    ServerUnreachable,
)
from foldline.shipper.hold import remote_of
from foldline.shipper.link import Link

__all__ = ["Api"]

# A page of rows is as large as its runs are; a million points have 32 MB.
ANSWER_BYTES_MAX = 1 << 30
PAGES_MAX = 100_000  # of one answer: a hundred million rows; a hostile server's has no end

Page = TypeVar("Page", bound="_Page")
T = TypeVar("T")


class _Page(Protocol):
    @property
    def cursor(self) -> str | None: ...


class Api:
    """What a server answers, as the types that it was sent from. Not for several threads at once.

    Raises ServerUnreachable, and ServerRefused where it is not one of the errors that a store on
    this machine raises: BlobMissing, RunNotFound, QueryError and QuestionError.
    """

    def __init__(self, address: str) -> None:
        """Raises ValueRejected if the address names no server."""
        self._link = Link(
            remote_of(address),
            answer_bytes_max=ANSWER_BYTES_MAX,
            hint="check that `foldline up` runs there, and the way to it",
        )
        self._answered = False  # over the connection that is kept

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._link.remote.url

    def get(self, path: str, answer: type[T], /, **asked: Any) -> T:
        """Return what the server answers to a GET of a path below /api/v1."""
        return self._typed(lambda: self._link.get(_address(path, asked)), answer)

    def post(self, path: str, answer: type[T], /, **asked: Any) -> T:
        """Return what the server answers to a POST."""
        return self._typed(lambda: self._link.post(path, asked), answer)

    def pages(
        self, ask: Callable[..., Page], path: str, answer: type[Page], /, **asked: Any
    ) -> Iterator[Page]:
        """Yield the pages of an answer; `ask` is `get` or `post`. Raises ServerRefused."""
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = ask(path, answer, **asked, **({} if cursor is None else {"cursor": cursor}))
            yield page
            cursor = page.cursor
            if cursor is None:
                return
        raise ServerRefused(
            f"{self.url}{path} has no end: {PAGES_MAX:,} pages were answered",
            hint="ask whoever runs the server what is there",
        )

    def fetch(self, path: str, /, **asked: Any) -> bytes:
        """Return the bytes that the server answers to a GET."""
        try:
            return self._asked(lambda: self._link.fetch(_address(path, asked)))
        except ServerRefused as error:
            _raise(error)

    def part(self, path: str, start: int, end: int) -> tuple[bytes, int]:
        """Return bytes from `start` to before `end`, or where they end, and how many there are."""
        try:
            return self._asked(lambda: self._link.part(path, start, end))
        except ServerRefused as error:
            if error.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return b"", start
            _raise(error)

    def close(self) -> None:
        """Let go of the connection; the next question makes another."""
        self._link.close()

    def _asked(self, ask: Callable[[], T]) -> T:
        """Return an answer; a connection that was kept too long is made again."""
        try:
            answer = ask()
        except ServerUnreachable:
            if not self._answered:
                raise
            self._answered = False
            answer = ask()
        self._answered = True
        return answer

    def _typed(self, ask: Callable[[], Any], answer: type[T]) -> T:
        try:
            return msgspec.convert(self._asked(ask), answer)
        except ServerRefused as error:
            _raise(error)
        except msgspec.ValidationError as error:
            raise ServerUnreachable(
                f"{self.url} answers in words of another version: {error}",
                hint="use the same version of Foldline there and here",
            ) from error


def _address(path: str, asked: dict[str, Any]) -> str:
    said = {name: value for name, value in asked.items() if value is not None}
    return f"{path}?{urlencode(said)}" if said else path


def _raise(error: ServerRefused) -> NoReturn:
    """Raise what a store on this machine raises, or the error as it is."""
    message, hint = str(error.args[0]).partition(" refuses: ")[2], error.hint
    match error.code:
        case "blob_not_found":
            raise BlobMissing(message, hint=hint) from error
        case "run_not_found":
            raise RunNotFound(message, hint=hint) from error
        case "bad_query":
            raise QueryError(message, at=error.at, hint=hint) from error
        case "bad_question":
            raise QuestionError(message, at=error.at, hint=hint) from error
    raise error
