"""The search for materials that make the pictures: the paper's step for networks and for textures, as a fitting problem.

One step (fact sheet, section 3.4): draw views, shade their covered pixels, and let every branch's loss and regularisers leave
gradients: all of them in every parameter (`summed`), or each in its own branch (`isolated`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.problem import Observation, Parameter, StepResult
from rerender.papers.materials.fields import Maps
from rerender.papers.materials.losses import mixed, unevenness
from rerender.papers.materials.methods import Branch, Channel, Method
from rerender.papers.materials.normals import NormalError
from rerender.papers.materials.schedules import StageSchedule, ramp
from rerender.papers.materials.settings import RegulariserSettings, StageSettings
from rerender.papers.materials.views import Batch, Near, Pair, Views
from rerender.rendering.filtered_light import LearnedLight, LightLevels
from rerender.rendering.gbuffers import GBuffer
from rerender.rendering.split_sum import shade, world_normals

LIGHT_GAIN = 64.0
"""The gradient of a learned light is multiplied by this; Adam divides it out again, but for its epsilon."""
NAMES = ("A", "B")


class Source(Protocol):
    """Where material channels come from: networks over places, or textures."""

    def tensors(self) -> Mapping[str, tuple[Tensor, int, bool]]:
        """Return the leaves by name, each with the number of its branch and whether it is an encoding's table."""
        ...

    def bounds(self, name: str) -> tuple[Tensor | float | None, Tensor | float | None]:
        """Return the lowest and highest value of a leaf."""
        ...

    def near(self, batch: Batch, number: int, share: float, generator: torch.Generator) -> Near | None:
        """Draw what smoothness compares for a branch, at a random share of the points; None where it is not asked for."""
        ...

    def maps(self, batch: Batch, near: Sequence[Near | None] = ()) -> tuple[Maps, list[Pair | None]]:
        """Return all channels at the covered pixels of a batch, and for every branch what smoothness compares."""
        ...


class MaterialFit:
    """Materials of one object, and its light if that is learned: a `Problem`."""

    def __init__(
        self,
        source: Source,
        views: Views,
        light: LightLevels | LearnedLight,
        method: Method,
        stage: str,
        settings: StageSettings,
        regularisers: RegulariserSettings,
        seeds: SeedStream,
        normal_error: NormalError | None = None,
    ) -> None:
        self.source, self.views, self.light, self.method = source, views, light, method
        self.stage, self.settings, self.weights, self.seeds = stage, settings, regularisers, seeds
        self.normal_error = normal_error
        self.leaves = source.tensors()
        self.learned = light if isinstance(light, LearnedLight) else None

    def schedule(self, branch: Branch) -> StageSchedule:
        """Return the branch's schedule in this stage."""
        shape = branch.coarse_schedule if self.stage == "coarse" else branch.fine_schedule
        return StageSchedule(shape, self.settings.steps)

    def parameters(self) -> dict[str, Parameter]:
        """Return every leaf with its branch's schedule; a learned light follows the first branch's."""
        found = {}
        for name, (tensor, number, _) in self.leaves.items():
            low, high = self.source.bounds(name)
            schedule = self.schedule(self.method.branches[number])
            found[name] = Parameter(tensor, self.settings.lr, low=low, high=high, schedule=schedule)  # type: ignore[arg-type]
        if self.learned is not None:
            schedule = self.schedule(self.method.branches[0])
            found["light"] = Parameter(self.learned.base, self.settings.lr, low=0.0, schedule=schedule)
        return found

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Shade a batch, compare, and leave the gradients."""
        batch = self.views.batch(self.drawn(iteration))
        generator = torch.Generator().manual_seed(seeds.seed("neighbours"))
        losses, smooth = self.terms(batch, iteration, generator)
        totals = [loss + term for loss, term in zip(losses, smooth, strict=True)]
        self.backward(totals)
        scalars = {f"loss_{NAMES[k]}": float(loss.detach()) for k, loss in enumerate(losses)}
        scalars |= {f"reg_{NAMES[k]}": float(term.detach()) for k, term in enumerate(smooth)}
        scalars |= {f"grad_norm_{NAMES[k]}": self.norm(k) for k in range(len(losses))}
        rates = [self.schedule(branch)(iteration) * self.settings.lr for branch in self.method.branches]
        scalars |= {f"lr_{NAMES[k]}": rate for k, rate in enumerate(rates)}
        return StepResult(float(torch.stack(totals).sum().detach()), scalars)

    def terms(
        self, batch: Batch, iteration: int, generator: torch.Generator
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return every branch's image loss, and its regularisers."""
        branches, share = self.method.branches, self.weights.share
        near = [
            self.source.near(batch, number, share, generator)
            if self.smooths(branch, iteration) > 0.0
            else None
            for number, branch in enumerate(branches)
        ]
        maps, pairs = self.source.maps(batch, near)
        image = self.shade(batch, maps, iteration)
        losses, smooth = [], []
        for branch, pair in zip(branches, pairs, strict=True):
            mix = branch.coarse if self.stage == "coarse" else branch.fine
            losses.append(mixed(dict(mix), image, batch.target, batch.pixels))
            smooth.append(self.smoothness(batch, maps, branch, pair, iteration))
        if self.learned is not None:
            smooth[0] = smooth[0] + self.weights.white_balance * self.learned.white_balance()
        return losses, smooth

    def drawn(self, iteration: int) -> list[int]:
        """Return the views of a step: every view once before any comes again, in an order of its own each time."""
        count, found = len(self.views), []
        for place in range(iteration * self.settings.batch, (iteration + 1) * self.settings.batch):
            order = np.random.default_rng(self.seeds.seed("order", place // count)).permutation(count)
            found.append(int(order[place % count]))
        return found

    def shade(self, batch: Batch, maps: Maps, iteration: int) -> Tensor:
        """Return radiance (N, 3) at the covered pixels of a batch."""
        surface = batch.surface
        if self.normal_error is not None:
            surface = self.normal_error.applied(surface, iteration / self.settings.steps)
        levels = self.light.levels() if isinstance(self.light, LearnedLight) else self.light
        return shade_maps(surface, maps, levels, flat=not self.learns_normals(iteration))

    def learns_normals(self, iteration: int) -> bool:
        """Say whether normals are the material's own at an iteration."""
        late = self.stage == "coarse" and iteration < self.method.normals_from * self.settings.steps
        return self.method.normals == "learned" and not late

    def smooths(self, branch: Branch, iteration: int) -> float:
        """Return the weight of a branch's smoothness at an iteration."""
        is_first = "albedo" in branch.channels
        weight = self.weights.albedo if is_first else self.weights.reflectance
        return ramp(iteration, self.settings.steps) * weight

    def smoothness(
        self, batch: Batch, maps: Maps, branch: Branch, pair: Pair | None, iteration: int
    ) -> Tensor:
        """Return a branch's regularisers: the smoothness of albedo or reflectance, and the mean occlusion."""
        total = torch.zeros((), device=batch.target.device)
        if pair is not None:
            uneven = unevenness(*pair, batch.pixels * self.weights.share)
            total = total + self.smooths(branch, iteration) * uneven
        if "occlusion" in branch.channels:
            mean = maps["occlusion"].sum() / batch.pixels
            total = total + ramp(iteration, self.settings.steps) * self.weights.occlusion * mean
        return total

    def backward(self, totals: Sequence[Tensor]) -> None:
        """Leave gradients by the method's rule, with upstream's factors on encodings and light."""
        if self.method.gradients == "summed":
            torch.autograd.backward(torch.stack(list(totals)).sum())
        else:
            for number, total in enumerate(totals):
                own = [tensor for tensor, branch, _ in self.leaves.values() if branch == number]
                own += [self.learned.base] if number == 0 and self.learned is not None else []
                last = number == len(totals) - 1
                gradients = torch.autograd.grad(total, own, retain_graph=not last, allow_unused=True)
                for tensor, gradient in zip(own, gradients, strict=True):
                    tensor.grad = gradient
        for tensor, _, is_table in self.leaves.values():
            if is_table and tensor.grad is not None and self.method.divisor != 1.0:
                tensor.grad /= self.method.divisor
        if self.learned is not None and self.learned.base.grad is not None:
            self.learned.base.grad *= LIGHT_GAIN

    def norm(self, number: int) -> float:
        """Return the Euclidean norm of the gradients of a branch."""
        gradients = [tensor.grad for tensor, branch, _ in self.leaves.values() if branch == number]
        return math.hypot(*(float(torch.linalg.vector_norm(one)) for one in gradients if one is not None))

    def project(self, iteration: int) -> bool:
        """Change nothing beyond the bounds."""
        return False

    def observe(self, iteration: int) -> Observation:
        """Show nothing."""
        return Observation()

    def state(self) -> Tree:
        """Return all leaves, and the learned light."""
        tree = {name: tensor.detach() for name, (tensor, _, _) in self.leaves.items()}
        return {**tree, **({"light": self.learned.base.detach()} if self.learned is not None else {})}

    @torch.no_grad()
    def load_state(self, tree: Tree) -> None:
        """Take over `state()`, in place."""
        for name, (tensor, _, _) in self.leaves.items():
            tensor.copy_(torch.from_numpy(np.asarray(tree[name])))
        if self.learned is not None:
            self.learned.base.copy_(torch.from_numpy(np.asarray(tree["light"])))


def shade_maps(
    surface: GBuffer, maps: Mapping[Channel, Tensor], light: LightLevels, *, flat: bool = False
) -> Tensor:
    """Return radiance (N, 3) of surface points with channels `maps`; `flat` leaves the surface's own normals."""
    normal = flat_normals(maps["normal"]) if flat else maps["normal"]
    return shade(
        surface,
        maps["albedo"],
        maps["roughness"],
        maps["metallic"],
        world_normals(surface, normal),
        light,
        maps.get("occlusion"),
    )


def flat_normals(like: Tensor) -> Tensor:
    """Return the surface's own normals in the tangent frame, (0, 0, 1), in the shape and on the device of `like` (N, 3)."""
    return like.new_tensor([0.0, 0.0, 1.0]).expand_as(like)
