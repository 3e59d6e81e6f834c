"""The load of a machine, a process and its devices.

Names, units and contexts are listed in docs/capture.md. A rate needs two samples, so the first one
tells less. What the system does not tell, or refuses, is left out and fails nothing else.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from .. import origin
from ..series import SYSTEM_PREFIX
from . import cgroup, gpu

__all__ = ["Sampler"]

TREE_MAX = 256  # processes below the training that are looked at; each costs 0.1 ms a sample
GONE_MAX = 4_096  # processes whose use is remembered, those that ended among them
THREADS_MAX = 512  # of a process, whose children are looked for

Sample = tuple[str, dict[str, Any], float]

# What a container, a virtual machine or a bridge adds carries the same bytes a second time.
_REPEATED = ("lo", "veth", "docker", "br-", "virbr", "cni", "flannel", "cali", "tap")


class Sampler:
    """The load of process `pid` and all below it, and with `per_host` of its machine.

    One process of each machine is enough to tell of the machine and its devices. `folders` are
    where the training may run out of disk: a word, and the folder.
    """

    def __init__(
        self, pid: int, *, per_host: bool, folders: Sequence[tuple[str, str]] = ()
    ) -> None:
        rank = origin.rank()
        self._host: dict[str, Any] = {"host": origin.host()}
        self._own = self._host if rank is None else {**self._host, "rank": rank}
        self._tree = _Tree(pid)
        self._rates = _Rates()
        self._devices = gpu.find()
        self._folders = _file_systems([*folders, ("cwd", _cwd(pid))])
        self._disks = _whole_disks()
        self._group_bytes = cgroup.memory_limit(pid)
        self._parts: list[Callable[[], Iterator[Sample]]] = [self._process, self._held]
        if per_host:
            self._parts += [self._machine, self._traffic, self._storage, self._group, self._gpus]
            psutil.cpu_percent()  # counts from here

    def sample(self) -> list[Sample]:
        """Return what the system tells now: names of series, contexts and values."""
        self._rates.now = time.monotonic()
        found: list[Sample] = []
        for part in self._parts:
            try:
                for name, context, value in part():
                    found.append((SYSTEM_PREFIX + name, context, float(value)))
            except Exception:  # noqa: BLE001, S112  # systems refuse in many ways
                continue
        self._rates.before = self._rates.now
        return found

    # ---------------------------------------------------------------------------- processes

    def _process(self) -> Iterator[Sample]:
        tree, own = self._tree, self._own
        tree.look()
        if not tree.count:
            return
        yield "process_memory_bytes", own, tree.memory_bytes
        yield "process_threads", own, tree.threads
        yield "process_children", own, tree.count - 1
        for rate in self._rates.of("process_cpu", tree.cpu_s):
            yield "process_cpu_percent", own, 100 * rate
        if tree.open_files:
            yield "process_open_files", own, tree.open_files
        if tree.tells_storage:
            for name, total in (("read", tree.read_bytes), ("write", tree.write_bytes)):
                for rate in self._rates.of(f"process_{name}", total):
                    yield f"process_{name}_bytes_per_s", own, rate

    def _held(self) -> Iterator[Sample]:
        if self._devices is not None:
            for index, held in self._devices.memory_of(self._tree.pids).items():
                yield "process_gpu_memory_bytes", {**self._own, "gpu": index}, held

    # ------------------------------------------------------------------------------ machine

    def _machine(self) -> Iterator[Sample]:
        if self._rates.before:
            yield "cpu_percent", self._host, psutil.cpu_percent()
        memory = psutil.virtual_memory()
        yield "memory_bytes", self._host, memory.total - memory.available
        yield "memory_percent", self._host, memory.percent
        if hasattr(os, "getloadavg"):
            yield "load_1m", self._host, os.getloadavg()[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of counters that some kernels do not have
            yield "swap_bytes", self._host, psutil.swap_memory().used

    def _traffic(self) -> Iterator[Sample]:
        cards = [
            counters
            for card, counters in psutil.net_io_counters(pernic=True).items()
            if not card.startswith(_REPEATED)
        ]
        totals = {
            "network_received_bytes_per_s": sum(card.bytes_recv for card in cards),
            "network_sent_bytes_per_s": sum(card.bytes_sent for card in cards),
        }
        disks = psutil.disk_io_counters(perdisk=True)
        counted = [disks[disk] for disk in self._disks & disks.keys()]
        if counted:
            totals["disk_read_bytes_per_s"] = sum(disk.read_bytes for disk in counted)
            totals["disk_write_bytes_per_s"] = sum(disk.write_bytes for disk in counted)
        for name, total in totals.items():
            for rate in self._rates.of(name, total):
                yield name, self._host, rate

    def _storage(self) -> Iterator[Sample]:
        for word, folder in self._folders.items():
            usage = psutil.disk_usage(folder)
            context = {**self._host, "disk": word}
            yield "disk_percent", context, usage.percent
            yield "disk_free_bytes", context, usage.free

    def _group(self) -> Iterator[Sample]:
        if self._group_bytes:
            used = cgroup.memory_used(self._tree.pid)
            yield "container_memory_bytes", self._host, used
            yield "container_memory_percent", self._host, 100 * used / self._group_bytes

    def _gpus(self) -> Iterator[Sample]:
        if self._devices is not None:
            for index, reading in enumerate(self._devices.sample()):
                for name, value in reading.items():
                    yield f"gpu_{name}", {**self._host, "gpu": index}, value


class _Rates:
    """Growth a second of counters, between one sample and the next."""

    def __init__(self) -> None:
        self.now = self.before = 0.0
        self._last: dict[str, float] = {}

    def of(self, name: str, total: float) -> Iterator[float]:
        """Yield the rate of a counter, unless it is new or has been set back."""
        last = self._last.get(name)
        self._last[name] = total
        if last is not None and total >= last and self.now > self.before > 0:
            yield (total - last) / (self.now - self.before)


class _Used(NamedTuple):
    """What a process has used since it began."""

    cpu_s: float
    read_bytes: int
    write_bytes: int


_NOTHING = _Used(0.0, 0, 0)


class _Tree:
    """A process and all below it: what they hold now, and what they have used together.

    Counters of a process that is gone stay in the sums, which never shrink. What a process used
    before it was first seen counts, unless the tree was first seen then.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.pids: set[int] = set()
        self.count = self.memory_bytes = self.threads = self.open_files = 0
        self.cpu_s = 0.0
        self.read_bytes = self.write_bytes = 0
        self.tells_storage = False  # the system says what at least one of them read and wrote
        self._known: dict[int, psutil.Process] = {}
        self._used: dict[int, _Used] = {}

    def look(self) -> None:
        """Look at all processes of the tree."""
        self.count = self.memory_bytes = self.threads = self.open_files = 0
        known: dict[int, psutil.Process] = {}
        for pid in _family(self.pid):
            try:
                process = self._known.get(pid) or psutil.Process(pid)
                with process.oneshot():
                    used = self._add(process)
            except psutil.Error:
                continue  # it ended, or is somebody else's
            known[pid] = process
            self._count(self._used.get(pid, _NOTHING), used)
            # Kept when it is gone: one that was only missed once must not count a second time.
            self._used[pid] = used
        self._known, self.pids = known, set(known)
        if len(self._used) > GONE_MAX:
            self._used = {pid: self._used[pid] for pid in known}

    def _add(self, process: psutil.Process) -> _Used:
        times = process.cpu_times()
        self.memory_bytes += process.memory_info().rss
        self.threads += process.num_threads()
        read = written = 0
        try:
            self.open_files += process.num_fds() if hasattr(process, "num_fds") else 0
            if hasattr(process, "io_counters"):
                counters = process.io_counters()
                read, written = counters.read_bytes, counters.write_bytes
                self.tells_storage = True
        except (psutil.AccessDenied, OSError):
            pass  # a process that changed its user keeps these to itself
        self.count += 1
        return _Used(times.user + times.system, read, written)

    def _count(self, last: _Used, now: _Used) -> None:
        if now.cpu_s < last.cpu_s:
            last = _NOTHING  # another process has the number now
        self.cpu_s += now.cpu_s - last.cpu_s
        self.read_bytes += max(now.read_bytes - last.read_bytes, 0)
        self.write_bytes += max(now.write_bytes - last.write_bytes, 0)


def _family(pid: int) -> list[int]:
    """Return a process and those below it, the nearest first."""
    if not Path(f"/proc/{pid}/task/{pid}/children").exists():
        try:
            below = psutil.Process(pid).children(recursive=True)
        except psutil.Error:
            below = []
        return [pid, *(process.pid for process in below[: TREE_MAX - 1])]
    # The kernel lists the children of each thread. A search through all processes of the machine,
    # which is the portable way, takes ten times as long on a busy one.
    family = [pid]
    for member in family:
        if len(family) >= TREE_MAX:
            break
        family += _children(member)
    return family[:TREE_MAX]


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208  # names suffice
    except OSError:
        return found  # it ended
    for thread in threads[:THREADS_MAX]:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123  # hot
                found += map(int, file.read().split())
        except OSError:
            continue  # a thread that ended; its children have another parent now
    return found


def _cwd(pid: int) -> str:
    try:
        return psutil.Process(pid).cwd()
    except psutil.Error:
        return ""  # it ended, or is somebody else's


def _file_systems(folders: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the folders that are there, one for each file system."""
    found: dict[int, tuple[str, str]] = {}
    for word, folder in folders:
        if not folder:
            continue
        try:
            real = os.path.realpath(folder)
            found.setdefault(Path(real).stat().st_dev, (word, real))
        except OSError:
            continue
    return dict(found.values())


def _whole_disks() -> set[str]:
    """Return the disks of the machine: no partitions, and nothing that lies on other disks."""
    try:
        listed = [path.name for path in Path("/sys/block").iterdir() if (path / "device").exists()]
    except OSError:
        listed = []
    counters = psutil.disk_io_counters(perdisk=True) or {}
    # Virtual disks of some machines have no device; elsewhere the system lists whole disks only.
    return set(listed) or {name for name in counters if not name.startswith(("loop", "ram", "dm-"))}
