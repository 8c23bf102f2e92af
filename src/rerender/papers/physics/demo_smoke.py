"""Demo of control: the flow that carries smoke from the lowest third to a ring (fact sheet, sections 2.7 and 4.10).

What is searched is the velocity of every cell at the start; the flow follows from it. The paper's picture is not at hand.
"""

from __future__ import annotations

import polars as pl
import torch

from rerender.core.seeds import SeedStream
from rerender.papers.physics.demo_specs import SMOKE, SmokeSettings
from rerender.papers.physics.estimation import Estimate, Loss, estimate
from rerender.papers.physics.jobs import Part, Run, search_rows
from rerender.papers.physics.specs import SearchSettings
from rerender.simulation.smoke import drift

DTYPE = torch.float32
VELOCITY = "velocity"
RING = (0.22, 0.36)
"""Inner and outer radius of the ring, over the side of the grid."""


def puff(size: int) -> torch.Tensor:
    """Return the smoke (N, N) at the start: 1 in the lowest third of the rows."""
    smoke = torch.zeros((size, size), dtype=DTYPE)
    smoke[size - size // 3 :] = 1.0
    return smoke


def ring(size: int) -> torch.Tensor:
    """Return the smoke (N, N) that is wanted: a ring about the middle, soft by a cell."""
    places = torch.arange(size, dtype=DTYPE) + 0.5 - size / 2
    radius = (places[:, None] ** 2 + places[None, :] ** 2).sqrt()
    inner, outer = (share * size for share in RING)
    return (radius - inner + 0.5).clamp(0.0, 1.0) * (outer - radius + 0.5).clamp(0.0, 1.0)


def smoke_loss(settings: SmokeSettings) -> Loss:
    """Return the loss of a velocity (2, N, N) [cells a step]: mean squared error of the smoke at the end."""
    start, goal = puff(settings.size), ring(settings.size)
    return lambda values: ((drift(start, values[VELOCITY], settings.steps)[-1] - goal) ** 2).mean()


def smoke_part(run: Run, settings: SmokeSettings) -> Part:
    """Search the flow; `final` has what was found, and the smoke (steps + 1, N, N) that it carries."""
    still = torch.zeros((2, settings.size, settings.size), dtype=DTYPE)

    def search() -> Estimate:
        return estimate(
            {VELOCITY: still},
            smoke_loss(settings),
            SearchSettings(iterations=settings.iterations, lr=settings.lr, finish=0),
            run.workdir / SMOKE,
            run_id=run.name(SMOKE),
            seeds=SeedStream(("physics", "demos", SMOKE)),
        )

    found = run.once(SMOKE, search)
    velocity = torch.as_tensor(found.values[VELOCITY], dtype=DTYPE)
    with torch.no_grad():
        seen = drift(puff(settings.size), velocity, settings.steps)
    context = run.context(SMOKE, VELOCITY, "gradsim", SMOKE)
    rows = [
        context.row("image_mse", float(((seen[-1] - ring(settings.size)) ** 2).mean()), better="lower"),
        context.row("image_mse_start", found.first_loss),
        *search_rows(context, found),
    ]
    final = {
        "velocity": velocity.numpy(),
        "smoke": seen.half().numpy(),
        "target": ring(settings.size).numpy(),
    }
    history = found.history.with_columns(scene=pl.lit(SMOKE), method=pl.lit("gradsim"))
    return Part({SMOKE: final}, [history], rows)
