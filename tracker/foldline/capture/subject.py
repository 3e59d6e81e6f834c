"""The training process, as its companion is told of it."""

from __future__ import annotations

import msgspec

__all__ = ["Subject"]


class Subject(msgspec.Struct, frozen=True):
    """Whom a companion stands beside: what can only be known inside that process."""

    pid: int
    host: str
    store: str  # the store's folder, absolute
    run: str
    writer: str  # of the training process
    rank: int | None = None
    local_rank: int | None = None
    argv: list[str] = []
    cwd: str = ""
    executable: str = ""  # the interpreter's file
    sys_path: list[str] = []
    main_file: str = ""  # the script, absolute; "" in a prompt or a notebook
    modules: list[str] = []  # the files of imported local modules, absolute
    notebook: bool = False  # a kernel of IPython runs it
