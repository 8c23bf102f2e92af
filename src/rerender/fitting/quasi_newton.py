"""The second-order finish of a fit with few parameters: L-BFGS (Byrd et al. 1995) from where the loop stopped.

Losses over pixels are tiny, so the loss is divided by its first value, and no tolerance stops the search early.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch

MEMORY = 10
"""Pairs of steps and gradient changes that approximate the curvature."""


@dataclass(frozen=True)
class Finish:
    """`loss` at the parameters that were left in the tensors; one loss an evaluation in `losses`, the start first.

    `failed` counts evaluations that gave no finite number; the search steps back from them.
    """

    loss: float
    losses: tuple[float, ...]
    failed: int

    @property
    def evaluations(self) -> int:
        """How often loss and gradient were computed."""
        return len(self.losses)


def finish(
    loss_of: Callable[[], torch.Tensor],
    parameters: Mapping[str, torch.Tensor],
    iterations: int,
    *,
    evaluations: int | None = None,
    first_step: float = 0.02,
    reach: float = math.inf,
) -> Finish:
    """Minimise `loss_of()` over leaf tensors, in place; the best parameters that were seen stay in them.

    At most `iterations` steps and `evaluations` losses (None: twice the steps). The first trial moves by at most
    `first_step`, so that it stays in the valley where the loop ended; nothing moves farther than `reach`.
    """
    from scipy.optimize import minimize

    leaves = list(parameters.values())
    losses: list[float] = []
    limit = 2 * iterations if evaluations is None else evaluations
    start = _flat(leaves)
    best: list[float | np.ndarray] = [math.inf, start]
    failed = 0

    def value(moved: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal failed
        if len(losses) == limit:  # SciPy finishes its line search beyond its own limit
            raise _Enough
        flat = start + first_step * moved
        _put(leaves, flat)
        for leaf in leaves:
            leaf.grad = None
        loss = loss_of()
        loss.backward()  # type: ignore[no-untyped-call]
        number = float(loss.detach())
        grad = _flat([_gradient(leaf) for leaf in leaves])
        if not (math.isfinite(number) and np.isfinite(grad).all()):
            failed += 1
            number, grad = math.inf, np.zeros_like(grad)
        elif number < best[0]:
            best[:] = [number, flat]
        losses.append(number)
        scale = losses[0] if 0 < losses[0] < math.inf else 1.0
        return number / scale, first_step * grad / scale

    options = {"maxiter": iterations, "maxfun": limit, "ftol": 0.0, "gtol": 0.0, "maxcor": MEMORY}
    bounds = [(-reach / first_step, reach / first_step)] * len(start)
    with suppress(_Enough):
        minimize(value, np.zeros_like(start), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    _put(leaves, np.asarray(best[1]))
    return Finish(float(best[0]), tuple(losses), failed)


class _Enough(Exception):
    """All evaluations are spent."""


def _gradient(leaf: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _flat(tensors: list[torch.Tensor]) -> np.ndarray:
    return np.concatenate([tensor.detach().cpu().double().numpy().ravel() for tensor in tensors])


def _put(leaves: list[torch.Tensor], flat: np.ndarray) -> None:
    """Write a flat vector into the tensors."""
    offset = 0
    with torch.no_grad():
        for leaf in leaves:
            part = flat[offset : offset + leaf.numel()].reshape(tuple(leaf.shape))
            leaf.copy_(torch.from_numpy(np.ascontiguousarray(part)))
            offset += leaf.numel()
