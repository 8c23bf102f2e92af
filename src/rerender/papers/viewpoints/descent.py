"""The search by Adam, as a problem for the fitting loop: all starts of a job side by side, each with a camera of its own.

Two forms. `adam` moves the camera's numbers. `network` is the released recipe (fact sheet, section 2.6): a small network's
output, bounded by tanh, is added to numbers that hardly move, so that no camera further than 1 unit, 9 and 18 degrees
from the start can be reached.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from rerender.core.blurring import blurred
from rerender.core.files import Tree
from rerender.core.orbits import Orbit
from rerender.core.seeds import SeedStream
from rerender.fitting.optimisers import to_arrays
from rerender.fitting.problem import Observation, Parameter, StepResult
from rerender.papers.viewpoints.matching import Matcher, Stage
from rerender.papers.viewpoints.methods import Method
from rerender.papers.viewpoints.search import flat_stages

HIDDEN = (3, 64, 64, 64, 3)
INPUT_SCALE = (10.0, 90.0, 180.0)
REACH = 0.1  # of the input scale: 1 unit, 9 degrees, 18 degrees
DIRECT_RATE = 0.1
"""The numbers themselves learn at this share of the network's rate."""
ELEVATION_LIMIT = 89.0  # released: 90, where up and the view direction are parallel


class Descent:
    """Cameras that approach their targets by gradient steps. `matchers` and `starts` belong together, one a case.

    `path` holds what was visited: distance, elevation and azimuth of every case, (steps, cases, 3); `errors` what the error was there,
    (steps, cases); `cpu_s` the CPU seconds of all cases together by then, (steps,), over all attempts.
    """

    def __init__(
        self,
        matchers: Sequence[Matcher],
        starts: Sequence[Orbit],
        method: Method,
        iterations: int,
        seeds: SeedStream,
    ) -> None:
        self.matchers, self.starts, self.method, self.iterations = matchers, starts, method, iterations
        settings = matchers[0].settings
        first = settings.ladder[0]
        self.stages = (
            [Stage(first, blur) for blur in settings.blurs]
            if method.pyramid
            else list(flat_stages(matchers[0]))
        )
        values = np.stack([orbit.values(("distance", "elevation", "azimuth")) for orbit in starts])
        self.unit = torch.ones(3) if self.is_network else torch.tensor([1.0, 10.0, 10.0])
        self.numbers = (torch.tensor(values, dtype=torch.float64) / self.unit).requires_grad_()
        self.weights = _new_weights(len(starts), seeds) if self.is_network else {}
        self.path: list[np.ndarray] = []
        self.errors: list[np.ndarray] = []
        self.cpu_s: list[float] = []

    @property
    def is_network(self) -> bool:
        """Whether this is the released recipe."""
        return self.method.optimiser == "network"

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the numbers, and the network's weights where there is one."""
        settings = self.matchers[0].settings
        if not self.is_network:
            return {"camera": Parameter(self.numbers, settings.adam_lr)}
        weights = {name: Parameter(value, settings.upstream_lr) for name, value in self.weights.items()}
        return {"camera": Parameter(self.numbers, DIRECT_RATE * settings.upstream_lr), **weights}

    def cameras(self) -> torch.Tensor:
        """Return distance, elevation and azimuth of every case, (cases, 3), bounded as the released code does."""
        values = self.numbers * self.unit
        if self.is_network:
            values = values + REACH * torch.tensor(INPUT_SCALE) * self._network(values)
        low, high = (
            torch.tensor([1.0, -ELEVATION_LIMIT, -np.inf]),
            torch.tensor([20.0, ELEVATION_LIMIT, np.inf]),
        )
        return torch.maximum(torch.minimum(values, high.double()), low.double())

    def orbits(self) -> list[Orbit]:
        """Return the cameras."""
        return [
            orbit.moved_to(("distance", "elevation", "azimuth"), row)
            for orbit, row in zip(self.starts, self.cameras().detach().numpy(), strict=True)
        ]

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Render every case with its derivatives, and leave the gradients of the summed errors."""
        began = time.process_time()
        stage = self.stages[min(len(self.stages) - 1, iteration * len(self.stages) // self.iterations)]
        cameras, errors, slopes = self.cameras(), [], []
        for index, (matcher, orbit) in enumerate(zip(self.matchers, self.orbits(), strict=True)):
            picture, jacobian = matcher.derivatives(
                orbit, stage, seeds.seed("optimise", index), self.method.gradient
            )
            residual = blurred(picture - matcher.targets[stage.size], stage.blur)
            errors.append(float(np.square(residual).mean()))
            slopes.append((2.0 * residual * blurred(jacobian, stage.blur)).mean(axis=(1, 2, 3)))
        self.path.append(cameras.detach().numpy().copy())
        self.errors.append(np.array(errors))
        cameras.backward(torch.tensor(np.stack(slopes), dtype=torch.float64))  # type: ignore[no-untyped-call]
        self.cpu_s.append((self.cpu_s[-1] if self.cpu_s else 0.0) + time.process_time() - began)
        return StepResult(float(np.mean(errors)))

    def project(self, iteration: int) -> bool:
        """Change nothing."""
        return False

    def observe(self, iteration: int) -> Observation:
        """Show nothing; the path is part of the state."""
        return Observation()

    def state(self) -> Tree:
        """Return numbers, weights and path."""
        return {
            "numbers": self.numbers.detach().numpy().copy(),
            "weights": {name: to_arrays(value.detach().clone()) for name, value in self.weights.items()},
            "path": np.array(self.path).reshape(-1, len(self.starts), 3),
            "errors": np.array(self.errors).reshape(-1, len(self.starts)),
            "cpu_s": np.array(self.cpu_s),
        }

    def load_state(self, tree: Tree) -> None:
        """Take over a state."""
        self.numbers = torch.tensor(np.asarray(tree["numbers"])).requires_grad_()
        self.weights = {
            name: torch.tensor(np.asarray(value)).requires_grad_() for name, value in tree["weights"].items()
        }
        self.path, self.errors = list(tree["path"]), list(tree["errors"])
        self.cpu_s = np.asarray(tree["cpu_s"]).tolist()

    def _network(self, values: torch.Tensor) -> torch.Tensor:
        """Return the network's bounded output, (cases, 3); every case has weights of its own."""
        features = (values / torch.tensor(INPUT_SCALE))[:, None]
        for layer in range(len(HIDDEN) - 1):
            features = features @ self.weights[f"weight_{layer}"] + self.weights[f"bias_{layer}"]
            features = torch.tanh(features) if layer == len(HIDDEN) - 2 else torch.relu(features)
        return features[:, 0]


def _new_weights(cases: int, seeds: SeedStream) -> dict[str, torch.Tensor]:
    """Draw weights and biases uniformly within 1 / sqrt(inputs), PyTorch's default for linear layers."""
    weights = {}
    generator = torch.Generator().manual_seed(seeds.seed("weights"))
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(HIDDEN)):
        bound = inputs**-0.5
        for name, shape in (("weight", (cases, inputs, outputs)), ("bias", (cases, 1, outputs))):
            values = torch.rand(shape, generator=generator, dtype=torch.float64)
            weights[f"{name}_{layer}"] = ((2 * values - 1) * bound).requires_grad_()
    return weights
