"""Peak host memory of shortened paper-tier shape runs, one process a model: 256 px, 64 samples, 25 views, no guiding.

    python benchmarks/metamers_memory.py --models mae lpips clip --steps 3

Networks get generated weights of the published shapes: memory does not depend on their values. Latents of past steps
are not kept, so a longer run needs no more than what its second step needed; `grown` is what the later steps added.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE, SPP, VIEWS = 256, 64, 25


def peak_mb() -> float:
    """Return the largest resident size of this process so far [MiB]; `getrusage` would inherit that of its parent."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def generated(model: str, folder: Path) -> dict[str, Path]:
    """Write weight files of the shapes that the model needs; return them by asset id."""
    import torch

    from rerender.perception.networks.clip import ClipVision
    from rerender.perception.networks.dinov2 import DinoV2
    from rerender.perception.networks.lpips import LpipsHeads
    from rerender.perception.networks.resnet import ResNet50
    from rerender.perception.networks.vgg import TAP_CHANNELS, Vgg16
    from rerender.perception.weights import required_weights

    built = {
        "vgg16_v1": Vgg16,
        "lpips_vgg": lambda: LpipsHeads(TAP_CHANNELS),
        "resnet50_v1": ResNet50,
        "clip_vitl14": ClipVision,
        "dinov2_vitb14": DinoV2,
    }
    torch.manual_seed(0)
    files = {}
    for spec in required_weights(model):
        state = built[spec.id]().state_dict()
        files[spec.id] = folder / f"{spec.id}.pth"
        # magnitudes, as variances have to be positive; counters stay
        drawn = {
            name: 0.02 * torch.randn_like(x).abs() if x.is_floating_point() else x
            for name, x in state.items()
        }
        torch.save(drawn, files[spec.id])
    return files


def measure(model: str, steps: int, weights: dict[str, Path]) -> dict[str, float]:
    """Run a few steps in this process and return what they needed."""
    import torch

    from rerender.catalogue import registry
    from rerender.catalogue.standins import standin_mesh
    from rerender.core.meshes import icosphere, normalised
    from rerender.core.seeds import SeedStream
    from rerender.papers.metamers.geometry import GeometryProblem
    from rerender.papers.metamers.objective import Objective
    from rerender.papers.metamers.tiers import TIERS
    from rerender.papers.metamers.world import World, build, primal_integrator, training_cameras
    from rerender.perception.models.base import load_model
    from rerender.rendering.differentiable import Renderer
    from rerender.rendering.variants import start_variant

    torch.set_num_threads(1)
    start_variant("auto", threads=1)
    scene = registry.scene("dragon")
    mesh = normalised(standin_mesh("dragon_standin"), 3.2)
    world = World(scene, registry.envmap("constant"), mesh, None, None, None)
    settings = TIERS["paper"].geometry.run(scene).model_copy(update={"guiding": "none"})
    targets = build(world, training_cameras(world, VIEWS), SIZE, integrator=primal_integrator(scene))
    radiance = Renderer(targets).render({}, views=range(VIEWS), seeds=range(VIEWS), spp=4)
    objective = Objective(load_model(model, weights=weights), radiance)
    loaded = peak_mb()
    problem = GeometryProblem(world, icosphere(settings.start_subdivisions), objective, settings)
    peaks, start = [], time.process_time()
    for step in range(steps):
        problem.latent.grad = None
        problem.step(step, SeedStream(("memory", step)))
        peaks.append(peak_mb())
    cached = sum(x.nbytes for x in objective.target) / 2**20
    cpu = (time.process_time() - start) / steps
    return {
        "target_features": cached,
        "before_steps": loaded,
        "peak": peaks[-1],
        "grown": peaks[-1] - peaks[min(1, steps - 1)],
        "cpu_s_a_step": cpu,
    }


def main() -> None:
    """Measure each model in a process of its own and print a table [MiB]."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["mae", "lpips", "resnet", "dino", "clip"])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        files = {name: Path(path) for name, path in json.loads(arguments.child).items()}
        print(json.dumps(measure(arguments.models[0], arguments.steps, files)))
        return
    for model in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            # written elsewhere: making the weights must not count
            files = {name: str(path) for name, path in generated(model, Path(folder)).items()}
            command = [sys.executable, __file__, "--models", model, "--steps", str(arguments.steps)]
            done = subprocess.run(
                [*command, "--child", json.dumps(files)], check=True, capture_output=True, text=True
            )
        found = json.loads(done.stdout.splitlines()[-1])
        print(model, *(f"{name} {value:.1f}" for name, value in found.items()), sep="  ", flush=True)


if __name__ == "__main__":
    main()
