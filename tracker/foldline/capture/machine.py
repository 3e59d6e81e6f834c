"""The machine that a process runs on."""

from __future__ import annotations

import getpass
import math
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from ..events import MachineCaptured
from ..unicode import encodable
from . import cgroup, gpu
from .subject import Subject

__all__ = ["captured"]

# What tells where a process was started: the attribute's name, and variables that hold it.
_PLACES = {
    "slurm_job": ("SLURM_JOB_ID", "SLURM_JOBID"),
    "slurm_array_job": ("SLURM_ARRAY_JOB_ID",),
    "slurm_array_task": ("SLURM_ARRAY_TASK_ID",),
    "slurm_partition": ("SLURM_JOB_PARTITION",),
    "pbs_job": ("PBS_JOBID",),
    "lsf_job": ("LSB_JOBID",),
    "sge_job": ("JOB_ID",),
    "conda": ("CONDA_DEFAULT_ENV",),
    "virtual_env": ("VIRTUAL_ENV",),
}
# Variables that only such a notebook, or such a container, sets.
_NOTEBOOKS = {
    "COLAB_RELEASE_TAG": "colab",
    "KAGGLE_KERNEL_RUN_TYPE": "kaggle",
    "DATABRICKS_RUNTIME_VERSION": "databricks",
    "SM_CURRENT_HOST": "sagemaker",
}
_CONTAINERS = {
    "KUBERNETES_SERVICE_HOST": "kubernetes",
    "APPTAINER_CONTAINER": "apptainer",
    "SINGULARITY_CONTAINER": "singularity",
}


def captured(subject: Subject, environ: Mapping[str, str]) -> MachineCaptured:
    """Return what a training can use of its machine, and where it was started.

    Processors and memory are what the process may use: of its affinity and its control group,
    where those allow less than the machine has.
    """
    machine_bytes = psutil.virtual_memory().total
    allowed_bytes = cgroup.memory_limit(subject.pid) or machine_bytes
    processors = _affinity(subject.pid)
    quota = cgroup.cpu_quota(subject.pid)
    devices = gpu.find()
    attributes = _places(subject, environ) | {
        "host_cpus": os.cpu_count() or 0,
        "host_memory_bytes": machine_bytes,
        "cpu": _processor(),
        "distribution": _distribution(),
        "cpu_quota": quota,
    }
    if devices is not None:
        attributes |= devices.attributes
    return MachineCaptured(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        user=_user(),
        cwd=encodable(subject.cwd),
        python=encodable(subject.executable),
        cpus=min(processors, math.ceil(quota)) if quota else processors,
        memory_bytes=min(allowed_bytes, machine_bytes),
        gpus=devices.names if devices is not None else [],
        attributes={name: value for name, value in attributes.items() if value},
    )


def _affinity(pid: int) -> int:
    """Return how many processors the scheduler may give to a process."""
    try:
        return len(os.sched_getaffinity(pid))
    except (AttributeError, OSError):  # no such call here; the process is gone
        return os.cpu_count() or 1


def _user() -> str:
    try:
        return encodable(getpass.getuser())
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def _places(subject: Subject, environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute, variables in _PLACES.items():
        found[attribute] = next((encodable(environ[v]) for v in variables if environ.get(v)), "")
    notebook = next((word for name, word in _NOTEBOOKS.items() if name in environ), "")
    found["notebook"] = notebook or ("jupyter" if subject.notebook else "")
    found["container"] = _container(environ)
    found["wsl"] = "microsoft" in platform.release().lower()
    return found


def _container(environ: Mapping[str, str], root: Path = Path("/")) -> str:
    """Return what kind of container this is in, or "" if nothing says that it is one."""
    for name, word in _CONTAINERS.items():
        if name in environ:
            return word
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    return encodable(environ.get("container", ""))  # as systemd-nspawn and others say


def _processor() -> str:
    """Return the processor's name, where the kernel tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n"):
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass  # not Linux
    return platform.processor()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except (OSError, AttributeError):
        return ""
