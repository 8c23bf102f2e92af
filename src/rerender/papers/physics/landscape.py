"""Figure 2: the loss between videos of a cube over the mass of its vertices (fact sheet, section 4.3).

Eight point masses at the corners of a cube of unit circumradius; 10 N downwards at two corners of one side, no gravity,
20 steps of 1/30 s, a frame each. Everything follows the released class: the lever of a force is the corner in the body's
frame, never turned; the orientation follows the angular velocity before the step; colours have the hard outline of the plain rasteriser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from rerender.core.files import atomic_path
from rerender.papers.physics.curves import (
    COMPARED,
    HEAVIEST,
    LAME_SLICES,
    LIGHTEST,
    PEAK,
    SELECTIONS,
    STEPS,
    TRUE_MASS,
    lame_metric_name,
    metric_name,
)
from rerender.papers.physics.drop_landscape import drop_landscape
from rerender.papers.physics.grid import Job
from rerender.papers.physics.lame_landscape import lame_landscape
from rerender.papers.physics.looks import YELLOW
from rerender.papers.physics.outputs import BACKEND, row_context
from rerender.papers.physics.shapes import shape
from rerender.papers.physics.specs import LandscapeSettings
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, run_id, write_manifest
from rerender.rendering.soft_rasteriser import SoftSettings, look_from, rasterise
from rerender.reporting.rows import write_rows
from rerender.simulation.mass_properties import point_masses
from rerender.simulation.rigid import RigidBodies, RigidClock, RigidState, simulate, world_points

DTYPE = torch.float64
JOB = Job("landscape", "default", 1)
STEP = 1.0 / 30.0
FORCE = 10.0


def sweep(settings: LandscapeSettings) -> np.ndarray:
    """Return the masses of a vertex [kg]: evenly spaced, with the truth, the maxima, and those at which published values are known."""
    even = np.linspace(LIGHTEST, HEAVIEST, settings.masses)
    return np.unique(np.concatenate([even, COMPARED, [TRUE_MASS, PEAK]]))


def video(mass: float, size: int) -> torch.Tensor:
    """Return the frames (20, size, size, 4) of a cube whose vertices have `mass` [kg] each."""
    cube = shape("box")
    vertices = torch.tensor(cube.vertices, dtype=DTYPE)
    pushed = vertices[(cube.vertices[:, 0] < 0) & (cube.vertices[:, 1] < 0)]
    bodies = RigidBodies(
        mass=torch.tensor([len(vertices) * mass], dtype=DTYPE),
        inertia=torch.tensor(point_masses(cube).inertia, dtype=DTYPE)[None],
        points=torch.zeros((1, 1, 3), dtype=DTYPE),
        counts=torch.zeros(1, dtype=torch.int32),
        contact=torch.zeros((1, 4), dtype=DTYPE),
        push=torch.tensor([[0.0, -FORCE * len(pushed), 0.0]], dtype=DTYPE),
        push_at=pushed.mean(dim=0)[None],
    )
    still = torch.zeros((1, 3), dtype=DTYPE)
    rest = RigidState(still, torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=DTYPE), still, still)
    clock = RigidClock(STEP, STEPS, (0.0, 0.0, 0.0), push_steps=STEPS, point_masses=True)
    places = world_points(simulate(bodies, rest, clock).at(slice(1, None)), vertices[None])[:, 0]
    colour = torch.tensor(YELLOW, dtype=DTYPE)
    settings = SoftSettings(size, premultiplied=False)
    return rasterise(places, torch.tensor(cube.faces), colour, look_from(8.0, 30.0, 0.0), settings)


def landscape(settings: LandscapeSettings) -> pl.DataFrame:
    """Return the four curves: column `mass` [kg], and a loss for each selection, divided by its maximum, as published."""
    with torch.no_grad():
        truth = video(TRUE_MASS, settings.size)
        masses = sweep(settings)
        errors = np.stack(
            [((video(mass, settings.size) - truth) ** 2).mean(dim=(1, 2, 3)).numpy() for mass in masses]
        )
    curves = {name: errors[:, list(frames)].mean(axis=1) for name, frames in SELECTIONS.items()}
    return pl.DataFrame({"mass": masses, **{name: curve / curve.max() for name, curve in curves.items()}})


def make_landscape(
    settings: LandscapeSettings,
    code: Code,
    stack: Mapping[str, str],
    *,
    tier: str,
    curves: Path,
    lame: Path,
    drop: Path,
    metrics: Path,
    manifest: Path,
    threads: int = 1,
) -> None:
    """Write the curves of the cube and of the beam, the plane of the cube that bounces, their metric rows where published values are known, and the manifest."""
    watch = Stopwatch.start()
    torch.set_num_threads(threads)
    identity = run_id(settings.model_dump(), code.fingerprint, {}, stack)
    frame = landscape(settings)
    beam = lame_landscape(settings)
    plane = drop_landscape(settings)
    for table, path in ((frame, curves), (beam, lame), (plane, drop)):
        with atomic_path(path) as partial:
            table.write_parquet(partial)
    context = row_context(
        JOB, "box", "all", tier=tier, run_id=identity, code=code, stack=stack, method="gradsim"
    )
    rows = [
        replace(context, representation=name).row(metric_name(mass), value)
        for name in SELECTIONS
        for mass, value in frame.select("mass", name).iter_rows()
        if mass in COMPARED
    ]
    rows += [
        replace(context, scene="beam", representation=part).row(lame_metric_name(row[part[5:]]), row["loss"])
        for part in LAME_SLICES
        for row in beam.filter(part=part).iter_rows(named=True)
    ]
    write_rows(metrics, rows)
    write_manifest(
        manifest,
        stage="physics_landscape",
        run_id=identity,
        parameters=settings.model_dump(),
        inputs={},
        outputs={"curves": curves, "lame": lame, "drop": drop, "metrics": metrics},
        code=code,
        stack=stack,
        backend=BACKEND,
        cost=watch.stop(gpus=0),
        assets="standin",
    )
