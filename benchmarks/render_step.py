"""What a step costs against the original's settings, at which gradient quality: both families, one run, one thread.

    python benchmarks/render_step.py                 # prints a table and writes benchmarks/out/render_step.json
    python benchmarks/render_step.py --size 64 --repeats 4

Geometry (two views a step): `direct_projective` with the plug-in's defaults, as the original has it (octree guiding,
adjoint samples = primal samples), down to the laptop tier's settings (two views in one kernel, few adjoint samples).
Material (two renders of each of four views a step, for the dual buffer): `path` by plain automatic differentiation, one
view after the other, down to replay of the render's own paths with all views in one kernel and few adjoint samples.
All cases of a family have the same primal samples.

Quality: cosine with, and norm along, the mean gradient of many samples. `faster, equal noise` is the ratio of times
that averages of gradients need for the same noise: time x (1 / cosine^2 - 1).
Times are process CPU seconds, medians after a warm-up; ratios are within this run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from rerender.catalogue.standins import dragon, ground_square, with_planar_texcoords
from rerender.core.cameras import fibonacci_cameras, material_cameras
from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.differentiable import Renderer
from rerender.rendering.scenes import ConstantLight, EnvironmentMap, Film, Scene, Shape, texture
from rerender.rendering.skies import bake_sky
from rerender.rendering.tonemap import reinhard_srgb
from rerender.rendering.variants import start_variant
from rerender.runtime.threads import limit_threads

POSITIONS = "object.vertex_positions"
COLOUR = "object.bsdf.base_color.data"
Gradient = Callable[[int], np.ndarray]


def bumpy_sphere() -> Mesh:
    """A shape half-way through a fit: concave and convex parts, silhouettes in all views."""
    sphere = icosphere(4)
    x, y = sphere.vertices[:, 0], sphere.vertices[:, 1]
    return Mesh(sphere.vertices * (1 + 0.3 * np.sin(3 * x) * np.cos(4 * y))[:, None], sphere.faces)


def gradient_function(
    scene: Scene,
    key: str,
    at: np.ndarray,
    target: torch.Tensor,
    spp: int,
    spp_grad: int,
    replay: bool = False,
) -> Gradient:
    """Return seed -> gradient of the loss over all views: mean absolute error (geometry) or dual buffer (material)."""
    renderer = Renderer(scene, [key])
    count = len(scene.cameras)
    views = list(range(count)) * (1 if key == POSITIONS else 2)

    def gradient(seed: int) -> np.ndarray:
        leaf = torch.tensor(at, dtype=torch.float32, requires_grad=True)
        images = renderer.render(
            {key: leaf},
            views=views,
            seeds=[1000 * seed + k for k in range(len(views))],
            spp=spp,
            spp_grad=spp_grad,
            replay=replay,
        )
        first, second = (reinhard_srgb(part) - target for part in (images[:count], images[-count:]))
        loss = first.abs().mean() if key == POSITIONS else (first * second).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return leaf.grad.numpy().ravel().copy()

    return gradient


def measure(gradient: Gradient, reference: np.ndarray, repeats: int) -> dict[str, float]:
    """Return the median CPU seconds of a step, and the quality of single gradients and of their mean."""
    gradient(0)
    seconds, found = [], []
    for seed in range(1, repeats + 1):
        began = time.process_time()
        found.append(gradient(seed))
        seconds.append(time.process_time() - began)
    single = float(np.mean([cosine(g, reference) for g in found]))
    mean = np.mean(found, axis=0)
    return {
        "cpu_s": median(seconds),
        "cosine": single,
        "cpu_s_equal_noise": median(seconds) * (1.0 / single**2 - 1.0),
        "cosine_of_mean": cosine(mean, reference),
        "projected_norm": float(mean @ reference / (reference @ reference)),
    }


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of two flat vectors."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def geometry_cases(size: int) -> tuple[dict[str, Gradient], Gradient]:
    """Return the cases and the reference of the shape family: two views a step."""
    mesh = bumpy_sphere()
    grey = {"type": "diffuse"}

    def scene(shape: Mesh, integrator: dict[str, Any], batched: bool) -> Scene:
        return Scene(
            [Shape("object", shape, grey)],
            [ConstantLight(1.0)],
            fibonacci_cameras(8)[:2],
            Film(size, size, "box"),
            integrator,
            batched,
        )

    fitted = scene(icosphere(4), {"type": "direct"}, False)
    target = reinhard_srgb(Renderer(fitted).render({}, views=[0, 1], seeds=[7, 8], spp=1024))

    def case(integrator: dict[str, Any], spp: int, spp_grad: int, batched: bool = False) -> Gradient:
        described = scene(mesh, {"type": "direct_projective", **integrator}, batched)
        return gradient_function(described, POSITIONS, mesh.vertices, target, spp, spp_grad)

    fast = {"sppi": 0, "guiding": "none"}
    cases = {
        "plug-in defaults (octree), 16 / 16 spp": case({}, 16, 16),
        "no guiding, 16 / 16 spp": case({"guiding": "none"}, 16, 16),
        "no shadow outlines, 16 / 16 spp": case(fast, 16, 16),
        "no shadow outlines, 16 / 1 spp": case(fast, 16, 1),
        "views in one kernel, 16 / 16 spp": case(fast, 16, 16, True),
        "views in one kernel, 16 / 1 spp": case(fast, 16, 1, True),
        "views in one kernel, 16 / 4 spp": case(fast, 16, 4, True),
    }
    return cases, case({"guiding": "none"}, 256, 256)


def material_cases(size: int) -> tuple[dict[str, Gradient], Gradient]:
    """Return the cases and the reference of the material family: four views a step."""
    raw = dragon()
    body = with_planar_texcoords(Mesh(np.add(raw.vertices, (0.0, 0.6, 0.0)) * 2.0, raw.faces))
    sky = bake_sky(sun_elevation_deg=40, sun_azimuth_deg=60, turbidity=4, albedo=0.3, height=32, sun_scale=0)
    colours = np.full((32, 48, 3), 0.3, np.float32)

    def scene(pixels: np.ndarray, integrator: dict[str, Any], batched: bool) -> Scene:
        bsdf = {"type": "principled", "base_color": texture(pixels), "roughness": 0.5}
        ground = {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.3] * 3}}
        return Scene(
            [Shape("object", body, bsdf), Shape("ground", ground_square(10.0), ground)],
            [EnvironmentMap(sky)],
            material_cameras(),
            Film(size, size, "box"),
            {"max_depth": 8, "rr_depth": 5, **integrator},
            batched,
        )

    bright = np.full_like(colours, 0.7)
    views = range(4)
    truth = Renderer(scene(bright, {"type": "path"}, False)).render(
        {}, views=views, seeds=[1, 2, 3, 4], spp=256
    )
    target = reinhard_srgb(truth)

    def case(kind: str, batched: bool, spp: int, spp_grad: int, replay: bool = False) -> Gradient:
        described = scene(colours, {"type": kind}, batched)
        return gradient_function(described, COLOUR, colours, target, spp, spp_grad, replay)

    cases = {
        "path by plain AD, 16 / 16 spp": case("path", False, 16, 16),
        "prb, 16 / 16 spp": case("prb", False, 16, 16),
        "prb, views in one kernel, 16 / 16 spp": case("prb", True, 16, 16),
        "replay of the render's own paths, 16 / 16 spp": case("prb", True, 16, 16, True),
        "replay of the render's own paths, 16 / 8 spp": case("prb", True, 16, 8, True),
        "laptop: replay, 16 / 2 spp": case("prb", True, 16, 2, True),
    }
    return cases, case("prb", True, 128, 128)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/render_step.json"))
    arguments = parser.parse_args()
    limit_threads(1)
    backend = start_variant("auto", threads=1)
    report: dict[str, Any] = {"backend": backend, "size": arguments.size}
    for family, make in (("geometry", geometry_cases), ("material", material_cases)):
        cases, reference_of = make(arguments.size)
        reference = np.mean([reference_of(seed) for seed in (501, 502)], axis=0)
        rows = {name: measure(gradient, reference, arguments.repeats) for name, gradient in cases.items()}
        first = dict(next(iter(rows.values())))
        print(f"\n{family}, {arguments.size} px, {backend}")
        print(f"{'':46}{'CPU s':>8}{'faster':>8}{'equal noise':>13}{'cosine':>8}{'of mean':>9}{'norm':>7}")
        for name, row in rows.items():
            row["faster"] = first["cpu_s"] / row["cpu_s"]
            row["faster_equal_noise"] = first["cpu_s_equal_noise"] / row["cpu_s_equal_noise"]
            print(
                f"{name:46}{row['cpu_s']:8.3f}{row['faster']:7.1f}x{row['faster_equal_noise']:12.1f}x"
                f"{row['cosine']:8.3f}{row['cosine_of_mean']:9.3f}{row['projected_norm']:7.2f}"
            )
        report[family] = rows
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
