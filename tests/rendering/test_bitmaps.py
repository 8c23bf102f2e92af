from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.rendering.bitmaps import read_image, write_exr


def test_exr_round_trip_is_exact(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).uniform(0, 1000, (3, 5, 3)).astype(np.float32)
    write_exr(tmp_path / "a.exr", pixels)
    assert np.array_equal(read_image(tmp_path / "a.exr"), pixels)


def test_truncated_and_missing_files_are_named(tmp_path: Path) -> None:
    write_exr(tmp_path / "a.exr", np.ones((8, 8, 3), np.float32))
    whole = (tmp_path / "a.exr").read_bytes()
    (tmp_path / "b.exr").write_bytes(whole[: len(whole) // 2])
    for name in ("b.exr", "missing.exr"):
        with pytest.raises(UserError, match=name):
            read_image(tmp_path / name)
