"""The parts of the executor plugin that need no cluster: batches, requests, what follows from a state, marks, versions."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rerender.runtime.slurm_site import Site, parse_site
from snakemake_executor_plugin_patient_slurm import batches, requests, status, versions, worker
from snakemake_executor_plugin_patient_slurm.batches import Batch, Member

MEMBERS = [Member(batches.key_of("fit", {"k": k}), "digest", f"fit:k={k}") for k in "abc"]


@dataclass
class Job:
    resources: dict = field(default_factory=lambda: {"mem_mb": 1000, "runtime": 20})
    name: str = "fit"
    threads: int = 1
    attempt: int = 1


def test_a_batch_is_read_back_and_knows_what_is_left(tmp_path: Path) -> None:
    batch = Batch.create(tmp_path / "1", MEMBERS, "/scratch")
    assert Batch.read(tmp_path / "1") == batch
    assert (batch.node_cache, batch.slurm_job(), batch.open_numbers()) == ("/scratch", "", [0, 1, 2])
    batch.mark(0, batches.DONE)
    batch.mark(2, batches.FAILED)
    batch.set_slurm_job("17")
    assert (batch.slurm_job(), batch.open_numbers()) == ("17", [1])
    assert batch.is_marked(0, batches.DONE) and not batch.is_marked(0, batches.FAILED)


@pytest.mark.parametrize(
    ("cost", "minutes", "size"),
    [(None, 15, 1), (0.5, 15, 30), (0.01, 15, 64), (20, 15, 1), (4, 15, 4), (1, 0, 1)],
)
def test_batches_reach_the_wanted_length_if_the_cost_is_known(
    cost: float | None, minutes: float, size: int
) -> None:
    assert batches.batch_size(cost, minutes, most=64) == size


def test_pieces_are_as_equal_as_can_be_and_keep_the_order() -> None:
    assert batches.split(range(10), 4) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [len(piece) for piece in batches.split(range(9), 8)] == [5, 4]
    assert batches.split([], 3) == []


def test_names_tell_wildcards_apart_and_ignore_their_order() -> None:
    assert batches.key_of("fit", {"a": "1", "b": 2}) == batches.key_of("fit", {"b": "2", "a": "1"})
    assert batches.key_of("fit", {"a": "1"}) != batches.key_of("fit", {"a": "2"})


def test_a_request_is_that_of_the_rule_plus_what_snakemake_takes() -> None:
    request = requests.request_for([Job()], Site(), None)
    assert request.resources["mem_mb"] == 1000 + requests.SNAKEMAKE_MB
    assert request.resources["runtime"] == 20
    assert request.resources["slurm_extra"] == "--signal=TERM@90"
    assert "slurm_partition" not in request.resources


def test_memory_and_runtime_grow_by_attempt_up_to_the_most_of_the_place() -> None:
    site = parse_site({"cpu": {"max_runtime": 60, "max_memory_mb": 3000}})
    asked = [requests.request_for([Job(attempt=attempt)], site).resources for attempt in (1, 2, 3)]
    assert [one["runtime"] for one in asked] == [20, 40, 60]
    assert [one["mem_mb"] - requests.SNAKEMAKE_MB for one in asked] == [1000, 2000, 3000]


def test_a_batch_asks_for_time_by_what_its_runs_cost() -> None:
    jobs = [Job() for _ in range(11)]
    assert requests.request_for(jobs, Site(), cost=0.5).resources["runtime"] == 20 + 10 * 4 * 0.5
    assert requests.request_for(jobs, Site(), cost=None).resources["runtime"] == 11 * 20
    short = parse_site({"cpu": {"max_runtime": 30}})
    assert requests.request_for(jobs, short, cost=0.5).resources["runtime"] == 30


@pytest.mark.parametrize(
    ("style", "kind", "asked"),
    [
        ("gpu", "", {"gpu": 1}),
        ("gpu", "h100", {"gpu": 1, "gpu_model": "h100"}),
        ("gres", "", {"gres": "gpu:1"}),
        ("gres", "h100", {"gres": "gpu:h100:1"}),
    ],
)
def test_a_gpu_is_asked_for_in_the_way_of_the_site(style: str, kind: str, asked: dict) -> None:
    site = parse_site({"account": "me", "gpu": {"partition": "fast", "request": style, "type": kind}})
    resources = requests.request_for([Job({"gpu": 1, "mem_mb": 1000, "runtime": 20})], site).resources
    assert {name: resources[name] for name in resources if "g" in name[:1]} == asked
    assert (resources["slurm_partition"], resources["slurm_account"]) == ("fast", "me")


def test_the_script_clears_slurm_s_variables_but_the_configuration(tmp_path: Path) -> None:
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/sh\nenv | grep -E "^(SLURM|SRUN|SBATCH|OTHER|OMP)_" | sort\necho "$@"\n')
    srun.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        **{"SLURM_CONF": "/c", "SLURM_JOB_ID": "7", "SLURM_MEM_PER_NODE": "500", "SLURM_CPUS_PER_TASK": "4"},
        **{"SRUN_X": "1", "SBATCH_Y": "1", "OTHER_Z": "with SLURM_ in it"},
    }
    said = subprocess.run(
        ["sh"],
        input=requests.script("work 'a b'", "--nodes=1", 3),
        env=environment,
        text=True,
        capture_output=True,
    )
    lines = said.stdout.splitlines()
    assert lines[:-1] == ["OMP_NUM_THREADS=3", "OTHER_Z=with SLURM_ in it", "SLURM_CONF=/c", "SLURM_JOB_ID=7"]
    assert lines[-1] == "-n1 --cpu-bind=q --nodes=1 work a b"


def test_an_end_counts_when_it_is_seen_twice() -> None:
    watch = status.Watch(since=0)
    seen = [
        watch.look(state, now) for now, state in enumerate(["PENDING", "RUNNING", "COMPLETED", "COMPLETED"])
    ]
    assert seen == ["alive", "alive", "alive", "completed"]


@pytest.mark.parametrize("state", sorted(status.FAILED))
def test_every_bad_end_has_a_consequence(state: str) -> None:
    watch = status.Watch(since=0)
    assert [watch.look(state, 1), watch.look(state, 2)] == ["alive", "failed"]


def test_a_job_that_goes_back_to_the_queue_lives() -> None:
    watch = status.Watch(since=0)
    seen = [watch.look(state, 1) for state in ("PREEMPTED", "PENDING", "NODE_FAIL", "PENDING", "RUNNING")]
    assert set(seen) == {"alive"}


def test_a_job_that_slurm_no_longer_knows_is_given_up_after_a_while() -> None:
    watch = status.Watch(since=0)
    assert [watch.look(None, now) for now in (1, 20, 40, 61)] == ["alive", "alive", "alive", "vanished"]
    assert watch.look("RUNNING", 62) == "alive"


def test_answers_of_squeue_and_sacct_are_read() -> None:
    assert status.parse("12|RUNNING\n13|CANCELLED by 0\n\nnoise\n14|FAILED+\n") == {
        "12": "RUNNING",
        "13": "CANCELLED",
        "14": "FAILED",
    }


def test_a_question_that_fails_has_no_answer() -> None:
    assert status.ask(["false"]) is None
    assert status.ask(["/nonexistent/squeue"]) is None
    assert status.ask(["sleep", "5"], seconds=0.1) is None
    assert status.ask(["echo", "1|RUNNING"]) == "1|RUNNING\n"


def record(event: str, **values: object) -> logging.LogRecord:
    return logging.makeLogRecord({"event": event, **values})


def test_events_become_marks_unless_the_job_is_being_stopped(tmp_path: Path) -> None:
    batch = Batch.create(tmp_path / "1", MEMBERS)
    previous = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        marks = worker.Marks(batch)
        for number, k in enumerate("abc", start=10):
            assert marks.filter(record("job_info", rule_name="fit", wildcards={"k": k}, jobid=number))
        marks.filter(record("job_finished", job_id=10))
        marks.filter(record("job_error", jobid=11))
        marks.filter(record("job_finished", job_id=99))
        os.kill(os.getpid(), signal.SIGTERM)
        marks.filter(record("job_error", jobid=12))
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, previous)
    assert batch.is_marked(0, batches.DONE)
    assert batch.is_marked(1, batches.FAILED)
    assert batch.open_numbers() == [2]


def test_caches_lie_on_the_node_unless_told_otherwise() -> None:
    found = worker.cache_folders("", {"TMPDIR": "/scratch", "MPLCONFIGDIR": "/mine"})
    assert found["DRJIT_CACHE_DIR"].startswith("/scratch/rerender-")
    assert "MPLCONFIGDIR" not in found
    assert worker.cache_folders("/fast", {})["OPTIX_CACHE_PATH"].startswith("/fast/")


def test_the_pinned_versions_are_those_that_were_tested() -> None:
    assert versions.untested() == {}
    root = Path(__file__).resolve().parents[2]
    lines = (root / "constraints.txt").read_text().splitlines()
    pins = dict(line.split(" ;")[0].split("==") for line in lines if line.count("==") == 1)
    for name, tested in versions.TESTED.items():
        assert pins[name] in tested


def test_other_versions_are_named_with_what_to_do() -> None:
    found = versions.untested({**versions.installed_versions(), "snakemake-executor-plugin-slurm": "9.9.9"})
    text = versions.complaint(found)
    assert "snakemake-executor-plugin-slurm 9.9.9 (tested: 2.8.0)" in text
    assert "--patient-slurm-untested-versions" in text


def test_rules_that_ask_for_more_memory_than_the_site_has_are_named_once() -> None:
    site = parse_site({"cpu": {"max_memory_mb": 3000}, "gpu": {"max_memory_mb": 9000}})
    jobs = [
        Job({"mem_mb": 3001}, "big"),
        Job({"mem_mb": 4000}, "big"),
        Job({"mem_mb": 3000}),
        Job({"gpu": 1, "mem_mb": 9000}),
    ]
    (sentence,) = requests.too_large(jobs, site)
    assert "Rule big asks for 4000 MB" in sentence
    assert "3000 MB (cpu.max_memory_mb)" in sentence
