"""What simulation and soft rasteriser cost, against plain PyTorch, as ratios within one run on one thread.

    python benchmarks/simulation.py            # tetrahedra, rigid bodies, rasteriser
    python benchmarks/simulation.py --growth   # 100 to 100,000 tetrahedra
    python benchmarks/simulation.py --newton   # against Newton's semi-implicit solver; needs the package `newton`

Times are CPU seconds of this process; the first run of everything is thrown away, because it compiles.
"""

from __future__ import annotations

import argparse
import itertools

import torch

from rerender.core.meshes import icosphere
from rerender.papers.physics.curves import KERNELS, TWIN
from rerender.papers.physics.growth import both_ways, measured, movers, seconds, soft_block
from rerender.papers.physics.shapes import shape
from rerender.papers.physics.specs import GrowthSettings
from rerender.rendering.soft_rasteriser import SoftSettings, look_from, rasterise
from rerender.rendering.soft_twin import rasterise_twin
from rerender.simulation.mass_properties import solid
from rerender.simulation.particles import ParticleClock
from rerender.simulation.rigid import RigidBodies, RigidClock, RigidState, simulate
from rerender.simulation.tet_mesh import block

H = 1 / 3840
REPEATS = 3


def tetrahedra() -> None:
    """Compare a step of 1,080 tetrahedra with plain PyTorch."""
    system, rest = soft_block(block((6, 6, 6), (1.0, 1.0, 1.0)))
    assert system.tets is not None
    steps = 200
    moves = movers(system, rest, ParticleClock(H, steps))
    with torch.no_grad():
        ours, plain = (moves[method](torch.zeros_like(rest)) for method in (KERNELS, TWIN))
        assert torch.allclose(ours, plain, atol=1e-5)
    mine, torchs = (
        seconds(lambda run=moves[method]: both_ways(run, rest), REPEATS) / steps * 1e3
        for method in (KERNELS, TWIN)
    )
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
            f"rigid {name}, {points.shape[1]} contact points: {seconds(run, REPEATS) / steps * 1e6:.2f} µs a step, both ways"
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

            ours, twin = (seconds(lambda m=m: run(m), REPEATS) / 2 * 1e3 for m in (rasterise, rasterise_twin))
            print(
                f"rasteriser {name}, {len(faces)} faces, {size} px: {ours:.1f} ms a frame, twin {twin:.1f} ms: {twin / ours:.1f} times"
            )


def growth() -> None:
    """Time a step of more and more tetrahedra."""
    for row in measured(GrowthSettings(), ["cpu"]):
        taken, count = float(str(row["seconds_step"])), int(str(row["tetrahedra"]))
        print(
            f"{count:>7} tetrahedra, {row['method']}: {taken * 1e3:.3f} ms a step, {taken / count * 1e9:.0f} ns a tetrahedron"
        )


def newton_step() -> None:
    """Compare a step of 1,080 tetrahedra with Newton's semi-implicit solver, without contact, triangles and particles' collisions."""
    import newton
    import warp as wp

    mesh, steps = block((6, 6, 6), (1.0, 1.0, 1.0)), 400
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

    system, rest = soft_block(mesh)
    ours = movers(system, rest, ParticleClock(H, steps))[KERNELS]
    theirs, mine = (seconds(each, REPEATS) / steps * 1e3 for each in (run, lambda: both_ways(ours, rest)))
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
