"""What a step of more and more tetrahedra takes, forward and backward: our kernels and plain PyTorch, on the CPU and on CUDA where it is.

The scene is a block of soft material in free fall, single precision. Times are the processor's of one thread on the CPU, so that other
work on the machine hardly counts, and the wall clock's on CUDA; the least of several calls after a first one, which compiles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl
import torch

from rerender.core.files import atomic_path
from rerender.papers.physics.curves import KERNELS, TWIN
from rerender.papers.physics.outputs import BACKEND
from rerender.papers.physics.specs import GrowthSettings
from rerender.provenance.host import Stopwatch, hardware
from rerender.provenance.manifest import Code, run_id, write_manifest
from rerender.simulation.elements import make_tets, tet_inverse_mass
from rerender.simulation.particle_twin import simulate_twin
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.tet_mesh import TetMesh, block

H = 1e-5
"""Step [s]; short enough for the finest block."""
STIFFNESS, DAMPING, DENSITY = 1000.0, 1.0, 10.0  # [Pa], [Pa s], [kg/m³]
FEWEST_STEPS = 4

Move = Callable[[torch.Tensor], torch.Tensor]
"""From velocities at the start to positions at the end, (N, 3)."""


def seconds(run: Callable[[], object], repeats: int, device: str = "cpu") -> float:
    """Return the least time of several calls after a first one [s]."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    run()
    taken = []
    for _ in range(repeats):
        _wait(device)
        begin = clock()
        run()
        _wait(device)
        taken.append(clock() - begin)
    return min(taken)


def soft_block(mesh: TetMesh, device: str = "cpu") -> tuple[ParticleSystem, torch.Tensor]:
    """Return a body of soft material, and its vertices at rest (N, 3) [m]."""
    rest = torch.tensor(mesh.vertices, dtype=torch.float32, device=device)
    corners = torch.tensor(mesh.tets, device=device)
    tets = make_tets(rest, corners, STIFFNESS, STIFFNESS, DAMPING)
    return ParticleSystem(tet_inverse_mass(rest, corners, DENSITY), tets=tets), rest


def movers(system: ParticleSystem, rest: torch.Tensor, clock: ParticleClock) -> Mapping[str, Move]:
    """Return what moves a body from rest by each method."""
    return {
        KERNELS: lambda v: simulate_particles(system, rest, v, clock, [clock.steps])[0][0],
        TWIN: lambda v: simulate_twin(system, rest, v, clock),
    }


def both_ways(move: Move, rest: torch.Tensor) -> None:
    """Move a body that is at rest, and differentiate by its velocities at the start."""
    v = torch.zeros_like(rest).requires_grad_()
    move(v).sum().backward()  # type: ignore[no-untyped-call]


def measured(settings: GrowthSettings, devices: Sequence[str]) -> Iterator[dict[str, object]]:
    """Yield a row for every size, device and method: what was timed, and seconds a step."""
    for cells in settings.cells:
        mesh = block((cells,) * 3, (1.0, 1.0, 1.0))
        count = len(mesh.tets)
        steps = max(FEWEST_STEPS, settings.element_steps // count)
        for device in devices:
            system, rest = soft_block(mesh, device)
            for method, move in movers(system, rest, ParticleClock(H, steps)).items():
                if method == TWIN and count > settings.twin_limit:
                    continue
                taken = seconds(partial(both_ways, move, rest), settings.repeats, device)
                yield {
                    "method": method,
                    "device": device,
                    "tetrahedra": count,
                    "particles": len(rest),
                    "steps": steps,
                    "seconds_step": taken / steps,
                }


def make_growth(
    settings: GrowthSettings,
    code: Code,
    stack: Mapping[str, str],
    *,
    tier: str,
    rows: Path,
    manifest: Path,
    threads: int = 1,
    device: str = "cpu",
) -> None:
    """Measure on the CPU, and on `device` if it is another one; write the rows and the manifest."""
    watch = Stopwatch.start()
    torch.set_num_threads(threads)
    devices = list(dict.fromkeys(("cpu", device)))
    machine = hardware(gpu=device != "cpu")
    names = {"cpu": f"CPU, {threads} thread" + "s" * (threads > 1), "cuda": machine["gpu"] or "CUDA"}
    frame = pl.DataFrame(list(measured(settings, devices))).with_columns(
        device_name=pl.col("device").replace_strict(names), processor=pl.lit(machine["cpu"])
    )
    with atomic_path(rows) as partial_file:
        frame.write_parquet(partial_file)
    write_manifest(
        manifest,
        stage="physics_growth",
        run_id=run_id(settings.model_dump(), code.fingerprint, {}, stack),
        parameters=settings.model_dump(),
        inputs={},
        outputs={"rows": rows},
        code=code,
        stack=stack,
        backend=BACKEND if device == "cpu" else f"warp_{device}",
        cost=watch.stop(gpus=int(device == "cuda")),
        assets="standin",
    )


def _wait(device: str) -> None:
    """Let a GPU finish what it was given."""
    if device != "cpu":
        torch.cuda.synchronize()
