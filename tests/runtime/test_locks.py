from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from rerender.core.errors import UserError
from rerender.runtime import locks
from rerender.runtime.locks import acquire, is_alive, run_lock


def race(folder: Path, mode: str) -> list[int]:
    command = [sys.executable, str(Path(__file__).with_name("lock_race.py")), str(folder), mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    codes = json.loads(done.stdout)
    assert isinstance(codes, list)
    return codes


def leave_record(folder: Path, age: float = 0.0, **changes: object) -> None:
    """Leave the record of another owner, whose last heartbeat was `age` seconds ago."""
    lock = acquire(folder)
    record = folder / "lock.0.json"
    record.write_text(json.dumps({**asdict(lock.owner), "token": "other", **changes}))
    os.utime(record, (time.time() - age,) * 2)


def test_two_processes_never_hold_it_both(tmp_path: Path) -> None:
    codes = race(tmp_path / "run", "turns")
    assert 200 not in codes
    assert 10 in codes
    assert min(codes) < 10, "none died holding it"


def test_one_of_many_takes_over_a_stale_lock(tmp_path: Path) -> None:
    assert sorted(race(tmp_path / "run", "stale")) == [0] * 15 + [1]


def test_held_lock_names_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    with run_lock(tmp_path / "run") as lock:
        with pytest.raises(UserError) as error:
            acquire(tmp_path / "run")
        lock.confirm()
    for part in (str(tmp_path), f"process {os.getpid()}", lock.owner.host, "job 4711", "since 20", "kill"):
        assert part in str(error.value)


def test_lock_is_free_after_release_and_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), run_lock(tmp_path):
        raise ZeroDivisionError
    with run_lock(tmp_path):
        pass
    acquire(tmp_path)
    assert len(list(tmp_path.glob("lock.*"))) == 1, "old records pile up"


def test_lock_of_a_dead_process_is_taken_over_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    leave_record(tmp_path, pid=dead.pid)
    with caplog.at_level(logging.WARNING):
        acquire(tmp_path).confirm()
    assert "taking over" in caplog.text
    assert str(dead.pid) in caplog.text


def test_zombie_and_reused_pid_are_dead() -> None:
    child = subprocess.Popen(["true"])
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not is_alive(child.pid, psutil.Process(child.pid).create_time())
    child.wait()
    started = psutil.Process().create_time()
    assert is_alive(os.getpid(), started)
    assert not is_alive(os.getpid(), started - 3600)


@pytest.mark.parametrize("changed", ["host", "boot", "namespace"])
def test_elsewhere_only_the_heartbeat_counts(tmp_path: Path, changed: str) -> None:
    leave_record(tmp_path, age=50.0, pid=999_999_999, **{changed: "elsewhere"})
    with pytest.raises(UserError, match="run again in"):
        acquire(tmp_path, stale_after=60.0)
    acquire(tmp_path, stale_after=40.0).confirm()


def test_heartbeat_thread_renews_the_record(tmp_path: Path) -> None:
    with run_lock(tmp_path, beat_every=0.01):
        (record,) = tmp_path.glob("lock.*.json")
        os.utime(record, (1e9, 1e9))
        limit = time.monotonic() + 30
        while record.stat().st_mtime == 1e9 and time.monotonic() < limit:
            time.sleep(0.01)
        assert record.stat().st_mtime > 1e9


def test_owner_notices_that_it_was_taken_over(tmp_path: Path) -> None:
    lock = acquire(tmp_path)
    record = tmp_path / "lock.0.json"
    record.write_text(json.dumps(asdict(replace(lock.owner, host="elsewhere"))))
    os.utime(record, (time.time() - 1000,) * 2)
    other = acquire(tmp_path)
    with pytest.raises(UserError, match="taken over by process"):
        lock.confirm()
    lock.release()  # must not release the other's
    other.confirm()
    with pytest.raises(UserError, match="in use"):
        acquire(tmp_path)


def test_owner_notices_that_the_folder_is_gone(tmp_path: Path) -> None:
    lock = acquire(tmp_path / "run")
    (tmp_path / "run" / "lock.0.json").unlink()
    with pytest.raises(UserError, match="emptied"):
        lock.confirm()
    (tmp_path / "run").rmdir()
    with pytest.raises(UserError, match="emptied"):
        lock.confirm()
    lock.release()


def test_a_process_that_was_slow_since_it_looked_does_not_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It saw generation 0 released; meanwhile others had 1 and 2, and 1 was deleted."""
    with run_lock(tmp_path):
        pass
    look = locks._refuse_if_held

    def look_and_be_slow(folder: Path, generation: int, stale_after: float, me: locks.Owner) -> None:
        look(folder, generation, stale_after, me)
        if generation == 0:
            monkeypatch.setattr(locks, "_refuse_if_held", look)
            with run_lock(folder):
                pass
            holder.append(acquire(folder))

    holder: list[locks.RunLock] = []
    monkeypatch.setattr(locks, "_refuse_if_held", look_and_be_slow)
    with pytest.raises(UserError, match="in use"):
        acquire(tmp_path)
    holder[0].confirm()
    assert [path.name for path in tmp_path.iterdir()] == ["lock.2.json"]


def test_damaged_record_counts_as_held_until_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks.time, "sleep", lambda seconds: None)
    record = tmp_path / "lock.3.json"
    record.write_text("{")
    with pytest.raises(UserError, match="unknown host"):
        acquire(tmp_path)
    os.utime(record, (time.time() - 1000,) * 2)
    acquire(tmp_path).confirm()


def test_folder_that_cannot_be_written_gives_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((UserError, NotADirectoryError)):
        acquire(tmp_path / "file" / "run")
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(UserError, match="no permission"):
            acquire(tmp_path / "closed" / "run")


def test_full_disk_leaves_no_empty_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(locks.json, "dumps", full)
    with pytest.raises(UserError, match="no space left"):
        acquire(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_job_waits_until_a_lock_of_another_node_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its predecessor was killed there a moment ago; giving up would cost the job one of its few attempts."""
    leave_record(tmp_path, host="elsewhere")
    with pytest.raises(UserError, match="in use by"):
        acquire(tmp_path, stale_after=3.0)
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    acquire(tmp_path, stale_after=3.0).confirm()


def test_a_job_gives_up_when_the_other_node_gives_a_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_record(tmp_path, host="elsewhere")
    record = tmp_path / "lock.0.json"
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    timer = threading.Timer(0.3, lambda: os.utime(record))
    timer.start()
    with pytest.raises(UserError, match="in use by"):
        acquire(tmp_path, stale_after=30.0)
    timer.join()
