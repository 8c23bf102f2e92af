"""The fourteen rigid shapes (fact sheet, section 4.0): generators in place of files that were not released.

All are closed, have at most 600 vertices, and are scaled to unit circumradius about the mean of their vertices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from rerender.core.errors import unknown_name
from rerender.core.meshes import Mesh, icosphere, merge_duplicates
from rerender.core.primitives import box, ring
from rerender.core.solids import Point, bent_tube, ngon, prism, revolved, unit_radius
from rerender.papers.physics.specs import SHAPES


def shape(name: str) -> Mesh:
    """Return a shape by its name. Raises `UserError` that names the closest one."""
    if name not in _MAKERS:
        raise unknown_name("shape", name, _MAKERS)
    return unit_radius(_MAKERS[name]())


def _arc(radius: float, start: float, end: float, count: int, y: float = 0.0) -> list[Point]:
    """Return points (r, y) on an arc from `start` to `end` [degrees from the axis upwards]; those on the axis are exact."""
    angles = np.radians(np.linspace(start, end, count))
    radii = np.where(np.abs(np.sin(angles)) < 1e-12, 0.0, radius * np.sin(angles))
    return [(float(r), float(y + radius * math.cos(a))) for r, a in zip(radii, angles, strict=True)]


def _capsule() -> Mesh:
    return revolved([*_arc(0.5, 180, 90, 9, -0.5), *_arc(0.5, 90, 0, 9, 0.5)], 32)


def _bowl() -> Mesh:
    return revolved([*_arc(1.0, 180, 90, 8), *_arc(0.8, 90, 180, 8)], 32)


def _l_shape() -> Mesh:
    outline = [(0.0, 0.0), (1.5, 0.0), (1.5, 0.5), (0.5, 0.5), (0.5, 2.0), (0.0, 2.0)]
    return prism(outline, 0.5, centre=(0.25, 0.25))


def _cross() -> Mesh:
    a, b = 0.3, 1.0
    outline = [
        (b, -a),
        (b, a),
        (a, a),
        (a, b),
        (-a, b),
        (-a, a),
        (-b, a),
        (-b, -a),
        (-a, -a),
        (-a, -b),
        (a, -b),
        (a, -a),
    ]
    return prism(outline, 0.5)


def _gear() -> Mesh:
    teeth, outline = 12, []
    for i in range(4 * teeth):
        radius = 1.0 if i % 4 in (0, 1) else 0.78
        angle = 2.0 * math.pi * i / (4 * teeth)
        outline.append((radius * math.cos(angle), radius * math.sin(angle)))
    return prism(outline, 0.6)


def _tetrahedron() -> Mesh:
    vertices = np.array([(1.0, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
    return Mesh(vertices, np.array([(0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2)]))


_MAKERS: Mapping[str, Callable[[], Mesh]] = MappingProxyType(
    {
        "box": lambda: merge_duplicates(box()),
        "cone": lambda: revolved([(0.0, 0.0), (0.7, 0.0), (0.0, 1.6)], 32),
        "cylinder": lambda: revolved([(0.0, -0.8), (0.6, -0.8), (0.6, 0.8), (0.0, 0.8)], 32),
        "sphere": lambda: icosphere(2),
        "capsule": _capsule,
        "torus": lambda: ring(24, 12),
        "banana": lambda: bent_tube(1.0, 0.3, math.pi, 14, 12),
        "bowl": _bowl,
        "l_shape": _l_shape,
        "cross": _cross,
        "star": lambda: prism(ngon(5, 1.0, 0.45), 0.5),
        "gear": _gear,
        "hourglass": lambda: revolved([(0.0, -1.0), (0.7, -1.0), (0.2, 0.0), (0.7, 1.0), (0.0, 1.0)], 24),
        "tetrahedron": _tetrahedron,
    }
)
assert tuple(_MAKERS) == SHAPES
