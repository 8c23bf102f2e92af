"""The fit of a network to the initial map (sections 2.3 to 2.5), as a problem for the fitting loop.

    L_log = mean (f - N(E0))^2,   L_HDR = mean ((E_hat - E0) / max E0)^2,   L = lam_log L_log + lam_HDR L_HDR   (Eq. 4)

One step is one look at every texel, two with adversarial weight perturbation; or, with `batch`, at a random part of
them, whose loss is Eq. 4 on average.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rerender.core.errors import UserError
from rerender.core.files import Tree
from rerender.core.images import srgb_encode, to_uint8
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.optimisers import to_arrays
from rerender.fitting.problem import FitResult, LoopSettings, Observation, Parameter, StepResult
from rerender.fitting.progress import Progress
from rerender.fitting.schedules import Cosine, CosineRestarts, Schedule
from rerender.papers.envmaps.awp import Adversary
from rerender.papers.envmaps.batches import TexelBatches
from rerender.papers.envmaps.normalisation import Normaliser
from rerender.papers.envmaps.quality import FitQuality, gamma_of_refit
from rerender.papers.envmaps.siren import SirenGrid, flat, initial_weights, named
from rerender.papers.envmaps.siren_points import SirenPoints
from rerender.papers.envmaps.specs import FitSettings, NetworkSettings, RepresentationSpec


def learning_rate(settings: FitSettings) -> Schedule:
    """Return the cosine, restarted if the settings say so; the factor of both optimisers (section 2.4)."""
    if settings.restart_every is None:
        return Cosine(over=settings.iterations)
    return CosineRestarts(every=settings.restart_every)


class FitLoss:
    """Eq. 4 of one map, a few rows at a time, with its gradient by the network's outputs.

    Means are over all texels and channels of the map, so the parts of all rows add up to the loss. `part` is the loss
    on some texels.
    """

    def __init__(
        self,
        radiance: np.ndarray,
        normaliser: Normaliser,
        settings: FitSettings,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.normaliser, self.settings = normaliser, settings
        exact = torch.from_numpy(radiance.astype(np.float64))
        self.peak = float(exact.max())
        self.count = exact.numel()
        self.codes = _channels_first(normaliser.normalise(exact).to(device, dtype))
        self.relative = _channels_first((exact / self.peak).to(device, dtype))
        self.shares: Tensor | None = None

    def part(self, texels: Tensor, counts: Tensor) -> FitLoss:
        """Return the loss on some texels (indices of the raveled map), each of which stands for a number of them.

        Its outputs have the shape (texels, 3), and its `first_row` is the first texel's place in the list.
        """
        part = copy.copy(self)
        for name, whole in (("codes", self.codes), ("relative", self.relative)):
            channels = whole.permute(2, 0, 1).reshape(3, -1)
            setattr(part, name, channels[:, texels].T)
        part.shares = counts[:, None]
        return part

    def __call__(self, outputs: Tensor, first_row: int) -> tuple[Tensor, Tensor]:
        """Return these rows' part of the loss, shape (), and its gradient, shape (rows, W, 3)."""
        rows = slice(first_row, first_row + len(outputs))
        log, hdr = self.settings.lam_log / self.count, self.settings.lam_hdr / self.count
        error = outputs - self.codes[rows]
        gradient = error * (2 * log)
        loss = self._sum(error.square_(), rows) * log
        if hdr:
            radiance, slope = self.normaliser.radiance_and_slope(outputs)
            error = radiance.div_(self.peak).sub_(self.relative[rows])
            gradient += slope.mul_(error).mul_(2 * hdr / self.peak)
            loss += self._sum(error.square_(), rows) * hdr
        return loss, gradient if self.shares is None else gradient.mul_(self.shares[rows])

    def _sum(self, squares: Tensor, rows: slice) -> Tensor:
        return (squares if self.shares is None else squares.mul_(self.shares[rows])).sum()


class FitProblem:
    """Fit the weights of a network to one map of linear radiance, shape (H, W, 3)."""

    def __init__(
        self,
        radiance: np.ndarray,
        spec: RepresentationSpec,
        *,
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        if spec.fit is None:
            raise UserError(f"representation '{spec.id}' is not fitted", "Use it as it is.")
        self.radiance, self.spec, self.settings = radiance, spec, spec.fit
        self.normaliser = Normaliser.of(radiance, spec.normaliser)
        self.grid = SirenGrid(spec.network, *radiance.shape[:2], device=device, kernels=spec.fit.kernels)
        self.loss = FitLoss(radiance, self.normaliser, spec.fit, device=device)
        self.batches = _Batches(self, spec.fit.batch, device) if spec.fit.batch else None
        self.weights = initial_weights(spec.network, seed).to(device).requires_grad_()
        self.schedule = learning_rate(spec.fit)
        self.adversary = (
            Adversary(self.weights, spec.network, spec.fit.gamma, spec.fit.proxy_lr)
            if spec.fit.gamma
            else None
        )

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the flat weights."""
        return {"weights": Parameter(self.weights, lr=self.settings.lr)}

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Leave the gradient of Eq. 4, at the perturbed weights if there is an adversary; only batches are random.

        Both looks of a step with an adversary are at one batch, as in training by batches.
        """
        slope = self.whole if self.batches is None else self.batches.gradient_at(seeds.seed("batch"))
        at: Tensor = self.weights
        if self.adversary is not None:
            at = self.adversary.perturbed(self.weights, slope, self.schedule(iteration))
        gradient = torch.empty_like(self.weights, requires_grad=False)
        loss = slope(at, gradient)
        self.weights.grad = gradient
        return StepResult(float(loss))

    def project(self, iteration: int) -> bool:
        """Nothing to do: weights have no bounds."""
        return False

    def observe(self, iteration: int) -> Observation:
        """Show the decoded map and how good it is."""
        decoded = self.decoded()
        frame = to_uint8(srgb_encode(decoded))
        return Observation(frame, FitQuality.of(decoded, self.radiance, self.spec.normaliser.eps).scalars())

    def state(self) -> Tree:
        """Return the weights by layer, the frozen range, and the proxy's moments."""
        return {
            "weights": to_arrays(named(self.weights.detach(), self.spec.network)),
            "normaliser": self.normaliser.state(),
            "proxy": self.adversary.state() if self.adversary else None,
        }

    def load_state(self, tree: Tree) -> None:
        """Take over `state()`."""
        self.normaliser = self.loss.normaliser = Normaliser.from_state(tree["normaliser"])
        weights = flat(tree["weights"], self.spec.network)
        self.weights = weights.to(self.weights.device).requires_grad_()
        if self.adversary is not None:
            self.adversary.load_state(tree["proxy"])

    def decoded(self) -> np.ndarray:
        """Return the map that the weights hold now, linear radiance, shape (H, W, 3)."""
        with torch.no_grad():
            radiance = self.normaliser.radiance(self.grid.decode(self.weights))
        return np.ascontiguousarray(radiance.cpu().numpy())

    def whole(self, weights: Tensor, gradient: Tensor) -> Tensor:
        """Return Eq. 4 over all texels, shape (), and write its gradient."""
        return self.grid.loss_and_gradient(weights, self.loss, gradient)


class _Batches:
    """Eq. 4 of a problem's map, estimated from a batch of its texels."""

    def __init__(self, problem: FitProblem, size: int, device: torch.device | str) -> None:
        self.problem, self.device = problem, device
        texels = math.prod(problem.radiance.shape[:2])
        size = min(size, texels)
        self.texels = TexelBatches(problem.radiance, size, int(problem.settings.batch_brightest * size))
        self.counts = torch.from_numpy(self.texels.counts).to(device)
        self.network = SirenPoints(problem.spec.network, device=device, kernels=problem.settings.kernels)
        rows, columns = (torch.as_tensor(axis) for axis in (problem.grid.rows, problem.grid.columns))
        places = torch.stack([columns.expand(len(rows), -1), rows[:, None].expand(-1, len(columns))])
        self.places = places.reshape(2, -1).float().to(device)

    def gradient_at(self, seed: int) -> Callable[[Tensor, Tensor], Tensor]:
        """Return what `FitProblem.whole` is, for the batch of a seed: unbiased, value and gradient."""
        texels = torch.from_numpy(self.texels.draw(seed)).to(self.device)
        loss, points = self.problem.loss.part(texels, self.counts), self.places[:, texels].contiguous()

        def gradient(weights: Tensor, out: Tensor) -> Tensor:
            return self.network.loss_and_gradient(weights, points, loss, out)

        return gradient


@dataclass(frozen=True)
class FittedMap:
    """A map as a network: what `fit_map` gives, a file stores and an inversion starts from.

    `weights` flat; `size` is (H, W); `gamma` the perturbation size it was fitted with, after refits;
    `complaint` what the guard still finds wrong with it (empty if nothing).
    """

    network: NetworkSettings
    normaliser: Normaliser
    weights: Tensor
    size: tuple[int, int]
    quality: FitQuality
    gamma: float = 0.0
    refits: int = 0
    complaint: str = ""

    def decode(self) -> np.ndarray:
        """Return linear radiance, shape (H, W, 3)."""
        with torch.no_grad():
            codes = SirenGrid(self.network, *self.size).decode(self.weights)
            return np.ascontiguousarray(self.normaliser.radiance(codes).numpy())

    def state(self) -> Tree:
        """Return a tree for `save_tree`: weights by layer, and all that gives them a meaning."""
        return {
            "network": self.network.model_dump(),
            "normaliser": self.normaliser.state(),
            "weights": to_arrays(named(self.weights, self.network)),
            "size": list(self.size),
            "quality": self.quality.scalars(),
            "gamma": self.gamma,
            "refits": self.refits,
            "complaint": self.complaint,
        }

    @staticmethod
    def from_state(tree: Tree) -> FittedMap:
        """Take over `state()`."""
        network = NetworkSettings.model_validate(tree["network"])
        return FittedMap(
            network=network,
            normaliser=Normaliser.from_state(tree["normaliser"]),
            weights=flat(tree["weights"], network),
            size=(tree["size"][0], tree["size"][1]),
            quality=FitQuality(**tree["quality"]),
            gamma=tree["gamma"],
            refits=tree["refits"],
            complaint=tree["complaint"],
        )


def fit_map(
    radiance: np.ndarray,
    spec: RepresentationSpec,
    workdir: Path,
    *,
    run_id: str,
    seeds: SeedStream,
    max_refits: int = 3,
    observe_every: int = 0,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> tuple[FittedMap, FitResult]:
    """Fit a map (H, W, 3); refit with half the perturbation while the guard complains, at most `max_refits` times.

    Each attempt is resumable on its own, in a folder of `workdir`. All start from the same weights, so variants of
    one seed differ by their loss only. Raises `UserError` if the fit gave a non-finite number.
    """
    refits = 0
    while True:
        problem = FitProblem(radiance, spec, seed=seeds.seed("weights"), device=device)
        settings = problem.settings
        result = fit(
            problem,
            LoopSettings(
                iterations=settings.iterations, lr_schedule=problem.schedule, observe_every=observe_every
            ),
            workdir / f"fit{refits}",
            run_id=f"{run_id}-{refits}",
            seeds=seeds,
            progress=progress,
        )
        if result.failed:
            raise UserError(
                f"the fit of '{spec.id}' failed: {result.stop_reason}", "Lower its learning rate."
            )
        fitted = _judged(problem, refits)
        gamma = gamma_of_refit(fitted.quality, settings.gamma)
        if gamma is None or refits == max_refits:
            return fitted, result
        spec, refits = spec.changed(fit={"gamma": gamma}), refits + 1


def _judged(problem: FitProblem, refits: int) -> FittedMap:
    """Return the map that a finished problem holds."""
    weights = problem.weights.detach().cpu().clone()
    height, width = problem.radiance.shape[:2]
    fitted = FittedMap(
        problem.spec.network,
        problem.normaliser,
        weights,
        (height, width),
        FitQuality(0.0, 0.0, 0.0, 0.0),
        problem.settings.gamma,
        refits,
    )
    quality = FitQuality.of(problem.decoded(), problem.radiance, problem.spec.normaliser.eps)
    return replace(fitted, quality=quality, complaint=quality.complaint())


def _channels_first(image: Tensor) -> Tensor:
    """Return (H, W, 3) as a view of memory in the order (3, H, W), which is how a network's outputs lie."""
    return image.permute(2, 0, 1).contiguous().permute(1, 2, 0)
