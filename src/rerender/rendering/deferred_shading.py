"""Monte Carlo shading of G-buffers by Mitsuba: its `principled` BSDF under a lat-long map, shadows included, direct light only.

The same call as `split_sum.shade`, without its approximations and with noise. First hits are known, so only light is
sampled: from the emitter and from the BSDF, combined by the balance of their squared densities. Materials and normals
are differentiable by detached sampling: directions and densities are constants, the BSDF's value is not. (Attached
sampling, that of Mitsuba's `direct`, makes the gradient by roughness far noisier.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rerender.core.meshes import Mesh
from rerender.rendering.gbuffers import GBuffer
from rerender.rendering.scenes import ConstantLight, EnvironmentMap, Film, Scene, Shape, build_scene

LANES = 2**22
"""Samples at a time where nothing is differentiated."""


class DeferredShader:
    """A mesh (for shadows) and a light, ready to shade its G-buffers. Needs a Mitsuba variant.

    `radiance` (H, 2 H, 3), y up. Without `shadows` the mesh blocks nothing, as in split-sum shading.
    """

    def __init__(self, mesh: Mesh, radiance: np.ndarray, *, shadows: bool = True) -> None:
        shape = Shape("object", mesh, {"type": "diffuse"})
        even = np.ptp(radiance) == 0.0
        light = ConstantLight(float(radiance.flat[0])) if even else EnvironmentMap(radiance)
        self.scene = build_scene(Scene([shape], [light], (), Film(1, 1)))
        self.shadows = shadows
        self.materials: dict[tuple[int, int], Any] = {}

    def shade(
        self,
        gbuffer: GBuffer,
        albedo: torch.Tensor,
        roughness: torch.Tensor,
        metallic: torch.Tensor,
        normals: torch.Tensor,
        *,
        seed: int,
        spp: int,
    ) -> torch.Tensor:
        """Return linear radiance (N, 3) of the pixels of a G-buffer by `spp` light samples of either kind a pixel.

        `albedo` (N, 3) linear, `roughness` and `metallic` (N, 1), `normals` (N, 3) unit, in the world; float32. Take the
        gradient before the next call, and give every step its own seed.
        """
        import drjit as dr
        import mitsuba as mi

        rows, columns = gbuffer.shape[0] * gbuffer.shape[1], gbuffer.shape[2]
        bsdf, parameters = self._material(rows, columns)
        places = _Places(gbuffer)

        def estimate(screens: Any, shading: Any, samples: int, stream: int) -> Any:
            for key, pixels in zip(_KEYS, screens, strict=True):
                parameters[key] = mi.TensorXf(pixels.array, (rows, columns, 3 if key == _KEYS[0] else 1))
            parameters.update()
            normal = dr.unravel(mi.Vector3f, shading.array)
            mean: Any = dr.ravel(self._mean(bsdf, places, normal, stream, samples))
            return mi.TensorXf(mean, (len(gbuffer), 3))

        screens = [
            gbuffer.images(values).reshape(rows, columns, -1) for values in (albedo, roughness, metallic)
        ]
        inputs = [*screens, normals]
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs):
            wrapped: Any = dr.wrap(source="torch", target="drjit")(
                lambda a, r, m, n: estimate((a, r, m), n, spp, seed)
            )
            found: torch.Tensor = wrapped(*(tensor.contiguous() for tensor in inputs))
            return found
        return self._primal(inputs, estimate, len(gbuffer), spp, seed)

    def _primal(
        self, inputs: list[torch.Tensor], estimate: Any, count: int, spp: int, seed: int
    ) -> torch.Tensor:
        """Return the mean of several estimates, each of at most `LANES` samples."""
        import drjit as dr
        import mitsuba as mi

        *screens, normals = (mi.TensorXf(tensor.detach().cpu().contiguous().numpy()) for tensor in inputs)
        most = max(1, LANES // max(count, 1))
        total, done = np.zeros((count, 3)), 0
        while done < spp:
            samples = min(most, spp - done)
            with dr.suspend_grad():  # type: ignore[no-untyped-call]
                part = estimate(screens, normals, samples, (seed + 7919 * done) & 0xFFFFFFFF)
            total += samples * np.array(part, dtype=np.float64)
            done += samples
        return torch.from_numpy((total / spp).astype(np.float32)).to(inputs[-1].device)

    def _material(self, rows: int, columns: int) -> tuple[Any, Any]:
        """Return a `principled` BSDF whose textures are as large as the G-buffer's picture, and its parameters."""
        import mitsuba as mi

        if (rows, columns) not in self.materials:
            described: dict[str, Any] = {"type": "principled", "specular": 0.5}
            for key, channels in (("base_color", 3), ("roughness", 1), ("metallic", 1)):
                described[key] = {
                    "type": "bitmap",
                    "bitmap": mi.Bitmap(np.full((rows, columns, channels), 0.5, np.float32)),
                    "raw": True,
                    "filter_type": "nearest",
                    "wrap_mode": "clamp",
                }
            bsdf = mi.load_dict(described)
            self.materials[rows, columns] = (bsdf, mi.traverse(bsdf))
        bsdf, parameters = self.materials[rows, columns]
        return bsdf, parameters

    def _mean(self, bsdf: Any, places: _Places, normal: Any, seed: int, spp: int) -> Any:
        """Return the mean radiance of every pixel over its samples."""
        import drjit as dr
        import mitsuba as mi

        count = places.count
        pixel: Any = dr.arange(mi.UInt32, count * spp) % count
        sampler = mi.load_dict({"type": "independent", "sample_count": spp})
        sampler.seed(dr.opaque(mi.UInt32, seed), count * spp)  # a literal would be compiled in
        si = places.interactions(pixel, dr.gather(mi.Vector3f, normal, pixel))
        radiance = self._by_light(bsdf, si, sampler) + self._by_bsdf(bsdf, si, sampler)
        mean = dr.zeros(mi.Color3f, count)
        dr.scatter_reduce(dr.ReduceOp.Add, mean, radiance / spp, pixel)
        return mean

    def _by_light(self, bsdf: Any, si: Any, sampler: Any) -> Any:
        """Return the share of directions that were drawn from the light."""
        import drjit as dr
        import mitsuba as mi

        context = mi.BSDFContext()
        sample, weight = self.scene.sample_emitter_direction(dr.detach(si), sampler.next_2d(), self.shadows)
        local = si.to_local(dr.detach(sample.d))
        density = dr.detach(bsdf.pdf(context, si, local))
        share = _balance(sample.pdf, density)
        return bsdf.eval(context, si, local) * dr.detach(weight) * dr.select(sample.pdf > 0.0, share, 0.0)

    def _by_bsdf(self, bsdf: Any, si: Any, sampler: Any) -> Any:
        """Return the share of directions that were drawn from the BSDF."""
        import drjit as dr
        import mitsuba as mi

        context = mi.BSDFContext()
        still = dr.detach(si)
        sample, _ = bsdf.sample(context, still, sampler.next_1d(), sampler.next_2d())
        world = dr.detach(still.to_world(sample.wo))
        density = dr.detach(sample.pdf)
        free = density > 0.0
        if self.shadows:
            free &= ~self.scene.ray_test(still.spawn_ray(world))
        emitter = self.scene.environment()
        far = dr.zeros(mi.SurfaceInteraction3f)
        far.wi = -world
        incoming = dr.detach(emitter.eval(far))
        seen = dr.zeros(mi.DirectionSample3f)
        seen.d = world
        share = _balance(density, dr.detach(emitter.pdf_direction(still, seen)))
        value = bsdf.eval(context, si, si.to_local(world))
        return dr.select(free, value * incoming * (share / dr.maximum(density, 1e-20)), 0.0)


_KEYS = ("base_color.data", "roughness.data", "metallic.data")


class _Places:
    """What a G-buffer says of its pixels, as Dr.Jit arrays."""

    def __init__(self, gbuffer: GBuffer) -> None:
        import mitsuba as mi

        _, height, width = gbuffer.shape
        self.count = len(gbuffer)
        pixels = gbuffer.pixels.cpu().numpy()
        rows = gbuffer.shape[0] * height
        u, v = (pixels % width + 0.5) / width, (pixels // width + 0.5) / rows
        self.uv = mi.Point2f(np.stack([u, v]).astype(np.float32))
        self.position, self.geometric, self.toward = (
            mi.Vector3f(np.ascontiguousarray(values.detach().cpu().numpy().T.astype(np.float32)))
            for values in (gbuffer.positions, gbuffer.geometric, gbuffer.toward)
        )

    def interactions(self, pixel: Any, normal: Any) -> Any:
        """Return surface interactions at pixels (UInt32 lanes), with shading normals."""
        import drjit as dr
        import mitsuba as mi

        si = dr.zeros(mi.SurfaceInteraction3f, dr.width(pixel))
        si.p = mi.Point3f(dr.gather(mi.Vector3f, self.position, pixel))
        si.n = mi.Normal3f(dr.gather(mi.Vector3f, self.geometric, pixel))
        si.uv = dr.gather(mi.Point2f, self.uv, pixel)
        si.sh_frame = mi.Frame3f(dr.normalize(normal))
        si.wi = si.to_local(dr.gather(mi.Vector3f, self.toward, pixel))
        return si


def _balance(this: Any, other: Any) -> Any:
    """Return the power heuristic's weight of the sampling whose density is `this`."""
    import drjit as dr

    first, second = dr.square(this), dr.square(other)
    return dr.detach(dr.select(first > 0.0, first / (first + second), 0.0))
