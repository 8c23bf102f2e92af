"""The fit of HDR-SIREN to a real sky: python benchmarks/real_sky_fit.py [SKY] [--height 256] [--preset sun] [--set lr=1e-3 ...]

The goal: the upper half of a captured sky at 1024 x 256, to at least 40 dB in the normalised log space
(Eq. 1), with a peak of at least 0.9 of the sky's and a total luminance within 5 %. `--preset full` is the paper's full
batch, `quick` and `sun` take a thousand texels a step, and `sun` puts more weight on skies whose light comes from a few
texels; `--set` changes single settings of network, fit and normaliser.

Prints the quality along the fit with the CPU seconds that it took so far (the looks themselves not counted), and writes
benchmarks/out/real_sky_fit.json. The asset mirror is RERENDER_ASSET_MIRROR or --mirror; without the file there is no fit.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from rerender.catalogue.resolve import asset_settings
from rerender.core.errors import UserError
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings, Observation
from rerender.fitting.progress import Silent
from rerender.papers.envmaps.fit import FitProblem
from rerender.papers.envmaps.quality import FitQuality
from rerender.papers.envmaps.skies import sky_upper
from rerender.papers.envmaps.specs import (
    FitSettings,
    NetworkSettings,
    NormaliserSettings,
    RepresentationSpec,
    representation_spec,
)
from rerender.provenance.host import hardware
from rerender.rendering.variants import start_variant
from rerender.runtime.threads import limit_threads

OUT = Path(__file__).parent / "out" / "real_sky_fit.json"
GOAL = {"psnr_log": 40.0, "peak_ratio": 0.9, "luminance_ratio": 0.05}
PARTS: dict[str, type[BaseModel]] = {
    "network": NetworkSettings,
    "fit": FitSettings,
    "normaliser": NormaliserSettings,
}


def _preset(**fit: float) -> dict[str, dict[str, Any]]:
    """Return a small network with headroom: a sigmoid reaches its end never, and a sun is one texel there."""
    return {"network": {"width": 128}, "normaliser": {"headroom": 2.0}, "fit": fit}


PRESETS = {
    "full": _preset(iterations=100, lr=1e-3, lam_hdr=100.0),
    "quick": _preset(iterations=500, lr=1e-3, lam_hdr=100.0, batch=1024),
    "sun": _preset(iterations=3000, lr=3e-4, lam_hdr=1000.0, batch=1024),
}


class Timed(FitProblem):
    """A fit that notes the CPU seconds of its steps beside the quality."""

    def __init__(self, radiance: np.ndarray, spec: RepresentationSpec, seed: int) -> None:
        super().__init__(radiance, spec, seed=seed)
        self.began, self.looking = time.process_time(), 0.0

    def observe(self, iteration: int) -> Observation:
        """Look, and print what is seen."""
        now = time.process_time()
        spent = now - self.began - self.looking
        seen = FitQuality.of(self.decoded(), self.radiance, self.spec.normaliser.eps).scalars()
        print(f"{iteration:6d} steps {spent:7.1f} CPU s  {line(seen)}", flush=True)
        self.looking += time.process_time() - now
        return Observation(scalars={"cpu_s": spent, **seen})


def line(seen: dict[str, float]) -> str:
    """Return one look in words."""
    return (
        f"log {seen['psnr_log']:.2f} dB, sRGB {seen['psnr_srgb']:.2f} dB, peak {seen['peak_ratio']:.3f}, "
        f"luminance {seen['luminance_ratio']:.4f}{'  <- the goal' if reached(seen) else ''}"
    )


def reached(seen: dict[str, float]) -> bool:
    """Say whether a look meets the goal."""
    return (
        seen["psnr_log"] >= GOAL["psnr_log"]
        and seen["peak_ratio"] >= GOAL["peak_ratio"]
        and abs(seen["luminance_ratio"] - 1) <= GOAL["luminance_ratio"]
    )


def specification(preset: str, changes: list[str]) -> RepresentationSpec:
    """Return HDR-SIREN with a preset's settings and single changes `name=value`."""
    parts = {name: dict(values) for name, values in PRESETS[preset].items()}
    for change in changes:
        name, _, text = change.partition("=")
        owners = [part for part, model in PARTS.items() if name in model.model_fields]
        if not owners:
            known = sorted(field for model in PARTS.values() for field in model.model_fields)
            raise UserError(f"--set {change}: no setting '{name}'", f"Settings: {', '.join(known)}.")
        parts.setdefault(owners[0], {})[name] = json.loads(text)
    return representation_spec("siren").changed(**parts)


def main() -> None:
    """Fit, print and store."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sky", nargs="?", default="wasteland_clouds_puresky")
    parser.add_argument(
        "--height", type=int, default=256, help="rows of the upper half; columns are four times"
    )
    parser.add_argument("--preset", choices=PRESETS, default="sun")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", dest="changes")
    parser.add_argument("--looks", type=int, default=10, help="looks at the quality along the fit")
    parser.add_argument("--mirror", help="a folder of assets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    spec = specification(args.preset, args.changes)
    limit_threads(args.threads)
    start_variant("llvm_ad_rgb", threads=1)
    image = sky_upper(args.sky, asset_settings(args.mirror, allow_standins=False), args.height)
    torch.set_num_threads(args.threads)
    problem = Timed(np.asarray(image.pixels), spec, args.seed)
    settings = problem.settings
    print(
        f"{args.sky}, {4 * args.height} x {args.height} texels, {args.threads} thread(s): {spec.network} {settings}"
    )
    loop = LoopSettings(
        iterations=settings.iterations,
        lr_schedule=problem.schedule,
        observe_every=max(1, settings.iterations // args.looks),
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = fit(
            problem,
            loop,
            Path(folder),
            run_id="sky",
            seeds=SeedStream(("real sky", args.seed)),
            progress=Silent(),
        )
    looks = result.observations.to_dicts()
    wall = time.perf_counter() - began
    print(
        f"{wall:.0f} s of wall time, with everything; {1000 * looks[-1]['cpu_s'] / settings.iterations:.0f} CPU ms a step"
    )
    OUT.parent.mkdir(exist_ok=True)
    report = {
        "arguments": vars(args),
        "spec": spec.model_dump(),
        "hardware": hardware(gpu=False),
        "looks": looks,
    }
    OUT.write_text(json.dumps(report, indent=1, default=str))


if __name__ == "__main__":
    main()
