"""What a physics experiment is: typed settings of a tier. `PhysicsSettings` is what `config/tiers/<tier>.yaml` may hold.

Light: imports no numerics. Section numbers are the fact sheet's. Units are SI.
"""

from __future__ import annotations

from pydantic import Field

from rerender.papers.physics.demo_specs import DemoSettings
from rerender.papers.physics.specs import (
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
    RasterSettings,
    RigidMassSettings,
)
from rerender.settings import Frozen


class PhysicsSettings(Frozen):
    """The experiments of ∇Sim that a tier makes."""

    raster: RasterSettings = Field(RasterSettings(), description="how frames are rendered")
    rigid_mass: RigidMassSettings = Field(
        RigidMassSettings(), description="Table 1: the mass of a rigid body that was pushed"
    )
    rigid_contact: ContactSettings = Field(
        ContactSettings(), description="Table 2: mass, contact and friction of a rigid body that slides"
    )
    lame: LameSettings = Field(LameSettings(), description="Table 3: the Lamé parameters of a beam that sags")
    particle_mass: ParticleMassSettings = Field(
        ParticleMassSettings(), description="Table 3: the mass of every particle of a ball that is thrown"
    )
    cloth_velocity: ClothVelocitySettings = Field(
        ClothVelocitySettings(), description="Table 3: the velocity of every particle of a cloth"
    )
    control_fem: ControlSettings = Field(
        ControlSettings(), description="Figure 4a: a soft gear that rolls to a goal"
    )
    control_cloth: ControlClothSettings = Field(
        ControlClothSettings(), description="Figure 4b: a cloth that is thrown to a goal"
    )
    control_walker: ControlWalkerSettings = Field(
        ControlWalkerSettings(), description="Figure 3: a flat walker that learns to walk to a goal"
    )
    convnet: ConvnetSettings = Field(
        ConvnetSettings(), description="Tables 1 and 2: a network that was trained on videos"
    )
    landscape: LandscapeSettings = Field(
        LandscapeSettings(), description="Figure 2: the loss over the mass of a cube"
    )
    demos: DemoSettings = Field(
        DemoSettings(), description="small problems: pendula, a ball, smoke, and a shape by DIB-R"
    )
    growth: GrowthSettings = Field(
        GrowthSettings(), description="what a step takes, from hundreds to a hundred thousand tetrahedra"
    )
