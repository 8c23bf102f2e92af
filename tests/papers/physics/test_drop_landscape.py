"""The landscape of a cube that bounces: where it is zero, and what cannot be seen in it."""

from __future__ import annotations

import pytest

from rerender.papers.physics.curves import TRUE_MASS, TRUE_RESTITUTION
from rerender.papers.physics.drop_landscape import drop_landscape
from rerender.papers.physics.specs import LandscapeSettings


def test_the_loss_vanishes_at_the_truth_and_a_cube_too_heavy_to_land_shows_no_restitution() -> None:
    frame = drop_landscape(LandscapeSettings(drop_masses=2, drop_restitutions=2, drop_size=24))
    assert frame["mass"].unique().sort().to_list() == [0.1, TRUE_MASS, 5.0]
    assert frame["restitution"].unique().sort().to_list() == [0.4, TRUE_RESTITUTION, 1.0]
    losses = {(mass, share): loss for mass, share, loss in frame.iter_rows()}
    assert losses[TRUE_MASS, TRUE_RESTITUTION] == 0.0
    assert losses[TRUE_MASS, 0.4] > 1e-3 < losses[TRUE_MASS, 1.0]
    assert losses[5.0, 0.4] == pytest.approx(losses[5.0, 1.0]) and losses[5.0, 0.4] > 1e-3
