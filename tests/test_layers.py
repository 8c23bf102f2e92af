"""Arrows point down only, and what the Snakefile imports is light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "drjit",
    "matplotlib",
    "mitsuba",
    "numpy",
    "pandas",
    "plenoptic",
    "polars",
    "scipy",
    "skimage",
    "snakemake",
    "torch",
}
LIGHT = (
    "rerender",
    "rerender.catalogue.ledger",
    "rerender.catalogue.registry",
    "rerender.cli",
    "rerender.config",
    "rerender.core.errors",
    "rerender.options",
    "rerender.provenance.fingerprint",
    "rerender.runtime.device",
    "rerender.runtime.doctor",
    "rerender.runtime.llvm",
    "rerender.workflow",
)


FROM_NUMBERS = ("metamers", "envmaps", "materials", "viewpoints", "physics")
"""Papers whose tables and figures are drawn from files, without the libraries that made them: an import costs 2 CPU s a job."""


def test_imports_respect_the_layers(root: Path) -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_an_arrow_that_points_up_is_seen(root: Path, tmp_path: Path) -> None:
    package = tmp_path / "rerender"
    for name in ("core", "catalogue", "provenance", "runtime"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "core" / "__init__.py").write_text("import rerender.runtime\n")
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_package = rerender\n"
        "[importlinter:contract:1]\nname = down\ntype = layers\nlayers =\n"
        "    rerender.catalogue\n    rerender.provenance | rerender.runtime\n    rerender.core\n"
    )
    script = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports as lint; sys.exit(lint(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_import_nothing_heavy(module: str) -> None:
    script = f"import sys, {module}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("part", ["tables", "figures"])
@pytest.mark.parametrize("paper", FROM_NUMBERS)
def test_what_is_drawn_from_files_needs_no_renderer(paper: str, part: str) -> None:
    module = f"rerender.papers.{paper}.{part}"
    script = f"import sys, {module}; print(*sorted({{'torch', 'mitsuba', 'warp'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
