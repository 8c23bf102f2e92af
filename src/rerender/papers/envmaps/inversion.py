"""Inverse rendering: find the map whose rendering is the target (Eq. 6), as a problem for the fitting loop.

Two modes. `paper_like` is Adam at a constant rate, which collapses now and then: a step too far in the logarithm of a
sun blinds the picture. `stabilised` limits the gradient's norm and lets the rate fall along a cosine (fact sheet,
section 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from rerender.core.errors import UserError
from rerender.core.files import Tree, atomic_path, load_tree, save_tree
from rerender.core.images import srgb_encode, to_uint8
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import FitResult, LoopSettings, Observation, Parameter, StepResult
from rerender.fitting.progress import Progress
from rerender.fitting.schedules import Constant, Cosine, Schedule
from rerender.papers.envmaps.embedding import Embedding, make_embedding
from rerender.papers.envmaps.fit import FittedMap
from rerender.papers.envmaps.objective import Objective
from rerender.papers.envmaps.specs import InversionSettings, RepresentationSpec
from rerender.perception.metrics.image import psnr_of_mse
from rerender.rendering.light_model import LightModel

if TYPE_CHECKING:
    from rerender.perception.models.base import VisionModel

DROP, RECOVERED = 6.0, 3.0  # [dB] below the best so far: where a collapse begins, and where it is over


class InversionProblem:
    """Change an embedding until the light model renders the target.

    History: `loss` is Eq. 10 with the weights of the run's end, which compares iterations and so decides which state
    is best; `objective` is what the step went down, with the weights of its own iteration; each unweighted term has
    its name; `psnr` is that of the tone-mapped rendering [dB]; `raw_norm` the gradient's norm before any clipping.
    """

    def __init__(
        self,
        embedding: Embedding,
        light: LightModel,
        objective: Objective,
        settings: InversionSettings,
        *,
        lr: float,
        snapshots: Path | None = None,
    ) -> None:
        self.embedding, self.light, self.objective = embedding, light, objective
        self.settings, self.lr, self.snapshots = settings, lr, snapshots

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the embedding's tensor."""
        return {"map": self.embedding.parameter(self.lr)}

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Decode, render, compare."""
        radiance = self.embedding.decode()
        rendering = self.light.render(radiance, seeds.seed("render"))
        terms = self.objective.terms(radiance, rendering)
        loss = self.objective.total(terms, iteration)
        loss.backward()  # type: ignore[no-untyped-call]
        raw_norm = self._clip()
        with torch.no_grad():
            final = self.objective.total(terms, self.objective.iterations - 1)
        scalars = {name: float(term.detach()) for name, term in terms.items()}
        numbers = {
            "objective": float(loss.detach()),
            "psnr": psnr_of_mse(scalars["mse"]),
            "raw_norm": raw_norm,
        }
        return StepResult(float(final), numbers | scalars)

    def project(self, iteration: int) -> bool:
        """Nothing to do: the loop keeps the bounds."""
        return False

    def observe(self, iteration: int) -> Observation:
        """Show the map, and store it where snapshots are wanted."""
        radiance = self.radiance()
        if self.snapshots is not None:
            save_tree(self.snapshots / f"{iteration:06d}.npz", {"iteration": iteration, "radiance": radiance})
        return Observation(to_uint8(srgb_encode(radiance)))

    def state(self) -> Tree:
        """Return the embedding's tensor."""
        return {"map": self.embedding.tensor.detach().cpu().numpy().copy()}

    @torch.no_grad()
    def load_state(self, tree: Tree) -> None:
        """Take over `state()`."""
        self.embedding.tensor.copy_(torch.from_numpy(tree["map"]))

    def radiance(self) -> np.ndarray:
        """Return the present map, linear radiance, shape (H, W, 3)."""
        with torch.no_grad():
            return np.array(self.embedding.decode().cpu().numpy(), order="C")

    def _clip(self) -> float:
        """Limit the gradient's norm if the mode asks for it; return what it was."""
        grad = self.embedding.tensor.grad
        assert grad is not None
        norm = float(torch.linalg.vector_norm(grad))
        if self.settings.mode == "stabilised" and norm > self.settings.clip:
            grad.mul_(self.settings.clip / norm)
        return norm


@dataclass(frozen=True)
class Inversion:
    """What `invert` found.

    `best`, `last`  maps of linear radiance, shape (H, W, 3), float32; `best` has the lowest `loss` of the history.
    `history`       parquet file, one row an iteration (see `InversionProblem`).
    `snapshots`     folder of stored maps (`read_snapshots`) and `frames` of PNGs of them; empty without a stride.
    `step_seconds`  wall time of a step, without checkpoints: the median.
    `collapses`     how often the rendering fell far behind the best so far (`count_collapses`).
    `result`        what the fitting loop says: states, iterations, why it ended.
    """

    best: np.ndarray
    last: np.ndarray
    history: Path
    snapshots: Path
    frames: Path
    step_seconds: float
    collapses: int
    result: FitResult


def invert(
    spec: RepresentationSpec,
    initial: np.ndarray,
    target: np.ndarray,
    light: LightModel,
    settings: InversionSettings,
    workdir: Path,
    *,
    run_id: str,
    seeds: SeedStream,
    fitted: FittedMap | None = None,
    perceptual: VisionModel | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Inversion:
    """Search for the map whose rendering is `target` (h, w, 3), from `initial` (H, W, 3), both linear radiance.

    Carries on from the checkpoint of `run_id` in `workdir`. A representation with the DISTS term needs `perceptual`, a
    network needs `fitted`. A run that meets a non-finite number ends early, with `result.failed` and its last good
    state. Raises `UserError` for images of other sizes than the light model's, and if nothing could be done at all.
    """
    problem = make_problem(
        spec,
        initial,
        target,
        light,
        settings,
        fitted=fitted,
        perceptual=perceptual,
        device=device,
        snapshots=workdir / "snapshots",
    )
    loop = LoopSettings(
        iterations=settings.iterations,
        lr_schedule=learning_rate(settings),
        observe_every=settings.snapshot_every,
    )
    result = fit(problem, loop, workdir, run_id=run_id, seeds=seeds, progress=progress)
    if result.failed and result.iterations == 0:
        raise UserError(f"the inversion with '{spec.id}' failed in its first step: {result.stop_reason}")
    history = workdir / "trace.parquet"
    with atomic_path(history) as partial:
        result.history.write_parquet(partial)
    maps = {}
    for name, state in (("best", result.best), ("last", result.last)):
        problem.load_state(state)
        maps[name] = problem.radiance()
    waits = np.diff(result.history["wall_s"].to_numpy())
    return Inversion(
        best=maps["best"],
        last=maps["last"],
        history=history,
        snapshots=workdir / "snapshots",
        frames=result.frames_dir,
        step_seconds=float(np.median(waits)) if len(waits) else result.wall_s,
        collapses=count_collapses(result.history["psnr"].to_list()),
        result=result,
    )


def make_problem(
    spec: RepresentationSpec,
    initial: np.ndarray,
    target: np.ndarray,
    light: LightModel,
    settings: InversionSettings,
    *,
    fitted: FittedMap | None = None,
    perceptual: VisionModel | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    snapshots: Path | None = None,
) -> InversionProblem:
    """Put an inversion together; errors as of `invert`."""
    for what, image, expected in (
        ("initial map", initial, light.map_shape),
        ("target", target, light.image_shape),
    ):
        if tuple(image.shape) != (*expected, 3):
            raise UserError(
                f"the {what} has shape {tuple(image.shape)}; the scene needs {(*expected, 3)}",
                "Resample it, or bake the scene at that size.",
            )
    if spec.perceptual and perceptual is None and settings.objective.perceptual:
        raise UserError(
            f"representation '{spec.id}' needs a perceptual model for its DISTS term",
            "Pass load_model('dists', weights=...), or load_model('dists_proxy') under that name.",
        )
    embedding = make_embedding(spec, initial, fitted, dtype=dtype, device=device)
    images = [torch.from_numpy(np.ascontiguousarray(image)).to(device, dtype) for image in (initial, target)]
    objective = Objective(images[0], images[1], settings.objective, settings.iterations, perceptual)
    return InversionProblem(embedding, light, objective, settings, lr=spec.lr, snapshots=snapshots)


def learning_rate(settings: InversionSettings) -> Schedule:
    """Return the factor on the learning rate: constant, or half a cosine in the stabilised mode."""
    return Constant() if settings.mode == "paper_like" else Cosine(over=settings.iterations)


def read_snapshots(folder: Path) -> dict[int, np.ndarray]:
    """Return the stored maps by iteration (0 is the start), in order; empty if there are none."""
    trees = [load_tree(path) for path in sorted(folder.glob("*.npz")) if not path.name.startswith(".")]
    return {tree["iteration"]: tree["radiance"] for tree in trees}


def count_collapses(psnr: Sequence[float], drop: float = DROP, recovered: float = RECOVERED) -> int:
    """Count how often a curve of PSNRs [dB] falls `drop` below its best so far.

    The next one counts only after the curve came back to within `recovered` of that best.
    """
    best, fallen, count = -np.inf, False, 0
    for value in psnr:
        best = max(best, value)
        if not fallen and value < best - drop:
            fallen, count = True, count + 1
        elif fallen and value >= best - recovered:
            fallen = False
    return count
