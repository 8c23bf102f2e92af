"""Optimisers for the parameters of a problem: Adam, and Adam with one step size per tensor (AdamUniform).

Also what the loop does to the same tensors around a step: gradient norm, clipping to bounds, finding
non-finite numbers, copying and putting back. No pickles: moments are a tree of arrays.

Adam is torch's, called as a function: making a `torch.optim.Optimizer` object imports torch's compiler, one
CPU second per process that a short run would feel, and moments that are plain tensors are plain to store.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.optim.adam import adam as torch_adam

from rerender.core.errors import UserError, unknown_name
from rerender.core.files import Tree
from rerender.fitting.problem import Parameter

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # of both optimisers, as in the papers


@dataclass(frozen=True)
class Moments:
    """Running means of the gradient (`m`) and its square (`v`), and the steps in them; updated in place."""

    m: torch.Tensor
    v: torch.Tensor
    steps: torch.Tensor

    @staticmethod
    def zero(tensor: torch.Tensor) -> Moments:
        """Return the moments before the first step."""
        return Moments(torch.zeros_like(tensor), torch.zeros_like(tensor), torch.tensor(0.0))


def adam(tensor: torch.Tensor, grad: torch.Tensor, moments: Moments, lr: float) -> None:
    """Make one step of Adam (Kingma & Ba 2015), in place: on the CPU one pass over memory instead of ten.

    Torch's single pass goes through memory without looking at strides, so it gets arrays of one order only.
    """
    fused = tensor.device.type == "cpu" and all(x.is_contiguous() for x in (tensor, moments.m, moments.v))
    torch_adam(
        [tensor],
        [grad.contiguous() if fused else grad],
        [moments.m],
        [moments.v],
        [],
        [moments.steps],
        foreach=False,
        fused=fused,
        amsgrad=False,
        beta1=BETA_1,
        beta2=BETA_2,
        lr=lr,
        weight_decay=0.0,
        eps=EPSILON,
        maximize=False,
    )


def adam_uniform(tensor: torch.Tensor, grad: torch.Tensor, moments: Moments, lr: float) -> None:
    """Make one step of Adam with one second moment per tensor (Nicolet et al. 2021, Large Steps), in place.

    With g the gradient at step t = 1, 2, …:  m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g^2 (per entry),
    u <- u - lr * sqrt(1-b2^t) / (1-b1^t) * m / sqrt(max over all entries of v + eps^2).
    All entries share one step size, so a smooth gradient makes a smooth step.
    """
    moments.steps.add_(1)
    steps = int(moments.steps)
    moments.m.mul_(BETA_1).add_(grad, alpha=1 - BETA_1)
    moments.v.mul_(BETA_2).addcmul_(grad, grad, value=1 - BETA_2)
    rate = lr * math.sqrt(1 - BETA_2**steps) / (1 - BETA_1**steps)
    tensor.addcmul_(moments.m, torch.rsqrt(moments.v.max() + EPSILON**2), value=-rate)


_UPDATES: Mapping[str, Callable[[torch.Tensor, torch.Tensor, Moments, float], None]] = {
    "adam": adam,
    "adam_uniform": adam_uniform,
}


class Optimisers:
    """A set of named parameters with their moments, which are zero until `load_state`."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        if not parameters:
            raise ValueError("a problem needs at least one parameter")
        for name, parameter in parameters.items():
            if parameter.optimiser not in _UPDATES:
                raise unknown_name("optimiser", parameter.optimiser, _UPDATES, f"(parameter '{name}')")
            if not (parameter.tensor.is_leaf and parameter.tensor.requires_grad):
                raise ValueError(f"parameter '{name}' must be a leaf tensor with requires_grad")
        self.parameters = dict(parameters)
        self._moments = {name: Moments.zero(p.tensor.detach()) for name, p in parameters.items()}

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for parameter in self.parameters.values():
            parameter.tensor.grad = None

    @torch.no_grad()
    def step(self, lr_factor: float, iteration: int = 0) -> float:
        """Update with each rate times its schedule and `lr_factor`, clip to bounds; return the largest rate."""
        rates = {name: one.lr * lr_factor * one.schedule(iteration) for name, one in self.parameters.items()}
        for name, parameter in self.parameters.items():
            if parameter.tensor.grad is not None:
                update = _UPDATES[parameter.optimiser]
                update(parameter.tensor, parameter.tensor.grad, self._moments[name], rates[name])
            if parameter.low is not None or parameter.high is not None:
                parameter.tensor.clamp_(parameter.low, parameter.high)
        return max(rates.values())

    def grad_norm(self) -> float:
        """Return the Euclidean norm over all gradients; infinite only if one of them is."""
        grads = [p.tensor.grad for p in self.parameters.values() if p.tensor.grad is not None]
        if not grads:
            raise RuntimeError("the step left no gradient in any parameter: did it call backward()?")
        return math.hypot(*(_norm(grad) for grad in grads))

    def non_finite_gradients(self) -> list[str]:
        """Name the parameters whose gradient holds NaN or infinity."""
        grads = {name: parameter.tensor.grad for name, parameter in self.parameters.items()}
        return [name for name, grad in grads.items() if grad is not None and not _finite(grad)]

    def non_finite_values(self) -> list[str]:
        """Name the parameters that hold NaN or infinity."""
        return [name for name, parameter in self.parameters.items() if not _finite(parameter.tensor)]

    def copy(self, into: dict[str, torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
        """Return copies of the parameters, on their device; `into` gives the memory of an older copy."""
        if into is None:
            return {name: p.tensor.detach().clone() for name, p in self.parameters.items()}
        for name, parameter in self.parameters.items():
            into[name].copy_(parameter.tensor.detach())
        return into

    def copy_of(self, stored: Tree | None) -> dict[str, torch.Tensor] | None:
        """Return what `copy` gave before it was stored as arrays; each tensor on its parameter's device."""
        if stored is None:
            return None
        device = {name: parameter.tensor.device for name, parameter in self.parameters.items()}
        return {name: torch.from_numpy(array.copy()).to(device[name]) for name, array in stored.items()}

    def put_back(self, values: Mapping[str, torch.Tensor]) -> None:
        """Overwrite the parameters with values from `copy`."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.tensor.copy_(values[name])

    def state(self) -> Tree:
        """Return the moments as a tree; the learning rates belong to the parameters."""
        return {name: to_arrays(vars(moments)) for name, moments in self._moments.items()}

    @torch.no_grad()
    def load_state(self, tree: Tree) -> None:
        """Take over `state()` of the same parameters."""
        here = {name: tuple(moments.m.shape) for name, moments in self._moments.items()}
        there = {name: stored["m"].shape for name, stored in tree.items()}
        if here != there:
            raise UserError(
                f"the checkpoint is of the parameters {there}, but the problem has {here}",
                "Its run id should have differed. Delete the state folder to start afresh.",
            )
        for name, stored in tree.items():
            for field, tensor in vars(self._moments[name]).items():
                tensor.copy_(torch.from_numpy(stored[field]))


def to_arrays(node: Any) -> Tree:
    """Return a copy of a tree in which every tensor is a NumPy array (also copies arrays)."""
    if isinstance(node, torch.Tensor):
        return np.array(node.detach().cpu().numpy())
    if isinstance(node, np.ndarray):
        return node.copy()
    if isinstance(node, Mapping):
        return {str(key): to_arrays(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [to_arrays(value) for value in node]
    return node


def _finite(tensor: torch.Tensor) -> bool:
    low, high = torch.aminmax(tensor.detach())  # hands NaN on, and takes a tenth of the time of isfinite
    return math.isfinite(low) and math.isfinite(high)


def _norm(tensor: torch.Tensor) -> float:
    norm = float(torch.linalg.vector_norm(tensor))
    if not math.isfinite(norm):  # the squares may have overflowed
        norm = float(torch.linalg.vector_norm(tensor, dtype=torch.float64))
    return norm
