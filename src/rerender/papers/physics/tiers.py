"""The physics experiments at the three fidelities, as typed values (fact sheet, section 6.6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.specs import (
    LandscapeSettings,
    RasterSettings,
    RigidMassSettings,
    SearchSettings,
)

_SMOKE = PhysicsSettings(
    raster=RasterSettings(size=32),
    rigid_mass=RigidMassSettings(
        shapes=("box", "tetrahedron"), seeds=1, scan=2, search=SearchSettings(iterations=4, finish=2)
    ),
    landscape=LandscapeSettings(masses=6, size=64),
)

_LAPTOP = PhysicsSettings(
    raster=RasterSettings(size=64),
    rigid_mass=RigidMassSettings(other_seeds=1, variants=("default", "ideal", "noise", "fine")),
    landscape=LandscapeSettings(masses=50),
)

# 14 shapes × 14 seeds: the paper's 200 test objects
_PAPER = PhysicsSettings(
    rigid_mass=RigidMassSettings(seeds=14, other_seeds=5, variants=("default", "ideal", "noise", "fine")),
)

TIERS: Mapping[str, PhysicsSettings] = MappingProxyType({"smoke": _SMOKE, "laptop": _LAPTOP, "paper": _PAPER})
