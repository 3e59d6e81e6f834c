"""Environment variables of an allow-list, with secrets masked."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from ..events import EnvironmentCaptured
from ..secrets import mask_value
from ..unicode import encodable

__all__ = ["ALLOWED", "captured"]

VARIABLES_MAX = 500  # a scheduler sets a hundred
VALUE_CHARS_MAX = 4_096  # the longest are search paths

# What changes how a training computes, where it runs and among whom; all else stays private.
ALLOWED = (
    # accelerators and their libraries
    "CUDA_*", "CUBLAS_*", "CUDNN_*", "NVIDIA_VISIBLE_DEVICES", "HIP_*", "HSA_*", "ROCR_*",
    "MIOPEN_*", "NCCL_*", "RCCL_*", "GLOO_*", "UCX_*", "TPU_*", "XLA_*", "LIBTPU_*",
    # threads
    "OMP_*", "KMP_*", "MKL_*", "OPENBLAS_*", "NUMEXPR_*", "VECLIB_*", "GOMP_*", "MALLOC_*",
    # frameworks
    "TORCH_*", "PYTORCH_*", "TORCHINDUCTOR_*", "TORCHDYNAMO_*", "TRITON_*", "JAX_*", "TF_CONFIG",
    "TF_CPP_*", "TF_DETERMINISTIC_OPS", "TF_ENABLE_*", "TF_FORCE_*", "TF_GPU_*", "TF_NUM_*",
    "TF_XLA_*", "KERAS_*", "HF_*", "TRANSFORMERS_*", "TOKENIZERS_PARALLELISM", "ACCELERATE_*",
    "DEEPSPEED_*", "LIGHTNING_*", "PL_GLOBAL_SEED", "XGBOOST_*",
    # many processes
    "RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE",
    "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_*", "OMPI_COMM_WORLD_*",
    "PMI_RANK", "PMI_SIZE",
    # schedulers
    "SLURM_*", "SBATCH_*", "PBS_JOBID", "PBS_JOBNAME", "PBS_QUEUE", "LSB_JOBID", "LSB_JOBINDEX",
    "LSB_QUEUE", "JOB_ID", "SGE_TASK_ID",
    # Python
    "PYTHON*", "VIRTUAL_ENV", "CONDA_DEFAULT_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "LD_PRELOAD",
    "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ",
    # this program
    "FOLDLINE_*",
)  # fmt: skip


def captured(environ: Mapping[str, str]) -> EnvironmentCaptured:
    """Return the variables of ALLOWED, and of the patterns in FOLDLINE_ENVIRONMENT (`"A,B*"`)."""
    asked = environ.get("FOLDLINE_ENVIRONMENT", "")
    patterns = (*ALLOWED, *(name.strip() for name in asked.split(",") if name.strip()))
    names = (
        name for name in sorted(environ) if any(fnmatchcase(name, pattern) for pattern in patterns)
    )
    kept = dict(_kept(name, environ[name]) for name in list(names)[:VARIABLES_MAX])
    return EnvironmentCaptured(kept)


def _kept(name: str, value: str) -> tuple[str, str]:
    text = mask_value(name, value)
    if len(text) > VALUE_CHARS_MAX:
        text = f"{text[:VALUE_CHARS_MAX]}... ({len(text)} characters)"
    return encodable(name), encodable(text)
