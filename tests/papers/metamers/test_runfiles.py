"""Run folders and the expected grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerender.core.errors import UserError
from rerender.papers.metamers.runfiles import Expected, RunFiles, blocked_models


def test_a_run_is_known_by_its_folder() -> None:
    run = RunFiles.at("results/smoke/metamers/runs/suzanne/constant/mae/s12", "geometry")
    assert (run.scene, run.envmap, run.model, run.seed) == ("suzanne", "constant", "mae", 12)
    names = {path.name for path in (run.final, run.trace, run.summary, run.frames, run.views, run.metrics)}
    assert names == {"final.npz", "trace.parquet", "fit.json", "frames.npz", "views.npz", "metrics.parquet"}
    assert run.final.parent == Path("results/smoke/metamers/runs/suzanne/constant/mae/s12")
    assert (
        run.views.parent == run.metrics.parent == Path("results/smoke/metamers/evaluations/suzanne/constant")
    )


@pytest.mark.parametrize("folder", ["suzanne/mae", "suzanne/constant/mae/12", "suzanne/constant/mae/sx"])
def test_another_folder_is_refused(folder: str) -> None:
    with pytest.raises(UserError, match="not the folder of a metamers run"):
        RunFiles.at(folder, "geometry")


def test_blocked_models_are_those_of_which_nothing_can_run() -> None:
    cells = [
        Expected("geometry", "suzanne", "constant", "lpips", 1, "weights"),
        Expected("geometry", "dragon", "constant", "lpips", 1, "weights"),
        Expected("geometry", "suzanne", "constant", "mae", 1),
        Expected("material", "diffuse", "builtin", "dino", 1, "weights"),
        Expected("material", "diffuse", "builtin", "mse", 1, "mesh"),
        Expected("material", "translucent", "builtin", "mse", 1),
    ]
    assert blocked_models(cells) == {"lpips": "weights", "dino": "weights"}
    assert blocked_models(cells, "geometry") == {"lpips": "weights"}
