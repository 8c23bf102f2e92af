from __future__ import annotations

import numpy as np
from tests.rendering.worlds import sphere_scene

from rerender.rendering.visibility import first_hits, silhouettes, visible_texels


def test_the_silhouette_of_a_unit_sphere_has_its_analytic_area() -> None:
    scene = sphere_scene(size=96)
    shares, _ = first_hits(scene, "object", samples=3)
    # a unit sphere seen from 5 covers a disc of tangent 1/sqrt(24); the film's half width is tan(22.5 deg)
    area = np.pi * (1 / np.sqrt(24) / np.tan(np.radians(22.5))) ** 2 / 4
    assert np.allclose(shares.mean((1, 2)), area, rtol=0.02)


def test_masks_are_where_the_pixels_are() -> None:
    mask = silhouettes(sphere_scene(), "object")
    assert mask.shape == (2, 32, 32) and mask[:, 16, 16].all() and not mask[:, 0, 0].any()


def test_hits_of_the_front_camera_have_the_front_coordinates() -> None:
    _, uv = first_hits(sphere_scene(), "object")
    assert uv.min() >= 0.0 and uv.max() <= 1.0 and len(uv) > 100


def test_visible_texels_mark_the_right_texel() -> None:
    seen = visible_texels(np.array([[0.3, 0.9], [1.3, 0.1]]), 4, 10)
    assert seen[3, 3] and seen[0, 3] and seen.sum() == 2
