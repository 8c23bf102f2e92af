"""What simulation and soft rasteriser cost, against plain PyTorch, as ratios within one run on one thread.

    python benchmarks/simulation.py            # tetrahedra, rigid bodies, rasteriser
    python benchmarks/simulation.py --growth   # 100 to 100,000 tetrahedra
    python benchmarks/simulation.py --newton   # against Newton's semi-implicit solver; needs the package `newton`

Times are CPU seconds of this process; the first run of everything is thrown away, because it compiles.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

import torch

from rerender.core.meshes import icosphere
from rerender.papers.physics.shapes import shape
from rerender.rendering.soft_rasteriser import SoftSettings, look_from, rasterise
from rerender.rendering.soft_twin import rasterise_twin
from rerender.simulation.elements import Tets, make_tets, tet_inverse_mass
from rerender.simulation.mass_properties import solid
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.rigid import RigidBodies, RigidClock, RigidState, simulate
from rerender.simulation.tet_mesh import TetMesh, block

H = 1 / 3840
REPEATS = 3


def seconds(run: Callable[[], object]) -> float:
    """Return the least CPU time of several calls after a first one [s]."""
    run()
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    return min(times)


def torch_forces(tets: Tets, x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return stable Neo-Hookean forces (N, 3), written as anyone would in PyTorch."""
    points, speeds = x[tets.corners], v[tets.corners]
    edges = (points[:, 1:] - points[:, :1]).transpose(-1, -2)
    rates = (speeds[:, 1:] - speeds[:, :1]).transpose(-1, -2)
    f, fdot = edges @ tets.inverse, rates @ tets.inverse
    ic = (f * f).sum(dim=(-1, -2))
    stress = (tets.mu * (1 - 1 / (ic + 1)))[:, None, None] * f + tets.damping[:, None, None] * fdot
    h = tets.volume[:, None, None] * stress @ tets.inverse.transpose(-1, -2)
    x10, x20, x30 = edges.unbind(-1)
    cofactor = torch.stack(
        [torch.linalg.cross(x20, x30), torch.linalg.cross(x30, x10), torch.linalg.cross(x10, x20)], -1
    )
    g = cofactor / (6 * tets.volume)[:, None, None]
    rest = 1 + 0.75 * tets.mu / tets.lam
    pressure = tets.lam * (torch.linalg.det(f) - rest) + tets.damping * (g * rates).sum(dim=(-1, -2))
    forces = -(h + (tets.volume * pressure)[:, None, None] * g)
    own = torch.cat([-forces.sum(-1, keepdim=True), forces], dim=-1).transpose(-1, -2)
    return torch.zeros_like(x).index_add(0, tets.corners.reshape(-1), own.reshape(-1, 3))


def torch_steps(system: ParticleSystem, x: torch.Tensor, v: torch.Tensor, steps: int) -> torch.Tensor:
    """Return the positions after some steps without contact, by plain PyTorch."""
    gravity = torch.tensor([0.0, -9.8, 0.0])
    assert system.tets is not None
    for _ in range(steps):
        v = v + H * (system.inverse_mass[:, None] * torch_forces(system.tets, x, v) + gravity)
        x = x + H * v
    return x


def scene(mesh: TetMesh) -> tuple[ParticleSystem, torch.Tensor]:
    """Return a block of soft material and its rest shape."""
    rest, corners = torch.tensor(mesh.vertices, dtype=torch.float32), torch.tensor(mesh.tets)
    tets = make_tets(rest, corners, 1000.0, 1000.0, 1.0)
    return ParticleSystem(tet_inverse_mass(rest, corners, 10.0), tets=tets), rest


def both_ways(move: Callable[[torch.Tensor], torch.Tensor], rest: torch.Tensor) -> None:
    """Run forward and backward, from velocities to positions."""
    v = torch.zeros_like(rest).requires_grad_()
    move(v).sum().backward()


def tetrahedra() -> None:
    """Compare a step of 1,080 tetrahedra with plain PyTorch."""
    system, rest = scene(block((6, 6, 6), (1.0, 1.0, 1.0)))
    assert system.tets is not None
    steps = 200
    ours = lambda v: simulate_particles(system, rest, v, ParticleClock(H, steps), [steps])[0]  # noqa: E731
    plain = lambda v: torch_steps(system, rest, v, steps)  # noqa: E731
    with torch.no_grad():
        still = torch.zeros_like(rest)
        assert torch.allclose(ours(still)[0], plain(still), atol=1e-5)
    mine, torchs = (seconds(lambda run=run: both_ways(run, rest)) / steps * 1e3 for run in (ours, plain))
    count = len(system.tets.corners)
    print(
        f"{count} tetrahedra, forward and backward: {mine:.3f} ms a step, PyTorch {torchs:.2f} ms: {torchs / mine:.1f} times"
    )


def rigid() -> None:
    """Time a step of bodies that fall and bounce."""
    for name in ("box", "sphere", "capsule"):
        mesh = shape(name)
        points = torch.tensor(mesh.vertices, dtype=torch.float32)[None]
        bodies = RigidBodies(
            torch.tensor([2.0]),
            torch.tensor(solid(mesh).inertia, dtype=torch.float32)[None],
            points,
            torch.tensor([points.shape[1]]),
            torch.tensor([[4900.0 / points.shape[1] * 8, 15.0, 99.0, 0.7]]),
            torch.zeros(1, 3),
            torch.zeros(1, 3),
        )
        x = torch.tensor([[0.0, 1.5, 0.0]])
        start = RigidState(x, torch.tensor([[0.1, 0.2, -0.3, 0.9]]), torch.zeros(1, 3), torch.ones(1, 3))
        steps = 1920

        def run(bodies: RigidBodies = bodies, start: RigidState = start, steps: int = steps) -> None:
            mass = torch.tensor([2.0], requires_grad=True)
            simulate(bodies.with_mass(mass), start, RigidClock(1 / 960, steps)).x.sum().backward()

        print(
            f"rigid {name}, {points.shape[1]} contact points: {seconds(run) / steps * 1e6:.2f} µs a step, both ways"
        )


def raster() -> None:
    """Compare a frame with the torch twin."""
    faces_of = {"box": shape("box"), "sphere": icosphere(2)}
    for name, mesh in faces_of.items():
        for size in (64, 128):
            vertices = torch.tensor(mesh.vertices, dtype=torch.float32)[None].repeat(2, 1, 1)
            faces, colour = torch.tensor(mesh.faces), torch.tensor([1.0, 1.0, 0.0])

            def run(method, vertices=vertices, faces=faces, colour=colour, size=size) -> None:
                leaf = vertices.clone().requires_grad_()
                method(
                    leaf, faces, colour, look_from(8.0, 30.0, 0.0), SoftSettings(size)
                ).square().sum().backward()

            ours, twin = (seconds(lambda m=m: run(m)) / 2 * 1e3 for m in (rasterise, rasterise_twin))
            print(
                f"rasteriser {name}, {len(faces)} faces, {size} px: {ours:.1f} ms a frame, twin {twin:.1f} ms: {twin / ours:.1f} times"
            )


def growth() -> None:
    """Time a step of more and more tetrahedra."""
    for cells in (3, 6, 12, 27):
        system, rest = scene(block((cells,) * 3, (1.0, 1.0, 1.0)))
        assert system.tets is not None
        steps = max(4, 20000 // len(system.tets.corners))
        run = lambda v: simulate_particles(system, rest, v, ParticleClock(1e-5, steps), [steps])[0]  # noqa: B023, E731
        taken = seconds(lambda: both_ways(run, rest)) / steps  # noqa: B023
        count = len(system.tets.corners)
        print(
            f"{count:>7} tetrahedra: {taken * 1e3:.3f} ms a step, {taken / count * 1e9:.0f} ns a tetrahedron"
        )


def newton_step() -> None:
    """Compare a step of 1,080 tetrahedra with Newton's semi-implicit solver, without contact, triangles and particles' collisions."""
    import newton
    import warp as wp

    mesh, steps = block((6, 6, 6), (1.0, 1.0, 1.0)), 100
    builder = newton.ModelBuilder()
    builder.add_soft_mesh(
        pos=wp.vec3(0.0, 0.0, 0.0),
        rot=wp.quat_identity(),
        scale=1.0,
        vel=wp.vec3(0.0, 0.0, 0.0),
        vertices=[wp.vec3(*map(float, vertex)) for vertex in mesh.vertices],
        indices=mesh.tets.ravel().tolist(),
        density=10.0,
        k_mu=1000.0,
        k_lambda=1000.0,
        k_damp=1.0,
    )
    model = builder.finalize(device="cpu", requires_grad=True)
    model.tri_count = model.edge_count = 0
    model.particle_grid = None
    solver, control = newton.solvers.SolverSemiImplicit(model), model.control()
    states = [model.state() for _ in range(steps + 1)]

    def run() -> None:
        with wp.Tape() as tape:
            for before, after in itertools.pairwise(states):
                before.clear_forces()
                solver.step(before, after, control, None, H)
        last = states[-1].particle_q
        tape.backward(grads={last: wp.ones_like(last)})
        tape.zero()

    system, rest = scene(mesh)
    ours = lambda v: simulate_particles(system, rest, v, ParticleClock(H, steps), [steps])[0]  # noqa: E731
    theirs, mine = (seconds(each) / steps * 1e3 for each in (run, lambda: both_ways(ours, rest)))
    print(
        f"{model.tet_count} tetrahedra, both ways: {mine:.3f} ms a step, Newton {theirs:.2f} ms: {theirs / mine:.1f} times"
    )


def main() -> None:
    """Run the parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--growth", action="store_true", help="only the growth with the number of tetrahedra")
    parser.add_argument("--newton", action="store_true", help="only the comparison with Newton")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [growth] * arguments.growth + [newton_step] * arguments.newton
    for part in chosen or (tetrahedra, rigid, raster):
        part()


if __name__ == "__main__":
    main()
