"""The physics experiments at the three fidelities, as typed values (fact sheet, section 6.6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rerender.papers.physics.demo_specs import DemoSettings, ShapeSettings, SmokeSettings
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.specs import (
    BlackboxSettings,
    ClothVelocitySettings,
    ContactSettings,
    ControlClothSettings,
    ControlSettings,
    ControlWalkerSettings,
    ConvnetSettings,
    GrowthSettings,
    LameSettings,
    LandscapeSettings,
    ParticleMassSettings,
    ProjectiveSettings,
    RasterSettings,
    RigidMassSettings,
    SearchSettings,
)

_SMOKE = PhysicsSettings(
    raster=RasterSettings(size=32, spp=4),
    rigid_mass=RigidMassSettings(
        shapes=("box", "tetrahedron"),
        seeds=1,
        scan=2,
        search=SearchSettings(iterations=4, finish=2),
        blackbox=BlackboxSettings(iterations=2, samples=2),
    ),
    rigid_contact=ContactSettings(shapes=("box",), seeds=1, launches=1, frames=4, seconds=0.5, iterations=1),
    lame=LameSettings(instances=1, seconds=0.1, search=SearchSettings(iterations=2, finish=2)),
    particle_mass=ParticleMassSettings(instances=1, seconds=0.1, frames=2, iterations=2),
    cloth_velocity=ClothVelocitySettings(instances=1, seconds=0.1, frames=2, iterations=2),
    control_fem=ControlSettings(seeds=1, iterations=2, seconds=0.25),
    control_cloth=ControlClothSettings(seeds=1, iterations=2, seconds=0.25, cells=(8, 8)),
    control_walker=ControlWalkerSettings(seeds=1, iterations=2, seconds=0.25),
    convnet=ConvnetSettings(trunk="small", size=16, mass_videos=8, contact_videos=4, epochs=2, batch=4),
    landscape=LandscapeSettings(
        masses=6,
        size=64,
        per_octave=1,
        beam_size=32,
        beam_seconds=0.1,
        drop_masses=4,
        drop_restitutions=3,
        drop_size=32,
    ),
    growth=GrowthSettings(cells=(2, 4), element_steps=1000, repeats=1),
    demos=DemoSettings(
        methods=("gradsim", "random"),
        search=SearchSettings(iterations=2, finish=0),
        smoke=SmokeSettings(size=16, steps=8, iterations=2),
        shape=ShapeSettings(size=32, subdivisions=1, frames=2, mass_iterations=2, iterations=2),
    ),
)

_LAPTOP = PhysicsSettings(
    raster=RasterSettings(size=64, spp=32, projective_spp=8),
    rigid_mass=RigidMassSettings(
        seeds=2,
        other_seeds=1,
        variants=("default", "ideal", "noise", "fine", "raytraced", "projective"),
        projective=ProjectiveSettings(shapes=3, search=SearchSettings(iterations=5, lr=0.02, finish=3)),
        blackbox=BlackboxSettings(iterations=20, samples=8),
    ),
    rigid_contact=ContactSettings(
        shapes=("box", "tetrahedron", "cross"),
        seeds=2,
        other_seeds=1,
        variants=("default", "ideal", "flat", "frictionless", "inelastic"),
    ),
    # 24: the fewest that are stable for the stiffest first guess
    lame=LameSettings(substeps=24, variants=("default", "ideal")),
    particle_mass=ParticleMassSettings(seconds=1.0, frames=15),
    cloth_velocity=ClothVelocitySettings(instances=1, seconds=1.0, frames=8, iterations=30),
    control_fem=ControlSettings(seeds=2, iterations=10),
    control_cloth=ControlClothSettings(seeds=2, iterations=25, cells=(8, 12)),
    control_walker=ControlWalkerSettings(seeds=1, iterations=10),
    convnet=ConvnetSettings(
        trunk="small", size=32, mass_videos=1000, contact_videos=300, epochs=20, batch=32
    ),
    landscape=LandscapeSettings(
        masses=50, per_octave=3, beam_size=64, drop_masses=17, drop_restitutions=7, drop_size=64
    ),
    demos=DemoSettings(
        search=SearchSettings(iterations=30, lr=0.05, finish=8),
        smoke=SmokeSettings(size=64, steps=40, iterations=60),
        shape=ShapeSettings(size=64, mass_iterations=40),
    ),
)

# 14 shapes × 14 seeds: the paper's 200 test objects
_PAPER = PhysicsSettings(
    rigid_mass=RigidMassSettings(
        seeds=14,
        other_seeds=5,
        variants=("default", "ideal", "noise", "fine", "raytraced", "projective"),
    ),
    rigid_contact=ContactSettings(
        variants=(
            "default",
            "ideal",
            "noise",
            "fine",
            "raytraced",
            "flat",
            "far",
            "frictionless",
            "inelastic",
        )
    ),
    lame=LameSettings(
        instances=10,
        seeds=3,
        other_seeds=1,
        frames=12,
        variants=("default", "ideal", "noise", "fine", "raytraced"),
    ),
    particle_mass=ParticleMassSettings(instances=4, seeds=10, frames=120, variants=("default", "ideal")),
    cloth_velocity=ClothVelocitySettings(instances=3, seeds=10, variants=("default", "ideal")),
)

TIERS: Mapping[str, PhysicsSettings] = MappingProxyType({"smoke": _SMOKE, "laptop": _LAPTOP, "paper": _PAPER})
