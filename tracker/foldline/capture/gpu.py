"""Graphics processors, as their vendors' libraries see them.

NVIDIA's through NVML, AMD's through AMD SMI, Apple's through the registry that `ioreg` prints.
Whatever a device or a driver does not tell is left out. A machine without any of them costs one
failed search for a library.
"""

from __future__ import annotations

import importlib
import plistlib
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

__all__ = ["AmdDevices", "AppleDevices", "Devices", "NvidiaDevices", "find"]

DEVICES_MAX = 64  # of one machine; the largest have 16
IOREG_S_MAX = 2.0  # it answers in 20 ms

Reading = dict[str, float]


class Devices(Protocol):
    """The devices of one vendor on this machine, in the order of its library's numbers."""

    names: list[str]
    attributes: dict[str, Any]  # of the driver

    def sample(self) -> list[Reading]:
        """Return for each device what it tells: a quantity with its unit, and a number."""

    def memory_of(self, pids: AbstractSet[int]) -> dict[int, int]:
        """Return the bytes that these processes hold, of each device that they use."""


def find() -> Devices | None:
    """Return the devices of this machine, or None if it has none that can be asked."""
    for vendor in (_nvidia, _amd, _apple):
        try:
            devices = vendor()
        except Exception:  # noqa: BLE001, S112  # a library of any state must only mean: no device
            continue
        if devices is not None and devices.names:
            return devices
    return None


def _nvidia() -> Devices | None:
    if sys.platform == "darwin":
        return None
    if sys.platform != "win32":
        import ctypes

        ctypes.CDLL("libnvidia-ml.so.1")  # raises OSError where no driver is, before the import
    library = importlib.import_module("pynvml")
    library.nvmlInit()
    return NvidiaDevices(library)


def _amd() -> Devices | None:
    library = importlib.import_module("amdsmi")
    library.amdsmi_init(library.AmdSmiInitFlags.INIT_AMD_GPUS)
    return AmdDevices(library)


def _apple() -> Devices | None:
    return AppleDevices(_ioreg) if sys.platform == "darwin" else None


class NvidiaDevices:
    """NVIDIA's devices; `library` is NVML, initialised, by the names of the module `pynvml`.

    Source of the calls and units: NVIDIA's NVML reference, "Device Queries". Devices are numbered
    as `nvidia-smi` does, which is CUDA's order only with CUDA_DEVICE_ORDER=PCI_BUS_ID.
    """

    def __init__(self, library: Any) -> None:
        self._nvml = library
        count = min(library.nvmlDeviceGetCount(), DEVICES_MAX)
        self._handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        self.names = [_text(library.nvmlDeviceGetName(handle)) for handle in self._handles]
        self.attributes: dict[str, Any] = {}
        driver = _told(library.nvmlSystemGetDriverVersion)
        if driver is not None:
            self.attributes["nvidia_driver"] = _text(driver)
        cuda = _told(library.nvmlSystemGetCudaDriverVersion)
        if cuda:
            self.attributes["cuda_driver"] = f"{cuda // 1000}.{cuda % 1000 // 10}"

    def sample(self) -> list[Reading]:
        """Return the load, memory, temperature, power and clock of each device."""
        return [self._reading(handle) for handle in self._handles]

    def _reading(self, handle: Any) -> Reading:
        nvml = self._nvml
        reading: Reading = {}
        load = _told(nvml.nvmlDeviceGetUtilizationRates, handle)
        if load is not None:
            reading["percent"] = load.gpu
        memory = _told(nvml.nvmlDeviceGetMemoryInfo, handle)
        if memory is not None:
            reading |= _memory(memory.used, memory.total)
        temperature = _told(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
        if temperature is not None:
            reading["temperature_c"] = temperature
        power = _told(nvml.nvmlDeviceGetPowerUsage, handle)
        if power is not None:
            reading["power_w"] = power / 1000
        clock = _told(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM)
        if clock is not None:
            reading["clock_mhz"] = clock
        return reading

    def memory_of(self, pids: AbstractSet[int]) -> dict[int, int]:
        """Return the bytes that these processes hold, of each device that they use.

        In a container the driver may name processes by numbers of the host: then none is known.
        """
        held: dict[int, int] = {}
        for index, handle in enumerate(self._handles):
            processes = _told(self._nvml.nvmlDeviceGetComputeRunningProcesses, handle) or ()
            mine = [process.usedGpuMemory or 0 for process in processes if process.pid in pids]
            if mine:
                held[index] = sum(mine)
        return held


class AmdDevices:
    """AMD's devices; `library` is the module `amdsmi`, initialised.

    Source of the calls and units: AMD SMI's Python reference. What a device does not tell reads
    "N/A" there.
    """

    def __init__(self, library: Any) -> None:
        self._smi = library
        self._handles = list(library.amdsmi_get_processor_handles())[:DEVICES_MAX]
        self.names = [
            _text((_told(library.amdsmi_get_gpu_asic_info, handle) or {}).get("market_name", "AMD"))
            for handle in self._handles
        ]
        self.attributes: dict[str, Any] = {}

    def sample(self) -> list[Reading]:
        """Return the load, memory, temperature, power and clock of each device."""
        return [self._reading(handle) for handle in self._handles]

    def _reading(self, handle: Any) -> Reading:
        smi = self._smi
        reading: Reading = {}
        load = _told(smi.amdsmi_get_gpu_activity, handle) or {}
        _take(reading, "percent", load.get("gfx_activity"))
        kind = smi.AmdSmiMemoryType.VRAM
        used = _told(smi.amdsmi_get_gpu_memory_usage, handle, kind)
        total = _told(smi.amdsmi_get_gpu_memory_total, handle, kind)
        if used is not None and total:
            reading |= _memory(used, total)
        # Cards of data centres have no sensor at the edge.
        for place in (smi.AmdSmiTemperatureType.EDGE, smi.AmdSmiTemperatureType.HOTSPOT):
            now = smi.AmdSmiTemperatureMetric.CURRENT
            if _take(
                reading, "temperature_c", _told(smi.amdsmi_get_temp_metric, handle, place, now)
            ):
                break
        power = _told(smi.amdsmi_get_power_info, handle) or {}
        for name in ("current_socket_power", "average_socket_power"):
            if _take(reading, "power_w", power.get(name)):
                break
        clock = _told(smi.amdsmi_get_clock_info, handle, smi.AmdSmiClkType.GFX) or {}
        _take(reading, "clock_mhz", clock.get("clk"))
        return reading

    def memory_of(self, pids: AbstractSet[int]) -> dict[int, int]:
        """Return nothing: what a process holds is not asked for."""
        return {}


class AppleDevices:
    """Apple's devices; `ioreg` returns the property list of all accelerators.

    The keys are those of PerformanceStatistics in the I/O Registry, which Apple does not
    document.
    """

    def __init__(self, ioreg: Callable[[], bytes]) -> None:
        self._ioreg = ioreg
        self.names = [_text(entry.get("model", "Apple")) for entry in self._entries()]
        self.attributes: dict[str, Any] = {}

    def _entries(self) -> list[dict[str, Any]]:
        listing = plistlib.loads(self._ioreg())
        return [entry for entry in listing if "PerformanceStatistics" in entry][:DEVICES_MAX]

    def sample(self) -> list[Reading]:
        """Return the load and the memory of each device; memory is the machine's own."""
        readings = []
        for entry in _told(self._entries) or ():
            statistics = entry["PerformanceStatistics"]
            reading: Reading = {}
            _take(reading, "percent", statistics.get("Device Utilization %"))
            _take(reading, "memory_bytes", statistics.get("In use system memory"))
            readings.append(reading)
        return readings

    def memory_of(self, pids: AbstractSet[int]) -> dict[int, int]:
        """Return nothing: the registry does not tell it."""
        return {}


def _ioreg() -> bytes:
    command = ["ioreg", "-a", "-r", "-d", "1", "-c", "IOAccelerator"]
    return subprocess.run(command, capture_output=True, check=True, timeout=IOREG_S_MAX).stdout


def _told(ask: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a library answers, or None: devices differ in what they tell, and get lost."""
    try:
        return ask(*arguments)
    except Exception:  # noqa: BLE001  # each library has errors of its own
        return None


def _take(reading: Reading, name: str, value: Any) -> bool:
    """Put a number into a reading; say whether it was one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    reading[name] = value
    return True


def _memory(used: int, total: int) -> Reading:
    return {"memory_bytes": used, "memory_percent": 100 * used / total if total else 0.0}


def _text(name: Any) -> str:
    raw = name if isinstance(name, bytes) else str(name).encode("utf-8", "replace")
    return raw.decode("utf-8", "replace").rstrip("\0")
