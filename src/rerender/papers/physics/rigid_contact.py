"""Mass, stiffness, damping and friction of rigid bodies from video (Table 2; fact sheet, section 4.2).

A body lies near the ground, a known push sends it sliding, and gravity presses it down. Without the push, in newtons,
mass and contact could be scaled together and nothing would change. Each object is launched several times: one slide
shows little of its friction. One job has all shapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from rerender.core.seeds import SeedStream
from rerender.papers.physics.looks import Look
from rerender.papers.physics.pyramids import blurred
from rerender.papers.physics.rigid_scene import draw_colour
from rerender.papers.physics.shapes import shape
from rerender.papers.physics.specs import ContactSettings, RasterSettings
from rerender.papers.physics.staged import Prior, Residual, Stage, search_staged
from rerender.papers.physics.subjects import DTYPE, EstimateRequest, Subject, refinement
from rerender.simulation.mass_properties import solid
from rerender.simulation.rigid import RigidBodies, RigidClock, RigidState, rotate, simulate, world_points
from rerender.simulation.stability import require_stable, rigid_bound

MASS, KD, KE, KF, MU = "mass", "kd", "ke", "kf", "mu"
UNITS: Mapping[str, str] = {MASS: "kg", KD: "N s/m", KE: "N/m", KF: "N s/m", MU: ""}
"""The parameters in the order of the paper's columns."""
FRICTION, ELASTICITY = (KF, MU), (KE, KD)
CONTACT = (KE, KD, KF, MU)
"""The order in which the simulation takes them."""
FAR_SPREAD = math.sqrt(2.0)
"""Standard deviation of the ratio's logarithm of two uniform draws from zero: how far a guess from the domain is."""
LARGEST_TILT = 0.3
"""The body's axis leans by at most so much at the start [rad]: tumbling is chaotic."""
START = 1.5
"""How far from the centre of the picture a launch begins [m]."""
VIDEO_FRAMES = 40
"""Of the launch that ends nearest to the middle of the picture: others slide out of it."""


@dataclass(frozen=True, eq=False)
class Launched:
    """An object with its L launches: start and push of each, and the body that they share."""

    vertices: torch.Tensor
    faces: torch.Tensor
    inertia: torch.Tensor
    colour: torch.Tensor
    start: RigidState
    push: torch.Tensor
    settings: ContactSettings

    def move(self, values: Mapping[str, torch.Tensor], frames: int, refine: int = 1) -> torch.Tensor:
        """Return the vertices (L · frames, V, 3) [m], launch by launch, at the end of equal parts of the time.

        `values` are parameters (1,) by name.
        """
        count = len(self.push)
        bodies = RigidBodies(
            values[MASS].expand(count),
            self.inertia.expand(count, 3, 3),
            self.vertices.expand(count, -1, 3),
            torch.full((count,), len(self.vertices), dtype=torch.int32),
            torch.cat([values[name] for name in CONTACT]).expand(count, 4),
            self.push,
            torch.zeros_like(self.push),
        )
        h = 1.0 / (60 * self.settings.substeps * refine)
        steps = round(self.settings.seconds / h)
        clock = RigidClock(h, steps, push_steps=math.ceil(self.settings.push_seconds / h - 1e-9))
        shown = torch.tensor([round((index + 1) * steps / frames) for index in range(frames)])
        motion = simulate(bodies, self.start, clock).at(shown)
        return world_points(motion, self.vertices.expand(count, -1, 3)).transpose(0, 1).flatten(0, 1)

    def look(self, raster: RasterSettings) -> Look:
        """Return how the object is filmed."""
        return Look(self.faces, self.colour, self.settings.view, raster, ground=0.0)

    def require_stable(self, values: Mapping[str, float], name: str) -> None:
        """Refuse a step that is too long for the object with these parameters."""
        contact = np.array([values[key] for key in CONTACT])
        bound = rigid_bound(values[MASS], self.inertia.numpy(), self.vertices.numpy(), contact)
        require_stable(1.0 / (60 * self.settings.substeps), bound, name)


def subjects(request: EstimateRequest) -> Iterator[Subject]:
    """Yield the objects of a job, one a shape."""
    for name in request.settings.shapes:
        yield _subject(request, name)


def example(request: EstimateRequest, name: str, seeds: SeedStream) -> tuple[dict[str, float], torch.Tensor]:
    """Return the parameters of an object that `seeds` draw, and the 8-bit frames of its launches (L · T, S, S, 4)."""
    settings: ContactSettings = request.settings
    draw = np.random.default_rng(seeds.seed("object"))
    thing, volume = launch(name, settings, draw)
    values = draw_values(draw, settings, volume)
    with torch.no_grad():
        seen = thing.move(_tensors(values), settings.frames)
        return values, thing.look(request.raster).recorded(seen, "default", 0.0, 0)


def draw_values(draw: np.random.Generator, settings: ContactSettings, volume: float) -> dict[str, float]:
    """Draw mass [kg] and contact parameters of an object of a volume [m³]."""
    return {
        MASS: volume * draw.uniform(*settings.density),
        **{name: float(draw.uniform(*settings.contact)) for name in (KD, KE, KF)},
        MU: float(draw.uniform(*settings.friction)),
    }


def training_means(settings: ContactSettings, volume: float) -> dict[str, float]:
    """Return the mean parameters of the training objects, the answer of `average`; of the mass, for this volume."""
    draw = np.random.default_rng(SeedStream(("physics", "training")).seed("contact"))
    seen = [draw_values(draw, settings, volume) for _ in range(settings.training)]
    return {name: float(np.mean([values[name] for values in seen])) for name in UNITS}


def assumptions(settings: ContactSettings, variant: str) -> dict[str, float]:
    """Return the parameters that an estimate takes as known, wrongly: no friction, or the elasticity of an average ground."""
    if variant == "frictionless":
        return dict.fromkeys(FRICTION, 0.0)
    if variant == "inelastic":
        return dict.fromkeys(ELASTICITY, sum(settings.contact) / 2.0)
    return {}


def first_guess(settings: ContactSettings, variant: str) -> Prior | None:
    """Return what the first guess is worth to the search: every frame is `prior` independent observations, none without it."""
    if variant == "flat" or not settings.prior:
        return None
    frames = settings.launches * settings.frames
    return Prior(FAR_SPREAD if variant == "far" else settings.spread, frames / settings.prior)


def launch(name: str, settings: ContactSettings, draw: np.random.Generator) -> tuple[Launched, float]:
    """Draw the launches of a shape; return them and its volume [m³]."""
    mesh = shape(name)
    properties = solid(mesh)
    vertices = torch.tensor(mesh.vertices - properties.centre, dtype=DTYPE)
    impulse = settings.speed * properties.volume * sum(settings.density) / 2.0
    poses, places, pushes = [], [], []
    for _ in range(settings.launches):
        way, turn, lean_to = draw.uniform(0.0, 2.0 * math.pi, size=3)
        lean = draw.uniform(0.0, LARGEST_TILT)
        direction = np.array([math.cos(way), 0.0, math.sin(way)])
        pose = _product(
            _about((math.cos(lean_to), 0.0, math.sin(lean_to)), lean), _about((0.0, 1.0, 0.0), turn)
        )
        lowest = float(rotate(torch.tensor(pose, dtype=DTYPE), vertices)[:, 1].min())
        place = -START * direction
        place[1] = draw.uniform(0.0, settings.drop) - lowest
        poses.append(pose)
        places.append(place)
        pushes.append(impulse / settings.push_seconds * direction)
    x, r, push = (torch.tensor(np.array(part), dtype=DTYPE) for part in (places, poses, pushes))
    thing = Launched(
        vertices,
        torch.tensor(mesh.faces),
        torch.tensor(properties.inertia, dtype=DTYPE),
        torch.tensor(draw_colour(draw), dtype=DTYPE),
        RigidState(x, r, torch.zeros_like(x), torch.zeros_like(x)),
        push,
        settings,
    )
    return thing, float(properties.volume)


def _subject(request: EstimateRequest, name: str) -> Subject:
    settings: ContactSettings = request.settings
    variant = request.job.variant
    draw = np.random.default_rng(request.seeds(name).seed("object"))
    thing, volume = launch(name, settings, draw)
    truth, other = (draw_values(draw, settings, volume) for _ in range(2))
    near = {
        key: value * math.exp(draw.uniform(-settings.spread, settings.spread)) for key, value in truth.items()
    }
    thing.require_stable(truth, name)
    assumed = assumptions(settings, variant)
    known = [key for key in UNITS if key not in assumed]

    def shown(values: Mapping[str, float]) -> dict[str, float]:
        return {key: values[key] for key in known}

    guess = shown(other if variant == "far" else near)

    def best_seen(values: Mapping[str, float], refine: int = 1) -> torch.Tensor:
        with torch.no_grad():
            ends = thing.move(_tensors(truth), 1).mean(dim=1)
            nearest = int(ends.norm(dim=1).argmin())
            moved = thing.move(_tensors(values), VIDEO_FRAMES, refine)
            return moved[nearest * VIDEO_FRAMES : (nearest + 1) * VIDEO_FRAMES]

    return Subject(
        name,
        truth=shown(truth),
        guess=guess,
        solve=lambda method, folder: search_staged(
            guess,
            residuals(request, thing, truth, method, name),
            settings.iterations,
            folder,
            prior=first_guess(settings, variant),
        ),
        motion=lambda values: best_seen({**assumed, **values}),
        true_motion=lambda: best_seen(truth, refinement(variant)),
        look=thing.look(request.raster),
        answers={"random": shown(other), "average": shown(training_means(settings, volume))},
    )


def residuals(
    request: EstimateRequest, thing: Launched, truth: Mapping[str, float], method: str, name: str
) -> Residual:
    """Return the differences of RGBA frames (gradsim) or of vertices (diffphysics) from those of the truth."""
    settings: ContactSettings = request.settings
    variant, look = request.job.variant, thing.look(request.raster)
    assumed = assumptions(settings, variant)
    with torch.no_grad():
        goal = thing.move(_tensors(truth), settings.frames, refinement(variant))
        seed = request.seeds(name).seed("noise")
        target = look.recorded(goal, variant, settings.noise, seed)

    def early(seen: torch.Tensor, share: float) -> torch.Tensor:
        """Return the first frames of every launch."""
        kept = math.ceil(share * settings.frames)
        return seen.reshape(settings.launches, -1, *seen.shape[1:])[:, :kept].flatten(0, 1)

    def compare(values: Mapping[str, float], stage: Stage) -> np.ndarray:
        with torch.no_grad():
            everything = _tensors({**assumed, **values})
            seen = early(thing.move(everything, settings.frames), stage.share)
            if method == "diffphysics":
                return np.asarray((seen - early(goal, stage.share)).flatten().numpy())
            difference = look.film(seen) - early(target, stage.share)
            if stage.blur:
                difference = blurred(difference, stage.blur)
            return np.asarray(difference.flatten().numpy())

    return compare


def _tensors(values: Mapping[str, float]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([value], dtype=DTYPE) for name, value in values.items()}


def _about(axis: tuple[float, float, float], angle: float) -> np.ndarray:
    """Return the quaternion (x, y, z, w) of a turn about a unit axis [rad]."""
    return np.array([*(math.sin(angle / 2.0) * np.array(axis)), math.cos(angle / 2.0)])


def _product(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the quaternion of turning by `q`, then by `p`."""
    a, b = p[:3], q[:3]
    return np.array([*(p[3] * b + q[3] * a + np.cross(a, b)), p[3] * q[3] - a @ b])
