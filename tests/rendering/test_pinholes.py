"""Random numbers of lanes, and means of pixels with their adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.rendering.worlds import CAMERAS

from rerender.rendering.pinholes import Pinholes, lane_sampler, pixel_means, pixel_samples, sample_gradients
from rerender.rendering.scenes import Film


def test_lanes_draw_what_mitsubas_independent_sampler_draws() -> None:
    import drjit as dr
    import mitsuba as mi

    theirs = mi.load_dict({"type": "independent"})
    theirs.seed(77, 12)
    lanes = dr.arange(mi.UInt32, 12)
    order = mi.UInt32([3, 0, 11])
    some = mi.Bool([True, False, True])

    def drawn(sampler: Any, active: Any) -> np.ndarray:
        return np.stack(
            [*np.array(sampler.next_2d(active)), *np.array([sampler.next_1d(), sampler.next_1d(active)])]
        )

    expected = drawn(theirs, dr.gather(mi.Bool, some, lanes % 3))
    found = drawn(lane_sampler(77, lanes), dr.gather(mi.Bool, some, lanes % 3))
    assert np.array_equal(found, expected)
    alone = np.array(lane_sampler(77, order).next_1d())
    theirs.seed(77, 12)
    assert np.array_equal(alone, np.array(theirs.next_1d())[[3, 0, 11]])


def test_samples_lie_in_their_pixels_and_means_are_of_these() -> None:
    import drjit as dr
    import mitsuba as mi

    pinholes = Pinholes(CAMERAS, Film(4, 3, "box"))
    rays, _ = pixel_samples(pinholes, (1, 0), 3, 5)
    views = mi.UInt32(np.repeat([1, 0], 4 * 3 * 5).astype(np.uint32))
    where, _ = pinholes.select(views).project(rays.o + rays.d)
    x, y = np.array(where)
    column, row = np.floor(x * 4), np.floor(y * 3)
    expected = np.tile(np.repeat(np.arange(12), 5), 2)
    assert np.array_equal(row * 4 + column, expected)
    means = np.array(
        pixel_means(mi.Color3f(mi.Float(expected.astype(np.float32)), 1.0, 2.0) + dr.zeros(mi.Float, 120), 5)
    )
    assert np.allclose(means.reshape(24, 3)[:, 0], np.tile(np.arange(12), 2))


def test_sample_gradients_are_the_adjoint_of_pixel_means() -> None:
    import mitsuba as mi

    random = np.random.default_rng(0)
    values, weights = random.normal(size=(3, 24 * 5)), random.normal(size=24 * 3)
    forward = np.array(pixel_means(mi.Color3f(values.astype(np.float32)), 5))
    backward = np.array(sample_gradients(mi.Float(weights.astype(np.float32)), 5))
    assert np.isclose(forward @ weights, (values * backward).sum(), rtol=1e-5)
