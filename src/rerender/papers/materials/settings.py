"""What a materials experiment is: typed settings of a tier. Light: imports no numerics. Section numbers are the fact sheet's."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rerender.core.errors import closest_first
from rerender.papers.materials.methods import METHODS
from rerender.settings import Count, Frozen, Names, NonNegative, Positive

Size = Annotated[int, Field(ge=16, le=2048)]
Levels = Annotated[int, Field(ge=1, le=32)]
LightHeight = Annotated[int, Field(ge=16, le=1024, multiple_of=16)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Reference = Literal["self", "mitsuba"]
Lighting = Literal["known", "learned"]


def check_methods(names: tuple[str, ...]) -> None:
    """Raise ValueError for a method that does not exist, or is named twice."""
    for name in names:
        if name not in METHODS:
            options = closest_first(name, METHODS)
            raise ValueError(
                f"unknown method '{name}'. Did you mean '{options[0]}'? Allowed: {', '.join(options)}"
            )
    check_once("methods", names)


def check_once(field: str, names: tuple[str, ...]) -> None:
    """Raise ValueError for a name that stands there twice."""
    if len(set(names)) < len(names):
        raise ValueError(f"{field} names one twice: {', '.join(names)}")


class CaptureSettings(Frozen):
    """The pictures that materials are recovered from, and the points where they are judged (sections 2.2 and 5.1)."""

    size: Size = Field(128, description="picture size [px]")
    views: Count = Field(
        32, description="training views: random rotations, moved by up to a quarter of a unit"
    )
    draws: Count = Field(
        1, description="sets of training views, drawn apart; seeds take one after the other (section 2.2)"
    )
    heldout: Count = Field(8, description="views of a turntable that no fit sees")
    light_height: LightHeight = Field(64, description="rows of the light; it is twice as wide")
    reference_spp: Count = Field(512, description="samples per pixel of targets by Mitsuba")
    map_size: Size = Field(256, description="rows and columns of the true texture maps")
    samples: Count = Field(20000, description="points of the surface where textures are compared")


class HashSettings(Frozen):
    """The hash grid of every network (section 2.3). A smaller table wants a smaller finest resolution."""

    levels: Levels = Field(8, description="nested grids")
    log2_table: Annotated[int, Field(ge=8, le=24)] = Field(15, description="logarithm of a grid's table size")
    finest: Annotated[int, Field(ge=17, le=16384)] = Field(512, description="resolution of the finest grid")


class StageSettings(Frozen):
    """One of the two stages."""

    steps: Count = Field(500, description="iterations; schedules are stretched to them")
    batch: Count = Field(2, description="views a step")
    lr: Positive = Field(0.03, description="base learning rate of all networks and textures")


class RegulariserSettings(Frozen):
    """Weights of the regularisers (section 2.6)."""

    albedo: NonNegative = Field(0.03, description="weight of the smoothness of albedo")
    reflectance: NonNegative = Field(
        0.03, description="weight of the smoothness of roughness and metallic, two branches"
    )
    occlusion: NonNegative = Field(0.001, description="weight of the mean occlusion, where it is learned")
    white_balance: NonNegative = Field(0.005, description="weight of a learned light's distance from grey")
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25, description="random share of the points where smoothness is asked for"
    )


class ExperimentSettings(Frozen):
    """Scenes times methods times seeds, all under one light."""

    scenes: Names = Field(description="scenes by id")
    envmap: str = Field("venice_sunset", description="the light, by its id in the registry")
    methods: Names = Field(("joint", "two"), description=f"methods by id: {', '.join(METHODS)}")
    seeds: Count = Field(3, description="independent fits of each, which differ in all random numbers")
    lighting: Lighting = Field(
        "known", description="known: the true light; learned: fitted with the materials"
    )
    reference: Reference = Field(
        "self", description="what renders the targets: self, the model that is fitted; mitsuba, path tracing"
    )
    normal_error: NonNegative = Field(
        0.0, description="amplitude of a smooth random error of the normals, which falls to 3 % of it"
    )
    stride: Annotated[int, Field(ge=1, le=8)] = Field(
        1, description="fit to every so many pixels of the training pictures in either direction"
    )
    levels: Levels | None = Field(None, description="nested grids; null: those of the tier")
    steps: Count | None = Field(None, description="coarse iterations; null: those of the tier")
    fine: bool = Field(False, description="bake the networks to textures and refine these (section 2.1)")

    @model_validator(mode="after")
    def _known(self) -> ExperimentSettings:
        check_methods(self.methods)
        check_once("scenes", self.scenes)
        return self


class ShapeSettings(Frozen):
    """How the geometry of your own captures is found from their masks (section 2.1). Lengths are in scene units."""

    cells: Count = Field(32, description="cells along a side of the grid of tetrahedra; the paper has 64")
    extent: Positive = Field(2.1, description="side of the grid, centred at the origin")
    radius: Positive = Field(0.6, description="radius of the sphere to start from, where masks give no hull")
    steps: Annotated[int, Field(ge=0)] = Field(
        0, description="iterations of a fit to soft masks after the visual hull; 0: the hull itself"
    )
    batch: Count = Field(4, description="views a step")
    lr: Positive = Field(0.004, description="learning rate of the distances")
    sigma: Positive = Field(3e-6, description="squared blur of soft masks")


class OwnCapture(Frozen):
    """A capture of your own: posed pictures of one object with masks (docs/own-captures.md)."""

    folder: str = Field(
        description="NeRF-synthetic (transforms_train.json) or LLFF (poses_bounds.npy) folder"
    )
    title: str | None = Field(None, description="how pictures call it; null: its name")
    every: Count = Field(1, description="take every so many of the pictures")
    heldout: Annotated[int, Field(ge=2)] = Field(
        8, description="every so many of those taken are kept from the fits, to judge them by"
    )
    methods: Names = Field(("joint", "two"), description="methods by id, as of experiments")

    @model_validator(mode="after")
    def _known(self) -> OwnCapture:
        check_methods(self.methods)
        return self


class PictureSettings(Frozen):
    """The pictures of figures and videos, path traced with the recovered maps."""

    size: Size = Field(192, description="picture size [px]")
    spp: Count = Field(64, description="samples per pixel")
    frames: Annotated[int, Field(ge=2)] = Field(24, description="frames of a turntable")
    relight: str = Field("evening_road", description="the light of relit pictures, by its id in the registry")


class MaterialsSettings(Frozen):
    """The whole experiment of one tier."""

    capture: CaptureSettings = Field(CaptureSettings(), description="views, targets and points of judgement")
    captures: dict[Id, CaptureSettings] = Field(
        default_factory=dict, description="scenes that are captured otherwise, by id"
    )
    hash: HashSettings = Field(HashSettings(), description="the hash grids")
    coarse: StageSettings = Field(StageSettings(), description="the networks are fitted")
    fine: StageSettings = Field(StageSettings(steps=300, lr=0.003), description="baked textures are refined")
    regularisers: RegulariserSettings = Field(
        RegulariserSettings(), description="weights beside the image losses"
    )
    experiments: dict[Id, ExperimentSettings] = Field(
        {"known": ExperimentSettings(scenes=("cow",))}, description="experiments by name"
    )
    pictures: PictureSettings = Field(PictureSettings(), description="pictures for figures and videos")
    shape: ShapeSettings = Field(ShapeSettings(), description="the geometry of your own captures")
    own: dict[Id, OwnCapture] = Field(
        default_factory=dict,
        description="your own captures by name, for example {mug: {folder: photos/mug}}; docs/own-captures.md",
    )

    def capture_of(self, scene: str) -> CaptureSettings:
        """Return how a scene is captured."""
        return self.captures.get(scene, self.capture)

    @model_validator(mode="after")
    def _consistent(self) -> MaterialsSettings:
        if not self.experiments:
            raise ValueError("there are no experiments; give at least one")
        unused = self.captures.keys() - {scene for one in self.experiments.values() for scene in one.scenes}
        if unused:
            raise ValueError(f"captures names scenes of no experiment: {', '.join(sorted(unused))}")
        return self
