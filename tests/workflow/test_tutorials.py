"""The tutorials, executed as they stand: a scene and a vision model from packages of one's own, in one run of the smoke tier."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workflow.conftest import ROOT, Workspace

from rerender.core.files import read_json
from rerender.core.meshes import icosphere
from rerender.core.meshio import write_ply

PAGES = {"add-a-scene": "my_scenes", "add-a-vision-model": "my_models"}
RUN = "results/smoke/metamers/runs/teapot/constant/edges/s1"


def block(page: str, language: str) -> str:
    """Return the one code block of a language on a page."""
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), re.S)
    assert len(found) == 1, (page, language, len(found))
    return str(found[0])


def install(folder: Path) -> None:
    """Put the packages of both tutorials where Python finds them, with the entry points that the pages declare."""
    for page, package in PAGES.items():
        (folder / f"{package}.py").write_text(block(page, "python"))
        points = re.sub(r'\[project\.entry-points\."(.*?)"\]', r"[\1]", block(page, "toml")).replace('"', "")
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)


@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_needs_at_most_twenty_lines(page: str) -> None:
    lines = [line for line in block(page, "python").splitlines() if line.strip()]
    assert len(lines) <= 20


@pytest.mark.workflow
def test_the_tutorials_run(make_workspace, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    workspace: Workspace = make_workspace()
    packages, mirror = tmp_path / "packages", tmp_path / "mirror"
    packages.mkdir()
    install(packages)
    (mirror / "meshes").mkdir(parents=True)
    write_ply(mirror / "meshes" / "teapot.ply", icosphere(2))
    with (workspace.folder / "config" / "assets.tsv").open("a") as ledger:
        ledger.write(block("add-a-scene", "tsv"))
    environment = workspace.environment()
    environment["PYTHONPATH"] = os.pathsep.join((environment["PYTHONPATH"], str(packages)))
    grid = "tiers={smoke: {metamers: {geometry: {scenes: [teapot], models: [mae, edges]}}}}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--cores", "1", f"{RUN}/fit.json"),
            *("--config", "tier=smoke", f"assets={{mirror: {mirror}}}", grid),
        ],
        cwd=workspace.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    summary = read_json(workspace.folder / RUN / "fit.json")
    assert (summary["model"], summary["failed"]) == ("edges", False)
    assert read_json(workspace.folder / RUN / "manifest.json")["assets"] == "mirror"
