"""Adversarial weight perturbation (section 2.5: Eq. 5, Algorithms 1 and 2; Wu et al. 2020).

    delta_l = |th_l| / (|d_l| + 1e-20) d_l,  d = proxy - th after one ascent step of the proxy's own Adam

Algorithm 2 adds gamma delta to the weights, takes the gradient there, makes an Adam step and subtracts gamma delta
again. As an Adam update depends on gradients alone, that is the step from the unperturbed weights with the gradient of
the perturbed ones. Here the perturbed weights are a copy, so the weights never carry the perturbation: a checkpoint
or a stop in between finds them clean, and add and subtract lose no bits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rerender.core.files import Tree
from rerender.fitting.optimisers import Moments, adam, to_arrays
from rerender.papers.envmaps.siren import named
from rerender.papers.envmaps.specs import NetworkSettings

GUARD = (
    1e-20  # delta is 0, not NaN, where the proxy did not move (a learning rate of 0 at the end of a cosine)
)

Gradient = Callable[[Tensor, Tensor], object]
"""Writes the gradient of the fit loss at flat weights (first argument) into the second."""


def scaled_perturbation(weights: Tensor, moved: Tensor, settings: NetworkSettings) -> Tensor:
    """Return delta, flat (Algorithm 1, line 3): each weight matrix's move with that matrix's norm; 0 for biases."""
    delta = torch.zeros_like(weights)
    layers, ends = named(weights, settings), named(moved, settings)
    for name, part in named(delta, settings).items():
        if part.ndim >= 2:
            torch.sub(ends[name], layers[name], out=part)
            part.mul_(torch.linalg.vector_norm(layers[name]) / (torch.linalg.vector_norm(part) + GUARD))
    return delta


class Adversary:
    """The proxy network: it takes the weights as they are, and keeps its own Adam moments from step to step."""

    def __init__(self, weights: Tensor, settings: NetworkSettings, gamma: float, lr: float) -> None:
        self.settings, self.gamma, self.lr = settings, gamma, lr
        self.moments = Moments.zero(weights.detach())

    @torch.no_grad()
    def perturbed(self, weights: Tensor, gradient: Gradient, lr_factor: float) -> Tensor:
        """Return the weights with gamma delta added (Algorithm 1, and Algorithm 2 line 2), as a new flat tensor.

        `lr_factor` is the schedule's factor, which both optimisers share.
        """
        start = weights.detach()
        uphill = torch.empty_like(start)
        gradient(start, uphill)
        proxy = start.clone()
        adam(proxy, uphill.neg_(), self.moments, self.lr * lr_factor)
        return start + self.gamma * scaled_perturbation(start, proxy, self.settings)

    def state(self) -> Tree:
        """Return the moments; the proxy's weights are those of the network at every step's start."""
        return to_arrays(vars(self.moments))

    @torch.no_grad()
    def load_state(self, tree: Tree) -> None:
        """Take over `state()`."""
        for name, tensor in vars(self.moments).items():
            tensor.copy_(torch.as_tensor(tree[name]))
