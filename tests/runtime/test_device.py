"""The variant that `auto` takes: CUDA only where driver, OptiX and torch all have it."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from rerender.runtime import device


class FakeDriver:
    def __init__(self, devices: int = 1, init: int = 0) -> None:
        self.devices, self.init = devices, init

    def cuInit(self, flags: int) -> int:
        return self.init

    def cuDeviceGetCount(self, count: Any) -> int:
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = self.devices
        return 0


def machine(
    monkeypatch: pytest.MonkeyPatch,
    driver: FakeDriver | None,
    *,
    optix: bool = True,
    torch: str | None = "13.0",
) -> None:
    libraries = {"libcuda.so.1": driver, "libnvoptix.so.1": object() if optix else None}
    monkeypatch.setattr(device, "_load", lambda variable, name: libraries[name])
    monkeypatch.setattr(device, "torch_cuda_build", lambda: torch)


def test_cuda_is_taken_where_all_parts_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, FakeDriver(devices=2))
    status = device.cuda_status()
    assert (status.ok, status.devices) == (True, 2)
    assert device.choose_variant() == device.choose_variant("auto") == "cuda_ad_rgb"


@pytest.mark.parametrize(
    ("driver", "parts", "reason"),
    [
        (None, {}, "no CUDA driver library"),
        (FakeDriver(devices=0), {}, "sees no device"),
        (FakeDriver(init=100), {}, "sees no device"),
        (FakeDriver(init=803), {}, "error 803"),
        (FakeDriver(), {"optix": False}, "OptiX"),
        (FakeDriver(), {"torch": None}, "CPU build"),
    ],
)
def test_llvm_is_taken_where_a_part_is_missing(
    monkeypatch: pytest.MonkeyPatch, driver: FakeDriver | None, parts: dict[str, Any], reason: str
) -> None:
    machine(monkeypatch, driver, **parts)
    assert reason in device.cuda_status().reason
    assert device.choose_variant("auto") == "llvm_ad_rgb"


def test_a_named_variant_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, None)
    assert device.choose_variant("cuda_ad_rgb") == "cuda_ad_rgb"


def test_torch_shares_the_variants_memory() -> None:
    assert device.torch_device("cuda_ad_rgb") == "cuda"
    assert device.torch_device("llvm_ad_rgb") == "cpu"


def test_the_torch_build_is_read_without_importing_torch() -> None:
    import torch

    assert device.torch_cuda_build() == torch.version.cuda


def test_a_cuda_build_of_torch_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "version.py").write_text(
        "__all__ = ['cuda']\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n"
    )

    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: Spec)
    assert device.torch_cuda_build() == "13.0"


def test_a_library_named_by_a_variable_is_not_looked_for_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRJIT_LIBCUDA_PATH", "/no/such/libcuda.so")
    assert device._load("DRJIT_LIBCUDA_PATH", "libc.so.6") is None
