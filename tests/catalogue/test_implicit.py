from __future__ import annotations

import numpy as np
import pytest

from rerender.catalogue.implicit import Ellipsoid, Slab, Step, Tube, polygonise
from rerender.core.errors import UserError
from rerender.core.meshchecks import is_closed
from rerender.core.meshes import bounding_box, euler_characteristic, volume

BALL = Ellipsoid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_a_ball_has_its_volume_and_lies_where_it_should() -> None:
    mesh = polygonise([Step(Ellipsoid((1.0, 2.0, 3.0), (0.5, 0.5, 0.5)))], 0.08, name="ball")
    assert is_closed(mesh)
    assert volume(mesh) == pytest.approx(4 / 3 * np.pi * 0.125, rel=0.03)
    np.testing.assert_allclose(np.mean(bounding_box(mesh), axis=0), (1, 2, 3), atol=0.01)


def test_a_tube_through_a_curve_passes_its_knots() -> None:
    tube = Tube(((0, 0, 0, 0.2), (1, 0.5, 0, 0.2), (2, 0, 0, 0.2)))
    distance = tube.distance(np.array([(0, 0, 0), (1, 0.5, 0), (2, 0, 0), (1, 0.5, 0.5)], np.float32))
    np.testing.assert_allclose(distance, (-0.2, -0.2, -0.2, 0.3), atol=1e-5)
    mesh = polygonise([Step(tube)], 0.06, name="tube")
    low, high = bounding_box(mesh)
    np.testing.assert_allclose(high - low, (2.4, 0.9, 0.4), atol=0.06)


def test_an_ellipsoid_turns_with_its_angles() -> None:
    turned = Ellipsoid((0, 0, 0), (1.0, 0.2, 0.2), roll_deg=90.0)
    distance = turned.distance(np.array([(0, 1, 0), (1, 0, 0)], np.float32))
    assert abs(distance[0]) < 1e-4 and distance[1] > 0.1
    yawed = Ellipsoid((0, 0, 0), (1.0, 0.2, 0.2), yaw_deg=90.0)
    assert abs(yawed.distance(np.array([(0, 0, 1)], np.float32))[0]) < 1e-4


def test_carving_takes_away_and_makes_a_hole() -> None:
    square = Slab(((-1, -1), (1, -1), (1, 1), (-1, 1)), 0.3)
    hole = Step(Tube(((0, 0, -1, 0.4), (0, 0, 1, 0.4))), 0.02, carve=True)
    mesh = polygonise([Step(square), hole], 0.08, name="washer", genus=1)
    assert euler_characteristic(mesh) == 0
    assert volume(mesh) == pytest.approx(4 * 0.6 - np.pi * 0.16 * 0.6, rel=0.05)


def test_blending_fills_the_crease_between_two_parts() -> None:
    parts = [Ellipsoid((x, 0.0, 0.0), (0.5, 0.5, 0.5)) for x in (-0.4, 0.4)]
    sharp = polygonise([Step(part, 0.01) for part in parts], 0.05, name="pair")
    smooth = polygonise([Step(part, 0.3) for part in parts], 0.05, name="pair")
    assert volume(smooth) > volume(sharp) * 1.02


def test_a_solid_of_another_topology_than_promised_is_refused() -> None:
    apart = [Step(BALL), Step(Ellipsoid((4.0, 0.0, 0.0), (1.0, 1.0, 1.0)))]
    with pytest.raises(UserError, match="2 bodies"):
        polygonise(apart, 0.2, name="two")
    with pytest.raises(UserError, match="genus 1"):
        polygonise([Step(BALL)], 0.2, name="ball", genus=1)
