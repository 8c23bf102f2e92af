"""Trees of arrays on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerender.core.files import load_tree, save_tree


def test_a_tree_comes_back_whole_or_in_parts(tmp_path: Path) -> None:
    tree = {"a": np.arange(3.0), "b": {"c": np.eye(2), "d": [1, None, "x"]}, "e": np.zeros(2)}
    save_tree(tmp_path / "t.npz", tree)
    whole = load_tree(tmp_path / "t.npz")
    assert whole.keys() == tree.keys()
    np.testing.assert_array_equal(whole["b"]["c"], np.eye(2))
    part = load_tree(tmp_path / "t.npz", "b", "missing")
    assert part.keys() == {"b"}
    assert part["b"]["d"] == [1, None, "x"]
