"""Shared by all tests: one thread, caches inside the checkout, an LLVM before the first kernel, and no core dumps.

Everything is set in the environment before any heavy import, so that it also holds in child processes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rerender.runtime import llvm, threads

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
MIRROR = "RERENDER_ASSET_MIRROR"

# One thread makes renders and gradients bitwise repeatable, and lets tests run side by side.
threads.limit_threads(1)
# Kept between runs, because compiling kernels is most of a cold run; no test may depend on it.
os.environ.setdefault("DRJIT_CACHE_DIR", str(CACHE / "drjit"))
os.environ.setdefault("WARP_CACHE_PATH", str(CACHE / "warp"))
os.environ.setdefault("MPLCONFIGDIR", str(CACHE / "matplotlib"))
os.environ["MPLBACKEND"] = "Agg"
for name in ("DRJIT_CACHE_DIR", "WARP_CACHE_PATH", "MPLCONFIGDIR"):
    Path(os.environ[name]).mkdir(parents=True, exist_ok=True)
# Results must not depend on who runs the tests; a test that wants real assets asks for `asset_mirror`.
_MIRROR_OF_CALLER = os.environ.pop(MIRROR, "")
llvm.prepare()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def callers_mirror() -> Path | None:
    """The mirror of real assets that the caller has, if there is one."""
    path = Path(_MIRROR_OF_CALLER) if _MIRROR_OF_CALLER else ROOT.parent / "shared" / "assets"
    return path.resolve() if path.is_dir() else None


@pytest.fixture
def asset_mirror(monkeypatch: pytest.MonkeyPatch, callers_mirror: Path | None) -> Path:
    """The mirror of real assets that the caller has, set again for this test; skips where there is none."""
    if callers_mirror is None:
        pytest.skip(f"no asset mirror ({MIRROR} is not set)")
    monkeypatch.setenv(MIRROR, str(callers_mirror))
    return callers_mirror


@pytest.fixture(scope="session")
def variant() -> str:
    """Start the CPU variant on one thread. Without an LLVM this fails, unless the machine renders with CUDA."""
    from rerender.core.errors import UserError
    from rerender.rendering.variants import start_variant
    from rerender.runtime import device

    try:
        return start_variant("llvm_ad_rgb", threads=1)
    except UserError as error:
        if device.cuda_status().ok:
            pytest.skip(str(error))
        raise


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the tests that run whole workflows first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(("tests/slurm", "tests/workflow")))


def core_files() -> set[Path]:
    """Find core dumps in the checkout's top folder and in the current one."""
    named = re.compile(r"^core(\.\d+)?$")
    return {
        path
        for folder in {ROOT, Path.cwd()}
        for path in folder.iterdir()
        if named.match(path.name) and path.is_file()
    }


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Iterator[None]:
    """Remember which core dumps there were before."""
    session.config.stash[_CORES] = core_files()
    yield


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A process that dumped core fails the run, even if the test around it passed."""
    new = core_files() - session.config.stash.get(_CORES, set())
    if new:
        print(f"\nnew core dumps: {', '.join(str(path) for path in sorted(new))}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_CORES: pytest.StashKey[set[Path]] = pytest.StashKey()
