"""Folders that are whole or as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerender.core.files import whole_folder


def test_a_folder_is_whole_or_as_it_was(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "out") as partial:
        (partial / "maps").mkdir()
        (partial / "maps" / "a.txt").write_text("1")
        assert not (tmp_path / "out").exists()

    def fail(partial: Path) -> None:
        (partial / "b.txt").write_text("2")
        raise KeyError

    with pytest.raises(KeyError), whole_folder(tmp_path / "out") as partial:
        fail(partial)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "maps" / "a.txt").read_text() == "1"
    assert not (tmp_path / "out" / "b.txt").exists()
