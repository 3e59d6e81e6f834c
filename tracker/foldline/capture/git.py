"""The state of a repository, by the `git` command.

Nothing in the repository is written or locked, no hook, monitor, pager or external diff is run,
no question asked and nothing fetched. A repository that is too large to be compared in time is
said to be dirty, and its diff says why.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from .. import blobs
from ..events import GitCaptured
from ..layout import Layout
from ..secrets import mask_code, mask_text

__all__ = ["captured", "top"]

GIT_S_MAX = 20.0  # for all of it; a cold tree of a million files takes longer, and is not worth it
DIFF_BYTES_MAX = 4 << 20  # more is no change that anyone reads
NAMES_BYTES_MAX = 1 << 20  # of the list of untracked files, as git prints it
UNTRACKED_MAX = 1_000  # names; more are outputs that nobody told git to ignore
WORD_BYTES_MAX = 64 << 10  # of every other answer

# A partial clone would fetch what it lacks; an index would be refreshed under its lock.
_CONFIG = (
    "core.fsmonitor=false", "core.hooksPath=" + os.devnull, "core.quotePath=false",
    "log.showSignature=false", "diff.ignoreSubmodules=all", "i18n.logOutputEncoding=UTF-8",
)  # fmt: skip
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C.UTF-8",
}
# A hook that starts a training leaves these behind, and they point to the hook's repository.
_ELSEWHERE = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE",
        "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE",
    }
)  # fmt: skip
_DIFF = (
    "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--full-index",
    "--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip


class _Output(NamedTuple):
    """What a command printed, and whether that is all of it."""

    text: bytes
    code: int | None  # None where it was stopped, for its length or for the time
    late: bool = False


def top(folder: str) -> str:
    """Return the top folder of the working tree that holds `folder`, or "" if none does."""
    return _Repository(folder).word("rev-parse", "--show-toplevel")


def captured(folder: str, layout: Layout) -> GitCaptured | None:
    """Return the state of the repository that holds `folder`; None if there is none, or no git.

    What was changed against the last commit, staged or not, becomes a blob of the store. Raises
    OSError if the store can't keep it.
    """
    repository = _Repository(folder)
    bare = repository.word("rev-parse", "--is-bare-repository")
    if not bare:
        return None
    found = repository.word("log", "-1", "--format=%H%x00%an <%ae>%x00%ct%x00%s")
    commit, author, committed_at, subject = (*found.split("\0", 3), "", "", "", "")[:4]
    branch = repository.word("symbolic-ref", "--quiet", "--short", "HEAD")
    tree = repository.word("rev-parse", "--show-toplevel") if bare == "false" else ""
    diff, untracked = b"", list[str]()
    if tree:
        inside = _Repository(tree, repository.deadline)
        diff = inside.diff(commit)
        untracked = _untracked(inside, tree, str(layout.root))
    return GitCaptured(
        commit=commit,
        branch=branch,
        remote=_remote(repository, branch),
        subject=mask_text(subject),
        author=author,
        committed_at=float(committed_at or 0),
        dirty=bool(diff),
        diff=blobs.put(layout, diff) if diff else "",
        diff_bytes=len(diff),
        untracked=untracked,
    )


class _Repository:
    """Git's answers about one folder, all of them before one deadline."""

    def __init__(self, folder: str, deadline: float | None = None) -> None:
        self._folder = folder
        self.deadline = time.monotonic() + GIT_S_MAX if deadline is None else deadline

    def word(self, *arguments: str) -> str:
        """Return what a short command prints, or "" if it fails."""
        output = self._run(*arguments, bytes_max=WORD_BYTES_MAX)
        return _text(output.text).rstrip("\n") if output.code == 0 else ""

    def names(self, *arguments: str) -> list[str]:
        """Return the names that a command prints between zero bytes, as far as there is room."""
        output = self._run(*arguments, bytes_max=NAMES_BYTES_MAX)
        return [_text(name) for name in output.text.split(b"\0")[:-1]]

    def diff(self, commit: str) -> bytes:
        """Return the changes of tracked files against `commit`, or of all if there is none yet."""
        base = commit or self.word("hash-object", "-t", "tree", os.devnull)
        output = self._run(*_DIFF, base, "--", bytes_max=DIFF_BYTES_MAX)
        text = output.text
        if output.code is None:
            why = f"git took over {GIT_S_MAX:g} s" if output.late else "the changes go on"
            whole = text[: text.rfind(b"\n") + 1]
            text = whole + f"\\ cut by foldline after {len(whole)} bytes: {why}\n".encode()
        # Any bytes survive the way through text and back.
        return mask_code(text.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _run(self, *arguments: str, bytes_max: int) -> _Output:
        """Run git; stop it at the deadline, or once it has printed `bytes_max` bytes."""
        settings = [part for setting in _CONFIG for part in ("-c", setting)]
        environment = {k: v for k, v in os.environ.items() if k not in _ELSEWHERE}
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            return _Output(b"", None, late=True)
        if not self._folder:
            return _Output(b"", 127)  # nowhere; to git it would be where this process stands
        try:
            process = subprocess.Popen(
                ["git", "--no-pager", *settings, "-C", self._folder, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment | _ENVIRONMENT,
                start_new_session=True,
            )
        except (OSError, ValueError):  # no git; a folder that no command line can name
            return _Output(b"", 127)
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(process)

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        assert process.stdout is not None  # as asked for
        with process.stdout:
            text = process.stdout.read(bytes_max + 1)
        timer.cancel()
        if late.is_set() or len(text) > bytes_max:
            _kill(process)
            process.wait()
            return _Output(text[:bytes_max], None, late.is_set())
        return _Output(text, process.wait())


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End git and the filters that it may have started."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _remote(repository: _Repository, branch: str) -> str:
    """Return the address of the branch's remote, else of `origin`, else of the first one."""
    found: dict[str, str] = {}
    for line in repository.word("config", "--get-regexp", r"^remote\..*\.url$").splitlines():
        key, _, address = line.partition(" ")
        found.setdefault(key[len("remote.") : -len(".url")], address)
    chosen = repository.word("config", "--get", f"branch.{branch}.remote") if branch else ""
    address = found.get(chosen) or found.get("origin") or next(iter(found.values()), "")
    return _without_password(address)


def _without_password(address: str) -> str:
    """Return a remote's address without what it says for itself, but for the user of an SSH."""
    try:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https") and "@" in parts.netloc:
            # Some hosts take a token for the user, of no shape that anybody knows.
            address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    except ValueError:
        pass  # no address; masked like any text
    return mask_text(address)


def _untracked(repository: _Repository, tree: str, store: str) -> list[str]:
    names = repository.names(
        "ls-files", "--others", "--exclude-standard", "--directory", "--no-empty-directory", "-z"
    )
    own = os.path.realpath(store)
    kept = [mask_text(name) for name in names if os.path.realpath(f"{tree}/{name}") != own]
    return kept[:UNTRACKED_MAX]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
