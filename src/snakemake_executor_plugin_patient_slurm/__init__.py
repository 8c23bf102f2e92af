"""Snakemake on Slurm, patiently: the upstream executor with its hangs and losses repaired, and runs in batches.

What is different from `snakemake-executor-plugin-slurm` 2.8.0 (docs/slurm.md has the evidence):

* A status query that fails is asked again; upstream forgets every running job then and waits for ever.
* Every state of Slurm has a consequence: PREEMPTED fails, and so does a job that Slurm no longer knows.
* A job is one Snakemake start instead of two, and its step keeps SLURM_CONF.
* Several jobs of a rule share one Slurm job (`batches`); each has its own outputs, fails and resumes on its own, and
  counts from the moment it is done.
* A Snakemake that was killed leaves no riddle: the next one takes its jobs over (`earlier`).
* Ctrl-C cancels all jobs, also those submitted or looked at in that moment.
* sbatch is tried again while the controller is away, and never submits twice.
* Array jobs are refused: upstream issue 447 deletes finished results.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import shlex
import subprocess
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_slurm import Executor as SlurmExecutor
from snakemake_executor_plugin_slurm import common_settings as common_settings
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.real import RealExecutor

from snakemake_executor_plugin_patient_slurm.jobs import (
    Together,
    kind_of,
    member_of,
    read_costs,
    step_options,
)
from snakemake_executor_plugin_patient_slurm.settings import ExecutorSettings as ExecutorSettings

ROOT = Path(".snakemake/patient_slurm")
SAVING = 90.0
"""How long Ctrl-C waits for jobs to save and end [s]; Slurm kills them after its KillWait, usually 30 s."""
_AWAY = re.compile(r"contact slurm controller|timed? ?out|refused|try again|transport|communication", re.I)


class Executor(SlurmExecutor):  # type: ignore[misc]
    """See the module. `batch` below stands for the Snakemake jobs that share one Slurm job."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        configuration = os.environ.get("SLURM_CONF")
        super().__init__(workflow, logger)  # which removes all of SLURM_* when it runs inside of a job
        if configuration is not None:
            os.environ["SLURM_CONF"] = configuration

    def __post_init__(self, test_mode: bool = False) -> None:
        """Refuse what cannot go well."""
        from rerender.core.errors import UserError
        from rerender.runtime.slurm_site import Site, read_site
        from snakemake_executor_plugin_patient_slurm.status import Watches

        settings = self.workflow.executor_settings
        _refuse(settings)
        super().__post_init__(test_mode)
        try:
            self._site = read_site(Path(settings.site)) if settings.site else Site()
        except UserError as error:
            raise WorkflowError(str(error)) from None
        self._costs = read_costs(settings.costs)
        self._watches = Watches()
        self._earlier: Any = None
        self._folder = ROOT / self.run_uuid
        self._locks = ExitStack()
        self._numbers = itertools.count(1)
        self._waiting: dict[tuple[Any, ...], list[Any]] = {}
        self._waiting_lock = threading.Lock()
        self._unfinished: dict[str, int] = {}
        self._away = False

    def _begin(self) -> None:
        """Refuse what no node can hold, look for jobs of an earlier call, and take a folder of our own; once, if there is work."""
        from rerender.runtime.locks import run_lock
        from snakemake_executor_plugin_patient_slurm.earlier import Earlier
        from snakemake_executor_plugin_patient_slurm.requests import too_large

        if self._earlier is None:
            one_of_each = {job.name: job for job in self.workflow.dag.needrun_jobs()}
            if sentences := too_large(one_of_each.values(), self._site):
                raise WorkflowError("\n".join(sentences))
            self._earlier = Earlier(ROOT, self.logger.warning)
            self._locks.enter_context(run_lock(self._folder))

    # submission

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        """Take over what an earlier call does already, collect the rest into batches, and submit those."""
        with contextlib.suppress(RuntimeError):  # there is no loop: upstream's threads report directly then
            self._main_event_loop = asyncio.get_running_loop()
        self._begin()
        for job in jobs:
            self.run_job_pre(job)
            if not self._taken_over(job):
                with self._waiting_lock:
                    self._waiting.setdefault(kind_of(job), []).append(job)
        self._flush(only_full=True)
        with self._waiting_lock:
            some_wait = bool(self._waiting)
        if some_wait:
            timer = threading.Timer(self._site.batch.linger, self._flush)
            timer.daemon = True
            timer.start()

    def _taken_over(self, job: Any) -> bool:
        if job.is_group():
            return False
        member = member_of(job)
        claim = self._earlier.claim(member.key, member.digest)
        if claim is None or (claim.done and not all(Path(file).exists() for file in job.output)):
            return False
        log = next(self.slurm_logdir.glob(f"*/{claim.job}.log"), None)
        aux = {"slurm_logfile": log, "batch": claim.batch, "number": claim.number}
        info = SubmittedJobInfo(job, external_jobid=claim.job, aux=aux)
        self._unfinished[claim.job] = self._unfinished.get(claim.job, 0) + 1
        self._report_job_submission_threadsafe(info)
        return True

    def _flush(self, only_full: bool = False) -> None:
        """Submit the batches that are full, or all that wait."""
        from snakemake_executor_plugin_patient_slurm.batches import batch_size, split

        ready = []
        with self._waiting_lock:
            for kind in list(self._waiting):
                jobs = self._waiting.pop(kind)
                settings = self._site.batch
                size = batch_size(self._costs.get(jobs[0].name), settings.minutes, settings.most)
                size = 1 if jobs[0].is_group() else size
                whole = len(jobs) // size * size if only_full else len(jobs)
                ready += split(jobs[:whole], size)
                if jobs[whole:]:
                    self._waiting[kind] = jobs[whole:]
        for batch in ready:
            self._job_submission_executor.submit(self._submit, batch)

    def _submit(self, jobs: list[Any]) -> None:
        """Submit one batch; runs in a thread."""
        try:
            self._submit_batch(jobs)
        except Exception as error:
            for job in jobs:
                self._report_job_error_threadsafe(SubmittedJobInfo(job), f"Submission failed: {error}")

    def _submit_batch(self, jobs: list[Any]) -> None:
        from snakemake_executor_plugin_patient_slurm.batches import Batch
        from snakemake_executor_plugin_patient_slurm.requests import request_for, script

        number = next(self._numbers)
        folder = (self._folder / str(number)).absolute()
        members = [] if jobs[0].is_group() else [member_of(job) for job in jobs]
        batch = Batch.create(folder, members, self._site.node_cache)
        request = request_for(jobs, self._site, self._costs.get(jobs[0].name))
        log = self.slurm_logdir / f"rule_{request.name}" / "%j.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        # upstream's methods compose the command around what `get_job_args` returns for it
        command = self._command(jobs, folder, request.threads)
        job = self._sbatch(
            self._sbatch_command(request, log, number),
            script(command, step_options(request), request.threads),
            number,
        )
        batch.set_slurm_job(job)
        log = log.with_name(f"{job}.log")
        self._unfinished[job] = len(jobs)
        what = f"{len(jobs)} jobs" if len(jobs) > 1 else f"Job {jobs[0].jobid}"
        self.logger.info(f"{what} of {request.name} submitted with SLURM jobid {job} (log: {log}).")
        for place, member in enumerate(jobs):
            aux = {"slurm_logfile": log, "batch": batch, "number": place}
            self._report_job_submission_threadsafe(SubmittedJobInfo(member, external_jobid=job, aux=aux))

    def _command(self, jobs: Sequence[Any], folder: Path, threads: int) -> str:
        """Return the command of the node: the worker, with Snakemake's arguments for all members."""
        plain = RealExecutor.format_job_exec(self, Together(jobs, folder, threads))
        module = "-m snakemake_executor_plugin_patient_slurm.worker"
        return str(plain).replace("-m snakemake", f"{module} {shlex.quote(str(folder))}", 1)

    def get_job_args(self, job: Any, **kwargs: Any) -> str:
        """Return Snakemake's arguments for a batch."""
        if not isinstance(job, Together):
            return str(super().get_job_args(job, **kwargs))
        return job.arguments(self.workflow.dag)

    def additional_general_args(self) -> str:
        """Let a batch carry on after a member that fails."""
        return "--keep-going"

    def _sbatch_command(self, request: Any, log: Path, number: int) -> str:
        from snakemake_executor_plugin_slurm.submit_string import get_submit_command
        from snakemake_executor_plugin_slurm.utils import set_gres_string
        from snakemake_executor_plugin_slurm.validation import validate_slurm_extra

        validate_slurm_extra(request)
        account, partition = (request.resources.get(f"slurm_{name}") for name in ("account", "partition"))
        params = {
            "run_uuid": self.run_uuid,
            "slurm_logfile": log,
            "comment_str": _comment(request.name, number),
            "account": f"-A {shlex.quote(str(account))}" if account else "",
            "partition": f"-p {shlex.quote(str(partition))}" if partition else "",
            "workdir": self.workflow.workdir_init,
        }
        call = get_submit_command(request, params, self.workflow.executor_settings, self._failed_nodes)
        return f"{call}{set_gres_string(request)} /dev/stdin"

    def _sbatch(self, call: str, text: str, number: int) -> str:
        """Submit, again and again while the controller is away, but never twice; return the job's id."""
        from snakemake_executor_plugin_patient_slurm.earlier import PAUSE, patiently

        while True:
            done = subprocess.run(call, shell=True, text=True, input=text, capture_output=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip().split(";")[0]
            if not _AWAY.search(done.stderr):
                raise WorkflowError(f"SLURM sbatch failed: {done.stderr.strip()}\n    {call}")
            self.logger.warning(f"Slurm does not take jobs now ({done.stderr.strip()}); trying again.")
            time.sleep(PAUSE)
            # the job may have arrived although the answer did not
            listed = patiently(["squeue", "-h", "--states=all", "-o", "%A|%k", "--name", self.run_uuid])
            for job, _, comment in (line.partition("|") for line in listed.splitlines()):
                if comment.strip().endswith(_comment("", number)):
                    return job.strip()

    # status

    async def check_active_jobs(self, active_jobs: list[Any]) -> AsyncGenerator[Any, None]:
        """Report what has finished, and yield the rest."""
        if not active_jobs:
            return
        from snakemake_executor_plugin_patient_slurm.batches import DONE, FAILED

        undone = []
        for info in active_jobs:
            if info.aux["batch"].is_marked(info.aux["number"], DONE):
                self._succeeded(info)
            else:
                undone.append(info)
        verdicts = await self._verdicts([info.external_jobid for info in undone]) if undone else {}
        for info in undone:
            batch, number = info.aux["batch"], info.aux["number"]
            verdict = verdicts.get(info.external_jobid, "alive")
            # looked at again: the mark may be newer than the answer
            if batch.is_marked(number, DONE) or verdict == "completed":
                self._succeeded(info)
            elif batch.is_marked(number, FAILED):
                self._failed(info, "failed")
            elif verdict in ("failed", "vanished"):
                self._failed(info, f"did not finish: {self._watches.state(info.external_jobid)}")
            else:
                yield info

    async def _verdicts(self, ids: list[str]) -> dict[str, str]:
        """Ask Slurm about all jobs at once; without an answer nothing follows."""
        from snakemake_executor_plugin_patient_slurm.status import ask, parse, sacct, squeue

        question = sacct if self.workflow.executor_settings.status_command == "sacct" else squeue
        said = await asyncio.to_thread(ask, question(self._names()))
        if said is None:
            if not self._away:
                self.logger.warning("Slurm does not answer. Jobs go on; asking again until it does.")
            self._away = True
            return {}
        if self._away:
            self.logger.warning("Slurm answers again.")
        self._away = False
        return dict(self._watches.verdicts(ids, parse(said), time.monotonic()))

    def _names(self) -> list[str]:
        """Return the names of all Slurm jobs that matter here: this call's, and those of calls it took over."""
        return [self.run_uuid, *(self._earlier.names if self._earlier else ())]

    def _succeeded(self, info: Any) -> None:
        self.report_job_success(info)
        log = info.aux["slurm_logfile"]
        if self._last_of(info) and log and not self.workflow.executor_settings.keep_successful_logs:
            log.unlink(missing_ok=True)

    def _failed(self, info: Any, how: str) -> None:
        info.aux["batch"].mark("any", "failed")
        self._last_of(info)
        logs = [str(info.aux["slurm_logfile"])] if info.aux["slurm_logfile"] else []
        self.report_job_error(info, msg=f"SLURM job {info.external_jobid} {how}. ", aux_logs=logs)

    def _last_of(self, info: Any) -> bool:
        """Count a member as ended; say whether it was the last of its batch and all went well."""
        self._unfinished[info.external_jobid] -= 1
        return self._unfinished[info.external_jobid] == 0 and not info.aux["batch"].is_marked("any", "failed")

    # the end

    def cancel_jobs(self, active_jobs: list[Any]) -> None:
        """Cancel all jobs of this call by name: a list of ids lacks those that are submitted or looked at now.

        Waits for them to save and end, so that the next call does not meet them.
        """
        from snakemake_executor_plugin_patient_slurm.status import ENDED, ask, parse, squeue

        with self._waiting_lock:
            self._waiting.clear()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        ask(["scancel", "--name", ",".join(self._names())])
        end = time.monotonic() + SAVING
        while time.monotonic() < end:
            said = ask(squeue(self._names()))
            if said is not None and not set(parse(said).values()) - ENDED:
                self._unfinished.clear()
                return
            time.sleep(1)
        self.logger.warning("Some jobs have not ended yet; the next call looks after them.")

    def shutdown(self) -> None:
        """Let go of the folders of batches."""
        import shutil

        super().shutdown()
        self._locks.close()
        if not any(self._unfinished.values()):
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._earlier:
            self._earlier.close()


def _refuse(settings: Any) -> None:
    """Raise for settings and versions that lose results."""
    from snakemake_executor_plugin_patient_slurm.versions import complaint, untested

    if settings.array_jobs:
        raise WorkflowError(
            "patient-slurm does not do array jobs: with them one slow or failed task has the finished outputs of "
            "others deleted (issue 447 of snakemake-executor-plugin-slurm). Jobs are batched instead."
        )
    if (found := untested()) and not settings.untested_versions:
        raise WorkflowError(complaint(found))


def _comment(rule: str, number: int) -> str:
    return f"{rule} batch {number}"
