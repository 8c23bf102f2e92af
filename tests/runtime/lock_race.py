"""Many processes race for one lock; run as a script: `python lock_race.py FOLDER MODE`.

The holder makes a file `inside` exclusively: a second holder would fail to, and exits with 200.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import time
from pathlib import Path

import psutil  # noqa: F401 (once, not in every child)

from rerender.core.errors import UserError
from rerender.runtime.locks import acquire


def contend(folder: Path, rng: random.Random) -> int:
    """Take and give back the lock until it was had ten times, sometimes dying with it; return the times."""
    held = 0
    while held < 10:
        try:
            lock = acquire(folder)
        except UserError:
            time.sleep(rng.uniform(0, 0.002))
            continue
        held += 1
        inside = folder.parent / "inside"
        try:
            with open(inside, "x"):
                time.sleep(rng.uniform(0, 0.002))
        except FileExistsError:
            os._exit(200)
        lock.confirm()
        inside.unlink()
        if rng.random() < 0.02:
            os._exit(held)  # dies holding the lock
        lock.release()
    return held


def once(folder: Path, rng: random.Random) -> int:
    """Try once; keep the lock while the others try."""
    try:
        acquire(folder)
    except UserError:
        return 0
    time.sleep(0.5)
    return 1


def main(folder: Path, mode: str) -> None:
    """Fork the contenders; print how often each had the lock."""
    folder.mkdir()
    if mode == "stale":  # a record of another host that fell silent: all may take it over, one must
        record = folder / "lock.7.json"
        owner = {
            "token": "t", "host": f"not-{socket.gethostname()}", "boot": "b", "namespace": "n",
            "pid": 1, "started": 1.0, "since": 1.0, "job": "42",
        }  # fmt: skip
        record.write_text(json.dumps(owner))
        os.utime(record, (time.time() - 1000,) * 2)
    children = []
    for number in range(16):
        child = os.fork()
        if child == 0:
            work = contend if mode == "turns" else once
            os._exit(work(folder, random.Random(number)))
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(json.dumps(codes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
