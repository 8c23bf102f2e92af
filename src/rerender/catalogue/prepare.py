"""Stage functions: from what is at hand to the standard files in `resources/`, each with its provenance beside it.

Meshes become `.ply` in scene units, maps and textures arrays of linear RGB that the caller writes. Reading images and
baking skies belong to the renderer, which is above this layer: they come in as arguments.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rerender.catalogue.ledger import Asset
from rerender.catalogue.registry import envmap as find_envmap
from rerender.catalogue.registry import scene as find_scene
from rerender.catalogue.resolve import AssetSettings, Resolved, is_at_hand, load_ledger, missing, resolve
from rerender.catalogue.specs import Family, MeshChoice, Placement
from rerender.catalogue.standins import ground_square, standin_mesh
from rerender.catalogue.textures import standin_texture
from rerender.core.errors import UserError
from rerender.core.files import atomic_path, write_json
from rerender.core.images import check_radiance, resize_area
from rerender.core.latlong import check_map, resample_upper, upper_half
from rerender.core.meshchecks import check_closed, check_finite, find_defects, is_closed
from rerender.core.meshes import (
    Mesh,
    bounding_box,
    drop_unused,
    merge_duplicates,
    normalised,
    transformed,
    volume,
)
from rerender.core.meshio import read_mesh, write_ply
from rerender.core.subdivision import subdivide_loop


class ReadImage(Protocol):
    """Reads an image file as linear RGB, float32, shape (H, W, 3)."""

    def __call__(self, path: Path) -> np.ndarray:
        """Return the pixels."""
        ...


class BakeSky(Protocol):
    """Bakes an analytic sky to a lat-long map of shape (height, 2 * height, 3)."""

    def __call__(
        self,
        *,
        sun_elevation_deg: float,
        sun_azimuth_deg: float,
        turbidity: float,
        albedo: float,
        height: int,
        sun_scale: float,
    ) -> np.ndarray:
        """Return the radiance."""
        ...


class MeshTarget(Protocol):
    """Whatever has a mesh to prepare: its candidates in order, and what they must be fit for."""

    @property
    def id(self) -> str:
        """Name in messages and provenance."""
        ...

    @property
    def meshes(self) -> tuple[MeshChoice, ...]:
        """Files that can serve, the preferred one first."""
        ...

    @property
    def family(self) -> Family:
        """`material` keeps texture coordinates and needs them; `geometry` merges vertices."""
        ...

    @property
    def open_target(self) -> bool:
        """Whether holes are allowed."""
        ...


@dataclass(frozen=True)
class Provenance:
    """Where a prepared file comes from. `origin` is the word that metric rows carry: original, mirror or standin."""

    id: str
    asset: str
    origin: str
    source: str
    sha256: str | None
    url: str | None
    licence: str
    standin: bool
    note: str = ""


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """Linear RGB pixels, float32, shape (H, W, 3), and where they come from."""

    pixels: np.ndarray
    provenance: Provenance


def write_sidecar(path: Path | str, provenance: Provenance, **facts: Any) -> None:
    """Write provenance, and further plain facts about the file, as JSON."""
    write_json(path, {**asdict(provenance), **facts})


def prepare_mesh(
    scene_id: str, settings: AssetSettings, out_ply: Path | str, out_json: Path | str
) -> Provenance:
    """Write the target mesh of a scene, checked and placed, and its sidecar; return its provenance.

    Geometry targets are merged to one vertex per position; material objects keep their texture coordinates. Raises
    `UserError` when no candidate is at hand or the mesh cannot be used.
    """
    mesh, provenance = target_mesh(find_scene(scene_id), settings)
    low, high = bounding_box(mesh)
    write_ply(out_ply, mesh)
    write_sidecar(
        out_json,
        provenance,
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        closed=is_closed(mesh),
        bounding_box=[low.tolist(), high.tolist()],
    )
    return provenance


def target_mesh(target: MeshTarget, settings: AssetSettings) -> tuple[Mesh, Provenance]:
    """Return the mesh of the first candidate at hand, checked and placed, and its provenance.

    Raises `UserError` when no candidate is at hand or the mesh cannot be used.
    """
    assets = load_ledger(settings)
    choice, resolved = _choose_mesh(target, settings, assets)
    mesh = standin_mesh(resolved.standin) if resolved.standin is not None else read_mesh(_path(resolved))
    mesh, notes = _clean(mesh, target, choice, str(resolved.path or choice.asset))
    return place(mesh, choice.placement), _provenance(target.id, resolved, assets, choice.origin, notes)


def prepare_ground(
    scene_id: str, settings: AssetSettings, out_ply: Path | str, out_json: Path | str
) -> Provenance:
    """Write the ground of a scene in world space, and its sidecar; return its provenance.

    The archive's own plane goes with the archive's own object; any other object stands on a plain square. Raises
    `UserError` when the scene has no ground.
    """
    mesh, provenance = _ground(scene_id, settings)
    write_ply(out_ply, mesh)
    write_sidecar(out_json, provenance, vertices=len(mesh.vertices), faces=len(mesh.faces))
    return provenance


def ground_mesh(scene_id: str, settings: AssetSettings) -> Mesh | None:
    """Return the ground that `prepare_ground` would write, or None if the scene has none."""
    return None if find_scene(scene_id).ground is None else _ground(scene_id, settings)[0]


def _ground(scene_id: str, settings: AssetSettings) -> tuple[Mesh, Provenance]:
    spec = find_scene(scene_id)
    if spec.ground is None:
        raise UserError(f"the scene '{scene_id}' has no ground", "Its object floats: use the mesh alone.")
    assets = load_ledger(settings)
    choice, _ = _choose_mesh(spec, settings, assets)
    own = spec.ground.mesh
    if own is not None and choice.origin == "original" and is_at_hand(assets, own, settings):
        resolved = resolve(own, settings, assets)
        mesh = read_mesh(_path(resolved))
        check_finite(mesh, own)
        return mesh, _provenance(scene_id, resolved, assets, "original", [])
    note = f"a square of {2 * spec.ground.half_size:g} units"
    return ground_square(spec.ground.half_size), generated(scene_id, own or scene_id, "standin", note)


def place(mesh: Mesh, placement: Placement) -> Mesh:
    """Put a mesh into the scene: see `Placement`."""
    if placement.diagonal is None:
        matrix = np.diag([placement.scale] * 3 + [1.0])
        matrix[:3, 3] = placement.scale * np.array(placement.translate)
        return transformed(mesh, matrix)
    yaw = np.radians(placement.yaw_deg)
    turn = np.eye(4)
    turn[0, 0] = turn[2, 2] = np.cos(yaw)
    turn[0, 2], turn[2, 0] = np.sin(yaw), -np.sin(yaw)
    if placement.up == "z":  # (x, y, z) of the file is (x, z, -y) here
        turn = turn @ np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], dtype=np.float64)
    mesh = normalised(transformed(mesh, turn), placement.diagonal)
    if not placement.on_ground:
        return mesh
    lift = np.eye(4)
    lift[1, 3] = -mesh.vertices[:, 1].min()
    return transformed(mesh, lift)


def prepare_envmap(
    envmap_id: str, settings: AssetSettings, height: int, *, read_image: ReadImage, bake_sky: BakeSky
) -> PreparedImage:
    """Return an environment map of at most `height` rows, twice as wide, checked, and its provenance.

    A file is reduced by averaging areas, which keeps its light; it is never enlarged. Raises `UserError` when it has
    NaN, infinite or negative pixels or is no lat-long map.
    """
    spec = find_envmap(envmap_id)
    if spec.radiance is not None:
        pixels = np.full((height, 2 * height, 3), spec.radiance, dtype=np.float32)
        return PreparedImage(
            pixels, generated(envmap_id, envmap_id, "original", f"constant radiance {spec.radiance:g}")
        )
    assert spec.sky is not None
    assets = load_ledger(settings)
    for position, asset_id in enumerate(spec.assets):
        if not is_at_hand(assets, asset_id, settings):
            continue
        resolved = resolve(asset_id, settings, assets)
        path = _path(resolved)
        pixels = read_image(path)
        check_radiance(pixels, path.name)
        if abs(pixels.shape[1] / pixels.shape[0] - 2.0) > 0.02:
            raise UserError(
                f"the environment map {path.name} is {pixels.shape[1]} x {pixels.shape[0]} pixels",
                "A lat-long map is twice as wide as high: export it in that projection.",
            )
        rows = min(height, pixels.shape[0])
        origin = "original" if position == 0 and "paper" in spec.tags else "mirror"
        provenance = _provenance(envmap_id, resolved, assets, origin, [f"{rows} of {pixels.shape[0]} rows"])
        return PreparedImage(resize_area(pixels, rows, 2 * rows).astype(np.float32), provenance)
    if not settings.allow_standins:
        raise missing(assets[spec.assets[0]]) if spec.assets else _no_assets("envmap", envmap_id)
    pixels = np.asarray(bake_sky(**asdict(spec.sky), height=height), dtype=np.float32)
    check_radiance(pixels, f"the baked sky of '{envmap_id}'")
    sky = f"analytic sky, sun at {spec.sky.sun_elevation_deg:g} degrees, turbidity {spec.sky.turbidity:g}"
    return PreparedImage(pixels, generated(envmap_id, spec.asset or envmap_id, "standin", sky))


def prepare_upper_half(
    asset_id: str,
    settings: AssetSettings,
    height: int,
    *,
    read_image: ReadImage,
    bake_upper: Callable[[int], np.ndarray],
) -> PreparedImage:
    """Return the upper half of a captured sky, (height, 4 height, 3), checked, and its provenance.

    `bake_upper` makes a stand-in of the given height where the file is absent. Raises `UserError` when the file is no
    HDR map, or would have to be enlarged.
    """
    assets = load_ledger(settings)
    resolved = resolve(asset_id, settings, assets)
    if resolved.standin is not None:
        note = "a procedural sky with clouds"
        return PreparedImage(
            bake_upper(height),
            replace(generated(asset_id, asset_id, "standin", note), source=resolved.source),
        )
    path = _path(resolved)
    pixels = upper_of_file(read_image(path), path, height)
    note = f"upper half, {height} rows"
    # the paper names none of its maps, so no file can be said to be one of them
    return PreparedImage(pixels, _provenance(asset_id, resolved, assets, "mirror", [note]))


def upper_of_file(full: np.ndarray, name: Path | str, height: int) -> np.ndarray:
    """Check a full map (2 H, 4 H, 3) and return its upper half at `height` rows, float32.

    Radiance is averaged over areas, so the sun keeps its energy. Raises `UserError` in one line: an LDR picture, NaN or
    negative pixels, a wrong aspect, or fewer rows than asked for.
    """
    check_map(full, name)
    upper = upper_half(full)
    if len(upper) < height:
        raise UserError(
            f"environment map {name}: its upper half has {len(upper)} rows, and {height} are asked for; a map is "
            "never enlarged: use a larger version, or fewer rows"
        )
    return resample_upper(upper, height)


def prepare_texture(
    name: str, settings: AssetSettings, *, read_image: ReadImage, size: tuple[int, int] | None = None
) -> PreparedImage:
    """Return a colour texture (`name` is its asset id) with values clipped to [0, 1], and its provenance.

    `size` = (height, width) resamples it by averaging areas.
    """
    assets = load_ledger(settings)
    resolved = resolve(name, settings, assets)
    if resolved.standin is not None:
        pixels = standin_texture(resolved.standin)
    else:
        pixels = read_image(_path(resolved))
        check_radiance(pixels, name)
    if size is not None:
        pixels = resize_area(pixels, *size)
    origin = "standin" if resolved.source in ("standin", "procedural") else "original"
    note = [f"{pixels.shape[0]} x {pixels.shape[1]} texels"]
    pixels = np.clip(pixels, 0.0, 1.0).astype(np.float32)
    return PreparedImage(pixels, _provenance(name, resolved, assets, origin, note))


def prepare_bsdf(scene_id: str, settings: AssetSettings, out: Path | str, out_json: Path | str) -> Provenance:
    """Copy the measured BSDF of a scene's target, checked against the ledger, and write its sidecar.

    Raises `UserError` when none of its files is at hand: an analytic stand-in needs no file.
    """
    choices, assets = find_scene(scene_id).bsdf_files, load_ledger(settings)
    if not choices:
        raise UserError(
            f"the scene '{scene_id}' has no measured BSDF", "Its material is described by values."
        )
    at_hand = [name for name in choices if is_at_hand(assets, name, settings)]
    if not at_hand:
        raise missing(assets[choices[-1]])
    resolved = resolve(at_hand[0], settings, assets)
    # the database's file is the one that the paper's archive holds
    provenance = _provenance(scene_id, resolved, assets, "original", [])
    with atomic_path(Path(out)) as partial:
        shutil.copyfile(_path(resolved), partial)
    write_sidecar(out_json, provenance)
    return provenance


def _choose_mesh(
    spec: MeshTarget, settings: AssetSettings, assets: dict[str, Asset]
) -> tuple[MeshChoice, Resolved]:
    """Return the first candidate that is at hand. A corrupt file is an error, not a reason to take the next one."""
    for choice in spec.meshes:
        if choice.asset in assets and assets[choice.asset].kind == "procedural":
            if settings.allow_standins:
                return choice, resolve(choice.asset, settings, assets)
        elif is_at_hand(assets, choice.asset, settings):
            return choice, resolve(choice.asset, settings, assets)
    real = [choice.asset for choice in spec.meshes if assets[choice.asset].kind != "procedural"]
    # the candidate that is easiest to get: a file of its own rather than a member of a large archive
    real.sort(key=lambda asset_id: assets[asset_id].kind == "member")
    raise missing(assets[real[0]]) if real else _no_assets("scene", spec.id)


def _clean(mesh: Mesh, spec: MeshTarget, choice: MeshChoice, name: str) -> tuple[Mesh, list[str]]:
    """Check a mesh and bring it into the form that its family needs; return notes on what was done."""
    notes = []
    check_finite(mesh, name)
    if spec.family == "material":
        if mesh.texcoords is None:
            raise UserError(
                f"the mesh '{name}' has no texture coordinates, which the material scene '{spec.id}' needs",
                "Unwrap it (Blender: UV, Smart UV Project) and export it with UVs.",
            )
        mesh = drop_unused(mesh)
    else:
        mesh = drop_unused(merge_duplicates(mesh))
    if not spec.open_target:
        check_closed(mesh, name, role="target")
    defects = find_defects(mesh)
    if defects.any:
        notes.append(
            f"open target: {defects.boundary_edges} edges at holes, {defects.nonmanifold_edges} non-manifold"
        )
    elif volume(mesh) < 0:
        mesh = replace(mesh, faces=mesh.faces[:, ::-1])
        notes.append("its faces pointed inwards and were turned")
    if choice.subdivisions:
        mesh = subdivide_loop(mesh, choice.subdivisions)
        notes.append(f"Loop-subdivided {choice.subdivisions} times")
    return mesh, notes


def _provenance(
    name: str, resolved: Resolved, assets: dict[str, Asset], origin: str, notes: Sequence[str]
) -> Provenance:
    asset = resolved.asset
    if resolved.standin is not None:
        note = "; ".join([assets[resolved.standin].note, *notes])
        return replace(generated(name, asset.id, "standin", note), source=resolved.source)
    holder = asset if asset.archive is None else assets[asset.archive]
    return Provenance(
        id=name,
        asset=asset.id,
        origin=origin,
        source=resolved.source,
        sha256=resolved.sha256,
        url=holder.urls[0] if holder.urls else None,
        licence=holder.licence,
        standin=False,
        note="; ".join(part for part in (asset.note, *notes) if part),
    )


def generated(name: str, asset: str, origin: str, note: str) -> Provenance:
    """Return the provenance of something that was computed: `origin` is `standin`, or `original` where it is the thing itself."""
    return Provenance(
        id=name,
        asset=asset,
        origin=origin,
        source="procedural" if origin == "original" else "standin",
        sha256=None,
        url=None,
        licence="MIT (this project)",
        standin=origin == "standin",
        note=note,
    )


def _path(resolved: Resolved) -> Path:
    assert resolved.path is not None
    return resolved.path


def _no_assets(kind: str, name: str) -> UserError:
    return UserError(
        f"the {kind} '{name}' has only a procedural stand-in", "Allow it with assets: allow_standins: true."
    )
