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
        every = measure(views, camera, other, settings, seeds)
        slopes = {name: values.mean(axis=0) for name, values in every.items()}
        repeats, strong_ones = len(every["full"]), strong(slopes["differences"])
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
            ratios, errors = slopes[part] / slopes["differences"], ratio_errors(every, part)
            for name, ratio, error, judged in zip(LENS, ratios, errors, strong_ones, strict=True):
                reason = None if judged else "too weak to judge"
                for metric, value in ((f"ratio/{name}", ratio), (f"ratio_se/{name}", error)):
                    value = float(value) if judged and np.isfinite(value) else None
                    rows.append(
                        context.row(
                            metric,
                            value,
                            reason=None if value is not None else reason or "one repetition",
                            n=repeats,
                        )
                    )
            worst = float(np.abs(ratios - 1.0)[strong_ones].max())
            rows.append(context.row("ratio_error", worst, better="lower", n=repeats))
    write_rows(out, rows)


def measure(
    views: PaintedViews, camera: Orbit, other: Orbit, settings: GradientSettings, seeds: SeedStream
) -> dict[str, np.ndarray]:
    """Return derivatives of the mean squared error with respect to d, e, a and fov: full, interior, and differences, each (n, 4).

    Where the object is small in the picture, few samples lie in what its outline sweeps over, and finite differences are noisy. So the
    repetitions go on until the standard error of the full gradient's ratios is small enough to judge them.
    """
    goal = views.images([other.camera()], spp=4 * settings.fd_spp, seed=seeds.seed("target"))[0]

    def slopes(pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.asarray((2.0 * (pair[0] - goal) / goal.size * pair[1]).sum(axis=(1, 2, 3)))

    found: dict[str, list[np.ndarray]] = {"full": [], "interior": [], "differences": []}
    steps = [DIFFERENCE_STEPS[name] for name in LENS]
    for repeat in range(max(settings.repeats, settings.most_repeats)):
        seed = seeds.seed("derivatives", repeat)
        for part in PARTS:
            found[part].append(slopes(views.jacobian(camera, LENS, spp=settings.spp, seed=seed, part=part)))
        seed = seeds.seed("differences", repeat)
        found["differences"].append(
            slopes(views.differences(camera, LENS, steps, spp=settings.fd_spp, seed=seed))
        )
        every = {name: np.stack(values) for name, values in found.items()}
        judged = strong(every["differences"].mean(axis=0))
        if (
            repeat + 1 >= settings.repeats
            and (ratio_errors(every, "full")[judged] <= settings.precision).all()
        ):
            break
    return every


def strong(differences: np.ndarray) -> np.ndarray:
    """Return which of the unknowns' derivatives (4,) are large enough to be judged, boolean (4,)."""
    strength = np.abs(differences * np.array([SCALES[name] for name in LENS]))
    return np.asarray(strength >= STRONG * strength.max())


def ratio_errors(every: Mapping[str, np.ndarray], part: Part) -> np.ndarray:
    """Return the standard errors of the ratios of `part` to the differences, (4,), both repeated independently; infinite for one repetition."""
    count = len(every[part])
    if count < 2:
        return np.full(every[part].shape[1], np.inf)
    both = (every[part], every["differences"])
    means, variances = zip(
        *((one.mean(axis=0), one.var(axis=0, ddof=1) / count) for one in both), strict=True
    )
    return np.asarray(np.sqrt(variances[0] / means[1] ** 2 + variances[1] * means[0] ** 2 / means[1] ** 4))
