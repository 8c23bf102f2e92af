from __future__ import annotations

import numpy as np
import pytest

from rerender.papers.envmaps.bandlimit import chebyshev_nodes, interpolation_matrix, node_count


@pytest.mark.parametrize("frequency", [0.1, 3.0, 20.0, 47.0, 130.0])
@pytest.mark.parametrize("tolerance", [1e-3, 2e-7, 1e-12])
def test_as_many_nodes_as_promised_give_sines_to_the_tolerance(frequency: float, tolerance: float) -> None:
    count = node_count(frequency, tolerance)
    points = np.linspace(-1, 1, 777)
    matrix, nodes = interpolation_matrix(points, count), chebyshev_nodes(count)
    for phase in (0.0, 0.7, 1.5):
        found = matrix @ np.sin(frequency * nodes + phase)
        assert np.abs(found - np.sin(frequency * points + phase)).max() < tolerance + 1e-13


def test_the_count_is_no_luxury() -> None:
    """A fifth fewer nodes miss the tolerance."""
    for frequency in (20.0, 130.0):
        count = int(0.8 * node_count(frequency, 2e-7))
        points = np.linspace(-1, 1, 777)
        found = interpolation_matrix(points, count) @ np.sin(frequency * chebyshev_nodes(count) + 0.7)
        assert np.abs(found - np.sin(frequency * points + 0.7)).max() > 2e-7


def test_polynomials_are_exact_and_nodes_keep_their_values() -> None:
    points, nodes = np.linspace(-1, 1, 50), chebyshev_nodes(6)
    np.testing.assert_allclose(
        interpolation_matrix(points, 6) @ (nodes**5 - 2 * nodes), points**5 - 2 * points, atol=1e-13
    )
    np.testing.assert_allclose(interpolation_matrix(nodes, 6), np.eye(6), atol=1e-13)


def test_the_count_grows_with_frequency_and_precision() -> None:
    counts = [node_count(frequency, 1e-6) for frequency in np.linspace(0, 200, 81)]
    assert counts == sorted(counts) and counts[-1] > 200
    assert node_count(30, 1e-12) > node_count(30, 1e-6) > node_count(30, 1e-2)
