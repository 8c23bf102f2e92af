"""Choose and start a Mitsuba variant, once per process and only after LLVM has been checked."""

from __future__ import annotations

from rerender.core.errors import UserError, unknown_name
from rerender.runtime import device, llvm

VARIANTS = ("auto", "cuda_ad_rgb", "llvm_ad_rgb")


def start_variant(variant: str = "auto", *, threads: int | None = None) -> str:
    """Activate a Mitsuba variant and return its name.

    `auto` takes CUDA where a device works, else LLVM. `threads` limits Dr.Jit's CPU threads; one
    thread makes results bitwise repeatable. Raises `UserError` before the first kernel when
    LLVM is missing or older than 17: Dr.Jit would abort the whole process on 15 and 16.
    """
    if variant not in VARIANTS:
        raise unknown_name("variant", variant, VARIANTS)
    name = device.choose_variant(variant)
    if name.startswith("llvm"):
        # before the variant starts: without LLVM, or with 14, that is an ImportError
        llvm.require()
    import mitsuba as mi

    current = mi.variant()
    if current is not None and current != name:
        raise UserError(
            f"Mitsuba already runs the variant {current} in this process",
            f"Start a new process to use {name}.",
        )
    if current is None:
        mi.set_variant(name)
        # BSDF fits warn about every clipped parameter otherwise
        mi.set_log_level(mi.LogLevel.Error)
    if name.startswith("llvm") and threads is not None:
        import drjit as dr

        dr.set_thread_count(threads)
    return name
