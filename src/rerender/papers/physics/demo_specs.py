"""Settings of the demos (fact sheet, section 4.10). Light: imports no numerics."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rerender.papers.physics.specs import SearchSettings, ViewSettings
from rerender.settings import Count, Frozen, NonNegative, Positive

DemoMethod = Literal["gradsim", "diffphysics", "random"]

MOTIONS = ("pendulum", "double_pendulum", "bouncing_ball")
SHAPE, SMOKE = "apple", "smoke"
"""Names of the demos in metric rows."""


class SmokeSettings(Frozen):
    """A flow that shall carry smoke to where it is in a picture."""

    size: Annotated[int, Field(ge=8)] = Field(110, description="cells along a side of the periodic grid")
    steps: Count = Field(99, description="steps of the flow")
    iterations: Count = Field(100, description="steps of Adam")
    lr: Positive = Field(
        0.1, description="learning rate of Adam, in cells a step, of the velocity at the start"
    )


class ShapeSettings(Frozen):
    """A body of unknown mass and shape that was pushed, filmed by DIB-R."""

    size: Annotated[int, Field(ge=16, le=1024)] = Field(128, description="side of the square frames [px]")
    view: ViewSettings = Field(ViewSettings(azimuth=30.0), description="the camera")
    subdivisions: Annotated[int, Field(ge=1, le=5)] = Field(
        3, description="of the sphere that the search begins with; 3 make 642 vertices"
    )
    frames: Annotated[int, Field(ge=2)] = Field(
        8, description="frames that are compared, evenly spaced, the last at the end"
    )
    mass_iterations: Count = Field(100, description="steps of Adam for the mass, the shape still a sphere")
    iterations: Count = Field(130, description="steps of Adam for vertices and mass after them")
    mass_lr: Positive = Field(0.1, description="learning rate of the mass's logarithm at first")
    lr: Positive = Field(0.02, description="learning rate of vertices [m] and mass after it")
    smoothness: NonNegative = Field(
        0.1, description="weight of the mean squared Laplacian; the release has 0, which leaves spikes"
    )


class DemoSettings(Frozen):
    """Small problems beside the paper's tables: pendula, a ball, smoke, and a shape by DIB-R."""

    methods: Annotated[tuple[DemoMethod, ...], Field(min_length=1)] = Field(
        ("gradsim", "diffphysics", "random"),
        description="of pendula and ball: gradsim sees frames, diffphysics positions, random answers with the first guess",
    )
    search: SearchSettings = Field(
        SearchSettings(iterations=50, lr=0.05, finish=12), description="the search of pendula and ball"
    )
    smoke: SmokeSettings = Field(SmokeSettings(), description="control of smoke")
    shape: ShapeSettings = Field(ShapeSettings(), description="mass and shape by DIB-R")
