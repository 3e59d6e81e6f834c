"""Everything that can go wrong, in one tree.

Every error says what happened and where, and carries a `hint`: the next thing to type or do.
"""

from __future__ import annotations

import os

__all__ = [
    "BlobMissing",
    "BookmarkUnknown",
    "CorruptRecord",
    "FoldlineError",
    "FoldlineWarning",
    "ForeignNotFound",
    "ForeignUnreadable",
    "QueryError",
    "QuestionError",
    "QuotaReached",
    "RuleRejected",
    "RuleUnknown",
    "RunNotFound",
    "SecretRejected",
    "SegmentConflict",
    "SegmentRejected",
    "ServerFull",
    "ServerRefused",
    "ServerUnreachable",
    "StoreBusy",
    "StoreLinked",
    "StoreNotFound",
    "StoreTooNew",
    "StoreUnwritable",
    "TruncatedRecord",
    "Unsupported",
    "ValueRejected",
    "ViewDamaged",
    "WordsRejected",
]


class FoldlineError(Exception):
    """The base of all errors that Foldline raises on purpose.

    `message` says what happened and where; `hint` says what to do next, and is part of `str()`.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class FoldlineWarning(UserWarning):
    """Something that could not be logged was left out; the training goes on."""


class StoreNotFound(FoldlineError):
    """The folder given as a store is not there, or holds no store."""


class StoreUnwritable(FoldlineError):
    """The store can't be written: read-only, not a folder, or no space is left."""


class StoreTooNew(FoldlineError):
    """The store was made by a newer Foldline; nothing in it was touched."""


class StoreBusy(FoldlineError):
    """Another process serves or folds the store and can't be shared with."""


class StoreLinked(FoldlineError):
    """A symbolic link in the store leads out of it, and nothing is read or written through it."""


class SegmentRejected(FoldlineError):
    """What was shipped is no segment or blob of the name that it was shipped under."""


class SegmentConflict(FoldlineError):
    """What was shipped differs from what is there under the same name; neither was changed."""


class QuotaReached(FoldlineError):
    """An experiment has no room left for what was shipped."""


class ServerUnreachable(FoldlineError):
    """A server that can't be reached just now, or says itself to come again.

    `after_s` is how many seconds it asked to be left alone, 0 if it said nothing.
    """

    def __init__(self, message: str, *, hint: str = "", after_s: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.after_s = after_s


class ServerFull(ServerUnreachable):
    """A server has no room left for one experiment; what is of others it takes."""


class ServerRefused(FoldlineError):
    """A server does not take what it is sent, and will not another time.

    `status` is that of its answer, 0 if it was not even asked; `code` is its word for what is
    wrong, and `at` the (start, end) range of characters of a query that are to blame.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int = 0,
        code: str = "",
        at: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.at = at


class ForeignNotFound(FoldlineError):
    """Raised where a folder has nothing that another tracker left."""


class ForeignUnreadable(FoldlineError):
    """Raised for a run of another tracker whose files can't be read."""


class RunNotFound(FoldlineError):
    """No run has the id that was asked for."""


class SecretRejected(FoldlineError):
    """A text that can't be scrubbed out of a store: too short, or a word of the log itself."""


class RuleRejected(FoldlineError):
    """An alert rule that can't be understood, or one too many."""


class RuleUnknown(FoldlineError):
    """No alert rule has the name that was asked for."""


class WordsRejected(FoldlineError):
    """A bookmark, or a word about a tag, can't be kept as it is, or is one too many."""


class BookmarkUnknown(FoldlineError):
    """No bookmark has the id that was asked for."""


class BlobMissing(FoldlineError):
    """The bytes of a value or an artifact are not in the store."""


class ViewDamaged(FoldlineError):
    """A view can't be used: damaged, or made by another version; it is made again from the log."""


class ValueRejected(FoldlineError):
    """A value that `track` or `params` can't keep: not a number, too deep, too large."""


class Unsupported(FoldlineError):
    """A call of another tracker's SDK that has no meaning here; the hint is what has."""


class QueryError(FoldlineError):
    """A query that can't be understood.

    `at` is the (start, end) range of characters of the query that are to blame.
    """

    def __init__(self, message: str, *, at: tuple[int, int], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.at = at


class QuestionError(QueryError):
    """A question of the full-text search that has one meaning, and is wrong in it.

    `at` is the (start, end) range of characters of the question that are to blame.
    """


class TruncatedRecord(FoldlineError):
    """The bytes end before the record does: normal at a growing tail, so wait and read again."""

    def __init__(self, path: str | os.PathLike[str], offset: int) -> None:
        super().__init__(f"{path}:{offset}: the record is not whole yet")
        self.path = str(path)
        self.offset = offset


class CorruptRecord(FoldlineError):
    """Bytes that were whole once and are damaged now: skip `length` bytes and report it."""

    def __init__(self, path: str | os.PathLike[str], offset: int, length: int, reason: str) -> None:
        super().__init__(
            f"{path}:{offset}: {length} bytes are damaged: {reason}",
            hint="nothing was deleted; restore the file from a backup, then `foldline rebuild`",
        )
        self.path = str(path)
        self.offset = offset
        self.length = length
        self.reason = reason
