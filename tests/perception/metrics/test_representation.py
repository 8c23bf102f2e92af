"""RDMs, their agreement and principal components, on data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.perception.metrics.representation import (
    dissimilarity,
    group_scales,
    latents,
    principal_components,
    rdm_agreement,
    upper_triangle,
)


def test_an_rdm_is_one_minus_the_correlation() -> None:
    vectors = np.random.default_rng(1).normal(size=(5, 40))
    matrix = dissimilarity(vectors)
    np.testing.assert_allclose(matrix, 1 - np.corrcoef(vectors), atol=1e-12)
    np.testing.assert_allclose(dissimilarity(3 * vectors + 7), matrix, atol=1e-12)


def test_opposite_and_blank_latents() -> None:
    ramp = np.arange(10.0)
    matrix = dissimilarity([ramp, -ramp, np.full(10, 0.3)])
    np.testing.assert_allclose(matrix, [[0, 2, 1], [2, 0, 1], [1, 1, 0]], atol=1e-12)


def test_tau_is_one_for_any_rising_function_and_minus_one_for_a_falling_one() -> None:
    matrix = dissimilarity(np.random.default_rng(2).normal(size=(6, 30)))
    same = rdm_agreement(matrix, matrix**3)
    assert same is not None
    assert same.tau == pytest.approx(1)
    assert same.pairs == 15
    assert same.p < 1e-6
    opposite = rdm_agreement(matrix, 2 - matrix)
    assert opposite is not None
    assert opposite.tau == pytest.approx(-1)


def test_unrelated_rdms_have_a_small_tau() -> None:
    rng = np.random.default_rng(3)
    first, second = (dissimilarity(rng.normal(size=(25, 50))) for _ in range(2))
    found = rdm_agreement(first, second)
    assert found is not None
    assert abs(found.tau) < 0.2


def test_too_few_images_or_no_variation_give_no_tau() -> None:
    two = dissimilarity(np.random.default_rng(4).normal(size=(2, 9)))
    assert rdm_agreement(two, two) is None
    flat = np.ones((4, 4)) - np.eye(4)
    assert rdm_agreement(flat, dissimilarity(np.random.default_rng(5).normal(size=(4, 9)))) is None
    with pytest.raises(ValueError, match="different sets"):
        rdm_agreement(flat, two)


def test_components_recover_a_plane_and_its_shares() -> None:
    rng = np.random.default_rng(6)
    scores = rng.normal(size=(200, 2)) * [3.0, 1.0]
    axes = np.linalg.qr(rng.normal(size=(50, 2)))[0].T
    vectors = scores @ axes + 5.0
    found = principal_components(vectors, 3)
    assert len(found.explained) == 2
    assert found.explained.sum() == pytest.approx(1)
    centred = vectors - vectors.mean(0)
    singular = np.linalg.svd(centred, compute_uv=False)[:2]
    np.testing.assert_allclose(found.explained, singular**2 / (centred**2).sum(), rtol=1e-9)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(found.project(vectors) @ found.axes + found.mean, vectors, atol=1e-9)


def test_vectors_that_are_alike_have_no_component() -> None:
    found = principal_components(np.ones((4, 7)))
    assert found.axes.shape == (0, 7)
    assert found.project(np.ones((2, 7))).shape == (2, 0)


def test_groups_of_features_count_alike() -> None:
    features = (torch.full((3, 2), 100.0), torch.arange(12.0).reshape(3, 2, 2))
    vectors = latents(features, group_scales(features))
    assert vectors.shape == (3, 6)
    assert np.mean((vectors[:, :2] ** 2).sum(1)) == pytest.approx(1)
    assert np.mean((vectors[:, 2:] ** 2).sum(1)) == pytest.approx(1)
    np.testing.assert_array_equal(latents(features[:1], group_scales(features[:1])), np.full((3, 2), 100))


def test_the_upper_triangle_leaves_the_diagonal_out() -> None:
    np.testing.assert_array_equal(upper_triangle(np.arange(9).reshape(3, 3)), [1, 2, 5])
