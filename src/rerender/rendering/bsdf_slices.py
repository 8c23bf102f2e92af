"""Slices through a BSDF: its value times the cosine over all outgoing directions, for a few incident ones.

A slice is a (2 T, P) grid: T polar angles of the upper hemisphere (reflection), then T of the lower one (transmission), at
midpoints of equal steps; P azimuths. Values are luminance of f |cos| [1/sr]. `slice_error` compares two BSDFs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rerender.rendering.scenes import plugin_dict

Floats = npt.NDArray[np.float32]

INCIDENT_DEG = (15.0, 45.0, 75.0)
POLAR = 32
AZIMUTHS = 64
LUMINANCE = (0.2126, 0.7152, 0.0722)


def polar_angles(count: int = POLAR) -> npt.NDArray[np.float64]:
    """Return the midpoints of `count` equal steps of the polar angle from the pole to the horizon [rad]."""
    return np.asarray((np.arange(count) + 0.5) * (np.pi / 2 / count), dtype=np.float64)


def bsdf_slices(plugin: Mapping[str, Any], incident_deg: Sequence[float] = INCIDENT_DEG) -> Floats:
    """Return the slices (I, 2 T, P) of a BSDF given as a plugin description; light arrives in the plane of azimuth pi."""
    import drjit as dr
    import mitsuba as mi

    bsdf = mi.load_dict(plugin_dict(plugin))
    theta = polar_angles()
    polar = np.concatenate([theta, np.pi - theta])
    azimuth = (np.arange(AZIMUTHS) + 0.5) * (2 * np.pi / AZIMUTHS)
    tilt, turn = (grid.ravel() for grid in np.meshgrid(polar, azimuth, indexing="ij"))
    out = mi.Vector3f(
        mi.Float(np.sin(tilt) * np.cos(turn)), mi.Float(np.sin(tilt) * np.sin(turn)), mi.Float(np.cos(tilt))
    )
    weights = np.array(LUMINANCE)
    slices = []
    for angle in np.deg2rad(incident_deg):
        hit = dr.zeros(mi.SurfaceInteraction3f, len(tilt))
        hit.wi = mi.Vector3f(-float(np.sin(angle)), 0.0, float(np.cos(angle)))
        hit.uv = mi.Point2f(0.5, 0.5)
        hit.sh_frame = mi.Frame3f(mi.Vector3f(0, 0, 1))
        value = np.asarray(bsdf.eval(mi.BSDFContext(), hit, out), dtype=np.float64)
        slices.append(weights @ value.reshape(3, -1))
    shaped: Floats = np.stack(slices).reshape(len(slices), 2 * POLAR, AZIMUTHS).astype(np.float32)
    return shaped


def uniform(plugin: Mapping[str, Any], seen: npt.NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Replace every bitmap of a plugin description by its mean colour, over the texels `seen` (h, w) where the size fits."""
    result: dict[str, Any] = {}
    for key, value in plugin.items():
        if isinstance(value, np.ndarray):
            texels = (
                value[seen] if seen is not None and seen.shape == value.shape[:2] and seen.any() else value
            )
            result[key] = texels.reshape(-1, value.shape[-1]).mean(axis=0).reshape(1, 1, -1)
        else:
            result[key] = uniform(value, seen) if isinstance(value, Mapping) else value
    return result


def slice_error(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the root mean squared difference of log(1 + f |cos|) of two stacks of slices, by solid angle.

    The logarithm keeps a highlight from drowning everything else (Fores et al. 2012).
    """
    a, b = (np.log1p(np.clip(np.asarray(x, dtype=np.float64), 0, None)) for x in (first, second))
    sine = np.sin(np.concatenate([polar_angles(), polar_angles()]))[None, :, None]
    weights = np.broadcast_to(sine, a.shape)
    return float(np.sqrt((weights * (a - b) ** 2).sum() / weights.sum()))
