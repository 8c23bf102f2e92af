"""What a step of Adam costs by size: torch's pass per operation, and the single pass that `fitting.optimisers` takes.

python benchmarks/adam_step.py
"""

from __future__ import annotations

import time

import torch
from torch.optim.adam import adam as torch_adam

from rerender.fitting.optimisers import BETA_1, BETA_2, EPSILON, Moments, adam


def several_passes(tensor: torch.Tensor, grad: torch.Tensor, moments: Moments, lr: float) -> None:
    """Make one step of Adam, an operation after the other."""
    torch_adam(
        [tensor], [grad], [moments.m], [moments.v], [], [moments.steps], foreach=False, fused=False,
        amsgrad=False, beta1=BETA_1, beta2=BETA_2, lr=lr, weight_decay=0.0, eps=EPSILON, maximize=False,
    )  # fmt: skip


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("parameters  several passes, us  one pass, us  ratio")
    for count in (300, 30_000, 1_000_000):
        best = []
        for update in (several_passes, adam):
            tensor, grad = torch.randn(count), torch.randn(count)
            moments, times = Moments.zero(tensor), []
            for _ in range(200):
                start = time.perf_counter()
                update(tensor, grad, moments, 0.01)
                times.append(time.perf_counter() - start)
            best.append(1e6 * min(times))
        print(f"{count:10,}  {best[0]:18.0f}  {best[1]:12.0f}  {best[0] / best[1]:5.1f}")


if __name__ == "__main__":
    main()
