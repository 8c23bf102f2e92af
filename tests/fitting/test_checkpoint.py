from __future__ import annotations

import errno
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.fitting import checkpoint
from rerender.fitting.checkpoint import MOST_LOST, Checkpoints


def tree(i: int) -> dict[str, object]:
    return {
        "iteration": i,
        "x": np.full(1000, i, np.float32),
        "loss": 0.1 + 0.2,
        "none": None,
        "inf": float("inf"),
    }


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_newest_comes_back_and_one_older_is_kept(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path, "run").load() is None
    saved = Checkpoints(tmp_path, "run")
    for i in range(5):
        saved.save(tree(i))
    assert files(tmp_path) == ["checkpoint-00000004.npz", "checkpoint-00000005.npz"]
    loaded = Checkpoints(tmp_path, "run").load()
    assert repr(loaded) == repr(tree(4))
    assert loaded["x"].dtype == np.float32


def damage_by_cutting(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def damage_by_emptying(path: Path) -> None:
    path.write_bytes(b"")


def damage_by_one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1  # within the array: only the checksum can tell
    path.write_bytes(data)


def damage_by_other_content(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("note.txt", "hello")


@pytest.mark.parametrize(
    "damage", [damage_by_cutting, damage_by_emptying, damage_by_one_bit, damage_by_other_content]
)
def test_damaged_newest_falls_back_to_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    saved = Checkpoints(tmp_path, "run")
    saved.save(tree(1))
    saved.save(tree(2))
    damage(tmp_path / "checkpoint-00000002.npz")
    with caplog.at_level(logging.WARNING):
        loaded = Checkpoints(tmp_path, "run").load()
    assert loaded["iteration"] == 1
    assert "damaged" in caplog.text
    assert "checkpoint-00000002.npz" in caplog.text
    again = Checkpoints(tmp_path, "run")
    again.save(tree(3))  # the good one before must not be the one that goes
    assert files(tmp_path) == ["checkpoint-00000001.npz", "checkpoint-00000002.npz"]


def test_all_damaged_starts_afresh(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path, "run")
    saved.save(tree(1))
    saved.save(tree(2))
    for path in tmp_path.iterdir():
        damage_by_cutting(path)
    assert Checkpoints(tmp_path, "run").load() is None


def test_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "one").save(tree(1))
    with pytest.raises(UserError, match=r"another run \(one\), not of two"):
        Checkpoints(tmp_path, "two").load()
    assert files(tmp_path) == ["checkpoint-00000001.npz"]


def test_full_disk_keeps_the_previous_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = Checkpoints(tmp_path, "run")
    saved.save(tree(1))

    def full(handle, **arrays: object) -> None:  # type: ignore[no-untyped-def]
        handle.write(b"PK half of it")
        handle.flush()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(UserError, match="no space left") as error:
            saved.save(tree(2))
    assert "Free some space" in error.value.hint
    assert files(tmp_path) == ["checkpoint-00000001.npz"]
    assert Checkpoints(tmp_path, "run").load()["iteration"] == 1
    saved.save(tree(2))
    assert Checkpoints(tmp_path, "run").load()["iteration"] == 2


def test_half_written_files_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint-00000007.123.part.npz").write_bytes(b"PK")
    saved = Checkpoints(tmp_path, "run")
    assert saved.load() is None
    saved.save(tree(1))
    assert files(tmp_path) == ["checkpoint-00000001.npz"]


class Clock:
    """A clock under our control, in place of the module's."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def first_due(saved: Checkpoints, clock: Clock, step: float) -> float:
    """Return the time after a save at which the next one is due, looking after every step."""
    begin = clock.now
    while not saved.due(step):
        clock.now += step
    return clock.now - begin


@pytest.mark.parametrize(
    ("cost", "step", "expected"),
    [
        (2**-7, 0.5, 20.0),  # the wished interval
        (0.25, 0.5, 25.0),  # 0.25 s are 1 % of 25 s
        (2.0, 0.5, 27.5),  # too dear for 1 %, but no more than 30 s may be lost: 27.5 + step + cost
        (2**-7, 12.0, 24.0),  # slow steps: after the second, for the third would end too late
        (2**-7, 60.0, 0.0),  # after every step
    ],
)
def test_interval_follows_the_cost_and_never_risks_more_than_30_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cost: float, step: float, expected: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(checkpoint, "time", clock)
    monkeypatch.setattr(checkpoint, "save_tree", lambda *_: setattr(clock, "now", clock.now + cost))
    saved = Checkpoints(tmp_path, "run", 20.0, 0.01)
    saved.save({})
    waited = first_due(saved, clock, step)
    assert waited == expected
    assert waited + cost <= MOST_LOST
    saved.save({})
    assert saved.spent == pytest.approx(2 * cost)
