"""What recording a step saves against tracing it, and what neighbouring samples of a pixel in neighbouring lanes save.

    python benchmarks/recorded_step.py

Steps of the laptop tier's kind (64 px), recorded and traced in turns; the same paths of a render with all samples of a pixel side by side,
and with sample k of all pixels, then k + 1. Process CPU seconds of one thread, medians; ratios are within this run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from rerender.catalogue.standins import dragon, ground_square, with_planar_texcoords
from rerender.core.cameras import fibonacci_cameras, material_cameras
from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.differentiable import Renderer
from rerender.rendering.pinholes import lane_sampler, pixel_samples
from rerender.rendering.recording import Recorded
from rerender.rendering.scenes import EnvironmentMap, Film, Scene, Shape, texture
from rerender.rendering.skies import bake_sky
from rerender.rendering.variants import start_variant
from rerender.runtime.threads import limit_threads

POSITIONS, COLOUR = "object.vertex_positions", "object.bsdf.base_color.data"
FILM = Film(64, 64, "box")


def seconds(cases: dict[str, Callable[[int], None]], repeats: int) -> dict[str, float]:
    """Return the median CPU seconds of each case, in turns, after a warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(repeats + 2):
        for name, case in cases.items():
            began = time.process_time()
            case(turn)
            if turn >= 2:
                taken[name].append(time.process_time() - began)
    return {name: median(times) for name, times in taken.items()}


def recorded_and_traced(step: Callable[[int], None]) -> dict[str, Callable[[int], None]]:
    """Return the step with and without recordings."""
    import drjit as dr

    def traced(seed: int) -> None:
        dr.set_flag(dr.JitFlag.KernelFreezing, False)
        step(seed)
        dr.set_flag(dr.JitFlag.KernelFreezing, True)

    return {"recorded": step, "traced": traced}


def step_of(renderer: Renderer, key: str, at: np.ndarray, **how: Any) -> Callable[[int], None]:
    """Return a gradient step from a seed."""

    def step(seed: int) -> None:
        leaf = torch.tensor(at * (1 + 1e-3 * (seed % 7)), dtype=torch.float32, requires_grad=True)
        views = how["views"]
        images = renderer.render({key: leaf}, seeds=[seed] * len(views), **how)
        images.mean().backward()  # type: ignore[no-untyped-call]

    return step


def orders(renderer: Renderer, views: tuple[int, ...], spp: int) -> dict[str, Callable[[int], None]]:
    """Return renders of the same paths in two orders of the lanes."""
    import drjit as dr
    import mitsuba as mi

    joint = renderer.joint
    assert joint is not None
    pixels = len(views) * FILM.width * FILM.height

    def radiance(scene: Any, integrator: Any, pinholes: Any, chosen: Any, seed: Any, by_pixel: bool) -> Any:
        with dr.suspend_grad():  # type: ignore[no-untyped-call]
            rays, sampler = pixel_samples(pinholes, chosen, seed, spp)
            if not by_pixel:
                lane = dr.arange(mi.UInt32, pixels * spp)
                sampler = lane_sampler(seed, lane)
                pixel, within = lane % pixels, sampler.next_2d()
                slot, inside = pixel // (FILM.width * FILM.height), pixel % (FILM.width * FILM.height)
                column, row = inside % FILM.width, inside // FILM.width
                position = mi.Point2f((column + within.x) / FILM.width, (row + within.y) / FILM.height)
                rays = pinholes.select(dr.gather(mi.UInt32, chosen, slot)).ray(position)
            found, *_ = integrator.sample(
                mode=dr.ADMode.Primal,
                scene=scene,
                sampler=sampler,
                ray=rays,
                depth=mi.UInt32(0),
                δL=None,
                δaovs=None,
                state_in=None,
                active=mi.Bool(True),
                project=False,
                si_shade=None,
            )
            return found

    render = Recorded(radiance)

    def case(by_pixel: bool) -> Callable[[int], None]:
        def run(seed: int) -> None:
            arrays = (
                joint.scene,
                joint.integrator,
                joint.pinholes,
                mi.UInt32(views),
                dr.opaque(mi.UInt32, seed),
            )
            dr.eval(render(arrays, (by_pixel,)))
            dr.sync_thread()

        return run

    return {"pixel after pixel": case(True), "sample after sample": case(False)}


def main() -> None:
    """Measure and print."""
    limit_threads(1)
    start_variant("llvm_ad_rgb", threads=1)
    sky = bake_sky(sun_elevation_deg=40, sun_azimuth_deg=60, turbidity=4, albedo=0.3, height=64, sun_scale=0)
    mesh = icosphere(4)
    x, y = mesh.vertices[:, 0], mesh.vertices[:, 1]
    mesh = Mesh(mesh.vertices * (1 + 0.3 * np.sin(3 * x) * np.cos(4 * y))[:, None], mesh.faces)
    projective = {"type": "direct_projective", "sppi": 0, "guiding": "none"}
    shape = Renderer(
        Scene(
            [Shape("object", mesh, {"type": "diffuse"})],
            [EnvironmentMap(sky)],
            fibonacci_cameras(8),
            FILM,
            projective,
            True,
        ),
        [POSITIONS],
    )
    raw = dragon()
    body = with_planar_texcoords(Mesh(np.add(raw.vertices, (0.0, 0.6, 0.0)) * 2.0, raw.faces))
    colours = np.full((32, 48, 3), 0.5, np.float32)
    bsdf = {
        "type": "principled",
        "base_color": texture(colours),
        "roughness": 0.5,
        "spec_trans": 0.5,
        "eta": 1.4,
    }
    parts = [Shape("object", body, bsdf), Shape("ground", ground_square(10.0), {"type": "diffuse"})]
    prb = {"type": "prb", "max_depth": 8, "rr_depth": 5}
    material = Renderer(Scene(parts, [EnvironmentMap(sky)], material_cameras(), FILM, prb, True), [COLOUR])
    shown = tuple(range(4)) * 2
    cases = {
        "shape, 12 and 4 samples": recorded_and_traced(
            step_of(shape, POSITIONS, mesh.vertices, views=(0, 1), spp=12, spp_grad=4)
        ),
        "material, 16 and 2 samples": recorded_and_traced(
            step_of(material, COLOUR, colours, views=shown, spp=16, spp_grad=2, replay=True)
        ),
        "shape, render alone": orders(shape, (0, 1), 12),
        "material, render alone": orders(material, shown, 16),
    }
    for name, pair in cases.items():
        found = seconds(pair, 9)
        (one, first), (other, second) = found.items()
        print(f"{name:28}{one} {1000 * first:.0f} ms, {other} {1000 * second:.0f} ms: {first / second:.2f}")


if __name__ == "__main__":
    main()
