"""What a step of an inversion costs with baked light transport and with Mitsuba in the loop, at equal gradient noise.

    python benchmarks/transport_step.py                  # prints a table and writes benchmarks/out/transport_step.json
    python benchmarks/transport_step.py --scene bunny --roughness 0.5 --samples 1

One step is a rendering of the present map, the tone-mapped squared error to a shifted target, and the gradient by every
texel. The reference gradient is that of an independent bake with more paths. `noise` is 1 / cosine^2 - 1 with it: what is
left of a single gradient beside the reference, squared; averaging n independent gradients divides it by n. So
`equal noise` compares times x noise. The transport's own noise is the frozen one of its matrix, and counts as well.
Mitsuba in the loop is also biased where the tone map bends, which this does not count: it favours Mitsuba.
Times are process CPU seconds, medians after a warm-up; ratios are within this run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from rerender.catalogue.resolve import asset_settings
from rerender.core.latlong import shift_columns
from rerender.papers.envmaps import scenes
from rerender.papers.envmaps.scene_specs import env_scene
from rerender.rendering.cloudy_skies import CLEAR_SKY, bake_cloudy_sky
from rerender.rendering.envmap_light import MitsubaLight
from rerender.rendering.light_model import LightModel
from rerender.rendering.transport import bake
from rerender.rendering.variants import start_variant
from rerender.runtime.threads import limit_threads


def srgb(linear: torch.Tensor) -> torch.Tensor:
    """Clamp to [0, 1] and encode: the tone map of the losses (fact sheet, section 2.6)."""
    clamped = linear.clamp(0.0, 1.0)
    high = 1.055 * clamped.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(clamped <= 0.0031308, 12.92 * clamped, high)


def gradient_function(
    model: LightModel, sky: torch.Tensor, target: torch.Tensor, exposure: float
) -> Callable[[int], np.ndarray]:
    """Return seed -> gradient of the tone-mapped squared error by the map, flat."""

    def gradient(seed: int) -> np.ndarray:
        leaf = sky.clone().requires_grad_(True)
        loss = (srgb(exposure * model.render(leaf, seed)) - target).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return leaf.grad.numpy().ravel().copy()

    return gradient


def measure(gradient: Callable[[int], np.ndarray], reference: np.ndarray, repeats: int) -> dict[str, float]:
    """Return the CPU seconds of a step and the noise of one gradient."""
    gradient(0)
    seconds, noises = [], []
    for seed in range(1, repeats + 1):
        began = time.process_time()
        found = gradient(seed)
        seconds.append(time.process_time() - began)
        cosine = found @ reference / (np.linalg.norm(found) * np.linalg.norm(reference))
        noises.append(1.0 / float(cosine) ** 2 - 1.0)
    return {"cpu_s": median(seconds), "noise": float(np.mean(noises))}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scene", default="mirror_sphere")
    parser.add_argument("--roughness", type=float)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--samples", type=int, default=4, help="paths per pixel and texel of the bake")
    parser.add_argument("--spp", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/transport_step.json"))
    arguments = parser.parse_args()
    limit_threads(1)
    backend = start_variant("auto", threads=1)

    upper = bake_cloudy_sky(CLEAR_SKY, arguments.rows)
    spec = env_scene(arguments.scene).with_roughness(arguments.roughness)
    parts, _ = scenes.gather(spec, asset_settings())
    scene = scenes.build(spec, parts, arguments.size, upper=upper)
    exposure, shape = scenes.floor_exposure(upper), (arguments.rows, 4 * arguments.rows)
    sky = torch.from_numpy(upper)
    shifted = torch.from_numpy(np.ascontiguousarray(shift_columns(upper, shape[1] // 8)))

    truth = bake(scene, shape, samples=2 * arguments.samples, seed=77)
    target = srgb(exposure * truth.render(shifted))
    reference = gradient_function(truth, sky, target, exposure)(0)
    began = time.process_time()
    baked = bake(scene, shape, samples=arguments.samples, seed=1)
    bake_s = time.process_time() - began

    models: dict[str, LightModel] = {"light transport": baked}
    models |= {f"Mitsuba, {spp} spp": MitsubaLight(scene, shape, spp=spp) for spp in arguments.spp}
    rows = {
        name: measure(gradient_function(model, sky, target, exposure), reference, arguments.repeats)
        for name, model in models.items()
    }
    ours = rows["light transport"]
    print(f"{spec.id}, {arguments.size} px, map {shape[1]} x {shape[0]}, {backend}; bake {bake_s:.1f} CPU s")
    print(f"{'':20}{'CPU s':>9}{'noise':>10}{'slower':>9}{'equal noise':>13}")
    for name, row in rows.items():
        row["slower"] = row["cpu_s"] / ours["cpu_s"]
        row["slower_equal_noise"] = row["slower"] * row["noise"] / ours["noise"]
        if name != "light transport":
            row["steps_until_the_bake_has_paid"] = bake_s / max(row["cpu_s"] - ours["cpu_s"], 1e-9)
        print(
            f"{name:20}{row['cpu_s']:9.4f}{row['noise']:10.4f}{row['slower']:8.1f}x{row['slower_equal_noise']:12.1f}x"
        )
    report: dict[str, Any] = {"backend": backend, "bake_cpu_s": bake_s, "rows": rows}
    report |= {name: value for name, value in vars(arguments).items() if name != "out"}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
