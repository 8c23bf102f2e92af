"""What a vision model adds to a training step: CPU ms per image, forwards and backwards, one thread.

    python benchmarks/perception_cost.py                  # all models at 64 and 96 pixels
    python benchmarks/perception_cost.py --json cost.json
    python benchmarks/perception_cost.py --peer           # also plenoptic's own models, as a ratio

The target's features are cached, as in a fit. Times are process CPU time, the least of `--repeats`.
Networks are timed with zero weights, which costs the same; nothing that they compute is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn

from rerender.perception.models.base import VisionModel, load_model
from rerender.perception.models.deep import Lpips, PatchTokens, PooledResNet, frozen
from rerender.perception.models.portilla_simoncelli import scale_count
from rerender.perception.networks.dinov2 import DinoV2
from rerender.perception.networks.lpips import LpipsHeads
from rerender.perception.networks.resnet import ResNet50
from rerender.perception.networks.vgg import TAP_CHANNELS, Vgg16

ModuleT = TypeVar("ModuleT", bound=nn.Module)

WEIGHT_FREE = ("mae", "mse", "dual_buffer", "ssim", "nlpd", "frontend", "portilla_simoncelli")
NETWORKS = ("resnet", "lpips", "dino")
BATCHES = (1, 4)


def blank(module: ModuleT) -> ModuleT:
    """Zero every parameter: no weights, the same arithmetic."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    return frozen(module, torch.device("cpu"), torch.float32)


def network(model_id: str) -> VisionModel:
    """Build a network's architecture for timing only."""
    builders: dict[str, Callable[[], VisionModel]] = {
        "resnet": lambda: PooledResNet(blank(ResNet50())),
        "lpips": lambda: Lpips(blank(Vgg16()), blank(LpipsHeads(TAP_CHANNELS))),
        "dino": lambda: PatchTokens(blank(DinoV2())),
    }
    return builders[model_id]()


def cpu_ms(step: Callable[[], object], repeats: int) -> float:
    """Return the least CPU time of `step` in ms, after a warm-up."""
    step()
    step()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def training_step(model: VisionModel, size: int, batch: int) -> Callable[[], None]:
    """Return one forward and backward pass on `batch` images against cached target features."""
    images = torch.rand(batch, 3, size, size, requires_grad=True)
    with torch.no_grad():
        target = model.features(torch.rand(batch, 3, size, size))

    def step() -> None:
        images.grad = None
        model.loss(model.features(images), target).mean().backward()

    return step


def peer_step(model_id: str, size: int, batch: int) -> Callable[[], None] | None:
    """Return the same step with plenoptic's model, or None where it has none."""
    import plenoptic

    images = torch.rand(batch, 3, size, size, requires_grad=True)
    module: nn.Module
    if model_id == "frontend":
        module = plenoptic.models.OnOff(31, pretrained=True, cache_filt=True)
    elif model_id == "portilla_simoncelli":
        module = plenoptic.models.PortillaSimoncelli((size, size), n_scales=scale_count((size, size)))
    else:
        return None
    module.requires_grad_(False)

    def features() -> Tensor:
        shaped = images.flatten(0, 1)[:, None] if model_id == "frontend" else images
        result: Tensor = module(shaped)
        return result

    with torch.no_grad():
        target = features() + 0.1

    def step() -> None:
        images.grad = None
        (features() - target).square().mean().backward()

    return step


def main() -> None:
    """Print the table; write the rows as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 96])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--models", nargs="+", default=[*WEIGHT_FREE, *NETWORKS])
    parser.add_argument("--peer", action="store_true", help="also time plenoptic's own models")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = []
    print(
        f"{'model':20} {'px':>4} {'batch':>5} {'ms/image':>9}"
        + ("  plenoptic  ratio" if options.peer else "")
    )
    for model_id in options.models:
        model = network(model_id) if model_id in NETWORKS else load_model(model_id)
        for size in options.sizes if model_id != "dino" else [224]:
            for batch in BATCHES if model_id not in NETWORKS else (1,):
                ours = cpu_ms(training_step(model, size, batch), options.repeats) / batch
                row = {"model": model_id, "size": size, "batch": batch, "cpu_ms_per_image": round(ours, 3)}
                line = f"{model_id:20} {size:4} {batch:5} {ours:9.2f}"
                peer = peer_step(model_id, size, batch) if options.peer else None
                if peer is not None:
                    theirs = cpu_ms(peer, options.repeats) / batch
                    row |= {"plenoptic_cpu_ms_per_image": round(theirs, 3), "ratio": round(theirs / ours, 2)}
                    line += f"  {theirs:9.2f}  {theirs / ours:5.1f}"
                rows.append(row)
                print(line, flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
