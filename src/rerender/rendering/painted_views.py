"""Pictures of a vertex-coloured mesh and their exact derivatives with respect to the camera, occlusion included.

Mitsuba's projective integrators differentiate silhouettes for moving shapes only, not for a moving camera. Here the camera
moves and the scene stands still. By Reynolds' transport theorem (Li et al. 2018, section 4) a pixel's derivative is

    dI/dx = mean over the pixel of dL/dx  +  sum along outlines of (L_in - L_out) v_n,

with v_n the speed of the outline's picture along its normal. Mitsuba traces the rays; the interior term follows from how the
hit point slides over its triangle, in closed form; L_in and L_out are two camera rays beside the outline, so hidden
outlines, seams and objects that touch contribute what they should: nothing. Few unknowns and many pixels: derivatives
are pictures J_k (forward mode), which serve Gauss-Newton, Adam and any PyTorch loss alike.

Limits: outlines are edges of the mesh, so where bodies pass through each other, that line has no term. An edge across which
colours jump is an outline too.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rerender.core.cameras import Camera
from rerender.core.meshes import Mesh, merged_with_index, vertex_normals
from rerender.core.orbits import Motion, Orbit, Unknown, motion
from rerender.core.painted import PaintedMesh
from rerender.core.seeds import derive_seed
from rerender.rendering.compat import mitsuba_mesh
from rerender.rendering.pinholes import Pinholes, pixel_means, pixel_samples
from rerender.rendering.scenes import Film
from rerender.rendering.silhouettes import edge_table, film_motion, sample_outlines

Part = Literal["full", "interior", "boundary"]
Shading = Literal["unlit", "phong"]

BESIDE = 1.5e-6
"""Distance of the two rays from an outline, as a share of the picture's width: some 20 steps of single precision. A fine mesh has outlines that
lie nearly on each other; rays further off would step over both, and count them twice."""
OUTLINE_SHARE = 1.0
"""Outline samples for a pixel of outline, as a share of the samples of a pixel."""


@dataclass(frozen=True)
class PointLight:
    """The point light and material of the released code: Phong, without attenuation and shadows, one-sided."""

    place: tuple[float, float, float] = (2.0, 2.0, -3.0)
    ambient: float = 0.5
    diffuse: float = 0.8
    specular: float = 0.3
    shininess: float = 64.0


class PaintedViews:
    """Renders a painted mesh from any camera, and differentiates the pictures with respect to orbit cameras.

    `colours` replaces the mesh's own: shape (V, 3), or (F, 3, 3) for a colour at every corner of every face, such as
    labels. Rays that hit nothing see `background`. Pictures are display values, as the released code has them:
    no light transport and no tone curve.
    """

    def __init__(
        self,
        painted: PaintedMesh,
        width: int,
        height: int | None = None,
        *,
        shading: Shading = "unlit",
        light: PointLight = PointLight(),
        colours: np.ndarray | None = None,
        background: float = 1.0,
    ) -> None:
        import mitsuba as mi

        self.width, self.height = width, height or width
        self.film = Film(self.width, self.height, "box")
        self.light, self.shading, self.background = light, shading, background
        mesh = painted.mesh
        merged, _ = merged_with_index(mesh)
        body = mitsuba_mesh("painted", Mesh(merged.vertices, merged.faces), mi.load_dict({"type": "diffuse"}))
        self.scene = mi.load_dict({"type": "scene", "mesh": body})
        corners = painted.colours[mesh.faces] if colours is None else np.asarray(colours, np.float32)
        if corners.ndim == 2:
            corners = corners[mesh.faces]
        self.edges = edge_table(mesh, corners)
        self.points = _Corners(mesh.vertices[mesh.faces])
        self.colours = _Corners(corners)
        self.normals = _Corners(vertex_normals(mesh)[mesh.faces]) if shading == "phong" else None

    def at_size(self, width: int, height: int | None = None) -> PaintedViews:
        """Return the same scene, held once, with pictures of another size."""
        other = copy.copy(self)
        other.width, other.height = width, height or width
        other.film = Film(other.width, other.height, "box")
        return other

    def images(self, cameras: Sequence[Camera], *, spp: int, seed: int) -> np.ndarray:
        """Return one picture a camera, float32 (N, H, W, 3), all in one kernel."""
        rays, _ = pixel_samples(Pinholes(cameras, self.film), range(len(cameras)), seed, spp)
        return self._pictures(pixel_means(self._shade(rays), spp), len(cameras))

    def first_faces(self, camera: Camera) -> np.ndarray:
        """Return the face that each pixel's centre sees, int (H, W); -1 where there is none."""
        found: np.ndarray = self.first_faces_of([camera])[0]
        return found

    def first_faces_of(self, cameras: Sequence[Camera]) -> np.ndarray:
        """Return `first_faces` of several cameras, int (N, H, W), all in one kernel."""
        import drjit as dr
        import mitsuba as mi

        pixels = self.width * self.height
        index = dr.arange(mi.UInt32, len(cameras) * pixels)
        slot = index // pixels
        inside = index - slot * pixels
        row = inside // self.width
        where = mi.Point2f(
            (mi.Float(inside - row * self.width) + 0.5) / self.width, (mi.Float(row) + 0.5) / self.height
        )
        hit = self.scene.ray_intersect_preliminary(Pinholes(cameras, self.film).select(slot).ray(where))
        found = np.where(np.array(hit.is_valid()), np.array(hit.prim_index).astype(np.int64), -1)
        return found.reshape(len(cameras), self.height, self.width)

    def jacobian(
        self, orbit: Orbit, unknowns: Sequence[Unknown], *, spp: int, seed: int, part: Part = "full"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture (H, W, 3) and its derivatives (K, H, W, 3), per scene unit or degree.

        The picture is that of `images` with the same seed. `part` leaves one of the two terms out.
        """
        camera, moved = orbit.camera(), motion(orbit, unknowns)
        picture, derivatives = self._interior(camera, moved, spp, seed)
        if part == "boundary":
            derivatives = np.zeros_like(derivatives)
        if part != "interior":
            derivatives = derivatives + self._boundary(camera, moved, OUTLINE_SHARE * spp, seed)
        return picture, derivatives

    def differences(
        self,
        orbit: Orbit,
        unknowns: Sequence[Unknown],
        steps: Sequence[float],
        *,
        spp: int,
        seed: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture and its central differences with one seed; knows nothing of how it is rendered."""
        values = orbit.values(unknowns)
        cameras = [orbit.camera()]
        for index, step in enumerate(steps):
            offset = np.eye(len(unknowns))[index] * step
            cameras += [
                orbit.moved_to(unknowns, values + offset).camera(),
                orbit.moved_to(unknowns, values - offset).camera(),
            ]
        # one by one: in one wavefront each camera would have its own samples
        pictures = [self.images([camera], spp=spp, seed=seed)[0] for camera in cameras]
        pairs = zip(pictures[1::2], pictures[2::2], steps, strict=True)
        return pictures[0], np.stack([(after - before) / (2.0 * step) for after, before, step in pairs])

    def _lens(self, camera: Camera) -> Any:
        import mitsuba as mi

        return Pinholes([camera], self.film).select(mi.UInt32(0))

    def _pictures(self, flat: Any, count: int) -> np.ndarray:
        return np.array(flat, dtype=np.float32).reshape(count, self.height, self.width, 3)

    def _shade(self, rays: Any) -> Any:
        """Return the colour that each ray sees."""
        import drjit as dr
        import mitsuba as mi

        hit = self.scene.ray_intersect_preliminary(rays)
        active, face, uv = hit.is_valid(), hit.prim_index, hit.prim_uv
        colour = self.colours.at(face, uv, active)
        if self.normals is not None:
            point = self.points.at(face, uv, active)
            colour = self._phong(colour, self.normals.at(face, uv, active), point, rays.o)
        return dr.select(active, mi.Color3f(colour), self.background)

    def _phong(self, colour: Any, normal: Any, point: Any, eye: Any) -> Any:
        """Return ambient + diffuse + specular light, with r the mirrored light direction."""
        import drjit as dr
        import mitsuba as mi

        n = dr.normalize(normal)
        to_light = dr.normalize(mi.Vector3f(*self.light.place) - point)
        to_eye = dr.normalize(mi.Vector3f(eye) - point)
        cosine = dr.dot(n, to_light)
        mirrored = dr.maximum(dr.dot(to_eye, 2.0 * cosine * n - to_light), 1e-6)
        gloss = dr.select(cosine > 0.0, mirrored**self.light.shininess, 0.0)
        return (
            colour * (self.light.ambient + self.light.diffuse * dr.maximum(cosine, 0.0))
            + self.light.specular * gloss
        )

    def _interior(self, camera: Camera, moved: Motion, spp: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture and the mean derivative of what is seen within each pixel."""
        import drjit as dr
        import mitsuba as mi

        rays, _ = pixel_samples(Pinholes([camera], self.film), (0,), seed, spp)
        lens = self._lens(camera)
        hit = self.scene.ray_intersect_preliminary(rays)
        active, face, uv = hit.is_valid(), hit.prim_index, hit.prim_uv
        dr.eval(active, face, uv)  # or every derivative traces the rays again
        colour = self.colours.at(face, uv, active)
        point = self.points.at(face, uv, active)
        e1, e2 = self.points.edges(face, active)
        cross = dr.cross(e1, e2)
        area = dr.rcp(dr.squared_norm(cross))
        # the ray's direction with unit depth, so that it is linear in the camera
        ray = rays.d * dr.rcp(dr.dot(rays.d, lens.forward))
        x, y = dr.dot(ray, lens.left), dr.dot(ray, lens.up)
        depth = dr.dot(point - lens.origin, lens.forward)
        slope = dr.rcp(dr.dot(cross, ray))
        normal = None if self.normals is None else self.normals.at(face, uv, active)
        shaded = colour if normal is None else self._phong(colour, normal, point, lens.origin)
        picture = self._pictures(pixel_means(dr.select(active, mi.Color3f(shaded), self.background), spp), 1)[
            0
        ]
        half = lens.half
        rows = []
        for k in range(len(moved.half)):
            left, up, forward, origin = (
                _vector(axis[k]) for axis in (moved.left, moved.up, moved.forward, moved.origin)
            )
            wider = dr.opaque(mi.Float, float(moved.half[k])) / half
            turn = forward + left * x + up * y + (lens.left * x + lens.up * y) * wider
            slide = origin + depth * turn
            slide -= ray * (dr.dot(cross, slide) * slope)  # stays on the triangle
            du, dv = dr.dot(dr.cross(slide, e2), cross) * area, dr.dot(dr.cross(e1, slide), cross) * area
            change = self.colours.change(face, du, dv, active)
            if normal is not None:
                assert self.normals is not None
                turned = self.normals.change(face, du, dv, active)
                change = self._phong_change(
                    (colour, normal, point, lens.origin), (change, turned, slide, origin)
                )
            change = dr.select(active & dr.all(dr.isfinite(change)), mi.Color3f(change), 0.0)
            rows.append(self._pictures(pixel_means(change, spp), 1)[0])
        return picture, np.stack(rows)

    def _phong_change(self, values: tuple[Any, ...], changes: tuple[Any, ...]) -> Any:
        """Return the derivative of `_phong` along the changes of its arguments, by forward mode."""
        import drjit as dr
        import mitsuba as mi

        inputs = [mi.Vector3f(dr.detach(value)) + mi.Vector3f(0.0) for value in values]
        for one, change in zip(inputs, changes, strict=True):
            dr.enable_grad(one)
            dr.set_grad(one, mi.Vector3f(change))
        shaded = self._phong(*inputs)
        dr.enqueue(dr.ADMode.Forward, *inputs)
        dr.traverse(dr.ADMode.Forward)
        return dr.grad(shaded)

    def _boundary(self, camera: Camera, moved: Motion, per_pixel: float, seed: int) -> np.ndarray:
        """Return what outlines add to the derivatives as they sweep over the film."""
        import mitsuba as mi

        size = self.height * self.width
        rng = np.random.default_rng(derive_seed("outlines", seed))
        samples = sample_outlines(self.edges, camera, self.width, self.height, per_pixel, rng)
        count = len(samples.where)
        if count == 0:
            return np.zeros((len(moved.half), self.height, self.width, 3), np.float32)
        beside = samples.normals * BESIDE * self.width
        film = np.concatenate([samples.where - beside, samples.where + beside]) / (self.width, self.height)
        lens = self._lens(camera)
        rays = lens.ray(mi.Point2f(*np.ascontiguousarray(film.T, dtype=np.float32)))
        seen = np.array(self._shade(rays), dtype=np.float64)
        difference = (seen[:, :count] - seen[:, count:]) * samples.step
        speed = (film_motion(camera, moved, samples.points, self.width) * samples.normals).sum(axis=-1)
        column = np.clip(samples.where[:, 0].astype(np.int64), 0, self.width - 1)
        row = np.clip(samples.where[:, 1].astype(np.int64), 0, self.height - 1)
        pixel = row * self.width + column
        added = [
            np.bincount(pixel, one_speed * channel, minlength=size)
            for one_speed in speed
            for channel in difference
        ]
        return (
            np.stack(added)
            .reshape(len(speed), 3, self.height, self.width)
            .transpose(0, 2, 3, 1)
            .astype(np.float32)
        )


class _Corners:
    """A vector at every corner of every face, shape (F, 3, 3), interpolated within."""

    def __init__(self, values: np.ndarray) -> None:
        import mitsuba as mi

        base, one, two = (np.asarray(values[:, corner], np.float32) for corner in range(3))
        self.base, self.one, self.two = (
            mi.Float(np.ascontiguousarray(part).ravel()) for part in (base, one - base, two - base)
        )

    def edges(self, face: Any, active: Any) -> tuple[Any, Any]:
        """Return the differences along the two barycentric directions."""
        import drjit as dr
        import mitsuba as mi

        return dr.gather(mi.Vector3f, self.one, face, active), dr.gather(mi.Vector3f, self.two, face, active)

    def at(self, face: Any, uv: Any, active: Any) -> Any:
        """Return the value at barycentric coordinates."""
        import drjit as dr
        import mitsuba as mi

        return dr.gather(mi.Vector3f, self.base, face, active) + self.change(face, uv.x, uv.y, active)

    def change(self, face: Any, du: Any, dv: Any, active: Any) -> Any:
        """Return the change of the value as barycentric coordinates change."""
        one, two = self.edges(face, active)
        return one * du + two * dv


def _vector(values: np.ndarray) -> Any:
    """Return a vector whose numbers are not compiled into the kernel."""
    import drjit as dr
    import mitsuba as mi

    return mi.Vector3f(*(dr.opaque(mi.Float, float(value)) for value in values))
