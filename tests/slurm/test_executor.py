"""The executor plugin on the test cluster: requests, batches, failures one by one, refusals."""

from __future__ import annotations

import pytest
import yaml
from tests.slurm.conftest import Project

pytestmark = pytest.mark.flaky(reruns=1)  # real daemons have waits of their own

WHERE = """
rule where:
    output: "out/{k}.txt"
    log: "logs/{k}.log"
    threads: 1
    resources: gpu=1
    shell: "echo $SLURM_JOB_ID $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES {threads} > {output}; [ {wildcards.k} != bad ]"

rule all:
    input: expand("out/{k}.txt", k=["a", "b", "c", "d", "e"])
    localrule: True
"""


def words(project: Project, name: str) -> list[str]:
    return (project.folder / f"out/{name}.txt").read_text().split()


@pytest.mark.parametrize("style", ["gpu", "gres"])
def test_a_job_gets_the_gpu_it_asks_for_in_both_ways_of_asking(project: Project, style: str) -> None:
    project.site(gpu={"partition": "gpu", "request": style, "type": "h200", "max_runtime": 60})
    (project.folder / "Snakefile").write_text(WHERE)
    project.run("out/a.txt")
    job, node, device, threads = words(project, "a")
    assert node in project.cluster.gpu_nodes
    assert device == "0"
    assert threads == "1"
    asked = project.cluster.run("scontrol", "show", "job", job)
    assert ("TresPerNode=gres:gpu:h200:1" if style == "gres" else "TresPerJob=gres:gpu:h200:1") in asked


def test_runs_of_a_rule_share_a_slurm_job_and_fail_one_by_one(project: Project) -> None:
    (project.folder / "Snakefile").write_text(WHERE.replace('"e"]', '"e", "bad"]'))
    (project.folder / "costs.yaml").write_text(yaml.safe_dump({"where": 2.5}))
    said = project.run("all", "--retries", "0", code=1)
    print(said)
    jobs = {words(project, k)[0] for k in "abcde"}
    assert len(jobs) == 1
    assert said.count("submitted with SLURM jobid") == 1
    assert not (project.folder / "out/bad.txt").exists()
    assert "5 of 7 steps" in said


def test_a_rule_that_no_node_can_hold_is_named_before_anything_starts(project: Project) -> None:
    (project.folder / "Snakefile").write_text(WHERE)
    said = project.run("all", "--set-resources", "where:mem_mb=7001", code=1)
    assert "Rule where asks for 7001 MB and the site file allows 7000 MB (gpu.max_memory_mb)" in said
    assert "--set-resources where:mem_mb=7000" in said
    assert "submitted" not in said
