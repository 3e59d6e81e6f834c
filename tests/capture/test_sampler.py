"""The load of machines, processes and devices.

No machine with a graphics processor was at hand: the vendors' libraries are stood in for by
objects that answer their calls in the forms that their references document.
"""

from __future__ import annotations

import os
import plistlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from foldline.capture import cgroup, gpu, sampler
from foldline.capture.sampler import Sampler
from foldline.series import SYSTEM_PREFIX
from tests.patience import wait_for

GIB = 1 << 30

Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Python that runs a line of code, and says a word once it has begun."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(code: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", f"import os, sys, subprocess, threading\n{code}"]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # and all that it started
        process.communicate()


def read(found: Sampler) -> dict[str, float]:
    """Return a sample by name; of several contexts the last one's."""
    return {name.removeprefix(SYSTEM_PREFIX): value for name, _, value in found.sample()}


# --------------------------------------------------------------------------------- processes


def test_a_process_is_told_by_what_it_holds(start: Start) -> None:
    """Memory, threads, open files and children are those of the process and all below it."""
    process = start(
        "held = bytearray(50 << 20)\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "files = [open(os.devnull) for _ in range(20)]\n"
        "code = 'x = bytearray(30 << 20); print(flush=True); input()'\n"
        "below = subprocess.Popen([sys.executable, '-c', code], stdin=0, stdout=-1)\n"
        "below.stdout.readline(); print('begun', flush=True); input()"
    )
    told = read(Sampler(process.pid, per_host=False))
    assert told["process_memory_bytes"] > 80 << 20
    assert told["process_threads"] == 3
    assert told["process_open_files"] >= 23
    assert told["process_children"] == 1


def test_a_share_of_processors_is_of_the_whole_tree(start: Start) -> None:
    """100 percent is one processor: a child that turns in a circle shows at its parent."""
    process = start(
        "spin = 'while True: pass'\n"
        "below = subprocess.Popen([sys.executable, '-c', spin])\n"
        "print('begun', flush=True); input()"
    )
    found = Sampler(process.pid, per_host=False)
    assert "process_cpu_percent" not in read(found)  # a rate needs two
    told = wait_for(
        lambda: next((cpu for cpu in [read(found).get("process_cpu_percent", 0)] if cpu > 1), 0)
    )
    assert 1 < told < 250


def test_what_a_child_used_before_it_was_missed_counts_once(
    monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    """A process that one look misses does not count anew in the next, and sums never shrink."""
    process = start(
        "import time\nwhile time.process_time() < 0.5: pass\nprint('begun', flush=True)\ninput()"
    )
    found = sampler._Tree(os.getpid())
    family = [os.getpid(), process.pid]
    monkeypatch.setattr(sampler, "_family", lambda _: family)
    begun = time.process_time()
    found.look()
    used = found.cpu_s
    assert used > 0.5
    monkeypatch.setattr(sampler, "_family", lambda _: family[:1])
    found.look()
    assert found.pids == {os.getpid()} and used <= found.cpu_s
    monkeypatch.setattr(sampler, "_family", lambda _: family)
    found.look()
    assert found.cpu_s - used < time.process_time() - begun + 0.1  # the kernel counts in ticks


def test_written_bytes_are_told_as_a_rate(start: Start, tmp_path: Path) -> None:
    """What a process has a disk write between two samples shows in bytes a second."""
    process = start(
        f"file = open({str(tmp_path / 'file')!r}, 'wb')\nprint('begun', flush=True)\n"
        "while sys.stdin.readline():\n"
        "  file.write(b'x' * (1 << 20)); file.flush(); os.fsync(file.fileno())\n"
        "  print(flush=True)"
    )
    assert process.stdin is not None and process.stdout is not None
    found = Sampler(process.pid, per_host=False)
    assert "process_write_bytes_per_s" not in read(found)
    process.stdin.write(b"\n")
    process.stdin.flush()
    process.stdout.readline()
    told = read(found)["process_write_bytes_per_s"]
    # A file system in memory has no disk to write to.
    counted = Path(f"/proc/{process.pid}/io").read_text().split("\nwrite_bytes: ")[1].split()[0]
    assert (told > 0) == (int(counted) > 0)


def test_the_tree_is_the_same_where_the_kernel_lists_no_children(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways of finding the processes below find the same ones, at any depth."""
    deep = "import subprocess, sys; print(flush=True); input()"
    process = start(
        f"code = {deep!r}\n"
        "middle = 'import subprocess, sys; p = subprocess.Popen([sys.executable, \"-c\", '"
        " + repr(code) + '], stdout=-1); p.stdout.readline(); print(flush=True); input()'\n"
        "b = subprocess.Popen([sys.executable, '-c', middle], stdout=-1)\n"
        "b.stdout.readline(); print('begun', flush=True); input()"
    )
    listed = sampler._family(process.pid)
    assert len(listed) == 3 and listed[0] == process.pid
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert sorted(sampler._family(process.pid)) == sorted(listed)
    monkeypatch.setattr(sampler, "TREE_MAX", 2)
    assert len(sampler._family(process.pid)) == 2


def test_a_process_that_is_gone_tells_nothing(start: Start) -> None:
    """After its end a process has no samples, and the machine still has."""
    process = start("print('begun', flush=True); input()")
    found = Sampler(process.pid, per_host=True)
    assert "process_threads" in read(found)
    process.kill()
    process.communicate()
    told = read(found)
    assert not [name for name in told if name.startswith("process_")]
    assert "memory_percent" in told


# ----------------------------------------------------------------------------------- machine


def test_the_machine_is_told_once_for_all_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the sampler of the host tells of it; ranks tell their own processes apart."""
    monkeypatch.setenv("RANK", "3")
    for per_host in (True, False):
        found = Sampler(os.getpid(), per_host=per_host, folders=[("store", str(tmp_path))])
        found.sample()
        told = found.sample()
        assert all(name.startswith(SYSTEM_PREFIX) for name, _, _ in told)
        assert all(type(value) is float for _, _, value in told)
        for name, context, _ in told:
            assert context["host"] == os.uname().nodename
            assert ("rank" in context) == name.startswith(SYSTEM_PREFIX + "process_")
        names = {name.removeprefix(SYSTEM_PREFIX) for name, _, _ in told}
        assert ("cpu_percent" in names) == per_host
        expected = {
            "memory_bytes", "memory_percent", "swap_bytes", "load_1m", "disk_percent",
            "disk_free_bytes", "network_received_bytes_per_s", "network_sent_bytes_per_s",
        }  # fmt: skip
        assert names & expected == (expected if per_host else set())


def test_a_file_system_is_told_once(tmp_path: Path) -> None:
    """Of two folders on one file system the first one's word stands for both."""
    here, missing = ("store", str(tmp_path)), ("gone", str(tmp_path / "missing"))
    found = sampler._file_systems([missing, here, ("cwd", str(tmp_path.parent))])
    assert found == {"store": str(tmp_path)}


def test_counters_that_are_set_back_give_no_rate() -> None:
    """A rate is growth a second; a counter that is new, or fell, has none."""
    rates = sampler._Rates()
    rates.now = 10.0
    assert list(rates.of("a", 100)) == []
    rates.before, rates.now = 10.0, 12.0
    assert list(rates.of("a", 150)) == [25.0]
    assert list(rates.of("a", 20)) == []
    assert list(rates.of("b", 20)) == []


def test_what_the_system_refuses_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that fails takes its own series away, and no other."""

    def refuse(*_: object, **__: object) -> None:
        raise psutil.AccessDenied

    found = Sampler(os.getpid(), per_host=True)
    monkeypatch.setattr(psutil, "net_io_counters", refuse)
    monkeypatch.setattr(psutil.Process, "io_counters", refuse)
    found.sample()
    told = read(found)
    assert "network_sent_bytes_per_s" not in told
    assert "process_read_bytes_per_s" not in told
    assert {"memory_percent", "disk_percent", "process_threads"} <= told.keys()


def test_a_sample_costs_little(start: Start) -> None:
    """With eight processes below, a sample takes milliseconds of a processor, not tens of them."""
    process = start(
        "below = [subprocess.Popen([sys.executable, '-c', 'input()'], stdin=0) for _ in range(8)]\n"
        "print('begun', flush=True); input()"
    )
    found = Sampler(process.pid, per_host=True)
    found.sample()
    costs = []
    for _ in range(20):
        begun = time.process_time()
        found.sample()
        costs.append(time.process_time() - begun)
    assert min(costs) < 0.010


# ------------------------------------------------------------------------------ control groups


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_limits_of_version_2_are_the_smallest_on_the_way_up(tmp_path: Path) -> None:
    """A job's group and the groups above it all bind; `max` binds nothing."""
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    write(proc / "7/cgroup", "0::/job/step\n")
    write(root / "job/step/cpu.max", "max 100000\n")
    write(root / "job/cpu.max", "150000 100000\n")
    write(root / "job/step/memory.max", f"{8 * GIB}\n")
    write(root / "job/memory.max", f"{4 * GIB}\n")
    write(root / "job/memory.current", f"{3 * GIB}\n")
    write(root / "job/memory.stat", f"anon 1\ninactive_file {GIB}\n")
    assert cgroup.cpu_quota(7, root=root, proc=proc) == 1.5
    assert cgroup.memory_limit(7, root=root, proc=proc) == 4 * GIB
    assert cgroup.memory_used(7, root=root, proc=proc) == 2 * GIB


def test_limits_of_version_1_are_those_of_each_controller(tmp_path: Path) -> None:
    """In a container the path may be the host's, which is not there: then the root counts."""
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    write(proc / "7/cgroup", "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/\n")
    write(root / "cpu,cpuacct/cpu.cfs_quota_us", "50000\n")
    write(root / "cpu,cpuacct/cpu.cfs_period_us", "100000\n")
    write(root / "memory/memory.limit_in_bytes", f"{2 * GIB}\n")
    write(root / "memory/memory.usage_in_bytes", f"{GIB}\n")
    write(root / "memory/memory.stat", f"inactive_file 5\ntotal_inactive_file {GIB // 2}\n")
    assert cgroup.cpu_quota(7, root=root, proc=proc) == 0.5
    assert cgroup.memory_limit(7, root=root, proc=proc) == 2 * GIB
    assert cgroup.memory_used(7, root=root, proc=proc) == GIB // 2


@pytest.mark.parametrize(
    ("groups", "limit"),
    [("0::/\n", "max"), ("4:memory:/\n", str(2**63 - 4096)), ("", ""), ("x", "")],
)
def test_without_a_limit_there_is_none(tmp_path: Path, groups: str, limit: str) -> None:
    """No limit, no group, nonsense, no such process: zero, and no error."""
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    write(proc / "7/cgroup", groups)
    write(root / "memory.max", limit)
    write(root / "memory/memory.limit_in_bytes", limit)
    for pid in (7, 8):
        assert cgroup.cpu_quota(pid, root=root, proc=proc) == 0
        assert cgroup.memory_limit(pid, root=root, proc=proc) == 0
        assert cgroup.memory_used(pid, root=root, proc=proc) == 0


def test_a_group_with_a_limit_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory is limited, how much of the limit is used is what an out-of-memory follows."""
    monkeypatch.setattr(cgroup, "memory_limit", lambda _: 4 * GIB)
    monkeypatch.setattr(cgroup, "memory_used", lambda _: GIB)
    told = read(Sampler(os.getpid(), per_host=True))
    assert (told["container_memory_bytes"], told["container_memory_percent"]) == (GIB, 25)


def test_every_series_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/capture.md names each series that a sample can hold, and no other."""
    monkeypatch.setattr(gpu, "find", lambda: gpu.NvidiaDevices(Nvml()))
    monkeypatch.setattr(cgroup, "memory_limit", lambda _: 4 * GIB)
    found = Sampler(os.getpid(), per_host=True)
    told = read(found).keys() | read(found).keys()
    table = (Path(__file__).parents[2] / "docs/capture.md").read_text().split("| series | of |")[1]
    rows = [row.split("|")[1] for row in table.split("\n\n")[0].splitlines()[2:]]
    assert told == set(re.findall(r"`(\w+)`", "".join(rows)))


# ----------------------------------------------------------------------------------- devices


class Refused(Exception):
    """What a stand-in raises for what it does not support."""


class Nvml:
    """A stand-in for the module `pynvml` on a machine with two devices, the second one poor."""

    NVML_TEMPERATURE_GPU = 0
    NVML_CLOCK_SM = 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802  # NVML's name, as all below
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802  # see above
        return index

    def nvmlDeviceGetName(self, handle: int) -> str | bytes:  # noqa: N802  # see above
        return b"Tesla K80\0" if handle else "NVIDIA H100"

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802  # see above
        return "550.54"

    def nvmlSystemGetCudaDriverVersion(self) -> int:  # noqa: N802  # see above
        return 12040

    def __getattr__(self, name: str) -> Callable[..., Any]:
        answers: dict[str, Any] = {
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=87, memory=40),
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=20 * GIB, total=80 * GIB),
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 350_500,
            "nvmlDeviceGetClockInfo": 1980,
            "nvmlDeviceGetComputeRunningProcesses": [
                SimpleNamespace(pid=os.getpid(), usedGpuMemory=5 * GIB),
                SimpleNamespace(pid=1, usedGpuMemory=GIB),
                SimpleNamespace(pid=os.getpid(), usedGpuMemory=None),
            ],
        }

        def ask(handle: int, *_: object) -> Any:
            if handle == 1 and name != "nvmlDeviceGetTemperature":
                raise Refused
            return answers[name]

        return ask


def test_devices_of_nvidia_tell_what_they_can() -> None:
    """Units are those of the names; what a device does not support is left out."""
    devices = gpu.NvidiaDevices(Nvml())
    assert devices.names == ["NVIDIA H100", "Tesla K80"]
    assert devices.attributes == {"nvidia_driver": "550.54", "cuda_driver": "12.4"}
    assert devices.sample() == [
        {
            "percent": 87, "memory_bytes": 20 * GIB, "memory_percent": 25, "temperature_c": 61,
            "power_w": 350.5, "clock_mhz": 1980,
        },
        {"temperature_c": 61},
    ]  # fmt: skip
    assert devices.memory_of({os.getpid(), 12}) == {0: 5 * GIB}
    assert devices.memory_of({12}) == {}


def test_devices_are_series_of_their_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each device has a context of its own, and those that the process uses are told for it."""
    monkeypatch.setattr(gpu, "find", lambda: gpu.NvidiaDevices(Nvml()))
    host = {"host": os.uname().nodename}
    told = [
        (name.removeprefix(SYSTEM_PREFIX), context, value)
        for name, context, value in Sampler(os.getpid(), per_host=True).sample()
        if "gpu" in name
    ]
    assert ("gpu_percent", {**host, "gpu": 0}, 87) in told
    assert ("gpu_temperature_c", {**host, "gpu": 1}, 61) in told
    assert ("process_gpu_memory_bytes", {**host, "gpu": 0}, 5 * GIB) in told
    assert len(told) == 8
    others = Sampler(os.getpid(), per_host=False).sample()
    assert [name for name, _, _ in others if "gpu" in name] == [
        SYSTEM_PREFIX + "process_gpu_memory_bytes"
    ]


class AmdSmi:
    """A stand-in for the module `amdsmi` on a machine with two devices, the second one mute."""

    AmdSmiMemoryType = SimpleNamespace(VRAM=0)
    AmdSmiTemperatureType = SimpleNamespace(EDGE=0, HOTSPOT=1)
    AmdSmiTemperatureMetric = SimpleNamespace(CURRENT=0)
    AmdSmiClkType = SimpleNamespace(GFX=0)

    def amdsmi_get_processor_handles(self) -> list[int]:
        return [0, 1]

    def amdsmi_get_temp_metric(self, handle: int, place: int, _: int) -> int:
        if handle == 1 or place == self.AmdSmiTemperatureType.EDGE:
            raise Refused
        return 55

    def __getattr__(self, name: str) -> Callable[..., Any]:
        answers: dict[str, Any] = {
            "amdsmi_get_gpu_asic_info": {"market_name": "AMD Instinct MI300X"},
            "amdsmi_get_gpu_activity": {
                "gfx_activity": 90,
                "umc_activity": 3,
                "mm_activity": "N/A",
            },
            "amdsmi_get_gpu_memory_usage": 48 * GIB,
            "amdsmi_get_gpu_memory_total": 192 * GIB,
            "amdsmi_get_power_info": {"current_socket_power": "N/A", "average_socket_power": 600},
            "amdsmi_get_clock_info": {"clk": 2100, "min_clk": 500, "max_clk": 2100},
        }

        def ask(handle: int, *_: object) -> Any:
            if handle == 1:
                raise Refused
            return answers[name]

        return ask


def test_devices_of_amd_tell_what_they_can() -> None:
    """A sensor that is not there gives way to the next one, and "N/A" is no number."""
    devices = gpu.AmdDevices(AmdSmi())
    assert devices.names == ["AMD Instinct MI300X", "AMD"]
    assert devices.sample() == [
        {
            "percent": 90, "memory_bytes": 48 * GIB, "memory_percent": 25, "temperature_c": 55,
            "power_w": 600, "clock_mhz": 2100,
        },
        {},
    ]  # fmt: skip


def test_devices_of_apple_tell_what_the_registry_has() -> None:
    """Load and memory come from the accelerator's statistics; a registry that fails, nothing."""
    listing = [
        {
            "IOClass": "AGXAcceleratorG13X",
            "model": "Apple M1 Pro",
            "gpu-core-count": 16,
            "PerformanceStatistics": {
                "Device Utilization %": 42,
                "Renderer Utilization %": 41,
                "In use system memory": 3 * GIB,
                "Alloc system memory": 5 * GIB,
            },
        },
        {"IOClass": "Other"},
    ]
    answers = [plistlib.dumps(listing), plistlib.dumps(listing), b"nonsense"]
    devices = gpu.AppleDevices(lambda: answers.pop(0))
    assert devices.names == ["Apple M1 Pro"]
    assert devices.sample() == [{"percent": 42, "memory_bytes": 3 * GIB}]
    assert devices.sample() == []


def test_a_machine_without_devices_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No driver, a driver that does not start, a vendor's bug: no devices, and no word."""

    def broken() -> None:
        raise RuntimeError

    for vendor in ("_nvidia", "_amd", "_apple"):
        monkeypatch.setattr(gpu, vendor, broken)
    assert gpu.find() is None
    monkeypatch.setattr(gpu, "_amd", lambda: gpu.AppleDevices(lambda: plistlib.dumps([])))
    assert gpu.find() is None
    assert capfd.readouterr() == ("", "")
