"""What the frequency of the sine layers (w0) and adversarial weight perturbation do to a recovered sky:

    python benchmarks/sine_frequency.py                              # w0 10, 20, 30 on four procedural skies
    python benchmarks/sine_frequency.py --w0 30 --rows pixels logpix siren rsiren_a --skies 2

The shift task of Table 1 (mirror sphere) at 128 x 32 texels and 64 x 64 pixels, networks of width 128, fitted in 1,000
steps at 5e-4: the fact sheet's prototype settings (section 8). Modes: as the paper (300 steps), and stabilised (400).
Prints, as means over skies, PSNR and SSIM of the fitted map under 3 % noise on its weights, and of the recovered map
and its rendering. Writes benchmarks/out/sine_frequency.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from rerender.catalogue.resolve import asset_settings
from rerender.core.latlong import shift_columns
from rerender.core.seeds import SeedStream
from rerender.papers.envmaps import scenes
from rerender.papers.envmaps.experiment import rendered
from rerender.papers.envmaps.fit import fit_map
from rerender.papers.envmaps.inversion import invert
from rerender.papers.envmaps.metrics import inversion_metrics
from rerender.papers.envmaps.noise import weight_noise
from rerender.papers.envmaps.scene_specs import env_scene
from rerender.papers.envmaps.settings import row_spec
from rerender.papers.envmaps.specs import InversionSettings, RepresentationSpec
from rerender.papers.envmaps.tiers import TIERS
from rerender.rendering.cloudy_skies import bake_cloudy_sky, numbered_sky
from rerender.rendering.light_model import Exposed
from rerender.rendering.transport import bake
from rerender.rendering.variants import start_variant
from rerender.runtime.threads import limit_threads

ROWS, IMAGE, HEIGHT, COLUMNS = ("siren", "rsiren_a"), 64, 32, 16
STEPS = {"paper_like": 300, "stabilised": 400}
SHOWN = ("env/psnr", "env/ssim", "ren/psnr", "ren/ssim")
NOISE = 0.03


def representation(name: str, w0: float) -> RepresentationSpec:
    """Return a row of Table 1 with the prototype's network and fit."""
    spec = row_spec(name)
    if spec.kind != "network":
        return spec.changed(lr=0.01 if name == "pixels" else 0.02)
    changes = {
        "network": {"width": 128, "hidden_layers": 3, "w0": w0},
        "fit": {"iterations": 1000, "lr": 5e-4},
    }
    return spec.changed(lr=3e-4, **changes)


def clear_skies(count: int) -> list[int]:
    """Return the numbers of the first skies that are not overcast."""
    return [index for index in range(4 * count) if numbered_sky(index).cover < 0.5][:count]


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--w0", type=float, nargs="+", default=[10.0, 20.0, 30.0])
    parser.add_argument("--rows", nargs="+", default=list(ROWS))
    parser.add_argument("--skies", type=int, default=4)
    chosen = parser.parse_args()
    limit_threads(1)
    torch.set_num_threads(1)
    start_variant("llvm_ad_rgb", threads=1)
    spec = env_scene("mirror_sphere")
    parts, _ = scenes.gather(spec, asset_settings())
    bare = bake(scenes.build(spec, parts, IMAGE), (HEIGHT, 4 * HEIGHT), samples=16, seed=0)
    laptop = TIERS["laptop"].inversion
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for index in clear_skies(chosen.skies):
        sky = bake_cloudy_sky(numbered_sky(index), HEIGHT)
        light = Exposed(bare, scenes.floor_exposure(sky))
        truth = np.ascontiguousarray(shift_columns(sky, COLUMNS))
        target = rendered(light, truth, 0, torch.device("cpu"))
        for name in chosen.rows:
            for w0 in chosen.w0 if row_spec(name).kind == "network" else [0.0]:
                row, key = representation(name, w0), f"{name} w0={w0:g}" if w0 else name
                with tempfile.TemporaryDirectory() as folder:
                    fitted = None
                    if row.kind == "network":
                        seeds = SeedStream(("fit", index))
                        fitted, _ = fit_map(
                            sky, row, Path(folder) / "fit", run_id=key, seeds=seeds, max_refits=0
                        )
                        noisy = weight_noise(
                            fitted, sky, SeedStream(("noise", index)), levels=(NOISE,), draws=4
                        )
                        for metric in ("env/psnr", "env/ssim"):
                            found[key][f"noise/{metric}"].append(noisy[0].mean[metric])
                    for mode, steps in STEPS.items():
                        settings = InversionSettings(
                            iterations=steps,
                            mode=mode,
                            clip=laptop.clip,
                            objective=laptop.objective,
                            snapshot_every=0,
                        )
                        result = invert(
                            row,
                            sky,
                            target,
                            light,
                            settings,
                            Path(folder) / mode,
                            run_id=f"{key}-{mode}",
                            seeds=SeedStream(("invert", index)),
                            fitted=fitted,
                        )
                        rendering = light.render(
                            torch.from_numpy(np.ascontiguousarray(result.best)), 0
                        ).numpy()
                        metrics = inversion_metrics(result.best, truth, rendering, target)
                        for metric in SHOWN:
                            found[key][f"{mode}/{metric}"].append(metrics[metric])
    means = {key: {name: fmean(values) for name, values in metrics.items()} for key, metrics in found.items()}
    for key, values in sorted(means.items()):
        print(f"{key:<20}" + "  ".join(f"{name} {value:.3f}" for name, value in values.items()))
    out = Path(__file__).parent / "out" / "sine_frequency.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"skies": chosen.skies, "means": means}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
