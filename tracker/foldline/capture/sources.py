"""The code that runs: a script, its notebook, its local modules."""

from __future__ import annotations

import os
import stat
import sysconfig
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from .. import blobs
from ..events import SourcesCaptured, StoredFile
from ..layout import Layout
from ..secrets import is_secret_file, mask_code
from ..unicode import encodable
from .subject import Subject

__all__ = ["captured"]

FILE_BYTES_MAX = 1 << 20  # of a module; a larger one is data that ends in .py
NOTEBOOK_BYTES_MAX = 8 << 20  # the pictures that it shows are in it
SOURCES_BYTES_MAX = 32 << 20  # of all files of a run, which are kept once for many runs
SOURCES_MAX = 2_000  # files; more are an installed package that lies in an odd place

_SUFFIXES = (".py", ".pyx", ".pyi", ".ipynb")  # of modules; a script may be called anything
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def captured(
    subject: Subject,
    layout: Layout,
    top: str,
    environ: Mapping[str, str],
    known: Container[str] = (),
) -> SourcesCaptured | None:
    """Keep the script, its notebook and its imported local modules; None if there are none.

    Paths are relative to `top`, the repository's folder, or else to the script's. Files of
    `known` were captured before: what has become of them since is not what runs. Left out and
    counted are files over the bounds, and those with a secret in them: a blob is the file's exact
    bytes, so nothing can be masked. Raises OSError if the store can't keep them.
    """
    entry = subject.main_file or _notebook(subject, environ)
    root = top or (str(Path(entry).parent) if entry else subject.cwd)
    files: list[StoredFile] = []
    left_out = room = 0
    taken: set[str] = set()
    started = ""
    for path in _paths(entry, subject, known):
        name = _relative(path, root, subject.sys_path)
        content = _content(path) if len(files) < SOURCES_MAX else None
        if content is None or name in taken or room + len(content) > SOURCES_BYTES_MAX:
            left_out += 1
            continue
        taken.add(name)
        room += len(content)
        files.append(StoredFile(name, blobs.put(layout, content), len(content)))
        if path == os.path.realpath(entry or os.devnull):
            started = name
    if not files and not left_out:
        return None
    return SourcesCaptured(entry=started, files=files, left_out=left_out)


def _paths(entry: str, subject: Subject, known: Container[str]) -> Iterator[str]:
    """Yield the files of local code, each once, the script first."""
    standard = tuple(
        os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib")
    )
    seen: set[str] = set()
    for path in (entry, *sorted(subject.modules)):
        if path in known:
            continue
        # What a link leads to counts: a module by two names is one file.
        file = Path(os.path.realpath(Path(subject.cwd, path))) if path else Path()
        real = str(file)
        if real in seen or not file.is_file():
            continue
        seen.add(real)
        installed = real.startswith(standard) or not _INSTALLED.isdisjoint(file.parts)
        if path == entry or (real.endswith(_SUFFIXES) and not installed):
            yield real


def _content(path: str) -> bytes | None:
    """Return a file's bytes, if it is one that may be kept."""
    limit = NOTEBOOK_BYTES_MAX if path.endswith(".ipynb") else FILE_BYTES_MAX
    try:
        if is_secret_file(path) or not stat.S_ISREG(Path(path).stat().st_mode):
            return None
        with Path(path).open("rb") as file:
            content = file.read(limit + 1)
    except OSError:
        return None
    text = content.decode("utf-8", "surrogateescape")
    return content if len(content) <= limit and mask_code(text) == text else None


def _relative(path: str, root: str, sys_path: list[str]) -> str:
    """Return the name of a file below the root, or below the nearest folder of `sys.path`."""
    folders = [os.path.realpath(root)] if root else []
    folders += sorted((os.path.realpath(folder) for folder in sys_path if folder), key=len)[::-1]
    for folder in folders:
        inside = folder.rstrip(os.sep) + os.sep
        if path.startswith(inside):
            name = path[len(inside) :]
            break
    else:
        name = Path(path).name
    return encodable(name.replace(os.sep, "/"))


def _notebook(subject: Subject, environ: Mapping[str, str]) -> str:
    """Return the file of the notebook whose kernel this is, where the server told it."""
    if not subject.notebook:
        return ""
    told = environ.get("JPY_SESSION_NAME", "")
    path = Path(subject.cwd, told)
    return str(path) if told.endswith(".ipynb") and path.is_file() else ""
