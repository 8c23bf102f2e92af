"""Figure of small simulations, and of what is estimated in them: pendula, chain, bouncing ball and smoke (fact sheet, sections 2.7 and 4.10)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from rerender.core.files import Tree
from rerender.papers.physics.demo_specs import MOTIONS, SMOKE
from rerender.papers.physics.videos import METHOD
from rerender.reporting import captions, style
from rerender.reporting.grids import axes_at
from rerender.simulation.bouncing import bounce
from rerender.simulation.elements import make_springs
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.pendulum import bobs, double_pendulum, integrate, simple_pendulum
from rerender.simulation.rigid import GRAVITY
from rerender.simulation.smoke import drift

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DTYPE = torch.float64
LINKS, STIFFNESS = 9, 1000.0
"""Particles of 1 kg, 1 m apart, on springs [N/m]; the first one is pinned."""
SIZE, SMOKE_STEPS = 64, 40
LIGHT, DARK, ORANGE = "#56B4E9", "#0072B2", "#D55E00"


def chain(frames: int, substeps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return vertices (frames + 1, 10, 3) [m] of a chain that falls from level, every 1/60 s, and its energy [J]."""
    rest = torch.zeros((LINKS + 1, 3), dtype=DTYPE)
    rest[:, 0] = torch.arange(LINKS + 1)
    ends = torch.tensor([(index, index + 1) for index in range(LINKS)])
    inverse = torch.ones(LINKS + 1, dtype=DTYPE)
    inverse[0] = 0.0
    system = ParticleSystem(inverse, springs=make_springs(rest, ends, STIFFNESS, 0.0))
    steps = frames * substeps
    clock = ParticleClock(1.0 / (60 * substeps), steps)
    shown = [index * substeps for index in range(frames + 1)]
    x, v = simulate_particles(system, rest, torch.zeros_like(rest), clock, shown)
    stretch = (x[:, 1:] - x[:, :-1]).norm(dim=-1) - 1.0
    moving = 0.5 * v[:, 1:].square().sum(dim=(-1, -2))
    energy = moving - GRAVITY[1] * x[:, 1:, 1].sum(dim=-1) + 0.5 * STIFFNESS * stretch.square().sum(dim=-1)
    return x, energy


def draw_demos(final: Tree, trace: pl.DataFrame, tier: str) -> tuple[Figure, pl.DataFrame]:
    """Draw simulations above and searches below; return the lines in it as points of each `panel`."""
    import polars as pl

    note = captions.sentences(
        "Above, small simulations: a damped pendulum's angle; the path of a double pendulum's second bob; a chain of springs that falls "
        "from level; the centre of a ball of radius 0.75 m that bounces; smoke in four periodic swirls, at first and later. "
        "Below, what is found from video: estimates over the truth by iteration, dots the last ones; the squared error of smoke whose flow at the start is "
        "searched, that smoke, and where it shall be.",
        captions.tier_sentence(tier),
    )
    figure = style.new_figure(3.85 + style.footnote_height(note))
    above, below = (
        [axes_at(figure, 0.5 + 1.26 * column, top, 0.88, 1.35) for column in range(6)] for top in (0.25, 2.1)
    )
    lines = [_pendulum(above[0]), _double(above[1]), _chain(above[2]), _ball(above[3])]
    rows, columns = np.indices((SIZE, SIZE)) / SIZE * 2 * math.pi
    swirl = 0.8 * torch.tensor(np.stack([np.sin(columns), np.sin(rows)]), dtype=DTYPE)
    wisp = torch.zeros((SIZE, SIZE), dtype=DTYPE)
    wisp[2 * SIZE // 3 :] = 1.0
    seen = drift(wisp, swirl, SMOKE_STEPS)
    found = final[SMOKE]
    for axes, frame, title in (
        (above[4], seen[0], "smoke"),
        (above[5], seen[-1], f"{SMOKE_STEPS} steps on"),
        (below[4], found["smoke"][-1], "smoke found"),
        (below[5], found["target"], "smoke wanted"),
    ):
        axes.imshow(np.asarray(frame, dtype=np.float32), cmap="Greys", vmin=0.0, vmax=1.0)
        axes.set(xticks=[], yticks=[], title=title)
        axes.spines[:].set(visible=True, linewidth=0.4)
    for axes, name in zip((below[0], below[1], below[3]), MOTIONS, strict=True):
        lines += _estimates(axes, name, final[name], trace.filter(scene=name, method=METHOD))
    below[0].set(ylabel="estimate / truth")
    lines.append(_error(below[2], trace.filter(scene=SMOKE)))
    for axes in (*above, *below):
        axes.tick_params(which="both", labelsize=6, pad=1)
        axes.title.set_fontsize(8)
        axes.xaxis.label.set_fontsize(6.5)
        axes.yaxis.label.set_fontsize(6.5)
        axes.xaxis.labelpad = axes.yaxis.labelpad = 1
    style.add_footnote(figure, note)
    points = pl.concat(
        pl.DataFrame({"panel": [name] * len(line), "x": line[:, 0], "y": line[:, 1]}) for name, line in lines
    )
    return figure, points


def save_demos(final: Tree, trace: pl.DataFrame, out_stem: Path | str, tier: str) -> Sequence[Path]:
    """Write the figure as `out_stem` + `.png`, `.pdf` and `.parquet`."""
    with style.look():
        figure, points = draw_demos(final, trace, tier)
        return style.save_figure(figure, out_stem, points)


def _estimates(axes: Axes, name: str, found: Tree, history: pl.DataFrame) -> list[tuple[str, np.ndarray]]:
    """Draw estimates over the truth; the finish by L-BFGS has only its end."""
    lines = []
    for (key, true), colour in zip(found["truth"].items(), (DARK, ORANGE), strict=True):
        part = history.drop_nulls(key)
        steps, ratios = part["iteration"].to_numpy(), np.exp(part[key].to_numpy()) / true
        axes.plot(steps, ratios, color=colour, lw=1, label=key.replace("_", " "))
        last = np.array([history["iteration"].to_numpy().max(), found["estimates"][METHOD][key] / true])
        axes.plot(*last, "o", ms=3, color=colour)
        lines.append((f"{name}/{key}", np.vstack([np.stack([steps, ratios], axis=1), last])))
    axes.axhline(1.0, color="#888888", lw=0.6, ls=":")
    axes.legend(frameon=False, fontsize=5.5, handlelength=1.0, borderpad=0.0)
    axes.set(title=f"{name.replace('_', ' ').replace('bouncing ', '')}", xlabel="iteration")
    return lines


def _error(axes: Axes, history: pl.DataFrame) -> tuple[str, np.ndarray]:
    points = history.sort("iteration").select("iteration", "loss").to_numpy()
    axes.plot(*points.T, color=DARK, lw=1)
    axes.set(title="smoke's error", xlabel="iteration", yscale="log")
    axes.yaxis.set_minor_formatter("")
    return "smoke/loss", points


def _pendulum(axes: Axes) -> tuple[str, np.ndarray]:
    one = torch.ones((), dtype=DTYPE)
    rate = simple_pendulum(one, 9.91 * one, damping=0.5)
    angle = integrate(rate, torch.tensor([0.0, 3.0], dtype=DTYPE), 0.02, 250)[:, 0].numpy()
    points = np.stack([0.02 * np.arange(251), angle], axis=1)
    axes.plot(*points.T, color=DARK)
    axes.set(title="pendulum", xlabel="time [s]", ylabel="angle [rad]")
    return "pendulum", points


def _double(axes: Axes) -> tuple[str, np.ndarray]:
    one = torch.ones(2, dtype=DTYPE)
    start = torch.tensor([3 * math.pi / 7, 0.0, 3 * math.pi / 4, 0.0], dtype=DTYPE)
    states = integrate(double_pendulum(one, one), start, 1 / 120, 400)
    points = bobs(states[:, [0, 2]], one)[:, 1].numpy()
    axes.plot(*points.T, color=DARK, lw=0.8)
    axes.set(title="double pendulum", aspect="equal", xlabel="x [m]", ylabel="y [m]")
    return "double pendulum", points


def _chain(axes: Axes) -> tuple[str, np.ndarray]:
    states = chain(100, 16)[0].numpy()
    for index in range(0, 101, 20):
        axes.plot(
            states[index, :, 0], states[index, :, 1], ".-", ms=2, lw=0.7, color=DARK, alpha=0.3 + index / 150
        )
    axes.set(title="chain", aspect="equal", xlabel="x [m]")
    return "chain", states[-1, :, :2]


def _ball(axes: Axes) -> tuple[str, np.ndarray]:
    place, velocity = torch.tensor([-7.5, 5.0], dtype=DTYPE), torch.tensor([3.0, 0.0], dtype=DTYPE)
    gravity = torch.tensor(-9.0, dtype=DTYPE)
    points = bounce(place, velocity, gravity, radius=0.75, h=1 / 60, steps=300, restitution=0.8).numpy()
    axes.plot(*points.T, color=DARK)
    axes.axhline(0.0, color=LIGHT, lw=1)
    axes.set(title="ball", xlabel="x [m]")
    return "ball", points
