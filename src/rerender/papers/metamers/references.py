"""Target views of one scene under one light, rendered once and shared by all models and seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerender.catalogue.specs import EnvmapSpec, SceneSpec
from rerender.core.cameras import to_world
from rerender.core.files import save_tree
from rerender.core.seeds import SeedStream
from rerender.papers.metamers.session import open_session
from rerender.papers.metamers.settings import ReferenceSettings
from rerender.papers.metamers.world import SceneFiles, build, primal_integrator, training_cameras
from rerender.rendering.differentiable import Renderer


def make_references(
    *,
    scene: SceneSpec,
    envmap: EnvmapSpec,
    files: SceneFiles,
    settings: ReferenceSettings,
    out: Path,
    variant: str = "auto",
    threads: int = 1,
) -> None:
    """Render the targets and write `radiance` (N, H, W, 3) float32, `to_world` (N, 4, 4), `fov_deg`, `spp` and `seed`.

    The seeds belong to targets alone: no optimisation render ever shares one.
    """
    session = open_session(scene, envmap, files, variant=variant, threads=threads)
    cameras = training_cameras(session.world, settings.n_views)
    described = build(
        session.world,
        cameras,
        settings.image_size,
        integrator=primal_integrator(scene, settings.max_depth),
        batched=settings.batched_views,
    )
    stream = target_seeds(scene.id, envmap.id)
    seeds = [stream.seed(view) for view in range(len(cameras))]
    radiance = Renderer(described).render({}, views=range(len(cameras)), seeds=seeds, spp=settings.spp)
    save_tree(
        out,
        {
            "radiance": radiance.cpu().numpy().astype(np.float32),
            "to_world": np.stack([to_world(camera) for camera in cameras]),
            "fov_deg": np.array([camera.fov_deg for camera in cameras]),
            "spp": settings.spp,
            "seed": np.array(seeds, dtype=np.int64),
        },
    )


def target_seeds(scene: str, envmap: str) -> SeedStream:
    """Return the random stream of the target views; only frozen seeds, as in the released code, share one of them."""
    return SeedStream((scene, envmap, "target"))
