"""The check of the gradients: derivatives of an image loss over their finite differences, with and without outlines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rerender.core.orbits import LENS, Orbit
from rerender.core.seeds import SeedStream
from rerender.papers.viewpoints.contexts import row_context
from rerender.papers.viewpoints.matching import DIFFERENCE_STEPS, SCALES
from rerender.papers.viewpoints.methods import PAIRS
from rerender.papers.viewpoints.scenes import load_scene
from rerender.papers.viewpoints.settings import GradientSettings
from rerender.provenance.manifest import Code, hash_files, run_id
from rerender.rendering.painted_views import PaintedViews, Part
from rerender.rendering.variants import start_variant
from rerender.reporting.rows import write_rows

CAMERAS: Mapping[str, tuple[Orbit, Orbit]] = dict(
    zip(
        PAIRS,
        (
            (Orbit(6, 45, 60), Orbit(5, 30, 20)),
            (Orbit(15, 38, 38), Orbit(16.02, 28.77, 48.02)),
            (Orbit(5.5, 20, 60, 50), Orbit(5, 30, 45)),
        ),
        strict=True,
    )
)
"""Camera, and the camera of the picture that it is compared with."""
PARTS: tuple[Part, ...] = ("full", "interior")
STRONG = 0.1
"""A component is judged if, in scaled units, it is at least this share of the largest one."""


def check_gradients(
    scene: str,
    file: Path,
    settings: GradientSettings,
    out: Path,
    code: Code,
    stack: Mapping[str, str],
    *,
    tier: str,
    variant: str = "auto",
    threads: int = 1,
) -> None:
    """Write metric rows: `ratio/{unknown}` for every pair of cameras, `method` full and interior, `representation` the pair."""
    backend = start_variant(variant, threads=threads)
    identity = run_id(settings.model_dump(), code.fingerprint, hash_files({"scene": file}), stack)
    views = PaintedViews(load_scene(file), settings.size)
    rows = []
    for pair, (camera, other) in CAMERAS.items():
        seeds = SeedStream(("viewpoints", "gradients", pair))
        slopes = measure(views, camera, other, settings, seeds)
        scale = np.array([SCALES[name] for name in LENS])
        strength = np.abs(slopes["differences"] * scale)
        for part in PARTS:
            context = row_context(
                "gradients",
                scene,
                method=part,
                representation=pair,
                file=file,
                tier=tier,
                backend=backend,
                identity=identity,
                code=code,
                stack=stack,
            )
            worst = 0.0
            for index, name in enumerate(LENS):
                strong = bool(strength[index] >= STRONG * strength.max())
                ratio = float(slopes[part][index] / slopes["differences"][index])
                reason = None if strong else "too weak to judge"
                rows.append(
                    context.row(f"ratio/{name}", ratio if strong else None, reason=reason, n=settings.repeats)
                )
                worst = max(worst, abs(ratio - 1.0) if strong else 0.0)
            rows.append(context.row("ratio_error", worst, better="lower", n=settings.repeats))
    write_rows(out, rows)


def measure(
    views: PaintedViews, camera: Orbit, other: Orbit, settings: GradientSettings, seeds: SeedStream
) -> dict[str, np.ndarray]:
    """Return derivatives of the mean squared error with respect to d, e, a and fov: full, interior, and differences."""
    goal = views.images([other.camera()], spp=4 * settings.fd_spp, seed=seeds.seed("target"))[0]

    def slopes(pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.asarray((2.0 * (pair[0] - goal) / goal.size * pair[1]).sum(axis=(1, 2, 3)))

    found: dict[str, list[np.ndarray]] = {"full": [], "interior": [], "differences": []}
    steps = [DIFFERENCE_STEPS[name] for name in LENS]
    for repeat in range(settings.repeats):
        seed = seeds.seed("derivatives", repeat)
        for part in PARTS:
            found[part].append(slopes(views.jacobian(camera, LENS, spp=settings.spp, seed=seed, part=part)))
        seed = seeds.seed("differences", repeat)
        found["differences"].append(
            slopes(views.differences(camera, LENS, steps, spp=settings.fd_spp, seed=seed))
        )
    return {name: np.mean(values, axis=0) for name, values in found.items()}
