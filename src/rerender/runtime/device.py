"""Which Mitsuba variant and torch device this machine can use, decided without loading either."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path

CUDA_VARIANT = "cuda_ad_rgb"
LLVM_VARIANT = "llvm_ad_rgb"

_DRIVER_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/wsl/lib",
    "/usr/lib64",
)
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


@dataclass(frozen=True)
class CudaStatus:
    """Whether the GPU can render and train here, and if not, the first thing that is missing."""

    ok: bool
    reason: str
    devices: int = 0


def choose_variant(variant: str = "auto") -> str:
    """Turn `auto` into the CUDA variant where it can work, else the LLVM one; return other names as they are."""
    if variant != "auto":
        return variant
    return CUDA_VARIANT if cuda_status().ok else LLVM_VARIANT


def torch_device(variant: str) -> str:
    """Name the torch device that shares memory with the variant: a tensor never crosses between them."""
    return "cuda" if variant.startswith("cuda") else "cpu"


def cuda_status() -> CudaStatus:
    """Look for a CUDA device, OptiX and a CUDA build of torch: rendering and losses need all three."""
    driver = _load("DRJIT_LIBCUDA_PATH", "libcuda.so.1")
    if driver is None:
        return CudaStatus(False, "no CUDA driver library")
    code = int(driver.cuInit(0))
    count = ctypes.c_int(0)
    if code == 0:
        code = int(driver.cuDeviceGetCount(ctypes.byref(count)))
    if code == _NO_DEVICE or (code == 0 and count.value == 0):
        return CudaStatus(False, "the CUDA driver sees no device")
    if code != 0:
        return CudaStatus(False, f"the CUDA driver reports error {code}")
    if _load("DRJIT_LIBOPTIX_PATH", "libnvoptix.so.1") is None:
        return CudaStatus(
            False,
            "the driver's OptiX library is missing (containers need the capability 'graphics')",
            count.value,
        )
    build = torch_cuda_build()
    if build is None:
        return CudaStatus(False, "the installed torch is a CPU build", count.value)
    return CudaStatus(True, f"{count.value} CUDA device(s), torch for CUDA {build}", count.value)


def tinycudann_problem() -> str | None:
    """Say why the package tinycudann (hash grids on CUDA) cannot be used here, or None if it can, as far as files tell."""
    if importlib.util.find_spec("tinycudann") is None:
        return "the package tinycudann is not installed"
    status = cuda_status()
    return None if status.ok else status.reason


def torch_cuda_build() -> str | None:
    """Return the CUDA version torch was built for, read from its files because importing it takes seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    match = re.search(r"^cuda\b[^=\n]*=\s*['\"]([^'\"]+)['\"]", text, flags=re.MULTILINE)
    return match.group(1) if match else None


def _load(variable: str, name: str) -> ctypes.CDLL | None:
    """Load a driver library: the file that `variable` names, else by name, else from the usual folders."""
    named = os.environ.get(variable)
    for path in [named] if named else [name, *(f"{folder}/{name}" for folder in _DRIVER_FOLDERS)]:
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    return None
