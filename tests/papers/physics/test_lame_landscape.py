"""The landscape of a beam: zero at the truth, one at a slice's maximum, and its figure."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rerender.papers.physics.curves import LAME_COMPARED, LAME_SLICES, PLANE, TRUE_LAME
from rerender.papers.physics.figures import make_figure
from rerender.papers.physics.lame_landscape import lame_landscape
from rerender.papers.physics.specs import LandscapeSettings
from rerender.simulation.errors import Unstable

SMALL = LandscapeSettings(per_octave=1, beam_size=24, beam_seconds=0.2)


def test_slices_vanish_at_the_truth_and_rise_to_one_and_the_figure_has_the_published_points(
    tmp_path: Path, root: Path
) -> None:
    frame = lame_landscape(SMALL)
    for part in LAME_SLICES:
        own = frame.filter(part=part)
        along = own[part.removeprefix("lame_")]
        assert along.to_list() == list(LAME_COMPARED)
        assert own["loss"].max() == 1.0 and own["loss"][LAME_COMPARED.index(TRUE_LAME)] == 0.0
        # softer and stiffer beams are both told from the true one
        assert own["loss"][3] > 0.0 < own["loss"][5]
    plane = frame.filter(part=PLANE)
    assert plane.height == 16
    assert plane.filter(mu=TRUE_LAME)["loss"].min() == plane["loss"].min() == 0.0 < plane["loss"].max()
    frame.write_parquet(tmp_path / "lame.parquet")
    claims = root / "config" / "claims" / "physics.yaml"
    made = make_figure("fig2_lame", [tmp_path / "lame.parquet"], claims, tmp_path / "fig2_lame", tier="smoke")
    drawn = pl.read_parquet(made[2])
    assert drawn["published"].drop_nulls().len() == 2 * len(LAME_COMPARED)


def test_steps_that_are_too_long_for_the_stiffest_beam_are_refused() -> None:
    with pytest.raises(Unstable, match="2000 Pa"):
        lame_landscape(SMALL.model_copy(update={"beam_substeps": 8}))
