"""Specifications of scenes, environment maps and vision models: plain frozen values, no heavy imports.

Lengths are in scene units, angles in degrees. Section numbers refer to the metamers fact sheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal["geometry", "material"]
FAMILIES: tuple[Family, ...] = ("geometry", "material")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """How a mesh file is put into a scene.

    Either it is normalised: `up` of the file becomes y, it is turned by `yaw_deg` about y, scaled to a bounding-box diagonal of `diagonal`, and centred
    at the origin or, with `on_ground`, set on y = 0. Or, with `diagonal=None`, it keeps the file's own coordinates
    and is translated by `translate`, then scaled by `scale`.
    """

    diagonal: float | None = None
    on_ground: bool = False
    up: Literal["y", "z"] = "y"
    yaw_deg: float = 0.0
    translate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class MeshChoice:
    """One file that can serve as a scene's mesh.

    `origin` goes into the metric rows: `original` is the file that the paper used, `mirror` another real mesh,
    `standin` a procedural one. The mesh is smoothed by `subdivisions` steps of Loop subdivision before it is placed.
    """

    asset: str
    placement: Placement
    origin: Literal["original", "mirror", "standin"]
    subdivisions: int = 0


Rgb = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class GlossyBsdf:
    """An analytic reflector that stands in for a measured one, on purpose outside the `principled` family.

    A Beckmann conductor of reflectance `specular` at normal incidence, with roughness `alpha_u` along the texture's u
    and `alpha_v` along its v, mixed by `weight` with a diffuse layer. With `coat_ior` instead a diffuse base below a
    rough dielectric interface, whose reflection is tinted by `specular`: the colour changes with the angle.
    """

    diffuse: Rgb
    specular: Rgb
    alpha_u: float
    alpha_v: float
    weight: float = 1.0
    coat_ior: float | None = None


@dataclass(frozen=True, kw_only=True)
class MeasuredBsdf:
    """A BSDF from a gonio-photometer: files of the RGL material database, tried in order, and what stands in for them."""

    files: tuple[str, ...]
    standin: GlossyBsdf


PRINCIPLED_SCALARS = (
    *(
        "roughness",
        "eta",
        "spec_trans",
        "metallic",
        "specular",
        "anisotropic",
        "spec_tint",
        "sheen",
        "sheen_tint",
    ),
    *("clearcoat", "clearcoat_gloss", "flatness"),
)


@dataclass(frozen=True, kw_only=True)
class Bsdf:
    """A BSDF by plain values; `base_color` is a grey value or the name of a texture asset.

    `diffuse` uses only `base_color` (its reflectance). Parameters that are None keep the renderer's default; `eta` and
    `specular` say the same thing, so only one may be set.
    """

    plugin: Literal["diffuse", "principled"]
    base_color: float | str = 0.5
    roughness: float | None = None
    eta: float | None = None
    spec_trans: float | None = None
    metallic: float | None = None
    specular: float | None = None
    anisotropic: float | None = None
    spec_tint: float | None = None
    sheen: float | None = None
    sheen_tint: float | None = None
    clearcoat: float | None = None
    clearcoat_gloss: float | None = None
    flatness: float | None = None

    @property
    def scalars(self) -> dict[str, float]:
        """The scalar parameters that are set, by their name in the renderer."""
        values = {name: getattr(self, name) for name in PRINCIPLED_SCALARS}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class FreeParameter:
    """A BSDF parameter that is optimised, and the interval that it is clipped to after every step.

    A `textured` one has a value a texel: three channels, as the paper's bitmaps have.
    """

    name: str
    low: float = 0.001
    high: float = 1.0
    textured: bool = False


@dataclass(frozen=True, kw_only=True)
class Spotlight:
    """A point light: position, and RGB radiant intensity [W/sr]."""

    position: tuple[float, float, float]
    intensity: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A horizontal square at y = 0 with a two-sided diffuse checkerboard; `half_size` serves if there is no mesh."""

    mesh: str | None = None
    half_size: float = 10.0
    dark: float = 0.2
    bright: float = 0.4
    repeats: float = 8.0


@dataclass(frozen=True, kw_only=True)
class SceneSpec:
    """A target: one object, what it is made of, and how its metamers are searched for.

    Geometry scenes use `n_views`, `large_steps_lambda` and `remesh_epochs`; material scenes use `start_bsdf`,
    `optimised`, `ground`, `spotlight`, `builtin_envmap`, `max_depth` and `rr_depth`. `meshes` are tried in order.
    `open_target` allows a target mesh with holes; starts are always closed. `imagenet_class` is what a classifier
    should call the object (index of ImageNet-1k).
    """

    id: str
    title: str
    family: Family
    meshes: tuple[MeshChoice, ...]
    bsdf: Bsdf | MeasuredBsdf
    n_views: int
    lr: float
    open_target: bool = False
    large_steps_lambda: float = 15.0
    remesh_epochs: tuple[int, ...] = ()
    start_radius: float = 1.0
    max_depth: int = 2
    rr_depth: int = 5
    start_bsdf: Bsdf | None = None
    optimised: tuple[FreeParameter, ...] = ()
    texture_size: tuple[int, int] = (480, 720)
    ground: Ground | None = None
    spotlight: Spotlight | None = None
    builtin_envmap: str | None = None
    imagenet_class: int | None = None
    licence: str = "see the asset ledger"
    paper: str = "metamers"
    tags: tuple[str, ...] = ()

    @property
    def mesh(self) -> str:
        """The asset id of the preferred mesh."""
        return self.meshes[0].asset

    @property
    def texture(self) -> str | None:
        """The asset id of the target's base colour, if that is a texture."""
        bsdf = self.bsdf
        return bsdf.base_color if isinstance(bsdf, Bsdf) and isinstance(bsdf.base_color, str) else None

    @property
    def bsdf_files(self) -> tuple[str, ...]:
        """The asset ids of the target's measured BSDF, in order; empty where it is described by values."""
        return self.bsdf.files if isinstance(self.bsdf, MeasuredBsdf) else ()

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(
                f"scene '{self.id}': family must be one of {', '.join(FAMILIES)}, not '{self.family}'"
            )
        if not self.meshes:
            raise ValueError(f"scene '{self.id}' names no mesh")
        if self.family == "material" and (self.start_bsdf is None or not self.optimised):
            raise ValueError(f"material scene '{self.id}' needs start_bsdf and optimised")


@dataclass(frozen=True, kw_only=True)
class SkySpec:
    """An analytic sun and sky that stands in for a captured one (arguments of the renderer's sky baking).

    `turbidity` is 1 (clear) to 10 (hazy), `albedo` the ground's reflectance, `sun_scale` scales the sun's disc.
    """

    sun_elevation_deg: float
    sun_azimuth_deg: float
    turbidity: float = 3.0
    albedo: float = 0.3
    sun_scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class EnvmapSpec:
    """A light from all directions: a captured map (`assets`, tried in order) with a stand-in, or a constant."""

    id: str
    title: str
    families: tuple[Family, ...] = ("geometry",)
    assets: tuple[str, ...] = ()
    radiance: float | None = None
    sky: SkySpec | None = None
    licence: str = "see the asset ledger"
    paper: str = "metamers"
    tags: tuple[str, ...] = ()

    @property
    def asset(self) -> str | None:
        """The preferred asset id; None for a constant light."""
        return self.assets[0] if self.assets else None

    def __post_init__(self) -> None:
        if (self.radiance is None) == (self.sky is None):
            raise ValueError(f"envmap '{self.id}' needs either a constant radiance or a stand-in sky")


@dataclass(frozen=True, kw_only=True)
class VisionModelSpec:
    """A vision model as an objective and as a judge.

    `weights` are the asset ids of its pretrained parameters, all of which it needs. `input_size` [px] is the image
    size it saw in training, None where any size is as good. `judges` says whether its similarity of two images is
    meaningful; `renders_per_step` is 2 for the dual buffer; one that `classifies` scores the classes of ImageNet.
    """

    id: str
    title: str
    families: tuple[Family, ...] = FAMILIES
    weights: tuple[str, ...] = ()
    input_size: int | None = None
    judges: bool = True
    renders_per_step: int = 1
    classifies: bool = False
    baseline: bool = False
    loss: str = ""
    licence: str = "MIT (this project)"
    paper: str = "metamers"
    tags: tuple[str, ...] = ()
