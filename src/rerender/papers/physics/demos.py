"""Figure of small simulations: pendulum, double pendulum, chain, bouncing ball and smoke (fact sheet, sections 2.7 and 4.10)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

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
LIGHT, DARK = "#56B4E9", "#0072B2"


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


def draw_demos(tier: str) -> tuple[Figure, pl.DataFrame]:
    """Draw the figure; return the lines in it as points of each `panel`."""
    import polars as pl

    note = captions.sentences(
        "Small simulations, from left: a damped pendulum's angle; the path of a double pendulum's second bob; a chain of springs that falls "
        "from level; the centre of a ball of radius 0.75 m that bounces; smoke in four periodic swirls, at first and later.",
        captions.tier_sentence(tier),
    )
    figure = style.new_figure(1.95 + style.footnote_height(note))
    panels = [axes_at(figure, 0.5 + 1.26 * column, 0.25, 0.88, 1.35) for column in range(6)]
    lines = [_pendulum(panels[0]), _double(panels[1]), _chain(panels[2]), _ball(panels[3])]
    rows, columns = np.indices((SIZE, SIZE)) / SIZE * 2 * math.pi
    swirl = 0.8 * torch.tensor(np.stack([np.sin(columns), np.sin(rows)]), dtype=DTYPE)
    puff = torch.zeros((SIZE, SIZE), dtype=DTYPE)
    puff[2 * SIZE // 3 :] = 1.0
    seen = drift(puff, swirl, SMOKE_STEPS)
    for axes, frame, title in zip(
        panels[4:], (seen[0], seen[-1]), ("smoke", f"{SMOKE_STEPS} steps on"), strict=True
    ):
        axes.imshow(frame.numpy(), cmap="Greys", vmin=0.0, vmax=1.0)
        axes.set(xticks=[], yticks=[], title=title)
    for axes in panels:
        axes.tick_params(labelsize=6, pad=1)
        axes.title.set_fontsize(8)
        axes.xaxis.label.set_fontsize(6.5)
        axes.yaxis.label.set_fontsize(6.5)
        axes.xaxis.labelpad = axes.yaxis.labelpad = 1
    style.add_footnote(figure, note)
    points = pl.concat(
        pl.DataFrame({"panel": [name] * len(line), "x": line[:, 0], "y": line[:, 1]}) for name, line in lines
    )
    return figure, points


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
