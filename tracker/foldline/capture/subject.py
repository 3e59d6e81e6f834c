"""The training process, as its companion is told of it."""

from __future__ import annotations

import builtins
import os
import sys
from pathlib import Path

import msgspec

from .. import origin
from ..layout import Layout

__all__ = ["Subject", "is_kernel", "is_prompt", "local_modules", "subject_of"]

MODULES_MAX = 2_000  # files of local modules that a companion is told of; more is a vendored tree
MODULES_BYTES_MAX = 256 * 1024  # of their paths; they pass a pipe at once


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


def subject_of(layout: Layout, run: str, writer: str) -> Subject:
    """Return this process as a subject. Costs a millisecond with 2,000 modules."""
    main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    subject = Subject(
        pid=os.getpid(),
        host=origin.host(),
        store=_text(str(layout.root)),
        run=run,
        writer=writer,
        rank=origin.rank(),
        local_rank=origin.local_rank(),
        argv=origin.command(sys.argv),
        cwd=_cwd(),
        executable=_text(sys.executable or ""),
        sys_path=[_text(str(path)) for path in sys.path],
        main_file=_text(str(Path(main).absolute())) if main else "",
        notebook=is_kernel(),
    )
    return msgspec.structs.replace(subject, modules=local_modules(subject))


def local_modules(subject: Subject) -> list[str]:
    """Return the files of the imported modules that lie with the script, and are not installed."""
    script = os.path.dirname(subject.main_file)  # noqa: PTH120  # a text, 2,000 times faster
    roots = {_repository(folder) for folder in (script, subject.cwd) if folder}
    roots.discard("/")
    inside = tuple(f"{root.rstrip(os.sep)}{os.sep}" for root in roots)
    found: list[str] = []
    room = MODULES_BYTES_MAX
    for module in tuple(sys.modules.values()):
        try:
            # Not getattr: a module that loads itself when it is looked at must not be looked at.
            file = object.__getattribute__(module, "__dict__").get("__file__")
        except AttributeError:
            continue
        if not isinstance(file, str) or not file.startswith(inside) or not _is_local(file):
            continue
        room -= len(file)
        if room < 0 or len(found) >= MODULES_MAX:
            break
        found.append(_text(file))
    return found


def is_prompt() -> bool:
    """Say whether somebody types at this process: a session with a prompt, or a notebook."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive) or _in_ipython()


def is_kernel() -> bool:
    """Say whether this process runs the cells of a notebook."""
    return "ipykernel" in sys.modules and _in_ipython()


def _in_ipython() -> bool:
    # Imported it may be by any script; who runs in it finds its name among the built-in ones.
    return hasattr(builtins, "get_ipython")


_INSTALLED = ("site-packages", "dist-packages", f"{os.sep}lib{os.sep}python")
_OWN = f"{Path(__file__).resolve().parents[1]}{os.sep}"


def _is_local(file: str) -> bool:
    return not any(word in file for word in _INSTALLED) and not file.startswith(_OWN)


def _repository(folder: str) -> str:
    """Return the folder of the git repository that `folder` is in, or `folder` itself."""
    for above in (Path(folder), *Path(folder).parents):
        if (above / ".git").exists():
            return str(above)
    return folder


def _cwd() -> str:
    try:
        return _text(os.getcwd())  # noqa: PTH109  # a text is what is wanted
    except OSError:
        return ""  # it was removed


def _text(path: str) -> str:
    """Return a path as text that can be encoded, whatever the file system has for a name."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
