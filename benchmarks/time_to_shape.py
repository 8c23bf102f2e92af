"""CPU time until a sphere has come near a shape, at several settings: python benchmarks/time_to_shape.py [--limit-s 240]

Pixel MAE on Suzanne's stand-in under a constant light, 64 px, 16 target views. Every 4 steps the Chamfer distance is
measured, outside of the clock; a case ends when it has fallen to a fifth of the sphere's, or at the limit. The learning
rate does not fall over time, as none of the cases knows how long it will run. One thread, process CPU seconds, means over three seeds.
Writes benchmarks/out/time_to_shape.json.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from rerender.catalogue.registry import envmap, scene
from rerender.catalogue.standins import suzanne
from rerender.core.meshes import Mesh, icosphere
from rerender.core.seeds import SeedStream
from rerender.fitting.optimisers import Optimisers
from rerender.papers.metamers.geometry import GeometryProblem
from rerender.papers.metamers.objective import Objective
from rerender.papers.metamers.settings import GeometryRun
from rerender.papers.metamers.tiers import TIERS
from rerender.papers.metamers.world import World, build, training_cameras
from rerender.perception.metrics.geometry import geometry_metrics
from rerender.perception.models.base import load_model
from rerender.rendering.differentiable import Renderer
from rerender.rendering.variants import start_variant
from rerender.runtime.threads import limit_threads

NEAR = 5.0
CHECK_EVERY = 4
SEEDS = (1, 2, 3)
SAMPLES = 8_000


def make_world() -> World:
    """Suzanne's stand-in, 3 units along its diagonal, under a constant light."""
    raw = suzanne()
    size = float(((raw.vertices.max(0) - raw.vertices.min(0)) ** 2).sum() ** 0.5)
    mesh = Mesh((raw.vertices - raw.vertices.mean(0)) * (3.0 / size), raw.faces)
    return World(scene("suzanne"), envmap("constant"), mesh, None, None, None)


def targets(world: World, settings: GeometryRun) -> torch.Tensor:
    """Render the target views with the filter that the run has."""
    cameras = training_cameras(world, settings.n_views)
    described = build(world, cameras, settings.image_size, batched=settings.batched_views)
    count = len(cameras)
    return Renderer(described).render({}, views=range(count), seeds=range(100, 100 + count), spp=256)


def seconds_to_near(world: World, settings: GeometryRun, limit_s: float, seed: int) -> dict[str, float]:
    """Fit until the distance has fallen `NEAR` times; return CPU seconds, steps and the ratio reached."""
    sphere = icosphere(settings.start_subdivisions, world.scene.start_radius)
    start = geometry_metrics(sphere, world.mesh, SAMPLES, seed=0)["chamfer_l1"]
    objective = Objective(load_model("mae", weights={}, device=torch.device("cpu")), targets(world, settings))
    problem = GeometryProblem(world, sphere, objective, settings)
    problem.step(0, SeedStream(("warm-up",)))  # compiles the kernels
    optimisers = Optimisers(problem.parameters())
    spent, step, ratio = 0.0, 0, 1.0
    while ratio < NEAR and spent < limit_s:
        began = time.process_time()
        for _ in range(CHECK_EVERY):
            optimisers.zero_grad()
            problem.step(step, SeedStream(("benchmark", seed, step)))
            optimisers.step(1.0)
            if problem.project(step):
                optimisers = Optimisers(problem.parameters())
            step += 1
        spent += time.process_time() - began
        ratio = start / geometry_metrics(problem.mesh(), world.mesh, SAMPLES, seed=0)["chamfer_l1"]
    return {"cpu_s": spent, "steps": step, "views": step * settings.views_per_step, "ratio": ratio}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit-s", type=float, default=240.0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/time_to_shape.json"))
    arguments = parser.parse_args()
    limit_threads(1)
    report: dict[str, Any] = {"backend": start_variant("auto", threads=1), "near": NEAR}
    world = make_world()
    tier = TIERS["laptop"].geometry.run(replace(world.scene))
    joint = tier.model_copy(update={"spp": 16, "lr": 0.1})
    one_by_one = joint.model_copy(update={"batched_views": False})
    published = {"spp": 16, "spp_grad": 16, "views_per_step": 1, "sppi": 16, "guiding": "octree"}
    cases = {
        "plug-in defaults (octree), 16 / 16 spp, one view a step": one_by_one.model_copy(update=published),
        "no guiding, no shadow outlines, 16 / 16 spp": one_by_one.model_copy(update={"spp_grad": 16}),
        "16 / 4 spp, view after view": one_by_one,
        "16 / 4 spp, views in one kernel": joint,
        "laptop: 12 / 4 spp, views in one kernel, larger steps": tier,
        "16 / 1 spp, views in one kernel": joint.model_copy(update={"spp_grad": 1}),
        "4 / 1 spp, views in one kernel": joint.model_copy(update={"spp": 4, "spp_grad": 1}),
        "48 px, views in one kernel": joint.model_copy(update={"image_size": 48}),
        "4 views a step in one kernel": joint.model_copy(update={"views_per_step": 4}),
    }
    print(f"{'':60}{'CPU s':>8}{'steps':>7}{'views':>7}{'start/now':>11}")
    for name, settings in cases.items():
        found = [seconds_to_near(world, settings, arguments.limit_s, seed) for seed in SEEDS]
        row = report[name] = {key: mean(one[key] for one in found) for key in found[0]}
        print(
            f"{name:60}{row['cpu_s']:8.1f}{row['steps']:7.0f}{row['views']:7.0f}{row['ratio']:10.1f}x",
            flush=True,
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
