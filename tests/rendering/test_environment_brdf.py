"""The environment BRDF: GGX integrated over the hemisphere by quadrature, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.rendering.environment_brdf import environment_brdf_table
from rerender.rendering.split_sum_twin import environment_brdf_at


def reflected(n_dot_v: float, roughness: float, f0: float, steps: int = 400) -> float:
    """Integrate D F G / (4 n.v) over the hemisphere of light directions: a grid in cosine and azimuth."""
    cosine = (np.arange(steps) + 0.5) / steps
    turn = 2.0 * np.pi * (np.arange(2 * steps) + 0.5) / (2 * steps)
    c, t = np.meshgrid(cosine, turn, indexing="ij")
    light = np.stack([np.sqrt(1 - c**2) * np.cos(t), np.sqrt(1 - c**2) * np.sin(t), c], axis=-1)
    view = np.array([np.sqrt(1 - n_dot_v**2), 0.0, n_dot_v])
    half = light + view
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    alpha2 = roughness**4
    density = alpha2 / (np.pi * (half[..., 2] ** 2 * (alpha2 - 1.0) + 1.0) ** 2)
    smith = 1.0
    for x in (c, n_dot_v):
        smith = smith * 2.0 * x / (x + np.sqrt(alpha2 + (1.0 - alpha2) * x**2))
    fresnel = f0 + (1.0 - f0) * (1.0 - half @ view) ** 5
    return float((density * smith * fresnel / (4.0 * n_dot_v)).mean() * 2.0 * np.pi)


@pytest.mark.parametrize(("n_dot_v", "roughness"), [(0.6, 0.5), (0.25, 0.4), (0.9, 0.9)])
def test_the_table_is_the_integral_over_the_hemisphere(n_dot_v: float, roughness: float) -> None:
    place = [torch.tensor([[value]], dtype=torch.float64) for value in (n_dot_v, roughness)]
    scale, bias = environment_brdf_at(*place)[0].tolist()
    for f0 in (0.04, 1.0):
        assert f0 * scale + bias == pytest.approx(reflected(n_dot_v, roughness, f0), rel=0.01)


def test_a_mirror_follows_schlick_and_nothing_reflects_more_than_all() -> None:
    table = environment_brdf_table()
    assert table.min() >= 0.0 and table.sum(axis=-1).max() < 1.0 + 5e-4  # noise of 1024 samples
    cosine = (np.arange(64) + 0.5) / 64
    np.testing.assert_allclose(table[0, 8:, 1], (1.0 - cosine[8:]) ** 5, atol=1e-4)
    assert table[0, 8:].sum(axis=-1) == pytest.approx(1.0, abs=1e-3)
