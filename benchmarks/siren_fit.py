"""The fit of a map by a SIREN, ours against plain modules: python benchmarks/siren_fit.py [--steps 1000] [--width 128] [--batch 1024] [--device cuda]

Both start from the same weights and make the same number of Adam steps on the same loss (Eq. 4) with the same cosine.
The plain one is what one would write first: `nn.Linear` and `torch.sin` in modules, autograd, `torch.optim.Adam`, and
for `--gamma` a second network with an Adam of its own. Ours goes through the fitting loop as in the pipeline, with all
that the loop does besides. With `--batch`, ours looks at a part of the texels in a step, so quality is what to compare
as well: the plain one makes the paper's full-batch steps. They take turns in blocks of steps, so that other load on the machine hits both; what counts
is CPU time, which waiting for a core does not add to; on a GPU, the time until its queue is empty.

Without --map, the map is an artificial sky with a sun. Prints the CPU time of a step of both (the median over blocks),
their ratio (the median of neighbouring blocks'), and how good both final maps are. Writes benchmarks/out/siren_fit.json.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rerender.core.images import resize_area
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings, StepResult
from rerender.fitting.progress import Silent
from rerender.papers.envmaps.fit import FitProblem
from rerender.papers.envmaps.quality import FitQuality
from rerender.papers.envmaps.siren import named
from rerender.papers.envmaps.specs import RepresentationSpec, representation_spec
from rerender.runtime.threads import limit_threads

BLOCK = 10  # steps
OUT = Path(__file__).parent / "out" / "siren_fit.json"


class Sine(nn.Module):
    """One sine layer."""

    def __init__(self, inputs: int, outputs: int, w0: float) -> None:
        super().__init__()
        self.linear, self.w0 = nn.Linear(inputs, outputs), w0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return sin(w0 (W x + b))."""
        return torch.sin(self.w0 * self.linear(x))


def module(problem: FitProblem) -> nn.Sequential:
    """Return the plain network with the weights of a problem."""
    s = problem.spec.network
    sines = [Sine(2 if k == 0 else s.width, s.width, s.w0) for k in range(s.hidden_layers + 1)]
    net = nn.Sequential(*sines, nn.Linear(s.width, 3), nn.Sigmoid())
    with torch.no_grad():
        for own, start in zip(net.parameters(), named(problem.weights, s).values(), strict=True):
            own.copy_(start)
    return net


def plain_fit(problem: FitProblem) -> Iterator[np.ndarray | None]:
    """Fit with modules and autograd; yields None after every step, then the decoded map."""
    s, n, radiance = problem.settings, problem.normaliser, torch.from_numpy(problem.radiance)
    height, width = radiance.shape[:2]
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    points = torch.stack([x, y], dim=-1).reshape(-1, 2)
    target, codes, peak = radiance.reshape(-1, 3), n.normalise(radiance).reshape(-1, 3), radiance.max()
    device = problem.weights.device
    points, target, codes, peak = (part.to(device) for part in (points, target, codes, peak))
    net = module(problem).to(device)
    proxy = copy.deepcopy(net)
    optimisers = [torch.optim.Adam(net.parameters(), s.lr), torch.optim.Adam(proxy.parameters(), s.proxy_lr)]
    cosines = [torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, s.iterations) for o in optimisers]

    def loss(network: nn.Module) -> torch.Tensor:
        f = network(points)
        hdr = ((n.radiance(f) - target) / peak).square().mean()
        return s.lam_log * (f - codes).square().mean() + s.lam_hdr * hdr

    for _ in range(s.iterations):
        deltas = []
        if s.gamma:
            proxy.load_state_dict(net.state_dict())
            optimisers[1].zero_grad()
            (-loss(proxy)).backward()
            optimisers[1].step()
            with torch.no_grad():
                for a, b in zip(net.parameters(), proxy.parameters(), strict=True):
                    if a.ndim >= 2:
                        delta = s.gamma * a.norm() / ((b - a).norm() + 1e-20) * (b - a)
                        a.add_(delta)
                        deltas.append((a, delta))
        optimisers[0].zero_grad()
        loss(net).backward()
        optimisers[0].step()
        with torch.no_grad():
            for a, delta in deltas:
                a.sub_(delta)
        for cosine in cosines[: 2 if s.gamma else 1]:
            cosine.step()
        yield None
    with torch.no_grad():
        yield n.radiance(net(points)).reshape(height, width, 3).cpu().numpy()


class Blocks:
    """Our problem, which lets the plain one work after every block of steps, and times both."""

    def __init__(self, problem: FitProblem, block: int) -> None:
        self.problem, self.block = problem, block
        self.plain = plain_fit(problem)
        self.result: np.ndarray | None = None
        self.ms: dict[str, list[float]] = {"ours": [], "plain": []}
        self.began = self.now()

    def now(self) -> float:
        """Return the clock [s]: of this process, or of a GPU that has done all it was asked."""
        if self.problem.weights.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def __getattr__(self, name: str) -> object:
        return getattr(self.problem, name)

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """At the start of a block, stop our clock and let the plain one do as many steps."""
        if iteration % self.block == 0:
            self.stop()
            began = self.now()
            for _ in range(self.block):
                next(self.plain)
            self.ms["plain"].append(1000 * (self.now() - began) / self.block)
            self.began = self.now()
        return self.problem.step(iteration, seeds)

    def stop(self) -> None:
        """Note the time of our block that just ended, if there was one."""
        if len(self.ms["ours"]) < len(self.ms["plain"]):
            self.ms["ours"].append(1000 * (self.now() - self.began) / self.block)


def artificial_sky(height: int, width: int) -> np.ndarray:
    """Return the upper half of a sky, (height, width, 3): a gradient, waves of cloud, and a sun of 2,000."""
    v, u = np.meshgrid(np.linspace(0, 1, 4 * height), np.linspace(0, 1, 4 * width), indexing="ij")
    clouds = sum(
        np.sin(2 * np.pi * (f * u + 1.7 * f * v + 0.3 * f)) * np.sin(9.1 * f * v + f) / f
        for f in (2, 5, 11, 19)
    )
    sky = 0.3 + 0.5 * v[..., None] * np.array([0.8, 0.9, 1.1]) + 0.15 * np.clip(clouds, 0, None)[..., None]
    sun = np.exp(-((u - 0.31) ** 2 * 16 + (v - 0.45) ** 2) / 2e-4)
    return resize_area(sky + 2000 * sun[..., None] * np.array([1, 0.9, 0.7]), height, width).astype(
        np.float32
    )


def read_map(path: Path, height: int, width: int) -> np.ndarray:
    """Return the upper half of a lat-long map, resampled to (height, width, 3)."""
    from rerender.rendering.bitmaps import read_image
    from rerender.rendering.variants import start_variant

    if path.suffix.lower() != ".exr":
        start_variant("llvm_ad_rgb", threads=1)
    return resize_area(read_image(path), 2 * height, width)[:height]


def compare(radiance: np.ndarray, spec: RepresentationSpec, device: str) -> dict[str, float]:
    """Fit both ways and return times and qualities."""
    problem = FitProblem(radiance, spec, seed=1, device=device)
    blocks = Blocks(problem, BLOCK)
    settings = LoopSettings(iterations=problem.settings.iterations, lr_schedule=problem.schedule)
    with tempfile.TemporaryDirectory() as folder:
        fit(blocks, settings, Path(folder), run_id="siren", seeds=SeedStream(("siren",)), progress=Silent())
    blocks.stop()
    plain = next(image for image in blocks.plain if image is not None)
    numbers = {f"{name}_ms": float(np.median(times)) for name, times in blocks.ms.items()}
    pairs = zip(blocks.ms["plain"], blocks.ms["ours"], strict=True)
    numbers["ratio"] = float(np.median([plain_ms / ours_ms for plain_ms, ours_ms in pairs]))
    for name, image in (("ours", problem.decoded()), ("plain", plain)):
        scalars = FitQuality.of(image, radiance).scalars()
        numbers |= {f"{name}_{key}": value for key, value in scalars.items()}
    return numbers


def main() -> None:
    """Run both, print and store."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--map", type=Path, help="a lat-long EXR or HDR file")
    parser.add_argument("--size", type=int, nargs=2, default=(32, 128), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--width", type=int, default=128, help="features of a layer")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--gamma", type=float, default=0.0, help="weight perturbation; 0 is plain SIREN")
    parser.add_argument(
        "--batch", type=int, help="texels of one of our steps; the plain one looks at all of them"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args()
    limit_threads(1)
    radiance = read_map(args.map, *args.size) if args.map else artificial_sky(*args.size)
    steps = BLOCK * math.ceil(args.steps / BLOCK)
    fit_settings = {"iterations": steps, "lr": args.lr, "gamma": args.gamma, "batch": args.batch}
    spec = representation_spec("siren").changed(network={"width": args.width}, fit=fit_settings)
    numbers = compare(radiance, spec, args.device)
    print(
        f"{args.size[1]} x {args.size[0]} texels, width {args.width}, {steps} steps, gamma {args.gamma:g}, batch {args.batch}"
    )
    print(
        f"time of a step ({args.device}): plain {numbers['plain_ms']:.2f} ms, ours {numbers['ours_ms']:.2f} ms, "
        f"ratio {numbers['ratio']:.2f}"
    )
    for name in ("plain", "ours"):
        print(
            f"{name:>5}: PSNR log {numbers[f'{name}_psnr_log']:.2f} dB, sRGB {numbers[f'{name}_psnr_srgb']:.2f} dB, "
            f"peak ratio {numbers[f'{name}_peak_ratio']:.3f}, luminance ratio {numbers[f'{name}_luminance_ratio']:.3f}"
        )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"arguments": {k: str(v) for k, v in vars(args).items()}} | numbers, indent=1))


if __name__ == "__main__":
    main()
