"""From a material object's spec to arrays: its mesh, its true maps, and the lights that it is seen under."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from rerender.catalogue import material_maps
from rerender.catalogue.interior import interior_light
from rerender.catalogue.material_specs import INTERIOR, WORKSHOP, MaterialObject, material_object
from rerender.catalogue.origins import ORIGINS
from rerender.catalogue.prepare import (
    BakeSky,
    PreparedImage,
    Provenance,
    ReadImage,
    generated,
    prepare_envmap,
    prepare_texture,
    target_mesh,
)
from rerender.catalogue.registry import envmaps
from rerender.catalogue.resolve import AssetSettings, is_at_hand, load_ledger, missing, resolve
from rerender.core.errors import unknown_name
from rerender.core.files import save_tree
from rerender.core.images import check_radiance, resize_area
from rerender.core.meshes import Mesh
from rerender.core.primitives import globe

BALL_ROWS = 48


@dataclass(frozen=True, eq=False)
class TrueMaterials:
    """A mesh with texture coordinates in [0, 1], and its maps, float32, row 0 at v = 1.

    `albedo` (H, W, 3) linear, `roughness` and `metallic` (H, W), perceptual and a share.
    """

    mesh: Mesh
    albedo: np.ndarray
    roughness: np.ndarray
    metallic: np.ndarray


def save_materials(path: Path | str, found: TrueMaterials) -> None:
    """Write an object to one file."""
    maps = {name: value for name, value in vars(found).items() if name != "mesh"}
    save_tree(path, {"mesh": asdict(found.mesh), **maps})


def true_materials(
    name: str, settings: AssetSettings, height: int, *, read_image: ReadImage
) -> tuple[TrueMaterials, Provenance]:
    """Return an object with maps of `height` rows (a ball's are twice as wide), and where it comes from.

    Raises `UserError` for an unknown name, or when nothing is at hand.
    """
    spec = material_object(name)
    if spec.is_ball:
        mesh = globe(BALL_ROWS, 2 * BALL_ROWS)
        provenance = generated(name, name, "standin", f"a ball of radius 1; {_reflectance_note(spec)}")
        pixels, width = _ball_albedo(spec, height), 2 * height
    else:
        mesh, provenance = target_mesh(spec, settings)
        assert spec.texture is not None
        texture = prepare_texture(spec.texture, settings, read_image=read_image)
        mesh, pixels = _within_unit(mesh, texture.pixels)
        pixels, width = resize_area(pixels, height, height), height
        worst = max((provenance.origin, texture.provenance.origin, spec.reflectance), key=ORIGINS.index)
        note = "; ".join([provenance.note, texture.provenance.source + " texture", _reflectance_note(spec)])
        provenance = replace(provenance, origin=worst, note=note)
    roughness = _roughness(spec, height, width)
    metallic = material_maps.ball_metallic(height) if spec.metallic == "bands" else np.zeros((height, width))
    maps = (np.ascontiguousarray(values, np.float32) for values in (pixels, roughness, metallic))
    return TrueMaterials(mesh, *maps), provenance


def material_light(
    name: str, settings: AssetSettings, height: int, *, read_image: ReadImage, bake_sky: BakeSky
) -> PreparedImage:
    """Return a light (height, 2 height, 3): the room `interior`, `aerodynamics_workshop`, or an environment map by its id.

    The room stands in for the workshop where that is not at hand. Raises `UserError` for an unknown name and a broken map.
    """
    if name == INTERIOR:
        return PreparedImage(interior_light(height), generated(name, name, "original", "a procedural room"))
    if name != WORKSHOP:
        if name not in envmaps():
            raise unknown_name("light", name, (INTERIOR, WORKSHOP, *envmaps()))
        return prepare_envmap(name, settings, height, read_image=read_image, bake_sky=bake_sky)
    assets = load_ledger(settings)
    if not is_at_hand(assets, WORKSHOP, settings):
        if not settings.allow_standins:
            raise missing(assets[WORKSHOP])
        note = "a procedural room with windows"
        return PreparedImage(interior_light(height), generated(name, WORKSHOP, "standin", note))
    resolved = resolve(WORKSHOP, settings, assets)
    assert resolved.path is not None
    pixels = read_image(resolved.path)
    check_radiance(pixels, resolved.path.name)
    rows = min(height, pixels.shape[0])
    provenance = Provenance(
        id=name,
        asset=WORKSHOP,
        origin="original",
        source=resolved.source,
        sha256=resolved.sha256,
        url=assets[WORKSHOP].urls[0],
        licence=assets[WORKSHOP].licence,
        standin=False,
        note=f"{rows} of {pixels.shape[0]} rows",
    )
    return PreparedImage(resize_area(pixels, rows, 2 * rows).astype(np.float32), provenance)


def _roughness(spec: MaterialObject, height: int, width: int) -> np.ndarray:
    if spec.roughness_kind == "ball":
        return material_maps.ball_roughness(height)
    if spec.roughness_kind == "scratched":
        return material_maps.scratched_roughness(height, width)
    return np.full((height, width), spec.roughness)


def _ball_albedo(spec: MaterialObject, height: int) -> np.ndarray:
    if spec.albedo == "spots":
        return material_maps.spots_albedo(height)
    return np.broadcast_to(np.array(spec.albedo), (height, 2 * height, 3))


def _within_unit(mesh: Mesh, texture: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """Stretch texture coordinates that leave [0, 1] to fit into it, and the repeated texture with them."""
    assert mesh.texcoords is not None
    low = np.minimum(mesh.texcoords.min(axis=0), 0.0)
    high = np.maximum(mesh.texcoords.max(axis=0), 1.0)
    if (low == 0.0).all() and (high == 1.0).all():
        return mesh, texture
    height, width = texture.shape[:2]
    u = low[0] + (high[0] - low[0]) * (np.arange(width) + 0.5) / width
    v = high[1] - (high[1] - low[1]) * (np.arange(height) + 0.5) / height
    columns = np.floor(np.mod(u, 1.0) * width).astype(int)
    rows = np.floor(np.mod(1.0 - v, 1.0) * height).astype(int)
    fitted = replace(mesh, texcoords=(mesh.texcoords - low) / (high - low))
    return fitted, texture[np.ix_(rows, columns)]


def _reflectance_note(spec: MaterialObject) -> str:
    return (
        "seeded roughness and metallic" if spec.reflectance == "standin" else f"roughness {spec.roughness:g}"
    )
