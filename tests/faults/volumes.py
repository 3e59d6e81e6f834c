"""Small file systems to fill, or cut from power.

They need root on Linux, as mounting does. Where that is not so their tests are skipped, and say it.
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

__all__ = ["DISK_BYTES", "blank", "can_mount", "fill", "memory", "mounted", "needs_mounts"]

DISK_BYTES = 48 << 20  # the least that has room for a journal and the views of a small store

# Also where `mkfs.ext4` and `losetup` lie: not everybody's PATH leads there, root's neither.
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _run(*command: str) -> str:
    """Return what a command says. Raises CalledProcessError if it fails."""
    environment = os.environ | {"PATH": _PATH}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


@cache
def can_mount() -> bool:
    """Say whether this process may mount file systems."""
    if not hasattr(os, "geteuid") or os.geteuid() or not shutil.which("mkfs.ext4", path=_PATH):
        return False
    try:
        _run("losetup", "--find")
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False
    return True


needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs root, mkfs.ext4 and loop devices")


@contextmanager
def memory(at: Path, size: int) -> Iterator[Path]:
    """Mount a file system of `size` bytes that lies in memory."""
    at.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(at))
    try:
        yield at
    finally:
        _unmount(at)


def blank(image: Path) -> Path:
    """Make an image of an empty ext4."""
    with image.open("xb") as file:
        file.truncate(DISK_BYTES)
    _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
    return image


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    """Mount an image. The file has what the system wrote to its disk, and nothing that waits."""
    at.mkdir(parents=True, exist_ok=True)
    device = _run("losetup", "--find", "--show", "--direct-io=on", str(image)).strip()
    try:
        _run("mount", "-t", "ext4", device, str(at))
        try:
            yield at
        finally:
            _unmount(at)
    finally:
        _run("losetup", "--detach", device)


def fill(folder: Path, *, leave: int = 0) -> Path:
    """Take all room of a file system but for some bytes; return the file that has it."""
    path = folder / "ballast"
    free = os.statvfs(folder)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - leave))
    return path


def _unmount(at: Path) -> None:
    """Unmount it; what a test that failed has open still goes with its process."""
    gc.collect()
    _run("umount", "--lazy", str(at))
