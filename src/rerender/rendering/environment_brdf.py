"""The environment BRDF of the split-sum approximation (Karis 2013): how much a GGX surface reflects of light around it.

A = mean((1 - F) G_v), B = mean(F G_v) over GGX samples of the half vector, with F = (1 - v.h)^5 and
G_v = G (v.h) / ((n.h) (n.v)); alpha = roughness^2, Smith's masking, separable as in Mitsuba's `principled`. A surface of
normal reflectance F0 reflects F0 A + B of a constant light.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

RESOLUTION, SAMPLES = 64, 1024


def environment_brdf_table(resolution: int = RESOLUTION, samples: int = SAMPLES) -> np.ndarray:
    """Return A and B, float64, shape (resolution, resolution, 2): rows are roughness, columns n.v, at cell centres."""
    centres = (np.arange(resolution) + 0.5) / resolution
    return np.stack([_row(float(roughness), centres, samples) for roughness in centres])


@functools.cache
def table_tensor(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return the table as a tensor; made once a process."""
    return torch.from_numpy(environment_brdf_table()).to(device, dtype)


def _row(roughness: float, n_dot_v: np.ndarray, samples: int) -> np.ndarray:
    """Return A and B at one roughness, shape (len(n_dot_v), 2)."""
    alpha2 = roughness**4
    index = np.arange(samples)
    first, second = (index + 0.5) / samples, _radical_inverse(index)
    cos2 = (1.0 - second) / (1.0 + (alpha2 - 1.0) * second)  # GGX: of the half vector's angle to the normal
    h_z, h_x = np.sqrt(cos2), np.sqrt(1.0 - cos2) * np.cos(2.0 * np.pi * first)
    nv = n_dot_v[:, None]
    v_dot_h = np.maximum(np.sqrt(1.0 - nv**2) * h_x + nv * h_z, 0.0)
    n_dot_l = 2.0 * v_dot_h * h_z - nv
    shadowing = _smith(nv, alpha2) * _smith(np.maximum(n_dot_l, 1e-9), alpha2)
    visible = np.where(n_dot_l > 0.0, shadowing * v_dot_h / (h_z * nv), 0.0)
    fresnel = (1.0 - v_dot_h) ** 5
    return np.stack([((1.0 - fresnel) * visible).mean(axis=1), (fresnel * visible).mean(axis=1)], axis=1)


def _smith(cosine: np.ndarray, alpha2: float) -> np.ndarray:
    """Return Smith's masking of one direction for GGX."""
    return np.asarray(2.0 * cosine / (cosine + np.sqrt(alpha2 + (1.0 - alpha2) * cosine**2)))


def _radical_inverse(index: np.ndarray) -> np.ndarray:
    """Return the van der Corput sequence in base 2, in (0, 1)."""
    bits = np.zeros(len(index))
    rest, weight = index.copy(), 0.5
    while rest.any():
        bits += weight * (rest & 1)
        rest >>= 1
        weight *= 0.5
    return bits + 0.5 / len(index)
