"""Tiny real worlds for the problems' tests: a stretched sphere to be found, and a small textured body."""

from __future__ import annotations

import numpy as np
import torch

from rerender.catalogue import registry
from rerender.catalogue.standins import ground_square, with_planar_texcoords
from rerender.core.meshes import Mesh, icosphere
from rerender.papers.metamers.material import MaterialProblem
from rerender.papers.metamers.objective import Objective
from rerender.papers.metamers.settings import GeometryRun, MaterialRun
from rerender.papers.metamers.world import World, build, primal_integrator, training_cameras
from rerender.perception.models.base import load_model
from rerender.rendering.differentiable import Renderer

SIZE = 32


def sky() -> np.ndarray:
    rows, columns = np.mgrid[0:8, 0:16]
    up = 1.5 - rows / 7
    return np.stack([up * (1 + 0.5 * np.cos(columns)), up, up], axis=-1).astype(np.float32)


def ellipsoid() -> Mesh:
    sphere = icosphere(3)
    return Mesh(sphere.vertices * np.array([0.7, 1.2, 0.9]), sphere.faces)


def shape_world() -> World:
    return World(registry.scene("bunny"), registry.envmap("venice_sunset"), ellipsoid(), sky(), None, None)


def material_world(scene: str = "diffuse") -> World:
    body = icosphere(3)
    placed = Mesh(body.vertices * 1.8 + np.array([0.0, 1.8, 0.0]), body.faces)
    colours = np.full((4, 6, 3), 0.5, np.float32)
    colours[:, :3] = (0.8, 0.3, 0.2)
    return World(
        registry.scene(scene),
        registry.envmap("builtin"),
        with_planar_texcoords(placed),
        sky(),
        colours,
        ground_square(8.0),
    )


def shape_settings(**changes: object) -> GeometryRun:
    values: dict[str, object] = {
        "image_size": SIZE,
        "spp": 8,
        "spp_grad": 4,
        "n_views": 4,
        "views_per_step": 2,
        "iterations": 30,
        "window": 2,
        "large_steps_lambda": 15.0,
        "lr": 0.1,
        "lr_final_factor": 1.0,
        "remesh_steps": (),
        "remesh_lr_factor": 0.8,
        "start_subdivisions": 3,
        "sppi": 0,
        "guiding": "none",
        "observe_every": 10,
        "patience_windows": None,
        "min_delta": 0.0,
        "checkpoint_seconds": 20.0,
    }
    return GeometryRun.model_validate(values | changes)


def material_settings(**changes: object) -> MaterialRun:
    values: dict[str, object] = {
        "image_size": SIZE,
        "spp": 8,
        "spp_grad": 8,
        "n_views": 4,
        "batched_views": False,
        "iterations": 20,
        "lr": 0.05,
        "lr_final_factor": 1.0,
        "max_depth": 3,
        "texture_size": (4, 6),
        "integrator": "prb",
        "observe_every": 10,
        "patience_windows": None,
        "min_delta": 0.0,
        "checkpoint_seconds": 20.0,
    }
    return MaterialRun.model_validate(values | changes)


def objective(world: World, model: str, *, batched: bool = False, spp: int = 128) -> Objective:
    cameras = training_cameras(world, 4)
    scene = build(world, cameras, SIZE, integrator=primal_integrator(world.scene, 3), batched=batched)
    radiance = Renderer(scene).render({}, views=range(4), seeds=(91, 92, 93, 94), spp=spp)
    return Objective(load_model(model), radiance)


def grad_of(problem: MaterialProblem, name: str) -> torch.Tensor:
    gradient = problem.tensors[name].grad
    assert gradient is not None
    return gradient
