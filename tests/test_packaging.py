"""The repository's papers are in order: pins, exports, versions, links, and the files that CI and users rely on."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import rerender
from rerender.runtime import checks
from rerender.runtime.pins import normalised, read_pins


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def requirements(project: dict[str, Any]) -> list[Requirement]:
    extras = [item for group in project["optional-dependencies"].values() for item in group]
    return [Requirement(text) for text in (*project["dependencies"], *extras)]


def test_constraints_hold_pins_and_no_address(root: Path) -> None:
    text = (root / "constraints.txt").read_text()
    assert "://" not in text
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(read_pins(root / "constraints.txt")) == len(lines) > 80
    assert all("==" in line for line in lines)


def test_every_dependency_is_pinned_inside_its_range(root: Path, project: dict[str, Any]) -> None:
    pins = read_pins(root / "constraints.txt")
    for requirement in requirements(project):
        versions = [pin.version for pin in pins if pin.name == normalised(requirement.name)]
        assert versions, f"{requirement.name} has no pin; type: make pins"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_renderer_and_torch_are_held_to_what_was_tested(root: Path) -> None:
    pins = {pin.name: pin.version for pin in read_pins(root / "constraints.txt")}
    assert (pins["mitsuba"], pins["drjit"], pins["torch"]) == ("3.9.1", "1.5.0", "2.13.0")
    # a locally built CPU wheel satisfies the same pin
    assert SpecifierSet(f"=={pins['torch']}").contains(f"{pins['torch']}+cpu")


@pytest.mark.parametrize("name", ["torchvision", "lpips", "nvidia-nccl-cu12"])
def test_packages_that_do_not_work_here_stay_out(root: Path, name: str) -> None:
    assert name not in {pin.name for pin in read_pins(root / "constraints.txt")}


def test_the_environments_are_the_export_of_the_pins(root: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, 'tools'); import export_envs as e;"
        "written = e.exports(e.read_pins(e.ROOT / 'constraints.txt'));"
        "present = {path.name: path.read_text() for path in (e.ROOT / 'envs').iterdir()};"
        "differ = sorted(n for n in written.keys() | present.keys() if written.get(n) != present.get(n));"
        "sys.exit(f'{differ} differ; type: python tools/export_envs.py' if differ else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_conda_specs_are_valid_and_differ_by_cuda_only(root: Path) -> None:
    specs = {name: yaml.safe_load((root / "envs" / f"{name}.yaml").read_text()) for name in ("cpu", "gpu")}
    packages = {name: set(spec["dependencies"][-1]["pip"]) for name, spec in specs.items()}
    assert packages["cpu"] < packages["gpu"]
    assert all(re.match(r"(nvidia|cuda|triton)", line) for line in packages["gpu"] - packages["cpu"])
    assert "torch==2.13.0" in packages["cpu"]


def test_what_the_containers_copy_exists(root: Path) -> None:
    copied = re.findall(
        r"^    (\S+) /opt/rerender/", (root / "envs" / "apptainer.def").read_text(), re.MULTILINE
    )
    assert len(copied) > 5
    assert [name for name in copied if not (root / name).exists()] == []


def test_every_dependency_has_its_reason(root: Path, project: dict[str, Any]) -> None:
    reasons = re.findall(
        r"^\| `([^`]+)` \| (.+) \|$", (root / "docs" / "dependencies.md").read_text(), re.MULTILINE
    )
    named = sorted(name for name, _ in reasons)
    assert named == sorted(normalised(item.name) for item in requirements(project))


def test_versions_agree(root: Path, project: dict[str, Any]) -> None:
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert project["version"] == rerender.__version__ == citation["version"]
    assert project["license"] == citation["license"] == "MIT"
    assert (root / "LICENSE").read_text().startswith("MIT License")


def test_the_minimum_python_is_the_same_everywhere(root: Path, project: dict[str, Any]) -> None:
    text = ".".join(map(str, checks.MINIMUM_PYTHON))
    assert project["requires-python"] == f">={text}"
    assert f"MINIMUM_PYTHON = {checks.MINIMUM_PYTHON}" in (root / "tools" / "setup_env.py").read_text()
    assert f"sys.version_info < {checks.MINIMUM_PYTHON}" in (root / "Makefile").read_text()


def test_the_slurm_profile_is_found_from_the_root(root: Path) -> None:
    link = root / "slurm"
    assert link.is_symlink()
    assert link.readlink() == Path("profiles/slurm")
    assert yaml.safe_load((link / "config.yaml").read_text())["executor"] == "patient-slurm"


def test_the_catalogue_entry_has_what_the_catalogue_reads(root: Path) -> None:
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert {"mandatory-flags", "software-stack-deployment", "report"} <= usage.keys()
    assert (root / "workflow" / "Snakefile").is_file()
    assert (root / "config" / "README.md").is_file()


def test_links_between_pages_lead_somewhere(root: Path) -> None:
    pages = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("config/*.md")]
    link = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in pages
        for target in link.findall(page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert len(pages) > 5
    assert broken == []


def test_every_page_is_in_the_index(root: Path) -> None:
    index = (root / "docs" / "index.md").read_text()
    pages = [path.name for path in (root / "docs").glob("*.md") if path.name != "index.md"]
    assert [name for name in pages if f"]({name})" not in index] == []


def test_no_file_names_a_place_of_the_machine_it_was_written_on(root: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    # spelt in parts, so that this file does not find itself
    home = re.compile("(?<![a-z])/" + "work/(main|shared)|/" + "opt/wheels|/" + "opt/pypi")
    found = []
    for name in listed.stdout.splitlines():
        path = root / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 2_000_000:
            text = path.read_bytes().decode("utf-8", errors="ignore")
            found += [name] if home.search(text) else []
    assert found == []


@pytest.mark.parametrize("arguments", [["-n", "test"], ["-n", "TIER=smoke"], ["help"]])
def test_the_makefile_says_what_it_will_do(root: Path, arguments: list[str]) -> None:
    done = subprocess.run(["make", *arguments], cwd=root, capture_output=True, text=True, check=True)
    expected = {
        "test": "pytest -n",
        "TIER=smoke": "snakemake --cores all --config tier=smoke",
        "help": "doctor",
    }
    assert expected[arguments[-1]] in done.stdout


def test_an_old_python_is_refused_with_one_line(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "setup", f"PYTHON={old}"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed (found: Python 3.9.2)" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_ci_script_is_executable_and_parses(root: Path) -> None:
    script = root / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text()
    assert text.index("make TIER=smoke") < text.index("Nothing to be done") < text.index("make test")
