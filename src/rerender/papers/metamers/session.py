"""What every stage of a run needs to begin: variant, device and the target scene in memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from rerender.catalogue.specs import EnvmapSpec, SceneSpec
from rerender.papers.metamers.world import SceneFiles, World, load_world
from rerender.rendering.variants import start_variant
from rerender.runtime.device import torch_device
from rerender.runtime.memory import keep_freed_memory


@dataclass(frozen=True, eq=False)
class Session:
    """A running backend with a target scene."""

    backend: str
    device: torch.device
    world: World
    origin: str


def open_session(
    scene: SceneSpec, envmap: EnvmapSpec, files: SceneFiles, *, variant: str, threads: int
) -> Session:
    """Start the variant, limit threads, and read the scene's files."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    backend = start_variant(variant, threads=threads)
    # an analytic BSDF takes the place of a measured one without a file that could say so
    origin = "standin" if scene.bsdf_files and files.bsdf is None else files.origin
    return Session(backend, torch.device(torch_device(backend)), load_world(scene, envmap, files), origin)
