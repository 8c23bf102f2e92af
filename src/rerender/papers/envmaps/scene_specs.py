"""The paper's scenes as plain values (fact sheet, section 4): bodies on an infinite plane, and a camera.

Light: neither NumPy nor a renderer is loaded, so settings and the Snakefile may use it. None of the paper's scenes is
published. Names are the paper's; meshes, materials and cameras are ours. Lengths are in scene units, the plane is y = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from rerender.catalogue.specs import MeshChoice, Placement
from rerender.core.errors import UserError, unknown_name

Point = tuple[float, float, float]
Surface = Literal["metal", "glossy", "matte"]
AlphaRule = Literal["squared", "linear"]
PrimitiveKind = Literal["ball", "box", "cone", "ring"]

FLOOR_ALBEDO = 0.5
FLOOR_HALF_SIZE = 1000.0
FLOOR = "floor"


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a body is made of.

    `metal` is an ideal reflector without colour, `glossy` a principled BSDF, `matte` a diffuse one. `colour` is a linear
    reflectance, `texture` the asset id of an image that replaces it. `roughness` 0 is a mirror.
    """

    surface: Surface
    roughness: float = 0.0
    colour: Point = (0.5, 0.5, 0.5)
    texture: str | None = None


@dataclass(frozen=True, kw_only=True)
class Primitive:
    """A simple solid that stands on the plane at (x, z); `size` is its height and, but for the ring, its width."""

    kind: PrimitiveKind
    size: float
    x: float = 0.0
    z: float = 0.0
    yaw_deg: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Body:
    """One object: a primitive, or the first of `meshes` that is at hand, moved by `shift`."""

    id: str
    material: Material
    primitive: Primitive | None = None
    meshes: tuple[MeshChoice, ...] = ()
    shift: Point = (0.0, 0.0, 0.0)
    open_target: bool = True
    """A light source's view of a mesh with holes is fine; it need not be closed."""

    def __post_init__(self) -> None:
        if (self.primitive is None) == (not self.meshes):
            raise ValueError(f"body '{self.id}' needs either a primitive or meshes")

    @property
    def family(self) -> Literal["geometry", "material"]:
        """Whether the mesh needs texture coordinates (`material`) or may be merged (`geometry`)."""
        return "geometry" if self.material.texture is None else "material"


@dataclass(frozen=True, kw_only=True)
class Viewpoint:
    """A camera, pitched down so that the whole picture shows the plane or what stands on it, and no sky."""

    origin: Point
    target: Point
    fov_deg: float


@dataclass(frozen=True, kw_only=True)
class EnvSceneSpec:
    """One scene. `roughness_varies` says whether a run may set the roughness of its metal (Table 3, Fig. 9).

    `max_depth` is the longest path: 5 is light seen after at most four surfaces.
    """

    id: str
    title: str
    bodies: tuple[Body, ...]
    view: Viewpoint
    max_depth: int = 5
    roughness_varies: bool = False
    edited: bool = False

    @property
    def textures(self) -> tuple[str, ...]:
        """Asset ids of the images that its materials need."""
        names = (body.material.texture for body in self.bodies)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def with_roughness(self, roughness: float | None) -> EnvSceneSpec:
        """Return the scene with its metal as rough as that; None leaves it.

        Raises `UserError` when the scene has no roughness to set, or it is not from 0 to 1.
        """
        from dataclasses import replace

        if roughness is None:
            return self
        if not self.roughness_varies:
            varying = ", ".join(spec.id for spec in _SPECS if spec.roughness_varies)
            raise UserError(
                f"scene '{self.id}' has no roughness to set (roughness = {roughness:g})",
                f"Leave it out, or take one of: {varying}.",
            )
        if not 0.0 <= roughness <= 1.0:
            raise UserError(f"roughness = {roughness:g} of scene '{self.id}'", "It is from 0 to 1.")
        bodies = tuple(
            replace(body, material=replace(body.material, roughness=roughness))
            if body.material.surface == "metal"
            else body
            for body in self.bodies
        )
        return replace(self, bodies=bodies)


def alpha(roughness: float, rule: AlphaRule = "squared") -> float:
    """Return the GGX width of a roughness from 0 to 1: its square (the principled convention), or itself."""
    return roughness**2 if rule == "squared" else roughness


_NEAR = Viewpoint(origin=(0.0, 3.0, 6.0), target=(0.0, 0.75, 0.0), fov_deg=33.0)
_WIDE = Viewpoint(origin=(0.0, 3.4, 6.2), target=(0.0, 0.6, 0.0), fov_deg=34.0)
_MIRROR = Material(surface="metal")


def _placed(
    asset: str,
    diagonal: float,
    yaw_deg: float,
    origin: Literal["mirror", "standin"],
    up: Literal["y", "z"] = "y",
) -> MeshChoice:
    placement = Placement(diagonal=diagonal, on_ground=True, up=up, yaw_deg=yaw_deg)
    return MeshChoice(asset=asset, placement=placement, origin=origin)


_SPECS = (
    EnvSceneSpec(
        id="mirror_sphere",
        title="Mirror sphere",
        bodies=(Body(id="object", material=_MIRROR, primitive=Primitive(kind="ball", size=2.0)),),
        view=_NEAR,
        roughness_varies=True,
    ),
    EnvSceneSpec(
        id="horse",
        title="Horse",
        bodies=(
            Body(
                id="object",
                material=Material(surface="glossy", roughness=0.35, colour=(0.36, 0.2, 0.11)),
                meshes=(
                    _placed("horse", 3.3, 120.0, "mirror", up="z"),
                    _placed("horse_standin", 3.2, 150.0, "standin"),
                ),
            ),
        ),
        view=_NEAR,
    ),
    EnvSceneSpec(
        id="bunny",
        title="Stanford bunny",
        bodies=(
            Body(
                id="object",
                material=_MIRROR,
                meshes=(
                    _placed("stanford_bunny", 2.9, 0.0, "mirror"),
                    _placed("bunny_standin", 3.0, 60.0, "standin"),
                ),
            ),
        ),
        view=_NEAR,
        roughness_varies=True,
    ),
    EnvSceneSpec(
        id="atenea",
        title="Atenea (bust)",
        bodies=(
            Body(
                id="object",
                # weathered stone: a white bust is at the display's limit in the sun, and no added reflection shows
                material=Material(surface="glossy", roughness=0.4, colour=(0.22, 0.205, 0.18)),
                meshes=(_placed("bust_standin", 2.7, 20.0, "standin"),),
            ),
        ),
        view=_NEAR,
        edited=True,
    ),
    EnvSceneSpec(
        id="plant",
        title="Potted plant",
        bodies=(
            Body(
                id="object",
                material=Material(surface="matte", colour=(0.12, 0.3, 0.07)),
                meshes=(_placed("foliage_standin", 2.3, 15.0, "standin"),),
                shift=(0.0, 0.62, 0.0),
            ),
            Body(
                id="pot",
                material=Material(surface="glossy", roughness=0.5, colour=(0.5, 0.2, 0.1)),
                meshes=(_placed("pot_standin", 1.35, 0.0, "standin"),),
            ),
        ),
        view=_NEAR,
        edited=True,
    ),
    EnvSceneSpec(
        id="multi_objects",
        title="Several objects",
        bodies=(
            Body(
                id="object",
                material=Material(surface="matte", texture="gradient_standin"),
                primitive=Primitive(kind="box", size=0.9, x=-1.0, z=0.1, yaw_deg=35.0),
            ),
            Body(
                id="ball",
                material=Material(surface="glossy", roughness=0.2, colour=(0.55, 0.08, 0.08)),
                primitive=Primitive(kind="ball", size=1.0, x=0.15, z=-0.6),
            ),
            Body(
                id="cone",
                material=Material(surface="matte", texture="checkerboard"),
                primitive=Primitive(kind="cone", size=1.0, x=1.15, z=0.0),
            ),
            Body(
                id="ring",
                material=Material(surface="metal", roughness=0.3),
                primitive=Primitive(kind="ring", size=0.7, x=0.1, z=0.85, yaw_deg=20.0),
            ),
        ),
        view=_WIDE,
        edited=True,
    ),
)

ENV_SCENES: Mapping[str, EnvSceneSpec] = MappingProxyType({spec.id: spec for spec in _SPECS})


def env_scene(name: str) -> EnvSceneSpec:
    """Return a scene by id; raises `UserError` that names the closest one."""
    if name not in ENV_SCENES:
        raise unknown_name("scene", name, ENV_SCENES)
    return ENV_SCENES[name]
