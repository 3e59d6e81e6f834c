"""What the exit status of a command means."""

from __future__ import annotations

from enum import IntEnum

from foldline.errors import (
    FoldlineError,
    QueryError,
    RuleRejected,
    RunNotFound,
    SecretRejected,
    StoreBusy,
    StoreNotFound,
    StoreTooNew,
    StoreUnwritable,
)

from ..errors import CertificateRejected, HostRefused, PortTaken, TokenRejected

__all__ = ["Exit", "exit_of"]


class Exit(IntEnum):
    """Exit statuses; scripts may rely on them."""

    DONE = 0
    NO = 1  # the command worked, and the answer is no: damage was found, no such run
    USAGE = 2  # the command line or a query is wrong
    PORT = 3  # the port is taken
    BUSY = 4  # another process serves or folds the store
    STORE = 5  # the store is missing, can't be written, or is of a newer Foldline
    INTERRUPTED = 130  # Ctrl+C, as shells report it


# The first class that fits counts.
EXITS: tuple[tuple[type[FoldlineError], Exit], ...] = (
    (QueryError, Exit.USAGE),
    (HostRefused, Exit.USAGE),
    (RuleRejected, Exit.USAGE),
    (SecretRejected, Exit.USAGE),
    (TokenRejected, Exit.USAGE),
    (CertificateRejected, Exit.USAGE),
    (RunNotFound, Exit.NO),
    (PortTaken, Exit.PORT),
    (StoreBusy, Exit.BUSY),
    (StoreNotFound, Exit.STORE),
    (StoreTooNew, Exit.STORE),
    (StoreUnwritable, Exit.STORE),
    (FoldlineError, Exit.NO),
)


def exit_of(error: FoldlineError) -> Exit:
    """Return the exit status that tells of an error."""
    return next(status for kind, status in EXITS if isinstance(error, kind))
