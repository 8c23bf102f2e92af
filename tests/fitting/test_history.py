from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.core.files import load_tree, save_tree
from rerender.fitting.history import Columns, drop_frames, merge, read_frames, write_frame


def picture(value: int, height: int = 4) -> np.ndarray:
    return np.arange(height * 6 * 3, dtype=np.uint8).reshape(height, 6, 3) + np.uint8(value)


def test_rows_become_columns_with_gaps_as_null() -> None:
    columns = Columns()
    columns.append({"iteration": 0, "loss": 0.5})
    columns.append({"iteration": 1, "loss": math.nan, "late": 7.0})
    columns.append({"iteration": 2, "late": 8.0})
    table = columns.frame()
    assert table.columns == ["iteration", "wall_s", "loss", "late"]
    assert table["iteration"].to_list() == [0, 1, 2]
    assert table["loss"].to_list() == [0.5, None, None]
    assert table["late"].to_list() == [None, 7.0, 8.0]


def test_columns_survive_a_file_exactly(tmp_path: Path) -> None:
    whole, first = Columns(), Columns()
    rows = [{"iteration": i, "x": 1 / (i + 3), **({"y": 0.1} if i > 5 else {})} for i in range(10)]
    for row in rows:
        whole.append(row)
    for row in rows[:4]:
        first.append(row)
    save_tree(tmp_path / "h.npz", first.to_tree())
    second = Columns(load_tree(tmp_path / "h.npz"))
    assert (second.rows, second.last("iteration", -1)) == (4, 3)
    for row in rows[4:]:
        second.append(row)
    assert second.frame().equals(whole.frame())


def test_empty_columns() -> None:
    assert Columns().last("iteration", -1) == -1
    assert Columns().frame().columns == ["iteration", "wall_s"]
    assert Columns().to_tree() == {}


def test_observed_scalars_join_the_row_of_their_iteration() -> None:
    history, seen = Columns(), Columns()
    for i in range(4):
        history.append({"iteration": i, "loss": 1.0, "wall_s": 0.1})
    for i in (0, 3, 4):
        seen.append({"iteration": i, "wall_s": 0.2, "similarity": i / 10, "loss": 5.0})
    table = merge(history.frame(), seen.frame())
    assert table["similarity"].to_list() == [0.0, None, None, 0.3]
    assert table["loss_observed"].to_list() == [5.0, None, None, 5.0]
    assert table["wall_s"].to_list() == [0.1] * 4
    assert merge(history.frame(), Columns().frame()).equals(history.frame())


def test_frames_come_back_in_order(tmp_path: Path) -> None:
    for iteration in (1000000, 20, 3):
        write_frame(tmp_path / "frames", iteration, picture(iteration % 7))
    frames, iterations = read_frames(tmp_path / "frames")
    assert iterations.tolist() == [3, 20, 1000000]
    np.testing.assert_array_equal(frames[1], picture(20 % 7))
    assert frames.dtype == np.uint8


def test_pictures_of_one_channel_stay_so(tmp_path: Path) -> None:
    write_frame(tmp_path, 4, picture(4)[..., 0])
    frames, _ = read_frames(tmp_path)
    np.testing.assert_array_equal(frames, picture(4)[None, ..., 0])


def test_late_and_half_written_frames_are_dropped(tmp_path: Path) -> None:
    for iteration in range(0, 50, 10):
        write_frame(tmp_path, iteration, picture(iteration))
        write_frame(tmp_path / "gradients", iteration, picture(iteration))
    (tmp_path / ".000010.77.part.png").write_bytes(b"\x89PNG")
    drop_frames(tmp_path, 21)
    assert read_frames(tmp_path / "gradients")[1].tolist() == [0, 10, 20]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["000000.png", "000010.png", "000020.png"]


def test_half_written_frames_are_not_read(tmp_path: Path) -> None:
    write_frame(tmp_path, 1, picture(1))
    (tmp_path / ".000002.77.part.png").write_bytes(b"\x89PNG")
    assert read_frames(tmp_path)[1].tolist() == [1]


def test_no_frames_are_an_empty_array(tmp_path: Path) -> None:
    frames, iterations = read_frames(tmp_path / "none")
    assert (frames.shape, iterations.shape) == ((0, 0, 0, 3), (0,))


def test_bad_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        write_frame(tmp_path, 0, picture(0).astype(np.float32))
    with pytest.raises(ValueError, match="uint8"):
        write_frame(tmp_path, 0, picture(0)[..., :2])
    write_frame(tmp_path, 0, picture(0))
    write_frame(tmp_path, 1, picture(0, height=8))
    with pytest.raises(UserError, match="different sizes"):
        read_frames(tmp_path)
