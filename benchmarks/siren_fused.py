"""Fused kernels of the sine layers against the torch passes, in one run: python benchmarks/siren_fused.py [--device cuda] [--width 256] [--size 128 512]

Both make the gradient of the same fit (Eq. 4) at the same weights, in turns, so that other load on the machine hits both. Prints
the time of a step of both (the medians), their ratio (the median of neighbours'), and how far the gradients are apart, relative
to the largest entry: some 1e-6 is rounding. On a GPU, time is until its queue is empty; on a CPU, CPU time. The kernels
compile at first use, half a minute for a GPU, and Warp keeps them. Where `ratio` is above 1 and the difference is rounding,
`envmaps: {fit: {kernels: auto}}` in the settings is worth it. Writes benchmarks/out/siren_fused.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median

import torch
from siren_fit import artificial_sky

from rerender.core.seeds import SeedStream
from rerender.papers.envmaps.fit import FitProblem
from rerender.papers.envmaps.specs import representation_spec
from rerender.runtime.threads import limit_threads

OUT = Path(__file__).parent / "out" / "siren_fused.json"
KERNELS = ("torch", "fused")


def now(device: str) -> float:
    """Return the clock [s]: of this process, or of a GPU that has done all it was asked."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def gradient(problem: FitProblem, seeds: SeedStream) -> torch.Tensor:
    """Return the gradient of a step."""
    problem.step(0, seeds)
    assert problem.weights.grad is not None
    return problem.weights.grad


def compare(problems: dict[str, FitProblem], device: str, turns: int, steps: int) -> dict[str, float]:
    """Return ms of a step by kernels, their ratio, and the relative difference of the gradients."""
    seeds = SeedStream(("fused",))
    first = {name: gradient(problem, seeds) for name, problem in problems.items()}
    apart = float((first["fused"] - first["torch"]).abs().max() / first["torch"].abs().max())
    ms: dict[str, list[float]] = {name: [] for name in KERNELS}
    for _ in range(turns):
        for name, problem in problems.items():
            began = now(device)
            for _ in range(steps):
                gradient(problem, seeds)
            ms[name].append(1000 * (now(device) - began) / steps)
    ratio = median(a / b for a, b in zip(ms["torch"], ms["fused"], strict=True))
    return {f"{name}_ms": median(times) for name, times in ms.items()} | {"ratio": ratio, "difference": apart}


def main() -> None:
    """Run both, print and store."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs=2, default=(32, 128), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--width", type=int, default=128, help="features of a layer")
    parser.add_argument("--batch", type=int, help="texels of a step; all where absent")
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--steps", type=int, default=5, help="steps of a turn")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args()
    limit_threads(1)
    radiance = artificial_sky(*args.size)
    problems = {}
    for name in KERNELS:
        spec = representation_spec("siren").changed(
            network={"width": args.width}, fit={"batch": args.batch, "kernels": name}
        )
        problems[name] = FitProblem(radiance, spec, seed=1, device=args.device)
    numbers = compare(problems, args.device, args.turns, args.steps)
    print(
        f"{args.size[1]} x {args.size[0]} texels, width {args.width}, batch {args.batch}, {args.device}: "
        f"torch {numbers['torch_ms']:.2f} ms, fused {numbers['fused_ms']:.2f} ms, ratio {numbers['ratio']:.2f}, "
        f"gradients differ by {numbers['difference']:.1e}"
    )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"arguments": {k: str(v) for k, v in vars(args).items()}} | numbers, indent=1))


if __name__ == "__main__":
    main()
