"""`rerender plan`: how many runs, optimiser steps and jobs a tier has, and what the jobs that ran so far say it costs.

The cost is an estimate from Snakemake's benchmark files: the mean CPU seconds of the jobs of each step that have run
in the same tier on this machine, times the number of jobs. A step that never ran has no estimate, and the sum says so.

With the name of a target or file instead of a tier: the jobs that lead to it, GPU hours, wall time at some numbers of
GPUs and disk, and how well the plan that `--save` kept has met (rerender.commands.forecast).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.commands.benchmarks import read_benchmark
from rerender.config import read_config
from rerender.core.errors import unknown_name
from rerender.options import TIER_NAMES

if TYPE_CHECKING:
    from rerender.workflow.session import Session

BENCHMARKS = Path("benchmarks/out")


@dataclass(frozen=True)
class Step:
    """One step of a tier: its number of jobs, and the mean CPU and wall seconds of those that ran (None: none did)."""

    name: str
    jobs: int
    measured: int
    cpu_s: float | None
    wall_s: float | None

    @property
    def cpu_minutes(self) -> float | None:
        """Estimated CPU minutes of all jobs of the step."""
        return None if self.cpu_s is None else self.cpu_s * self.jobs / 60


def add_parser(subparsers: Any) -> None:
    """Add `plan` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "plan",
        help="say how many runs and jobs a tier has, and what they cost judging by those that ran",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("tiers", nargs="*", metavar="TIER|TARGET", help="tiers (default: all), or a target")
    parser.add_argument("--tier", choices=TIER_NAMES, help="tier of a target (default: the configured one)")
    parser.add_argument("--gpus", type=int, nargs="+", default=None, metavar="N", help="numbers of GPUs")
    parser.add_argument(
        "--save", action="store_true", help="keep the plan, to compare with when jobs have run"
    )
    parser.add_argument(
        "--calibrate",
        nargs="*",
        metavar="OPTION",
        help="first run one job of every kind that was never measured, then size batches by what was measured; "
        "options of Snakemake without dashes (default: cores=1), such as profile=slurm",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan of each tier or target; return 0."""
    from rerender.workflow.session import Session

    if targets := [name for name in arguments.tiers if name not in TIER_NAMES]:
        return _plan_targets(targets, arguments)
    session = Session(read_config().model_dump())
    for number, tier in enumerate(arguments.tiers or TIER_NAMES):
        print(("\n" if number else "") + "\n".join(describe(session, tier)))
    return 0


def _plan_targets(targets: Sequence[str], arguments: argparse.Namespace) -> int:
    """Print the plan of a target, of its tier."""
    from rerender.commands import forecast
    from rerender.commands.dag import jobs_of
    from rerender.workflow.targets import TARGETS

    for target in targets:
        if target not in TARGETS and "/" not in target:
            raise unknown_name("tier or target", target, (*TIER_NAMES, *TARGETS), "Or name a file.")
    config = {"tier": arguments.tier} if arguments.tier else {}
    name = " ".join([*targets, *(f"--tier {tier}" for tier in config.values())])

    def look() -> forecast.Forecast:
        return forecast.forecast(jobs_of(*targets, config=config), forecast.read_costs())

    plan = look()
    if arguments.calibrate is not None:
        if files := forecast.probes(plan):
            options = [f"--{option}" for option in arguments.calibrate or ["cores=1"]]
            forecast.calibrate(files, [*options, *(["--config", f"tier={arguments.tier}"] if config else [])])
            plan = look()
        forecast.write_costs(plan)
    print("\n".join(forecast.describe(name, plan, arguments.gpus or forecast.GPUS)))
    for line in forecast.compare(plan, forecast.saved().get(name, {})):
        print(line)
    if arguments.save:
        forecast.save(name, plan)
    return 0


def describe(session: Session, tier: str, benchmarks: Path = BENCHMARKS) -> Iterator[str]:
    """Yield the lines of one tier."""
    from rerender.papers.metamers.grid import runnable
    from rerender.workflow import metamers

    cells = session.cells(tier)
    ready = runnable(cells)
    blocked = sorted({cell.model for cell in cells if cell.blocked})
    steps = sum(metamers.optimise_params(session, tier, cell.scene)["iterations"] for cell in ready)
    yield f"{tier}: {len(ready)} runs, {steps} optimiser steps" + (
        f"; {len(cells) - len(ready)} more runs are blocked: {', '.join(blocked)} have no weights here"
        if blocked
        else ""
    )
    found = list(tier_steps(session, tier, benchmarks))
    for step in found:
        yield f"  {step.name:<18} {step.jobs:>5} jobs  {_cost(step)}"
    known = [step.cpu_minutes for step in found if step.cpu_minutes is not None]
    unknown = [step.name for step in found if step.cpu_minutes is None]
    if not known:
        yield f"  cost unknown: no job of this tier has run here. Make one first: snakemake --cores 2 {_probe(tier, ready)}"
        return
    gaps = f", without {', '.join(unknown)}, of which none has run" if unknown else ""
    yield f"  together about {sum(known):.1f} CPU minutes{gaps}"


def tier_steps(session: Session, tier: str, benchmarks: Path = BENCHMARKS) -> Iterator[Step]:
    """Yield every step of a tier with its number of jobs and what its benchmarks say."""
    from rerender.papers.metamers.grid import runnable
    from rerender.workflow import metamers

    ready = runnable(session.cells(tier))
    places = {(cell.scene, cell.envmap) for cell in ready}
    jobs = {
        "references": len(places),
        "optimise": len(ready),
        "evaluate": len(places),
        "videos": len(places),
        "tables": len(metamers.TABLES),
        "figures": len(metamers.FIGURES),
    }
    yield from _measured(jobs, benchmarks / tier / "metamers")
    yield from _measured(_envmaps_jobs(session, tier), benchmarks / tier / "envmaps", "envmaps ")
    yield from _measured(_physics_jobs(session, tier), benchmarks / tier / "physics", "physics ")
    yield from _measured(_viewpoints_jobs(session, tier), benchmarks / tier / "viewpoints", "viewpoints ")
    yield from _measured(_materials_jobs(session, tier), benchmarks / tier / "materials", "materials ")


def _physics_jobs(session: Session, tier: str) -> dict[str, int]:
    """Return the number of jobs of each step of physics, by its folder of benchmarks."""
    from rerender.workflow import physics

    return {
        "runs": len(physics.jobs(session, tier)),
        "landscape": 1,
        "growth": 1,
        "demos": 1,
        "convnet": 1,
        "tables": len(physics.TABLES),
        "figures": len(physics.DRAWN) + 1,
        "films": 1,
    }


def _envmaps_jobs(session: Session, tier: str) -> dict[str, int]:
    """Return the number of jobs of each step of envmaps, by its folder of benchmarks."""
    from rerender.papers.envmaps import grid
    from rerender.workflow import envmaps

    settings = session.envmaps(tier)
    baked = grid.places(settings) if settings.render.backend == "transport" else ()
    jobs = {
        "fits": len(grid.fits(settings)),
        "transport": len(baked),
        "runs": len(
            {(job.experiment, job.scene, job.envmap, job.seed) for job in envmaps.jobs(session, tier)}
        ),
        "tables": len(envmaps.TABLES),
        "figures": len(envmaps.figures(session, tier)) // 2,
        "videos": len(envmaps.videos(session, tier)),
        "user_edits": len(settings.edits.own),
    }
    return {name: count for name, count in jobs.items() if count}


def _viewpoints_jobs(session: Session, tier: str) -> dict[str, int]:
    """Return the number of jobs of each step of viewpoints, by its folder of benchmarks."""
    from rerender.workflow import viewpoints

    settings = session.viewpoints(tier)
    jobs = {
        "scenes": len(settings.scenes.all),
        "runs": len(viewpoints.jobs(session, tier)),
        "present": len(settings.runs) * len(settings.run_methods),
        "stills": 1,
        "basins": 1,
        "gradients": len(settings.scenes.all),
        "views": len(settings.scenes.room_names),
        "tables": len(viewpoints.TABLES),
        "figures": len(viewpoints.FIGURES),
    }
    return {name: count for name, count in jobs.items() if count}


def _materials_jobs(session: Session, tier: str) -> dict[str, int]:
    """Return the number of jobs of each step of materials, by its folder of benchmarks."""
    from rerender.papers.materials import grid
    from rerender.workflow import materials

    settings = session.materials(tier)
    return {
        "scenes": len({one.scene for one in materials.jobs(session, tier)}),
        "lights": len(materials.lights(session, tier)),
        "captures": len(grid.captures(settings)),
        "runs": len(materials.jobs(session, tier)),
        "fine": len(grid.fine_jobs(settings)),
        "tables": len(materials.table_names(session, tier)),
        "figures": len(materials.figure_names(session, tier)),
        "videos": len(materials.videos(session, tier)),
    }


def _measured(jobs: Mapping[str, int], folder: Path, prefix: str = "") -> Iterator[Step]:
    """Yield steps with what the benchmarks below a folder say of them."""
    for name, count in jobs.items():
        times = [time for file in (folder / name).rglob("*.tsv") if (time := read_benchmark(file))]
        mean = [sum(column) / len(times) for column in zip(*times, strict=True)] if times else [None, None]
        yield Step(f"{prefix}{name}", count, len(times), *mean)


def _cost(step: Step) -> str:
    if step.cpu_s is None or step.wall_s is None:
        return "cost unknown: none has run"
    return f"{step.cpu_s:8.1f} CPU s and {step.wall_s:8.1f} s each (mean of {step.measured} that ran)"


def _probe(tier: str, ready: Any) -> str:
    from rerender.workflow import metamers

    return metamers.run_file(tier, ready[0], "final.npz").replace("<results>", "results") if ready else tier
