"""Who writes: the process, its host, its rank, its command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from .events import WriterOpened
from .secrets import mask_command
from .unicode import encodable

__all__ = ["command", "host", "local_rank", "opened", "rank", "world_size"]

COMMAND_BYTES_MAX = 16 * 1024  # the event has to fit the first window
ARGUMENT_CHARS_MAX = 1_000  # longer ones are lists of files or code, and are not read again
NUMBER_CHARS_MAX = 9  # of a rank: more is no rank, and the log's integers have 64 bits

# In the order of trust: what torchrun, SLURM, MPI and PMI tell a process.
_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "LOCAL_RANK")
_LOCAL_RANKS = ("LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID")
# How many there are, each beside the variable that says which one this is. A batch script and an
# interactive shell of SLURM are told a number of tasks too, and are none of them.
_WORLD_SIZES = {
    "RANK": "WORLD_SIZE",
    "SLURM_PROCID": "SLURM_NTASKS",
    "OMPI_COMM_WORLD_RANK": "OMPI_COMM_WORLD_SIZE",
    "PMI_RANK": "PMI_SIZE",
}


def opened(version: str) -> WriterOpened:
    """Return the event that opens a segment of this process."""
    return WriterOpened(
        host=host(),
        pid=os.getpid(),
        rank=rank(),
        foldline=version,
        python=".".join(str(part) for part in sys.version_info[:3]),
        command=command(getattr(sys, "orig_argv", sys.argv)),
        local_rank=local_rank(),
        world_size=world_size(),
    )


def command(arguments: list[str]) -> list[str]:
    """Return a command line with secrets masked, cut to COMMAND_BYTES_MAX."""
    kept: list[str] = []
    room = COMMAND_BYTES_MAX
    for argument in mask_command(arguments):
        text = encodable(argument[:ARGUMENT_CHARS_MAX])
        room -= len(text.encode())
        if room < 0:
            kept.append("...")
            break
        kept.append(text)
    return kept


def host() -> str:
    """Return the machine's name."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")


def rank() -> int | None:
    """Return this process's number among those that train together, if it was told one."""
    return _number(_RANKS)


def local_rank() -> int | None:
    """Return this process's number among those of its machine, if it was told one."""
    return _number(_LOCAL_RANKS)


def world_size() -> int | None:
    """Return how many processes train together, if this one was told."""
    for name, size in _WORLD_SIZES.items():
        if _number((name,)) is not None:
            return _number((size,))
    return None


def _number(names: Iterable[str]) -> int | None:
    """Return what the first of some environment variables says that holds a number."""
    for name in names:
        text = os.environ.get(name, "")
        if text.isascii() and text.isdecimal() and len(text) <= NUMBER_CHARS_MAX:
            return int(text)
    return None
