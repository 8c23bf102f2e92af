"""Whatever happens to jobs, nodes, the controller or Snakemake: the workflow ends complete and the results are the same."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.slurm.cluster import Cluster, until
from tests.slurm.conftest import Project
from tests.slurm.fits import Fit, prepare

pytestmark = pytest.mark.flaky(reruns=1)  # real daemons have waits of their own

REPEATED = 12
"""Steps that a sudden death may cost: those since the last checkpoint, which is at most 0.3 s and one step old."""

FAULTS = ("killed", "cancelled", "late", "greedy")


@pytest.fixture(scope="module")
def storm(cluster: Cluster, make_project: Callable[[], Project]) -> dict[str, Fit]:
    """One workflow in which something else happens to every job."""
    project = make_project()
    fits = {fit.name: fit for fit in prepare(project, *FAULTS)}
    snakemake = project.start("all")
    for name in ("killed", "cancelled", "late"):
        until(fits[name].has_saved, 90, f"for {name}: {project.log.read_text()[-3000:]}")
        job, _, process = fits[name].starts()[0]
        match name:
            case "killed":
                os.kill(process, signal.SIGKILL)
            case "cancelled":
                cluster.run("scancel", job)
            case "late":
                cluster.run("scontrol", "update", f"jobid={job}", "EndTime=now")
    project.wait(snakemake)
    return fits


def test_a_killed_process_is_started_again_and_carries_on(storm: dict[str, Fit]) -> None:
    storm["killed"].check(starts=2, lost=REPEATED)


def test_a_job_cancelled_from_outside_saves_and_is_submitted_again(storm: dict[str, Fit]) -> None:
    storm["cancelled"].check(starts=2, lost=0)


def test_at_the_time_limit_a_job_saves_and_the_next_one_loses_no_step(storm: dict[str, Fit]) -> None:
    storm["late"].check(starts=2, lost=0)
    assert "TIMEOUT" in storm["late"].project.log.read_text()


def test_a_job_that_needs_more_memory_gets_more(storm: dict[str, Fit]) -> None:
    starts = [job for job, _, _ in storm["greedy"].starts()]
    asked = [
        storm["greedy"]
        .project.cluster.run("scontrol", "show", "job", job)
        .split("MinMemoryNode=")[1]
        .split()[0]
        for job in starts
    ]
    assert asked == ["900M", "1600M"]
    storm["greedy"].check(starts=2, lost=REPEATED)


def test_a_crashed_node_s_job_carries_on_elsewhere(project: Project, cluster: Cluster) -> None:
    (fit,) = prepare(project, "a")
    snakemake = project.start("all")
    until(fit.has_saved)
    job, node, _ = fit.starts()[0]
    cluster.crash_node(node)
    cluster.hurry(job)
    project.wait(snakemake)
    cluster.revive_node(node)
    fit.check(starts=2, lost=REPEATED)
    (_, first, _), (again, second, _) = fit.starts()
    assert (again, second != first) == (job, True)


def test_while_the_controller_is_away_nothing_is_lost(project: Project, cluster: Cluster) -> None:
    running, later = prepare(project, "a", "b")
    snakemake = project.start(f"out/{running.name}/final.npz")
    until(running.has_saved)
    cluster.stop_controller()
    # a second one is submitted while nobody takes jobs
    other = project.start("--nolock", f"out/{later.name}/final.npz")
    until(running.finished)
    until(lambda: "does not take jobs now" in project.log.read_text())
    cluster.start_controller()
    project.wait(snakemake)
    project.wait(other)
    running.check(starts=1, lost=0)
    later.check(starts=1, lost=0)
    assert "Slurm does not answer" in project.log.read_text()


@pytest.mark.skipif(
    not os.environ.get("SLOW_TESTS"), reason="the preempted job may end before it is preempted: SLOW_TESTS=1"
)
def test_preempted_jobs_carry_on(project: Project, cluster: Cluster) -> None:
    """In `gpu` a job goes back to the queue with the same id; in `scavenge` it is cancelled, and submitted anew."""
    requeued, scavenged = prepare(project, "requeued", "scavenged")
    snakemake = project.start("all")
    for fit in (requeued, scavenged):
        until(fit.has_saved)
    job = requeued.starts()[0][0]
    urgent = ("-p", "urgent", "-N2", "--exclusive", "--mem=100", "--wrap", "sleep 3")
    urgent_job = cluster.run("sbatch", "--parsable", "-o", "/dev/null", *urgent).strip()
    until(lambda: cluster.state(urgent_job) == "COMPLETED", what="for the urgent job")
    cluster.hurry(job)
    project.wait(snakemake)
    for fit, ids in ((requeued, 1), (scavenged, 2)):
        fit.check(starts=2, lost=0)
        assert len({job for job, _, _ in fit.starts()}) == ids


def test_the_jobs_of_a_killed_snakemake_are_taken_over(project: Project) -> None:
    """One is finished by the time that the next Snakemake starts, one still runs, one waits in the queue."""
    early, middle, late = prepare(project, "a", "b", "c")
    first = project.start(f"out/{early.name}/final.npz", f"out/{middle.name}/final.npz")
    until(early.has_saved)
    until(middle.has_saved)
    first.kill()
    first.wait()
    os.kill(middle.starts()[0][2], signal.SIGSTOP)
    until(early.finished)
    assert "--unlock" in project.run("all", code=1)
    project.run("--unlock", "all")
    second = project.start("all")
    until(lambda: "An earlier Snakemake was killed: 1 of its jobs" in project.log.read_text())
    os.kill(middle.starts()[0][2], signal.SIGCONT)
    project.wait(second)
    for fit in (early, middle, late):
        fit.check(starts=1, lost=0)


@pytest.fixture
def small_disk(project: Project) -> Iterator[Path]:
    """The folder of a project's states on a file system of 3 MB."""
    folder = project.folder / "state"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small file system here")
    yield folder
    project.end()
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_named_and_costs_nothing_but_the_time_to_make_space(
    project: Project, small_disk: Path
) -> None:
    (fit,) = prepare(project, "a")
    snakemake = project.start("all", "--retries", "0")
    until(fit.has_saved)
    ballast = small_disk / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"0" * 1024):
            pass
    project.wait(snakemake, code=1)
    assert "no space left while writing" in (project.folder / "logs/a.log").read_text()
    ballast.unlink()
    project.run("all")
    fit.check(starts=2, lost=REPEATED)


def test_a_batch_killed_halfway_keeps_what_is_done_and_resumes_the_rest(
    project: Project, cluster: Cluster
) -> None:
    """Three fits in one Slurm job, whose node crashes during the second one."""
    fits = prepare(project, "a", "b", "c")
    (project.folder / "costs.yaml").write_text("fit: 5\n")
    snakemake = project.start("all")
    until(
        lambda: (
            any(fit.finished() for fit in fits)
            and any(fit.has_saved() and not fit.finished() for fit in fits)
        )
    )
    (job,) = project.jobs()
    node = next(fit.starts()[0][1] for fit in fits if fit.starts())
    cluster.crash_node(node)
    cluster.hurry(job)
    project.wait(snakemake)
    cluster.revive_node(node)
    assert sorted(len(fit.starts()) for fit in fits) == [1, 1, 2]
    for fit in fits:
        fit.check(starts=len(fit.starts()), lost=REPEATED)
    assert {start[0] for fit in fits for start in fit.starts()} == {job}


def test_ctrl_c_cancels_every_job_which_saves_and_the_same_command_carries_on(project: Project) -> None:
    (fit,) = prepare(project, "a")
    snakemake = project.start("all")
    until(fit.has_saved)
    snakemake.send_signal(signal.SIGINT)
    project.wait(snakemake, code=1)
    assert not project.jobs("PD,R,CF,CG")
    assert not list((project.folder / ".snakemake/patient_slurm").iterdir())
    project.run("all")
    fit.check(starts=2, lost=0)
