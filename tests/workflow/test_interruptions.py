"""Jobs that are killed, two Snakemakes at once, a stale lock, and a corrupt asset: one clear message, nothing lost."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.workflow.conftest import Workspace

from rerender.core.files import load_tree, read_json

pytestmark = pytest.mark.workflow
LONG = (
    "--config",
    "tier=smoke",
    "checkpoint_seconds=0.5",
    "tiers={smoke: {metamers: {geometry: {epochs: 60, remesh_at: [5, 40]}}}}",
)
RUN = "results/smoke/metamers/runs/suzanne/constant/mae/s1"


def start(workspace: Workspace) -> subprocess.Popen[bytes]:
    """Start the long run and wait until it has saved at least twice."""
    log = open(workspace.folder / "run.log", "wb")  # noqa: SIM115 - belongs to the process
    command = workspace.command("--cores", "1", *LONG, "--", f"{RUN}/final.npz")
    process = subprocess.Popen(
        command, cwd=workspace.folder, env=workspace.environment(), stdout=log, stderr=log
    )
    deadline = time.monotonic() + 300
    while len(list((workspace.folder / "results/smoke/metamers/state").glob("*/checkpoint-*.npz"))) < 2:
        assert process.poll() is None, (workspace.folder / "run.log").read_text()[-3000:]
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.05)
    return process


def freeze(process: subprocess.Popen[bytes]) -> None:
    """Suspend Snakemake and everything below it: still there and holding its locks, and not done by the next line."""
    for member in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
        member.suspend()


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill Snakemake and everything below it, as a power cut would."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=30)
    process.wait(30)


def optimiser(process: subprocess.Popen[bytes]) -> psutil.Process:
    """Return the process that optimises, by the name that `top` shows, of which the kernel keeps 15 letters."""
    for child in psutil.Process(process.pid).children(recursive=True):
        if child.name() == "metamers_optimise"[:15]:
            return child
    raise AssertionError("the optimiser does not run")


def same(left: object, right: object) -> bool:
    """Compare two trees bit by bit."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return np.array_equal(np.asarray(left), np.asarray(right))


@pytest.fixture(scope="module")
def undisturbed(make_workspace: Callable[[], Workspace]) -> Path:
    """The run's folder in a workspace in which nothing went wrong."""
    workspace = make_workspace()
    workspace.snakemake("--cores", "1", *LONG, "--", f"{RUN}/final.npz")
    return workspace.folder / RUN


@pytest.fixture(scope="module")
def killed(make_workspace: Callable[[], Workspace]) -> tuple[Workspace, str]:
    """A workspace in which Snakemake and its job were killed with signal 9, and what a second one said meanwhile."""
    workspace = make_workspace()
    process = start(workspace)
    freeze(process)
    meanwhile = workspace.snakemake("--cores", "1", *LONG, "--", f"{RUN}/final.npz", code=1)
    kill_all(process)
    return workspace, meanwhile


def test_two_at_once_are_refused_with_what_to_do(killed: tuple[Workspace, str]) -> None:
    assert "Directory cannot be locked" in killed[1]
    assert "--unlock" in killed[1]


def test_a_kill_leaves_no_half_written_output(killed: tuple[Workspace, str]) -> None:
    assert not list((killed[0].folder / RUN).glob("*"))


def test_a_stale_lock_is_explained_and_the_run_carries_on_to_the_same_result(
    killed: tuple[Workspace, str], undisturbed: Path
) -> None:
    workspace, _ = killed
    refused = workspace.snakemake("--cores", "1", *LONG, "--", f"{RUN}/final.npz", code=1)
    assert "--unlock" in refused
    workspace.snakemake("--unlock", *LONG)
    workspace.snakemake("--cores", "1", *LONG, "--", f"{RUN}/final.npz")
    summary = read_json(workspace.folder / RUN / "fit.json")
    assert summary["attempts"] == 2
    assert 0 < summary["resumed_from"] < summary["iterations"]
    assert same(load_tree(workspace.folder / RUN / "final.npz"), load_tree(undisturbed / "final.npz"))
    assert not list((workspace.folder / "results/smoke/metamers/state").glob("*"))


def test_a_stopped_job_says_try_again_and_the_next_one_carries_on(
    make_workspace: Callable[[], Workspace], undisturbed: Path
) -> None:
    workspace = make_workspace()
    process = start(workspace)
    optimiser(process).send_signal(signal.SIGTERM)
    assert process.wait(120) == 1
    said = (workspace.folder / "run.log").read_text()
    assert "non-zero exit status 75" in said
    assert "SIGTERM" in said
    workspace.snakemake("--cores", "1", *LONG, "--", f"{RUN}/final.npz")
    assert read_json(workspace.folder / RUN / "fit.json")["resumed_from"] > 0
    assert same(load_tree(workspace.folder / RUN / "final.npz"), load_tree(undisturbed / "final.npz"))


def test_a_job_that_lost_its_snakemake_is_found(make_workspace: Callable[[], Workspace]) -> None:
    workspace = make_workspace()
    process = start(workspace)
    orphan = optimiser(process)
    orphan.suspend()  # or it would be done before the next Snakemake asks for its lock
    process.kill()
    process.wait(30)
    try:
        workspace.snakemake("--unlock", *LONG)
        said = workspace.snakemake("--cores", "1", *LONG, "--", f"{RUN}/final.npz", code=1)
        assert f"is in use by process {orphan.pid}" in said
        assert f"kill {orphan.pid}" in said
        assert "Traceback" not in said
    finally:
        orphan.kill()


def test_a_corrupt_asset_stops_before_anything_that_needs_it(
    make_workspace: Callable[[], Workspace], tmp_path: Path
) -> None:
    workspace = make_workspace()
    mirror = tmp_path / "mirror" / "meshes"
    mirror.mkdir(parents=True)
    (mirror / "suzanne.obj").write_text("v 0 0 0\n")
    said = workspace.snakemake(
        "--cores",
        "1",
        "--config",
        "tier=smoke",
        f"assets={{mirror: {tmp_path / 'mirror'}}}",
        "--",
        f"{RUN}/final.npz",
        code=1,
    )
    assert "of asset 'suzanne' is corrupt or another version" in said
    assert said.count("sha256") >= 2
    assert "Replace it in the mirror" in said
    assert "Traceback" not in said
    assert not (workspace.folder / "resources/meshes").is_dir() or not list(
        (workspace.folder / "resources/meshes").iterdir()
    )
    assert not (workspace.folder / "results").exists()
