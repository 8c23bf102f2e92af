"""Videos are read back: size, count, codec, colours, and nothing left behind after a failure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.reporting.videos import (
    below,
    beside,
    enlarge,
    frames_per_second,
    hold_last,
    label,
    pad_even,
    probe_video,
    read_video,
    whole_factor,
    write_video,
)


def ramp(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    return [np.full((height, width, 3), 20 + 30 * index, np.uint8) for index in range(count)]


def test_video_holds_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    write_video(path, iter(ramp(6)), 5)
    info = probe_video(path)
    assert (info.frames, info.width, info.height, info.fps) == (6, 48, 32, 5.0)
    assert (info.codec, info.pixel_format) == ("h264", "yuv420p")
    back = read_video(path)
    assert back.shape == (6, 32, 48, 3)
    np.testing.assert_allclose(back.mean(axis=(1, 2, 3)), [20 + 30 * i for i in range(6)], atol=4)


def test_index_stands_before_the_pictures(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", ramp(3), 5)
    data = (tmp_path / "v.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_same_frames_give_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_video(tmp_path / f"{name}.mp4", ramp(4), 5)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "no frames"),
        (ramp(1, 31, 48), "even sizes"),
        (ramp(1, 32, 47), "even sizes"),
        ([*ramp(2), *ramp(1, 16, 16)], "change from"),
        ([np.zeros((32, 48, 3))], "float64"),
        ([np.zeros((32, 48), np.uint8)], r"\(32, 48\)"),
    ],
)
def test_bad_frames_are_refused_and_leave_nothing(
    tmp_path: Path, frames: list[np.ndarray], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        write_video(tmp_path / "v.mp4", frames, 5)
    assert not list(tmp_path.iterdir())


def test_an_old_video_survives_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    write_video(path, ramp(3), 5)
    before = path.read_bytes()

    def failing() -> object:
        yield ramp(1)[0]
        raise RuntimeError("render failed")

    with pytest.raises(RuntimeError, match="render failed"):
        write_video(path, failing(), 5)  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"]


def test_a_broken_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"not a video")
    with pytest.raises(UserError, match=r"v\.mp4"):
        probe_video(tmp_path / "v.mp4")


def test_padding_and_enlarging_change_no_pixel() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    padded = pad_even(frame)
    assert padded.shape == (4, 6, 3)
    np.testing.assert_array_equal(padded[:3, :5], frame)
    assert pad_even(padded) is padded
    np.testing.assert_array_equal(enlarge(frame, 3)[::3, ::3], frame)
    assert enlarge(frame, 3).shape == (9, 15, 3)
    assert (whole_factor(32, 100), whole_factor(100, 100), whole_factor(300, 100)) == (4, 1, 1)


def test_frames_are_put_together() -> None:
    a, b = np.zeros((4, 6, 3), np.uint8), np.ones((4, 8, 3), np.uint8)
    assert beside([a, b], gap=2).shape == (4, 16, 3)
    assert below([a, a, a], gap=1).shape == (14, 6, 3)


def test_labels_show_text_and_fit() -> None:
    plain, text = label("", 100, 20), label("iteration 12", 100, 20)
    assert plain.min() == 255
    assert text.min() < 100
    long = label("a name that is much longer than its column", 60, 20)
    assert long.shape == (20, 60, 3)
    assert label("iteration 13", 100, 20).tobytes() != text.tobytes()


def test_rate_and_hold() -> None:
    assert frames_per_second(8) == 4.0
    assert frames_per_second(80) == 10.0
    assert frames_per_second(5000) == 24.0
    assert list(hold_last([1, 2], 2)) == [1, 2, 2, 2]  # type: ignore[list-item]
    assert list(hold_last([], 2)) == []
