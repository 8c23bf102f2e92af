"""The test cluster itself: real daemons, several nodes, GPUs that are handed out one by one."""

from __future__ import annotations

from tests.slurm.cluster import Cluster, until


def test_every_node_is_idle_and_gpus_are_counted(cluster: Cluster) -> None:
    assert cluster.states() == dict.fromkeys(cluster.nodes, "idle")
    assert cluster.run("sinfo", "-h", "-p", "gpu", "-o", "%G").strip() == "gpu:h200:2"


def test_two_jobs_on_one_node_see_one_gpu_each(cluster: Cluster) -> None:
    wrap = ("--wrap", "srun sh -c 'echo $CUDA_VISIBLE_DEVICES; sleep 2'")
    place = ("--parsable", "-p", "gpu", "-w", "g1", "--gpus=1", "--mem=200", "--output")
    files = [cluster.folder / f"gpu{number}.txt" for number in (1, 2)]
    jobs = [cluster.run("sbatch", *place, str(file), *wrap).strip() for file in files]
    until(lambda: {cluster.state(job) for job in jobs} == {"COMPLETED"})
    # srun warns on stderr about what this small cluster cannot do
    assert sorted(file.read_text().split()[-1] for file in files) == ["0", "1"]
