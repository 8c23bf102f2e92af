"""A throw-away Slurm cluster on this machine: munged, slurmctld and several slurmds as child processes.

Real daemons of the distribution's packages, on free ports and below one folder: nothing in /etc, no service, no
privileges. Nodes `c1`, … have CPUs, nodes `g1`, … also fake GPUs, which are links to /dev/null. Partitions: `cpu`
(default), `gpu`, and `urgent` over the GPU nodes, whose jobs send those of `gpu` back to the queue and cancel those
of `scavenge`. Waits are short where a site's are long: a node is given up after 15 s, SIGKILL follows SIGTERM after 5.
With accounting, jobs are also kept in a database (slurmdbd over MariaDB), and the controller forgets them at once.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacct")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def missing(programs: Sequence[str] = PROGRAMS) -> list[str]:
    """Return the programs that this machine lacks for a cluster."""
    return [name for name in programs if shutil.which(name, path=PATH) is None]


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def is_open(port: int) -> bool:
    """Tell whether something listens on a port of the loopback interface."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def until(holds: Callable[[], object], seconds: float = 60.0, what: str = "") -> None:
    """Wait until something holds; fail after a while."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain {what}"
        time.sleep(0.1)


class Cluster:
    """The daemons, their configuration, and the levers that tests pull."""

    cpus, memory_mb, gpus = 8, 8000, 2
    cpu_nodes, gpu_nodes = ("c1", "c2"), ("g1", "g2")

    def __init__(self, folder: Path, *, accounting: bool = False) -> None:
        self.folder = folder.resolve()
        self.accounting = accounting
        self.database_port, self.dbd_port = free_ports(2) if accounting else (0, 0)
        self.config = self.folder / "etc/slurm.conf"
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.user = pwd.getpwuid(os.getuid()).pw_name

    @property
    def nodes(self) -> tuple[str, ...]:
        return self.cpu_nodes + self.gpu_nodes

    @property
    def environment(self) -> dict[str, str]:
        """What clients of this cluster need."""
        return {**os.environ, "SLURM_CONF": str(self.config), "PATH": PATH}

    def start(self, seconds: float = 60.0) -> Cluster:
        """Start all daemons and wait until every node is idle."""
        self._write()
        self._spawn(
            *("munged", "--foreground", "--force", f"--key-file={self.folder}/etc/munge.key"),
            *(f"--{kind}-file={self.folder}/run/munged.{kind}" for kind in ("pid", "seed")),
            *(f"--log-file={self.folder}/log/munged.log", f"--socket={self.folder}/run/munge.socket"),
        )
        until((self.folder / "run/munge.socket").exists, what="for munged")
        if self.accounting:
            self.start_accounting()
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        until(lambda: set(self.states().values()) == {"idle"}, seconds, "for idle nodes")
        return self

    def start_accounting(self) -> None:
        """Start an empty MariaDB and slurmdbd over it, and enter this cluster."""
        data = self.folder / "db"
        install = shutil.which("mariadb-install-db", path=PATH)
        assert install is not None
        options = ("--no-defaults", f"--datadir={data}", f"--user={self.user}")
        done = subprocess.run(
            [install, *options, "--skip-test-db", "--auth-root-authentication-method=normal"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self._spawn(
            *("mariadbd", *options, "--skip-grant-tables", "--bind-address=127.0.0.1"),
            *(f"--port={self.database_port}", f"--socket={self.folder}/run/db.socket"),
            *("--innodb-buffer-pool-size=32M", "--innodb-lock-wait-timeout=900"),
        )
        until(lambda: is_open(self.database_port), what="for MariaDB")
        self.start_dbd()
        until(lambda: self.run("sacctmgr", "-n", "show", "configuration", check=False), what="for accounting")
        self.run("sacctmgr", "-i", "add", "cluster", "toy")

    def start_dbd(self) -> None:
        self._spawn("slurmdbd", "-D")
        until(lambda: is_open(self.dbd_port), what="for slurmdbd")

    def start_controller(self) -> None:
        self._spawn("slurmctld", "-D")

    def start_node(self, node: str) -> None:
        self._spawn("slurmd", "-D", "-N", node, name=node)

    def _spawn(self, program: str, *arguments: str, name: str = "") -> None:
        path = shutil.which(program, path=PATH)
        assert path is not None
        with open(self.folder / f"log/{name or program}.out", "ab") as out:
            self.daemons[name or program] = subprocess.Popen(
                [path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.environment,
                start_new_session=True,
            )

    def run(self, *command: str, check: bool = True) -> str:
        """Run a Slurm command and return what it printed."""
        done = subprocess.run(
            command, env=self.environment, text=True, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stderr}"
        return done.stdout

    def states(self) -> dict[str, str]:
        """Return node -> state."""
        lines = self.run("sinfo", "-hN", "-o", "%N %t", check=False).splitlines()
        return {name: state for name, _, state in (line.partition(" ") for line in lines)}

    def jobs(self, folder: Path, states: str = "PD,R,CF,CG") -> list[str]:
        """Return the jobs that were submitted from a folder and are in one of the states."""
        lines = self.run("squeue", "-h", "-t", states, "-o", "%A %Z", check=False).splitlines()
        return [line.split()[0] for line in lines if line.split()[1] == str(folder)]

    def state(self, job: str) -> str:
        """Return the state of a job."""
        return self.run("squeue", "-h", "-t", "all", "-j", job, "-o", "%T", check=False).strip()

    def restarts(self, job: str) -> int:
        """Return how often Slurm has put a job back into the queue."""
        found = re.search(r"Restarts=(\d+)", self.run("scontrol", "show", "job", job, check=False))
        return int(found[1]) if found else 0

    def stop_controller(self) -> None:
        """Kill the controller, as a crash would."""
        self.daemons["slurmctld"].kill()
        self.daemons["slurmctld"].wait()

    def crash_node(self, node: str) -> None:
        """Pull the plug: kill the node's daemon and all that runs under it, and tell the controller."""
        jobs = self.run("squeue", "-h", "-w", node, "-t", "R,CG", "-o", "%A").split()
        self.daemons[node].kill()
        self.daemons[node].wait()
        for pid in self.processes(jobs):
            _kill(pid)
        self.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")

    def revive_node(self, node: str) -> None:
        """Start a crashed node again and wait until it takes jobs."""
        self.start_node(node)
        self.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)
        until(lambda: self.states().get(node) in ("idle", "mix"), what=f"for {node}")

    def hurry(self, job: str) -> None:
        """Spare a requeued job the two minutes that Slurm makes it wait."""
        until(
            lambda: self.state(job) == "PENDING" or self.restarts(job),
            what=f"for job {job} to be queued again",
        )
        if self.state(job) != "PENDING":
            return  # it did not have to wait
        time.sleep(
            1.5
        )  # else the message that kills the first start can meet the second one on the same node
        self.run("scontrol", "update", f"jobid={job}", "StartTime=now")

    def processes(self, jobs: list[str] | None = None) -> list[int]:
        """Return the processes of this cluster's jobs and their step daemons, or of some jobs only."""
        mark, found = f"SLURM_CONF={self.config}".encode(), []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                variables = (path / "environ").read_bytes().split(b"\0")
                command = (path / "cmdline").read_bytes()
            except OSError:
                continue
            job = next((item[13:] for item in variables if item.startswith(b"SLURM_JOB_ID=")), b"")
            if command.startswith(b"slurmstepd: ["):
                job = command.split(b"[")[1].split(b".")[0]
            if mark in variables and job and (jobs is None or job.decode() in jobs):
                found.append(int(path.name))
        return found

    def stop(self, seconds: float = 10.0) -> None:
        """Cancel all jobs, stop all daemons, and see that no process stays."""
        self.run("scancel", "--full", "-u", self.user, check=False)
        for daemon in self.daemons.values():
            daemon.terminate()
        end = time.monotonic() + seconds
        for daemon in self.daemons.values():
            try:
                daemon.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        while self.processes() and time.monotonic() < end + seconds:
            for pid in self.processes():
                _kill(pid)
            time.sleep(0.05)

    def _write(self) -> None:
        for name in ("dev", "etc", "log", "run", "state", *(f"spool/{node}" for node in self.nodes)):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(self.gpus):
            (self.folder / f"dev/gpu{number}").symlink_to("/dev/null")
        self.config.write_text(self._configuration())
        gres = f"NodeName={','.join(self.gpu_nodes)} Name=gpu Type=h200 File={self.folder}/dev/gpu[0-{self.gpus - 1}]\n"
        (self.folder / "etc/gres.conf").write_text(gres)
        (self.folder / "etc/cgroup.conf").write_text("")
        if self.accounting:
            database = self.folder / "etc/slurmdbd.conf"
            database.write_text(self._database_configuration())
            database.chmod(0o600)
        key = self.folder / "etc/munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)

    def _accounting_lines(self) -> tuple[str, ...]:
        return (
            "AccountingStorageType=accounting_storage/slurmdbd",
            "AccountingStorageHost=127.0.0.1",
            f"AccountingStoragePort={self.dbd_port}",
            f"AccountingStoragePass={self.folder}/run/munge.socket",
        )

    def _database_configuration(self) -> str:
        lines = (
            *("DbdHost=localhost", "DbdAddr=127.0.0.1", f"DbdPort={self.dbd_port}", f"SlurmUser={self.user}"),
            *("AuthType=auth/munge", f"AuthInfo=socket={self.folder}/run/munge.socket"),
            *(f"LogFile={self.folder}/log/slurmdbd.log", f"PidFile={self.folder}/run/slurmdbd.pid"),
            *("StorageType=accounting_storage/mysql", "StorageHost=127.0.0.1", "StorageUser=root"),
            *(f"StoragePort={self.database_port}", "StorageLoc=accounting"),
        )
        return "\n".join(lines) + "\n"

    def _configuration(self) -> str:
        host = socket.gethostname().split(".")[0]
        controller, *ports = free_ports(1 + len(self.nodes))
        gpu_nodes = ",".join(self.gpu_nodes)
        lines = [
            *("ClusterName=toy", f"SlurmctldHost={host}(127.0.0.1)", f"SlurmctldPort={controller}"),
            *(f"SlurmUser={self.user}", f"SlurmdUser={self.user}"),
            *(
                "AuthType=auth/munge",
                "CredType=cred/munge",
                f"AuthInfo=socket={self.folder}/run/munge.socket",
            ),
            *(f"StateSaveLocation={self.folder}/state", f"SlurmdSpoolDir={self.folder}/spool/%n"),
            f"SlurmctldPidFile={self.folder}/run/slurmctld.pid",
            f"SlurmdPidFile={self.folder}/run/slurmd.%n.pid",
            f"SlurmctldLogFile={self.folder}/log/slurmctld.log",
            f"SlurmdLogFile={self.folder}/log/slurmd.%n.log",
            *("ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "MpiDefault=none"),
            # without cgroups this polling is the only thing that enforces a memory limit
            *("JobAcctGatherType=jobacct_gather/linux", "JobAcctGatherFrequency=2"),
            "JobAcctGatherParams=OverMemoryKill",
            *(
                self._accounting_lines()
                if self.accounting
                else ("AccountingStorageType=accounting_storage/none",)
            ),
            "SwitchType=switch/none",
            *("SelectType=select/cons_tres", "SelectTypeParameters=CR_Core_Memory", "DefMemPerCPU=500"),
            # a request that no node can meet is refused at once instead of waiting for ever
            *("EnforcePartLimits=ALL", "GresTypes=gpu"),
            # nodes may claim more cores than this machine has
            "SlurmdParameters=config_overrides",
            f"MinJobAge={2 if self.accounting else 3600}",
            *("ReturnToService=2", "KillWait=5", "SlurmdTimeout=15"),
            *("PreemptType=preempt/partition_prio", "PreemptMode=REQUEUE"),
            "SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2",
        ]
        for node, port in zip(self.nodes, ports, strict=True):
            gres = f" Gres=gpu:h200:{self.gpus}" if node in self.gpu_nodes else ""
            lines.append(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={self.cpus} "
                f"RealMemory={self.memory_mb}{gres}"
            )
        lines += [
            f"PartitionName=cpu Nodes={','.join(self.cpu_nodes)} Default=YES MaxTime=60 State=UP",
            f"PartitionName=gpu Nodes={gpu_nodes} MaxTime=60 PriorityTier=1 PreemptMode=REQUEUE State=UP",
            f"PartitionName=scavenge Nodes={gpu_nodes} MaxTime=60 PriorityTier=1 PreemptMode=CANCEL State=UP",
            f"PartitionName=urgent Nodes={gpu_nodes} MaxTime=60 PriorityTier=10 PreemptMode=OFF State=UP",
        ]
        return "\n".join(lines) + "\n"


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
