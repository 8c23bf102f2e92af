"""A small network that predicts the best view of a segment, trained from the search's results (the idea of AVPL, section 3.2).

It reads where the segment lies, how large it is, and how high the room stands around it; it answers with a direction of the
search's grid, as a classifier since good directions are several, and with distance and field of view. Rooms that are judged
were never trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from rerender.catalogue.rooms import furnished_room
from rerender.core.files import save_tree
from rerender.core.meshes import bounding_box
from rerender.core.painted import PaintedMesh
from rerender.core.seeds import derive_seed
from rerender.papers.viewpoints.contexts import row_context
from rerender.papers.viewpoints.methods import PREDICTIONS
from rerender.papers.viewpoints.segments import GRID, SegmentViews
from rerender.papers.viewpoints.settings import ROOM, PredictorSettings
from rerender.provenance.manifest import Code, run_id
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant
from rerender.reporting.rows import write_rows

FIRST_ROOM = 1000
"""Rooms of other jobs have smaller numbers."""
CELLS = (6, 8)  # of the height map, along x and z
SHARPNESS = 0.05
"""Scores of directions become target probabilities by a softmax at this temperature."""
LENS_WEIGHT = 0.3
PREDICTED, AVERAGE, RANDOM, GRID_BEST, SEARCHED = PREDICTIONS


@dataclass(frozen=True)
class Example:
    """What the search found for one segment: its label, inputs (D,), scores of the grid (60,), and the best camera (4,)."""

    label: str
    inputs: np.ndarray
    grid: np.ndarray
    camera: np.ndarray
    score: float


def inputs_of(painted: PaintedMesh, label: str) -> np.ndarray:
    """Return centre and extent of a segment, and the height of all else above a grid over the floor, relative to it; (6 + 48,)."""
    is_target = painted.faces_of(label)
    middles = painted.mesh.vertices[painted.mesh.faces].mean(axis=1)
    own, other = middles[is_target], middles[~is_target]
    low, high = bounding_box(painted.mesh)
    size = np.array(CELLS)
    cell = np.clip(((other - low) / (high - low))[:, [0, 2]] * size, 0, size - 1).astype(np.int64)
    heights = np.full(CELLS, low[1])
    np.maximum.at(heights, (cell[:, 0], cell[:, 1]), other[:, 1])
    centre = 0.5 * (own.min(axis=0) + own.max(axis=0))
    return np.concatenate([centre, np.ptp(own, axis=0), (heights - centre[1]).ravel()])


def examine(painted: PaintedMesh, label: str, whole: PaintedViews, evaluations: int, seed: int) -> Example:
    """Search for the best view of a segment."""
    views = SegmentViews(painted, label, whole.width, whole)
    grid = views.scores(GRID)
    first = np.argsort(grid)[::-1][:2]
    cameras, scores = views.refined(GRID[first], evaluations, np.random.default_rng(seed), grid[first])
    winner = int(scores.argmax())
    return Example(label, inputs_of(painted, label), grid, cameras[winner], float(scores[winner]))


class Predictor:
    """The network with the scales of its inputs and of distance and field of view. `state` has its tensors."""

    def __init__(self, examples: Sequence[Example], hidden: int, seed: int) -> None:
        inputs = np.stack([one.inputs for one in examples])
        lenses = np.stack([_lens(one.camera) for one in examples])
        self.middle, self.spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-2
        self.lens_middle, self.lens_spread = lenses.mean(axis=0), lenses.std(axis=0) + 1e-2
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = torch.nn.Sequential(
                torch.nn.Linear(inputs.shape[1], hidden),
                torch.nn.SiLU(),
                torch.nn.Linear(hidden, hidden),
                torch.nn.SiLU(),
                torch.nn.Linear(hidden, len(GRID) + 2),
            ).double()

    def fit(self, examples: Sequence[Example], steps: int) -> list[float]:
        """Train on all examples at once; return the loss of every step."""
        inputs = self._scaled(np.stack([one.inputs for one in examples]))
        grid = torch.tensor(np.stack([one.grid for one in examples]))
        lenses = np.stack([_lens(one.camera) for one in examples])
        goal = torch.tensor((lenses - self.lens_middle) / self.lens_spread)
        wanted = torch.softmax(grid / SHARPNESS, dim=1)
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=3e-3, weight_decay=1e-1)
        losses = []
        for _ in range(steps):
            found = self.network(inputs)
            directions = torch.nn.functional.cross_entropy(found[:, :-2], wanted)
            loss = directions + LENS_WEIGHT * torch.square(found[:, -2:] - goal).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
        return losses

    def camera(self, inputs: np.ndarray) -> np.ndarray:
        """Return distance, elevation, azimuth and field of view, (4,), for the inputs of a segment (D,)."""
        with torch.no_grad():
            found = self.network(self._scaled(inputs[None]))[0].numpy()
        lens = found[-2:] * self.lens_spread + self.lens_middle
        direction = GRID[int(found[:-2].argmax())]
        return np.array([np.exp(lens[0]), direction[1], direction[2], lens[1]])

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Return weights and scales as arrays."""
        weights = {name.replace(".", "_"): value.numpy() for name, value in self.network.state_dict().items()}
        scales = {name: getattr(self, name) for name in ("middle", "spread", "lens_middle", "lens_spread")}
        return {**weights, **scales}

    def _scaled(self, inputs: np.ndarray) -> torch.Tensor:
        return torch.tensor((inputs - self.middle) / self.spread)


def average_camera(examples: Sequence[Example], label: str) -> np.ndarray:
    """Return the camera (4,) that is best on average over a label's examples: the answer that needs no input."""
    own = [one for one in examples if one.label == label]
    direction = GRID[int(np.mean([one.grid for one in own], axis=0).argmax())]
    lens = np.mean([_lens(one.camera) for one in own], axis=0)
    return np.array([np.exp(lens[0]), direction[1], direction[2], lens[1]])


def train_and_judge(
    settings: PredictorSettings,
    segments: Sequence[str],
    out: Path,
    out_network: Path,
    code: Code,
    stack: Mapping[str, str],
    *,
    tier: str,
    variant: str = "auto",
    threads: int = 1,
) -> None:
    """Write metric rows of the held-out rooms (`representation` the segment, `seed` the number of pictures that were looked at), and the network."""
    torch.set_num_threads(threads)
    backend = start_variant(variant, threads=threads)
    identity = run_id({**settings.model_dump(), "segments": list(segments)}, code.fingerprint, {}, stack)
    numbers = range(FIRST_ROOM, FIRST_ROOM + settings.training_rooms + settings.held_out_rooms)
    rooms = {number: furnished_room(number, settings.cell) for number in numbers}
    whole = {number: PaintedViews(room, settings.size) for number, room in rooms.items()}
    examples = {
        (number, label): examine(
            room, label, whole[number], settings.evaluations, derive_seed("predictor", number, label)
        )
        for number, room in rooms.items()
        for label in segments
    }
    held_out = list(numbers)[settings.training_rooms :]
    known = [one for (number, _), one in examples.items() if number not in held_out]
    predictor = Predictor(known, settings.hidden, derive_seed("predictor", "weights"))
    losses = predictor.fit(known, settings.steps)
    rows = []
    for number in held_out:
        context = row_context(
            "predictor",
            f"{ROOM}{number}",
            method=PREDICTED,
            representation="",
            file=None,
            tier=tier,
            backend=backend,
            identity=identity,
            code=code,
            stack=stack,
        )
        for label in segments:
            example = examples[number, label]
            views = SegmentViews(rooms[number], label, settings.size, whole[number])
            rng = np.random.default_rng(derive_seed("predictor", "judge", number, label))
            starts = {
                PREDICTED: predictor.camera(example.inputs),
                AVERAGE: average_camera(known, label),
                RANDOM: GRID[rng.integers(len(GRID))],
            }
            found = {
                (name, pictures): float(views.refined(camera[None], pictures, rng)[1][0])
                for name, camera in starts.items()
                for pictures in settings.refinements
            }
            found[GRID_BEST, len(GRID)] = float(example.grid.max())
            found[SEARCHED, len(GRID) + 2 * settings.evaluations] = example.score
            rows += [
                replace(context, method=name, representation=label, seed=pictures).row(
                    "score", value, better="higher"
                )
                for (name, pictures), value in found.items()
            ]
    write_rows(out, rows)
    save_tree(
        out_network,
        {"network": predictor.state, "losses": np.array(losses), "segments": list(segments)},
    )


def _lens(camera: np.ndarray) -> np.ndarray:
    """Return ln distance and field of view of a camera (4,)."""
    return np.array([np.log(camera[0]), camera[3]])
