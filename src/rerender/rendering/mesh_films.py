"""Films of a mesh that moves, by Mitsuba: RGBA frames with shadows, for targets that no soft rasteriser made, and for print.

The light is the soft rasteriser's, from everywhere and from above: an unshadowed face has the colour
colour · (0.5 + 0.5 max(0, n_y)). Faces are flat and have two sides. Frames are mirrored, as the soft rasteriser's are.
"""

from __future__ import annotations

import math

import numpy as np

from rerender.core.cameras import Camera
from rerender.core.meshes import Mesh
from rerender.rendering.compat import VERTEX_POSITIONS, flat32
from rerender.rendering.scenes import ConstantLight, DirectionalLight, Film, Scene, Shape, build_scene
from rerender.rendering.soft_rasteriser import AMBIENT, DIRECT

GROUND_SIZE = 60.0
"""Half a side of the ground [m]."""
GROUND_COLOUR = (0.75, 0.75, 0.75)
DOWN = (0.0, -1.0, 0.0)
SLANTED = (-0.35, -1.0, 0.3)
"""Where the light comes from with a ground, so that shadows lie beside their object."""


def film_mesh(
    vertices: np.ndarray,
    faces: np.ndarray,
    colour: np.ndarray,
    camera: Camera,
    *,
    size: int,
    spp: int,
    seed: int = 0,
    ground: float | None = None,
) -> np.ndarray:
    """Return linear RGBA frames (T, size, size, 4) of vertices (T, V, 3) [m], triangles (F, 3) of one colour (3,).

    `spp` samples a pixel. `ground` is the height of a grey ground [m]; without it the background is black and alpha 0.
    A variant of Mitsuba must have been started (`variants.start_variant`).
    """
    import mitsuba as mi

    loose = np.arange(faces.size).reshape(-1, 3)  # no vertex is shared: normals are those of faces
    places = vertices[:, faces.ravel()]
    shapes = [Shape("thing", Mesh(places[0], loose), _matt(colour))]
    if ground is not None:
        shapes.append(Shape("ground", _plane(ground), _matt(np.array(GROUND_COLOUR))))
    sun = DirectionalLight(DOWN if ground is None else SLANTED, math.pi * DIRECT)
    scene = build_scene(
        Scene(
            shapes,
            [ConstantLight(AMBIENT), sun],
            [camera],
            Film(size, size, "box", alpha=True),
            {"type": "direct", "hide_emitters": True},
        )
    )
    parameters = mi.traverse(scene)
    frames = []
    for number, moved in enumerate(places):
        parameters[f"thing.{VERTEX_POSITIONS}"] = mi.Float(flat32(moved))
        parameters.update()
        image = np.array(mi.render(scene, spp=spp, seed=seed + number))
        frames.append(image[:, ::-1])
    return np.stack(frames)


def _matt(colour: np.ndarray) -> dict[str, object]:
    diffuse = {"type": "diffuse", "reflectance": {"type": "rgb", "value": [float(part) for part in colour]}}
    return {"type": "twosided", "bsdf": diffuse}


def _plane(height: float) -> Mesh:
    """Return a square at a height, facing up."""
    far = GROUND_SIZE
    corners = np.array([(-far, height, -far), (-far, height, far), (far, height, far), (far, height, -far)])
    return Mesh(corners, np.array([(0, 1, 2), (0, 2, 3)]))
