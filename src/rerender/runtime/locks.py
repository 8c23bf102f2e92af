"""One process per folder: a lock that survives crashes, reboots and other hosts, and says who holds it.

The folder holds records `lock.<generation>.json`; the highest generation counts. A process gets the lock by
creating the next generation exclusively (O_EXCL, atomic on local and network file systems), which it may do
only when the present record is released or stale. The highest record is never deleted, only marked as
released, so two processes that take over the same stale record cannot both succeed. Kernel locks (flock) and
hard links would not do: parallel and user-space file systems are often mounted without them.

A record is stale when its process is gone, if that can be told (same host, boot and process namespace), and
otherwise when its heartbeat (the file's time, renewed by a thread) is older than `stale_after` seconds. Both
times of that comparison are the file server's, so the clocks of the hosts do not matter.

A job of a batch system does not give up at once: its predecessor may have died on another node a moment ago. It listens
until the owner gives a sign, or its record is stale.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rerender.core.errors import UserError
from rerender.core.files import explain_os_error

_LOG = logging.getLogger(__name__)
_RECORD = re.compile(r"lock\.(\d+)\.json")
_JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")


@dataclass(frozen=True)
class Owner:
    """Who holds a lock. `started` is the process's start and `since` the lock's, in seconds since 1970."""

    token: str
    host: str
    boot: str
    namespace: str
    pid: int
    started: float
    since: float
    job: str = ""

    def describe(self) -> str:
        """Return a few words for messages."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        job = f" (job {self.job})" if self.job else ""
        return f"process {self.pid} on {self.host}{job}, since {since}"


class RunLock:
    """A held lock; see `run_lock`."""

    def __init__(self, folder: Path, generation: int, owner: Owner) -> None:
        self.folder = folder
        self.owner = owner
        self._generation = generation

    @property
    def _path(self) -> Path:
        return _record(self.folder, self._generation)

    def confirm(self) -> None:
        """Raise `UserError` if another process took the lock over, because this one seemed dead."""
        generations = _generations(self.folder) if self.folder.exists() else []
        owner = _read(self.folder, max(generations, default=-1))
        if owner is None:
            raise UserError(
                f"the folder {self.folder} was emptied while it was in use", "Run the same command again."
            )
        if owner.token != self.owner.token:
            raise UserError(
                f"the lock of {self.folder} was taken over by {owner.describe()}",
                "This process was out of reach for long and gives up its work; the other one carries on.",
            )

    def beat(self) -> None:
        """Renew the heartbeat."""
        with contextlib.suppress(OSError):  # the folder may be away for a moment, or be gone for good
            os.utime(self._path)

    def release(self) -> None:
        """Mark the record as released (time zero, which a full disk cannot prevent), unless it was taken over."""
        with contextlib.suppress(OSError):  # the record is stale soon anyway, as this process ends
            if max(_generations(self.folder), default=-1) == self._generation:
                os.utime(self._path, (0, 0))


@contextmanager
def run_lock(folder: Path, *, stale_after: float = 120.0, beat_every: float = 10.0) -> Iterator[RunLock]:
    """Hold the lock of `folder` (made if absent), or raise `UserError` saying who holds it since when."""
    lock = acquire(folder, stale_after=stale_after)
    done = threading.Event()

    def keep_beating() -> None:
        while not done.wait(beat_every):
            lock.beat()

    thread = threading.Thread(target=keep_beating, name="lock-heartbeat", daemon=True)
    thread.start()
    try:
        yield lock
    finally:
        done.set()
        thread.join()
        lock.release()


def acquire(folder: Path, *, stale_after: float = 120.0) -> RunLock:
    """Take the lock without a heartbeat thread; the caller must `beat` and `release`."""
    me = _this_process()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            newest = max(_generations(folder), default=-1)
            _refuse_if_held(folder, newest, stale_after, me)
            # Not created: another process was faster, so look at its record. Not the highest: this process
            # was slow since it looked, and made a generation that others passed long ago.
            if _create(_record(folder, newest + 1), me):
                if max(_generations(folder)) == newest + 1:
                    break
                _record(folder, newest + 1).unlink(missing_ok=True)
        for old in _generations(folder):
            if old <= newest:
                _record(folder, old).unlink(missing_ok=True)
    except OSError as error:
        raise explain_os_error(error, folder / "lock") from error
    return RunLock(folder, newest + 1, me)


def _create(path: Path, owner: Owner) -> bool:
    """Write a record if there is none at `path`; say whether this was done."""
    try:
        with open(path, "x", encoding="utf-8") as handle:
            handle.write(json.dumps(asdict(owner)))
    except FileExistsError:
        return False
    except OSError:  # such as a full disk: leave no empty record behind
        path.unlink(missing_ok=True)
        raise
    return True


def _refuse_if_held(folder: Path, generation: int, stale_after: float, me: Owner) -> None:
    """Raise unless the record of `generation` is absent, released or stale; say so when it is stale."""
    owner = _read(folder, generation)
    if owner is None or _is_released(_record(folder, generation)):
        return
    if (owner.host, owner.boot, owner.namespace) == (me.host, me.boot, me.namespace):
        if is_alive(owner.pid, owner.started):
            raise _held(folder, owner, f"Wait for it to end, or stop it (kill {owner.pid}).")
        why = "that process is gone"
    else:
        record = _record(folder, generation)
        silence = _listen(record, me, stale_after) if me.job else _silence(record, me)
        if silence <= stale_after:
            wait = f"If it is dead, run again in {stale_after - silence:.0f} s: its lock is taken over then."
            raise _held(folder, owner, f"Wait for it to end, or stop it. {wait}")
        why = f"it gave no sign for {silence:.0f} s"
    _LOG.warning("taking over the lock of %s from %s: %s", folder, owner.describe(), why)


def _held(folder: Path, owner: Owner, hint: str) -> UserError:
    return UserError(f"{folder} is in use by {owner.describe()}", hint)


def _listen(record: Path, me: Owner, stale_after: float) -> float:
    """Return `_silence` once it exceeds `stale_after`, or the owner has given a sign since the first look."""
    first, silence = -1.0, _silence(record, me)
    while 0 < silence <= stale_after:
        with contextlib.suppress(FileNotFoundError):
            beat = record.stat().st_mtime
            first = beat if first < 0 else first
            if beat != first:  # another beat, or released: the caller looks again
                break
        time.sleep(min(5.0, stale_after / 10))
        silence = _silence(record, me)
    return silence


def _silence(record: Path, me: Owner) -> float:
    """Return the age of the last heartbeat [s], by the file server's clock."""
    probe = record.with_name(f".lock.{me.token}.part")
    try:
        probe.touch()
        return probe.stat().st_mtime - record.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # a newer generation replaced it just now
    finally:
        probe.unlink(missing_ok=True)


def _is_released(record: Path) -> bool:
    try:
        return record.stat().st_mtime < 4e8  # years before any lock; file systems without 1970 store 1980
    except FileNotFoundError:
        return False  # a newer generation replaced it just now


def is_alive(pid: int, started: float) -> bool:
    """Say whether the process `pid` that started at `started` still runs on this host (a zombie does not)."""
    import psutil

    try:
        process = psutil.Process(pid)
        # The start time is derived from the clock, which may have been set since; pids do not recur that
        # fast.
        same = abs(process.create_time() - started) < 10.0
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return bool(psutil.pid_exists(pid))  # some systems hide the processes of other users


def _this_process() -> Owner:
    import psutil

    return Owner(
        token=uuid.uuid4().hex,
        host=socket.gethostname(),
        boot=_boot_id(),
        namespace=_pid_namespace(),
        pid=os.getpid(),
        started=psutil.Process().create_time(),
        since=time.time(),
        job=next((os.environ[name] for name in _JOB_VARIABLES if os.environ.get(name)), ""),
    )


def _boot_id() -> str:
    """Return what changes at a restart of the host, or an empty text where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    """Return the name of the space in which process numbers count: containers of one host may differ."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _record(folder: Path, generation: int) -> Path:
    return folder / f"lock.{generation}.json"


def _generations(folder: Path) -> list[int]:
    matches = (_RECORD.fullmatch(name) for name in os.listdir(folder))
    return [int(match[1]) for match in matches if match]


def _read(folder: Path, generation: int) -> Owner | None:
    """Return the record of `generation`, None if there is none, an unknown owner if it is unreadable."""
    for _ in range(20):  # it may be in the act of being written
        try:
            return Owner(**json.loads(_record(folder, generation).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            time.sleep(0.05)
    return Owner(token="", host="an unknown host", boot="", namespace="", pid=0, started=0.0, since=0.0)
