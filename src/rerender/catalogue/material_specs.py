"""The objects of the materials paper as plain values (fact sheet, section 4). Light: the Snakefile may read it.

Geometry is the paper's where it is public (Spot, Bob, a sphere). The released roughness and metallic maps may not be passed
on, so seeded ones of the same statistics stand in; Spot's roughness is a constant, as in the paper's figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from rerender.catalogue.specs import MeshChoice, Placement
from rerender.core.errors import UserError, unknown_name

RoughnessKind = Literal["constant", "ball", "scratched"]

COW_ROUGHNESS = 0.15
"""The paper's cow is at 0.2 and 0.15 in one figure, at 0.1 in another; 0.15 is where the joint network begins to fail."""


@dataclass(frozen=True, kw_only=True)
class MaterialObject:
    """One object. Without `meshes` it is a ball of radius 1.

    `texture` is the asset id of its albedo, else `albedo` names how it is drawn. `roughness` is a number for `constant` kinds.
    `reflectance` says where roughness and metallic come from, for metric rows: `original` values or a `standin`.
    """

    id: str
    title: str
    meshes: tuple[MeshChoice, ...] = ()
    texture: str | None = None
    albedo: Literal["texture", "spots"] | tuple[float, float, float] = "texture"
    roughness: float = 0.15
    roughness_kind: RoughnessKind = "constant"
    metallic: Literal["none", "bands"] = "none"
    reflectance: Literal["original", "standin"] = "original"
    family: Literal["material"] = "material"
    open_target: bool = True

    @property
    def is_ball(self) -> bool:
        """Whether it is the procedural ball."""
        return not self.meshes


def _mesh(asset: str, standin: str, diagonal: float) -> tuple[MeshChoice, ...]:
    """Return a file at its own coordinates, as the paper loads it, and its stand-in at the same size."""
    return (
        MeshChoice(asset=asset, placement=Placement(), origin="original"),
        MeshChoice(asset=standin, placement=Placement(diagonal=diagonal), origin="standin"),
    )


_OBJECTS = (
    MaterialObject(
        id="cow",
        title="Cow (Spot)",
        meshes=_mesh("spot", "spot_standin", 2.59),
        texture="spot_texture",
        roughness=COW_ROUGHNESS,
    ),
    MaterialObject(
        id="duck",
        title="Duck (Bob)",
        meshes=_mesh("bob", "bob_standin", 2.56),
        texture="bob_texture",
        roughness_kind="scratched",
        reflectance="standin",
    ),
    MaterialObject(
        id="grey_ball",
        title="Grey ball",
        albedo=(0.238, 0.238, 0.238),
        roughness_kind="ball",
        metallic="bands",
        reflectance="standin",
    ),
    MaterialObject(id="spots_ball", title="Spotted ball", albedo="spots", reflectance="standin"),
)
MATERIAL_OBJECTS: Mapping[str, MaterialObject] = MappingProxyType({spec.id: spec for spec in _OBJECTS})
BLOCKED: Mapping[str, str] = MappingProxyType({"black_bag": "asset", "pallet": "asset"})
"""Objects of the paper that nobody published, with the word in their cells."""

INTERIOR = "interior"
WORKSHOP = "aerodynamics_workshop"
"""Lights beside the catalogue's environment maps: the procedural room, and the paper's own, for which it stands in."""


def object_of(name: str) -> str:
    """Return the object that a scene shows at a roughness of its own: `cow` for `cow_r010`; any other name as it is."""
    base, _, _ = name.rpartition("_r")
    return base if base in MATERIAL_OBJECTS else name


def material_object(name: str) -> MaterialObject:
    """Return one object, or a constant-roughness one at another roughness: `cow_r010` is `cow` at 0.10.

    Raises `UserError` naming the alternatives.
    """
    if name in MATERIAL_OBJECTS:
        return MATERIAL_OBJECTS[name]
    base, found, digits = name.rpartition("_r")
    spec = MATERIAL_OBJECTS.get(base)
    if found and spec is not None and len(digits) == 3 and digits.isdigit() and int(digits) <= 100:
        if spec.roughness_kind != "constant":
            raise UserError(
                f"'{name}': the roughness of '{base}' is a map, not a number", f"Leave '_r{digits}' out."
            )
        from dataclasses import replace

        value = int(digits) / 100.0
        return replace(spec, id=name, title=f"{spec.title}, roughness {value:g}", roughness=value)
    raise unknown_name(
        "materials scene", name, MATERIAL_OBJECTS, "cow_r010 is the cow at roughness 0.10, and so on."
    )
