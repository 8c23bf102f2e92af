"""Edits of a rendering: from the initial picture to the target of an inversion (fact sheet, section 7).

Shadow edits split the floor into what it would be without shadows, B, a smooth polynomial, and the shadow's depth per
channel, D = 1 - clip(R / B, 0, 1). A changed depth D' gives B (1 - D') where it differs from D, and leaves the rest of
the picture as it is, caustics and noise included. Pictures are linear and exposed, values in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from rerender.core.cameras import Camera, project
from rerender.core.errors import UserError
from rerender.core.images import check_radiance, luminance, srgb_decode, srgb_encode, to_uint8
from rerender.core.meshes import Mesh
from rerender.papers.envmaps.edit_specs import EditSpec, Stroke
from rerender.papers.envmaps.masks import Surfaces

LIT_BAND = 0.15
"""How far from the background a lit floor pixel may be, relative to it."""
FIT_ROUNDS = 6
SHADOW_STARTS, SHADOW_FULL = 0.04, 0.15
"""Luminance depths between which a darker floor is taken for a shadow; below are noise and soft occlusion."""
DIFFERS = 0.05
"""Change of depth from which a pixel is repainted in full."""
VISIBLE = 1.0 / 255.0


@dataclass(frozen=True, eq=False)
class EditTarget:
    """The picture that an inversion aims at, (h, w, 3) linear float32, and where it was edited, (h, w) bool."""

    picture: np.ndarray
    edited: np.ndarray


@dataclass(frozen=True, eq=False)
class EditScene:
    """What an edit knows of the scene: surfaces, camera, and where its bodies stand on the plane (x, z)."""

    surfaces: Surfaces
    camera: Camera
    contact: tuple[float, float]


def contact_point(meshes: Mapping[str, Mesh]) -> tuple[float, float]:
    """Return the middle (x, z) of where the bodies touch the plane: their lowest twentieth."""
    feet = []
    for mesh in meshes.values():
        heights = mesh.vertices[:, 1]
        if heights.min() < 0.05:  # a body on top of another does not stand on the plane
            feet.append(mesh.vertices[heights <= heights.min() + 0.05 * np.ptp(heights)])
    points = np.concatenate(feet or [mesh.vertices for mesh in meshes.values()])
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0] + high[0]) / 2, float(low[2] + high[2]) / 2


def edit_target(spec: EditSpec, initial: np.ndarray, scene: EditScene) -> EditTarget:
    """Return the target of an edit of the initial rendering, (h, w, 3), linear and exposed; it is clamped to [0, 1].

    Raises `UserError` when the edit finds nothing to change, such as no shadow.
    """
    if spec.kind == "painted":
        assert spec.picture is not None
        return painted_target(Path(spec.picture), initial)
    start = np.clip(np.asarray(initial, dtype=np.float64), 0.0, 1.0)
    if spec.kind == "gains":
        target = start * np.array(spec.gains)
    elif spec.kind == "strokes":
        target = start
        for stroke in spec.strokes:
            target = draw(stroke, target, scene.surfaces)
    else:
        target = _with_other_shadow(spec, start, scene)
    target = np.clip(target, 0.0, 1.0)
    edited = _differs(target, start)
    if not edited.any():
        raise UserError(
            f"the edit '{spec.id}' changes no pixel of the picture",
            "Strokes may lie outside it or on the wrong surface (`touches`); a shadow edit needs a visible shadow.",
        )
    return EditTarget(target.astype(np.float32), edited)


def draw(stroke: Stroke, picture: np.ndarray, surfaces: Surfaces) -> np.ndarray:
    """Return the picture (h, w, 3) with a stroke; pixels count as far as they show what the stroke may touch."""
    amount = (stroke_weight(stroke, surfaces) * _touched(stroke, surfaces))[..., None]
    painted = picture * np.array(stroke.gain) + np.array(stroke.add)
    return np.asarray(picture + amount * (painted - picture))


def stroke_weight(stroke: Stroke, surfaces: Surfaces) -> np.ndarray:
    """Return how much a stroke acts in each pixel, (h, w) in [0, 1]: a super-Gaussian of the distance."""
    height, width = surfaces.floor.shape
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    left, top, wide, high = _frame(stroke, surfaces)
    if stroke.shape == "ellipse":
        assert stroke.centre is not None and stroke.radii is not None
        x = columns - (left + stroke.centre[0] * wide)
        y = rows - (top + stroke.centre[1] * high)
        turn = np.radians(stroke.angle_deg)
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        distance = np.hypot(along / (stroke.radii[0] * width), across / (stroke.radii[1] * width))
    else:
        assert stroke.width is not None
        corners = np.array(stroke.points) * (wide, high) + (left, top)
        pixels = np.stack([columns, rows], axis=-1)
        pieces = [_to_segment(pixels, a, b) for a, b in pairwise(corners)]
        distance = np.min(pieces, axis=0) / (0.5 * stroke.width * width)
    return np.asarray(np.exp(-np.log(2.0) * np.minimum(distance, 1e3) ** (2.0 / stroke.softness)))


@dataclass(frozen=True, eq=False)
class Shadow:
    """The floor of a picture, split: `background` and `depth` have shape (h, w, 3); depth is 0 off the floor."""

    background: np.ndarray
    depth: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Where the floor is in shadow, (h, w): a ratio under 0.75 (section 7)."""
        return np.asarray(luminance(1.0 - self.depth) < 0.75)


def find_shadow(picture: np.ndarray, floor: np.ndarray) -> Shadow:
    """Split a picture (h, w, 3) by the share of the floor in each pixel (h, w)."""
    whole = floor > 0.999
    background = _lit_floor(picture, whole)
    depth = 1.0 - np.clip(picture / np.maximum(background, 1e-6), 0.0, 1.0)
    depth = np.where(whole[..., None], depth, 0.0)
    # one noisy pixel is no shadow: what is one is judged from its neighbourhood
    around = _blurred(luminance(depth), whole, 1.0)
    gate = np.clip((around - SHADOW_STARTS) / (SHADOW_FULL - SHADOW_STARTS), 0.0, 1.0)
    gate = gate * gate * (3.0 - 2.0 * gate)
    return Shadow(background, gate[..., None] * depth)


def painted_target(path: Path | str, initial: np.ndarray) -> EditTarget:
    """Read a user's painted picture of the initial rendering (h, w, 3): PNG or JPG (sRGB), EXR or HDR (linear).

    Pixels that the user left as `paintable` gave them keep their full precision. Needs a Mitsuba variant. Raises
    `UserError` when the size is another, the file is no picture, or nothing was painted.
    """
    start = np.clip(np.asarray(initial, dtype=np.float64), 0.0, 1.0)
    painted = read_painted(path, (start.shape[0], start.shape[1]))
    painted = np.clip(painted.astype(np.float64), 0.0, 1.0)
    same = (to_uint8(srgb_encode(painted)) == paintable(start)).all(axis=-1)
    if same.all():
        raise UserError(
            f"the painted target {path} is the initial rendering", "Paint something on it, and save it."
        )
    target = np.where(same[..., None], start, painted)
    return EditTarget(target.astype(np.float32), ~same)


def read_painted(path: Path | str, size: tuple[int, int]) -> np.ndarray:
    """Read a painted picture, linear (h, w, 3); raises `UserError` unless it is one of that size (h, w)."""
    from rerender.rendering.bitmaps import read_image

    painted = read_image(path)
    (height, width), (rows, columns) = size, painted.shape[:2]
    if (rows, columns) != (height, width):
        raise UserError(
            f"the painted target {path} is {columns} x {rows} pixels, but the rendering is {width} x {height}",
            "Paint on the picture that `rerender edit --paintable` wrote, and export it at the same size.",
        )
    check_radiance(painted, str(path))
    return painted


def paintable(picture: np.ndarray) -> np.ndarray:
    """Return the picture (h, w, 3) as a user sees and paints it: sRGB, 8 bits."""
    return to_uint8(srgb_encode(np.clip(np.asarray(picture, dtype=np.float64), 0.0, 1.0)))


def from_painted(display: np.ndarray) -> np.ndarray:
    """Return the linear picture of 8-bit sRGB values (h, w, 3)."""
    return srgb_decode(np.asarray(display, dtype=np.float64) / 255.0)


def _with_other_shadow(spec: EditSpec, picture: np.ndarray, scene: EditScene) -> np.ndarray:
    floor = scene.surfaces.floor
    shadow = find_shadow(picture, floor)
    if not shadow.mask.any():
        raise UserError(
            f"the edit '{spec.id}' needs a shadow on the floor, and this sky casts none",
            "Use a clear sky, or a stroke.",
        )
    whole = floor > 0.999
    # behind the object the shadow goes on unseen
    known = _filled(shadow.depth, whole)
    if spec.kind == "enhance_shadow":
        depth = 1.0 - (1.0 - known) ** spec.power
    elif spec.kind == "blur_shadow":
        depth = _blurred(known, np.ones_like(whole), spec.sigma * picture.shape[1])
    else:
        depth = _turned(known, spec.angle_deg, scene)
    amount = np.minimum(np.abs(depth - known).max(axis=-1) / DIFFERS, 1.0) * floor
    repainted = shadow.background * (1.0 - depth)
    return np.asarray(picture + amount[..., None] * (repainted - picture))


def _turned(depth: np.ndarray, angle_deg: float, scene: EditScene) -> np.ndarray:
    """Turn the shadow about the contact point on the plane: each floor point looks up where it came from."""
    from scipy.ndimage import map_coordinates

    height, width = depth.shape[:2]
    angle = np.radians(angle_deg)
    place = scene.surfaces.position
    x, z = place[..., 0] - scene.contact[0], place[..., 2] - scene.contact[1]
    from_x, from_z = x * np.cos(angle) - z * np.sin(angle), x * np.sin(angle) + z * np.cos(angle)
    source = np.stack([from_x + scene.contact[0], 0.0 * x, from_z + scene.contact[1]], axis=-1)
    source = np.where(np.isfinite(source), source, 0.0)
    columns, rows, ahead = project(scene.camera, source.reshape(-1, 3), width, height).T
    at = np.stack([rows - 0.5, columns - 0.5])
    # a shadow that leaves the picture goes on beyond its edge; behind the camera there is none
    channels = [map_coordinates(depth[..., c], at, order=1, mode="nearest") for c in range(3)]
    turned = np.where((ahead > 0.0)[:, None], np.stack(channels, axis=-1), 0.0)
    return np.asarray(turned.reshape(depth.shape))


def _lit_floor(picture: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Fit a quadratic per channel to the lit floor, (h, w, 3); what is darker or brighter is left out, step by step."""
    height, width = whole.shape
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    values = luminance(picture)
    if whole.sum() < 2 * terms.shape[-1]:
        raise UserError(
            "too little of the floor is seen to find its shadow", "Use a larger picture or another camera."
        )
    # the lit floor is the larger part, and brighter than its shadows
    level = np.full(whole.shape, np.median(values[whole & (values >= np.median(values[whole]))]))
    background = np.repeat(level[..., None], 3, axis=-1)
    for _ in range(FIT_ROUNDS):
        lit = whole & (np.abs(values - level) <= LIT_BAND * level)
        if lit.sum() < 2 * terms.shape[-1]:
            break
        factors, *_ = np.linalg.lstsq(terms[lit], picture[lit], rcond=None)
        background = np.maximum(terms @ factors, 0.0)
        level = luminance(background)
    return background


def _blurred(values: np.ndarray, known: np.ndarray, sigma: float) -> np.ndarray:
    """Blur (h, w) or (h, w, 3) by a Gaussian of `sigma` pixels, from known pixels (h, w) only."""
    from scipy.ndimage import gaussian_filter

    weight = known.astype(np.float64)
    share = gaussian_filter(weight, sigma, mode="nearest")
    if values.ndim == 3:
        channels = [gaussian_filter(values[..., c] * weight, sigma, mode="nearest") for c in range(3)]
        return np.asarray(np.stack(channels, axis=-1) / np.maximum(share, 1e-9)[..., None])
    return np.asarray(gaussian_filter(values * weight, sigma, mode="nearest") / np.maximum(share, 1e-9))


def _filled(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill unknown pixels from known ones around them, from near ones first."""
    filled, have, sigma = np.where(known[..., None], values, 0.0), known.copy(), 1.0
    while not have.all() and sigma < max(known.shape):
        from scipy.ndimage import gaussian_filter

        reached = ~have & (gaussian_filter(known.astype(np.float64), sigma) > 0.05)
        filled[reached] = _blurred(values, known, sigma)[reached]
        have |= reached
        sigma *= 2.0
    return filled


def _touched(stroke: Stroke, surfaces: Surfaces) -> np.ndarray:
    if stroke.touches == "all":
        return np.ones_like(surfaces.floor)
    return surfaces.floor if stroke.touches == "floor" else surfaces.object


def _frame(stroke: Stroke, surfaces: Surfaces) -> tuple[float, float, float, float]:
    """Return left, top, width and height [px] of what positions are fractions of."""
    height, width = surfaces.floor.shape
    if stroke.frame == "picture":
        return 0.0, 0.0, float(width), float(height)
    rows, columns = np.nonzero(surfaces.object > 0.5)
    if not len(rows):
        raise UserError("a stroke's frame is the object, which the picture does not show", "Use `picture`.")
    left, top = float(columns.min()), float(rows.min())
    return left, top, float(columns.max()) + 1 - left, float(rows.max()) + 1 - top


def _to_segment(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    axis = end - start
    along = np.clip(((points - start) @ axis) / max(float(axis @ axis), 1e-12), 0.0, 1.0)
    return np.asarray(np.linalg.norm(points - start - along[..., None] * axis, axis=-1))


def _differs(target: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return where two linear pictures differ visibly, (h, w) bool."""
    shown = [srgb_encode(np.clip(picture, 0.0, 1.0)) for picture in (target, start)]
    return np.asarray(np.abs(shown[0] - shown[1]).max(axis=-1) > VISIBLE)
