from __future__ import annotations

import numpy as np
import pytest

from rerender.papers.materials.textures import SurfaceMaps, albedo_scale, regions, texture_errors


def maps(
    albedo: list[float], roughness: list[float], metallic: list[float], tilt: float = 0.0
) -> SurfaceMaps:
    normal = np.tile([np.sin(np.radians(tilt)), 0.0, np.cos(np.radians(tilt))], (len(albedo), 1))
    return SurfaceMaps(
        np.repeat(np.array(albedo)[:, None], 3, axis=1), np.array(roughness), np.array(metallic), normal
    )


TRUTH = maps([0.03, 0.5, 0.5, 0.03], [0.15, 0.15, 0.9, 0.15], [0.0, 0.0, 0.0, 1.0])


def test_regions_follow_the_true_materials() -> None:
    found = regions(TRUTH, np.array([5, 2, 3, 0]))
    assert {name: np.flatnonzero(mask).tolist() for name, mask in found.items()} == {
        "all": [0, 1, 2, 3],
        "dark_shiny": [0],
        "glossy": [0, 1],
        "bright": [1, 2],
        "metal": [3],
        "matt": [2],
        "seen": [0, 2],
    }


def test_dark_metal_without_highlights_is_told() -> None:
    """What the paper calls the failure: a dark shiny point found as rough metal."""
    found = maps([0.0, 0.5, 0.5, 0.03], [0.9, 0.15, 0.9, 0.15], [0.8, 0.0, 0.0, 1.0], tilt=10.0)
    errors = texture_errors(found, TRUTH, regions(TRUTH, np.zeros(4, int))["all"])
    assert errors["albedo"] == pytest.approx(0.03 / 4)
    assert errors["roughness"] == errors["roughness_bias"] == pytest.approx(0.75 / 4)
    assert errors["metallic"] == pytest.approx(0.2)
    assert errors["false_metal"] == pytest.approx(1 / 3)  # of the three that are no metal
    assert errors["false_rough"] == pytest.approx(1 / 3)  # of the three that are shiny
    assert errors["normal"] == pytest.approx(10.0)


def test_shares_are_absent_where_they_have_no_denominator() -> None:
    errors = texture_errors(TRUTH, TRUTH, np.array([False, False, True, False]))
    assert "false_rough" not in errors
    assert errors["false_metal"] == errors["normal"] == 0.0


def test_the_scale_of_albedo_is_undone_a_channel() -> None:
    factor = np.array([0.5, 2.0, 1.25])
    found = SurfaceMaps(TRUTH.albedo / factor, TRUTH.roughness, TRUTH.metallic, TRUTH.normal)
    np.testing.assert_allclose(albedo_scale(found, TRUTH), factor)
    errors = texture_errors(found, TRUTH, np.ones(4, dtype=bool))
    assert errors["albedo"] > 0.05
    assert errors["albedo_scaled"] == pytest.approx(0.0, abs=1e-12)
