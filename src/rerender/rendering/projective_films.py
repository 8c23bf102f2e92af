"""Films of a mesh that moves by Mitsuba's projective integrator, differentiable in the vertices (Zhang et al. 2023).

The scene is that of `mesh_films`: flat faces with two sides, ambient light and light from above, with shadows. One render gives shade and
coverage, and the derivatives of both: the body reflects red alone and the background shines in green, so that the coverage is 1 - green, and
the shade what red has beyond the background's. Mitsuba's alpha channel has no derivative.

`direct_projective` has the derivatives inside faces and the change of measure along edges. Which edges there are, and how the radiance jumps
across them, is ours (`FlatEdges`), for Mitsuba takes surfaces to be smooth: it leaves out edges between two visible faces, where flat shading
jumps, and shades an outline as the hidden face at it in half of all cases. With vertices of their own, faces have all edges,
but twice. On a turned cube the shade's derivative is 7 % too small the first way, and 1.7 times too large the second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from rerender.core.cameras import Camera
from rerender.core.meshes import Mesh
from rerender.rendering.compat import VERTEX_POSITIONS, flat32
from rerender.rendering.forward_gradients import INTEGRATOR
from rerender.rendering.scenes import ConstantLight, DirectionalLight, Film, Scene, Shape, build_scene
from rerender.rendering.soft_rasteriser import AMBIENT, DIRECT

KEY = f"thing.{VERTEX_POSITIONS}"
RED = {
    "type": "twosided",
    "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [1.0, 0.0, 0.0]}},
}
ASIDE, BEFORE = 2e-5, 1e-3
"""What is beside an edge is seen so far from it, and whether it is hidden from so far before it, times 1 + the largest coordinate."""
FAINT = 0.02
"""The least that an edge inside the outline is sampled, beside 1 for the outline: shadows may end at it."""
ADJOINT = 0x9E3779B9
"""What the adjoint's seeds differ by: with the noise of the image, products of the two would be biased."""


@dataclass(frozen=True)
class FlatEdges:
    """The edges of triangles (F, 3), each once: a directed edge 3 f + e of Mitsuba's, its face f, and the face on its other side (or -1)."""

    directed: np.ndarray
    ends: np.ndarray
    faces: np.ndarray
    across: np.ndarray
    triangles: np.ndarray

    @staticmethod
    def of(triangles: np.ndarray) -> FlatEdges:
        """Return the edges of a mesh; of three and more faces at an edge, two are looked at."""
        ends = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=-1).reshape(-1, 2)
        order = np.lexsort(np.sort(ends, axis=1).T)
        sorted_ends = np.sort(ends, axis=1)[order]
        fresh = np.r_[True, (sorted_ends[1:] != sorted_ends[:-1]).any(axis=1)]
        first = np.flatnonzero(fresh)
        counts = np.diff(np.r_[first, len(order)])
        directed = order[first]
        second = order[np.minimum(first + 1, len(order) - 1)]
        across = np.where(counts > 1, second // 3, -1)
        return FlatEdges(directed, ends[directed], directed // 3, across, triangles)

    def seen_from(self, vertices: np.ndarray, viewpoint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return directed edges at which an image of vertices (V, 3) may jump, and how often to sample each; at least one.

        Of a closed mesh, edges of which both faces are turned away are hidden. An outline has weight 1, an edge between
        two faces the difference of their shades, both times the angle at which it is seen.
        """
        a, b, c = (vertices[self.triangles[:, corner]] for corner in range(3))
        normals = np.cross(b - a, c - a)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        facing = ((viewpoint - a) * normals).sum(axis=1) > 0.0
        shade = AMBIENT + DIRECT * np.maximum(normals[:, 1], 0.0)
        inner = self.across >= 0
        outline = ~inner | (facing[self.faces] != facing[self.across])
        crease = np.maximum(np.abs(shade[self.faces] - shade[self.across]), FAINT)
        flat = np.abs((normals[self.faces] * normals[self.across]).sum(axis=1)) > 1.0 - 1e-6
        hidden = inner.all() & ~facing[self.faces] & ~facing[self.across]
        towards = vertices[self.ends] - viewpoint
        towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
        angle = np.linalg.norm(towards[:, 0] - towards[:, 1], axis=-1)
        weight = angle * np.where(outline, 1.0, np.where(flat | hidden, 0.0, crease))
        kept = np.flatnonzero(weight > 0.0)
        if not len(kept):
            return self.directed[:1], np.ones(1)
        return self.directed[kept], weight[kept]


class ProjectiveFilm:
    """A camera that films triangles (F, 3): images of shade and coverage, and their adjoints. Vertices without triangles may be there.

    A variant of Mitsuba must have been started (`variants.start_variant`).
    """

    def __init__(self, faces: np.ndarray, camera: Camera, size: int, spp: int) -> None:
        import mitsuba as mi

        self.used, corners = np.unique(faces, return_inverse=True)
        faces = corners.reshape(-1, 3)

        self.size, self.spp = size, spp
        self.eye = np.array(camera.origin, dtype=np.float64)
        self.edges = FlatEdges.of(faces)
        places = np.random.default_rng(0).normal(
            size=(len(self.used), 3)
        )  # any: they are set before every render
        sun = DirectionalLight((0.0, -1.0, 0.0), math.pi * DIRECT)
        self.scene = build_scene(
            Scene(
                [Shape("thing", Mesh(places, faces), RED, flat=True)],
                [ConstantLight((AMBIENT, 1.0, 0.0)), sun],
                [camera],
                Film(size, size, "box"),
                INTEGRATOR,
            )
        )
        self.parameters = mi.traverse(self.scene)
        self.parameters.keep([KEY])
        self.integrator = self.scene.integrator()
        self.integrator.sample_border_warning = False
        self.integrator.proj_detail = _detail()(self.integrator)

    def render(self, places: np.ndarray, seed: int) -> np.ndarray:
        """Return shade times coverage, and coverage (S, S, 2) of vertices (V, 3) [m]; mirrored, as the soft rasteriser's are."""
        import mitsuba as mi

        self.parameters[KEY] = mi.Float(flat32(places[self.used]))
        self.parameters.update()
        image = np.array(mi.render(self.scene, spp=self.spp, seed=seed & 0xFFFFFFFF))[:, ::-1]
        return np.stack([image[..., 0] - AMBIENT * image[..., 1], 1.0 - image[..., 1]], axis=-1)

    def backward(self, places: np.ndarray, seed: int, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient (V, 3) for that of an image (S, S, 2)."""
        import drjit as dr
        import mitsuba as mi

        shade, coverage = gradient[..., 0], gradient[..., 1]
        radiance = np.stack([shade, -AMBIENT * shade - coverage, np.zeros_like(shade)], axis=-1)
        moved = mi.Float(flat32(places[self.used]))
        dr.enable_grad(moved)
        self.parameters[KEY] = moved
        self.parameters.update()
        directed, weights = self.edges.seen_from(places[self.used], self.eye)
        detail = self.integrator.proj_detail
        detail.primary_indices = [mi.UInt32(directed.astype(np.uint32))]
        detail.primary_distributions = [mi.DiscreteDistribution(mi.Float(weights.astype(np.float32)))]
        detail.primary_shape_distribution = mi.DiscreteDistribution(mi.Float(1.0))
        self.integrator.render_backward(
            self.scene,
            self.parameters,
            mi.TensorXf(np.ascontiguousarray(radiance[:, ::-1], dtype=np.float32)),
            sensor=0,
            seed=(seed ^ ADJOINT) & 0xFFFFFFFF,
            spp=self.spp,
        )
        found = np.zeros_like(places)
        found[self.used] = np.array(dr.grad(self.parameters[KEY]), dtype=np.float64).reshape(-1, 3)
        return found


def film(vertices: torch.Tensor, camera: ProjectiveFilm, seed: int) -> torch.Tensor:
    """Return shade times coverage, and coverage (T, S, S, 2) of vertices (T, V, 3) [m], differentiable in them.

    Frame t has the seed `seed` + t, so that the same vertices have the same frames.
    """
    frames: torch.Tensor = _Film.apply(vertices, camera, seed)  # type: ignore[no-untyped-call]
    return frames


class _Film(torch.autograd.Function):
    """One frame after the other, each with its adjoint: a scene has one set of vertices."""

    @staticmethod
    def forward(ctx: Any, vertices: torch.Tensor, camera: ProjectiveFilm, seed: int) -> torch.Tensor:
        ctx.camera, ctx.seed = camera, seed
        ctx.places = vertices.detach().cpu().double().numpy()
        frames = [camera.render(places, seed + t) for t, places in enumerate(ctx.places)]
        return torch.as_tensor(np.stack(frames), dtype=vertices.dtype, device=vertices.device)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        wanted = gradient.detach().cpu().numpy()
        parts = [
            ctx.camera.backward(places, ctx.seed + t, wanted[t]) if wanted[t].any() else np.zeros_like(places)
            for t, places in enumerate(ctx.places)
        ]
        return torch.as_tensor(np.stack(parts), dtype=gradient.dtype, device=gradient.device), None, None


@cache
def _detail() -> Any:
    """Return the part of a projective integrator that knows the edges, for flat faces."""
    import drjit as dr
    import mitsuba as mi

    class FlatDetail(mi.ad.ProjectiveDetail):  # type: ignore[misc]
        def init_primarily_visible_silhouette(self, scene: Any, sensor: Any) -> None:
            """`ProjectiveFilm` has chosen the edges."""

        def eval_primary_silhouette_radiance_difference(
            self, scene: Any, sampler: Any, ss: Any, sensor: Any, active: Any = True
        ) -> tuple[Any, Any]:
            """Return how far the radiance jumps at edge points: what is seen right inside, less what is seen right outside."""
            with dr.suspend_grad():  # type: ignore[no-untyped-call]
                eye = sensor.world_transform() @ mi.Point3f(0.0)
                scale = 1.0 + dr.max(dr.abs(ss.p))
                before = ss.p - ss.d * (BEFORE * scale)
                free = dr.norm(eye - before) * (1.0 - mi.math.ShadowEpsilon)
                visible = active & ~scene.ray_test(mi.Ray3f(mi.Ray3f(before, -ss.d), free), active)
                # both sides with the same numbers: what they share cancels
                same = sampler.clone()
                sides = [
                    self.parent.sample(
                        mode=dr.ADMode.Primal,
                        scene=scene,
                        sampler=own,
                        ray=mi.Ray3f(eye, dr.normalize(ss.p + ss.n * (side * ASIDE * scale) - eye)),
                        depth=0,
                        δL=None,
                        state_in=None,
                        active=visible,
                    )[0]
                    for own, side in ((sampler, -1.0), (same, 1.0))
                ]
                return dr.select(visible, sides[0] - sides[1], 0.0), []

    return FlatDetail
