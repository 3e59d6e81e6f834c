"""What a control group allows a process: processors and memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["cpu_quota", "memory_limit", "memory_used"]

# Version 1 writes "no limit" as the largest multiple of a page.
UNLIMITED_BYTES = 1 << 60

_ROOT = Path("/sys/fs/cgroup")


def cpu_quota(pid: int | str = "self", *, root: Path = _ROOT, proc: Path = Path("/proc")) -> float:
    """Return how many processors a process may keep busy, or 0.0 where there is no quota."""
    found: list[float] = []
    for folder in _folders(pid, "cpu", root, proc):
        words = _read(folder / "cpu.max").split()  # version 2: "150000 100000", or "max 100000"
        if len(words) != 2:
            words = [_read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
        quota, period = (int(word) if word.isdecimal() else 0 for word in words)
        if quota and period:
            found.append(quota / period)
    return min(found, default=0.0)


def memory_limit(pid: int | str = "self", *, root: Path = _ROOT, proc: Path = Path("/proc")) -> int:
    """Return the bytes that a process and its group may hold, or 0 where there is no limit."""
    found = [limit for _, limit in _limits(pid, root, proc)]
    return min(found, default=0)


def memory_used(pid: int | str = "self", *, root: Path = _ROOT, proc: Path = Path("/proc")) -> int:
    """Return the bytes that the group with the smallest limit holds, or 0 where there is none.

    As the kernel counts towards the limit, without pages of files that it would give up first.
    """
    folder, _ = min(_limits(pid, root, proc), key=lambda found: found[1], default=(None, 0))
    if folder is None:
        return 0
    held = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
    rows = map(str.split, _read(folder / "memory.stat").splitlines())
    counts = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}
    # Version 1 counts the groups below apart, and gives the sum another name.
    return max(held - counts.get("total_inactive_file", counts.get("inactive_file", 0)), 0)


def _limits(pid: int | str, root: Path, proc: Path) -> Iterator[tuple[Path, int]]:
    for folder in _folders(pid, "memory", root, proc):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        if 0 < limit < UNLIMITED_BYTES:
            yield folder, limit


def _folders(pid: int | str, controller: str, root: Path, proc: Path) -> Iterator[Path]:
    """Yield the folders of a process's group and those above it, in either version's tree.

    A container may see its group as the root, and its path as the host has it: both are tried.
    """
    for line in _read(proc / str(pid) / "cgroup").splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            top = root
        elif controller in controllers.split(","):
            top = root / controller
            if not top.is_dir():
                top = root / controllers  # such as "cpu,cpuacct"
        else:
            continue
        folder = top / path.lstrip("/")
        if ".." in folder.parts or not folder.is_dir():
            folder = top
        yield folder
        while folder != top:
            folder = folder.parent
            yield folder


def _number(path: Path) -> int:
    text = _read(path).strip()
    return int(text) if text.isdecimal() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
