"""What the fitting loop costs beside the work it runs: python benchmarks/loop_overhead.py [--seconds 40]

Each case is fitted twice in turns: by a bare loop (step, Adam, nothing else) and by `fit` with history, frames, best
state, non-finite guard, progress, lock and checkpoints. The step burns the stated CPU time on arrays. What the loop adds
is the CPU time outside steps, above the bare loop's: other load on the machine would spoil wall times. Both loops end in
the same parameters, bit by bit. Waiting for the disk is not CPU time, so the wall time of checkpoints is shown beside.

Budget: 2 % of the run; 3 % where a checkpoint is 125 MB, as a kill must cost no more than 30 s of work there, too. Writes benchmarks/out/loop_overhead.json; exits with 1 above budget.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.optimisers import Optimisers
from rerender.fitting.problem import LoopSettings, Observation, OptimiserName, Parameter, StepResult
from rerender.fitting.progress import StreamProgress

OUT = Path(__file__).parent / "out" / "loop_overhead.json"


@dataclass(frozen=True)
class Case:
    """A problem by its size: numbers optimised, other state [bytes], time of a step [s], window, observed frame.

    `longer` stretches the run: the checkpoints at its start and its end weigh nothing in a run of real length.
    """

    name: str
    shape: tuple[int, ...]
    other_bytes: int
    step_s: float
    optimiser: OptimiserName
    window: int
    frame: tuple[int, int]
    observe_every: int
    longer: int = 1
    budget: float = 0.02


CASES = (
    Case("geometry, laptop: 2,562 vertices", (2562, 3), 61_440, 0.05, "adam_uniform", 8, (96, 768), 10),
    Case("geometry, paper: 10,242 vertices", (10242, 3), 245_760, 0.1, "adam_uniform", 25, (256, 2048), 25),
    Case("material, paper: 512 x 512 texture", (512, 512, 3), 0, 0.4, "adam", 10, (256, 1024), 10),
    Case(
        "environment map, 1,024 x 2,048",
        (1024, 2048, 3),
        0,
        1.0,
        "adam",
        10,
        (256, 1024),
        10,
        longer=3,
        budget=0.03,
    ),
)


class Work:
    """A problem of a given size whose step takes a given time."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.tensor = torch.zeros(case.shape, requires_grad=True)
        self.other = np.zeros(case.other_bytes, np.uint8)
        self.burn = torch.ones(128, 128)
        self.inside = 0.0

    def parameters(self) -> dict[str, Parameter]:
        """Return the one parameter."""
        return {"x": Parameter(self.tensor, 0.01, self.case.optimiser, low=-1.0, high=1.0)}

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        """Compute for as long as a render would take; then pull towards a seeded constant."""
        began = time.process_time()
        while time.process_time() - began < self.case.step_s:
            torch.mm(self.burn, self.burn)
        goal = 1.0 + seeds.seed("goal") / 2**33
        loss = ((self.tensor - goal) ** 2).mean()
        loss.backward()
        self.inside += time.process_time() - began
        return StepResult(float(loss.detach()), {"goal": goal})

    def project(self, iteration: int) -> bool:
        """Do nothing."""
        return False

    def observe(self, iteration: int) -> Observation:
        """Return a frame like a strip of renders: half smooth background, half noisy."""
        began = time.process_time()
        rows, columns = self.case.frame
        frame = np.full((rows, columns, 3), 128, np.uint8)
        noise = np.random.default_rng(iteration).normal(120, 12, (rows // 2, columns, 3))
        frame[: rows // 2] = noise.astype(np.uint8)
        self.inside += time.process_time() - began
        return Observation(frame, {"mean": float(self.tensor.detach().mean())})

    def state(self) -> Tree:
        """Return the parameter and the rest."""
        return {"x": self.tensor.detach().numpy(), "other": self.other}

    def load_state(self, tree: Tree) -> None:
        """Take over a state."""
        self.tensor = torch.tensor(tree["x"], requires_grad=True)


def bare(case: Case, iterations: int, seeds: SeedStream) -> tuple[float, torch.Tensor]:
    """Return the seconds outside steps of a loop without any service, and the parameters."""
    work = Work(case)
    optimisers = Optimisers(work.parameters())
    began = time.process_time()
    for i in range(iterations):
        optimisers.zero_grad()
        work.step(i, seeds.child("step", i))
        optimisers.step(1.0)
    return time.process_time() - began - work.inside, work.tensor.detach()


def measure(case: Case, seconds: float, folder: Path) -> dict[str, object]:
    """Return what the loop adds to `case` over a run of about `seconds`."""
    iterations = max(2, round(seconds * case.longer / case.step_s))
    settings = LoopSettings(iterations, window=case.window, observe_every=case.observe_every)
    seeds = SeedStream(("overhead", case.name))
    plain_s, plain = bare(case, iterations, seeds)
    work = Work(case)
    began = time.process_time()
    result = fit(
        work, settings, folder, run_id="overhead", seeds=seeds, progress=StreamProgress(stream=io.StringIO())
    )
    total_s = time.process_time() - began
    if not torch.equal(plain, work.tensor.detach()):
        raise AssertionError("the two loops did not do the same work")
    added_s = total_s - work.inside - plain_s
    return {
        **asdict(case),
        "iterations": iterations,
        "total_s": round(total_s, 2),
        "added_ms_per_iteration": round(1000 * added_s / iterations, 3),
        "checkpoint_wall_share": round(result.checkpoint_s / result.wall_s, 5),
        "overhead": round(added_s / total_s, 5),
    }


def main() -> int:
    """Measure all cases, print a table, write the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=40.0, help="length of each run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:  # imports, which a run pays once, are not the loop's
        measure(replace(CASES[0], step_s=0.01), 0.1, Path(folder))
    rows = []
    print(f"{'case':40} {'steps':>6} {'ms/step added':>14} {'checkpoints':>12} {'overhead':>9}")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            row = measure(case, arguments.seconds, Path(folder))
        rows.append(row)
        print(
            f"{case.name:40} {row['iterations']:>6} {row['added_ms_per_iteration']:>14} "
            f"{row['checkpoint_wall_share']:>12.2%} {row['overhead']:>9.2%}",
            flush=True,
        )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"seconds": arguments.seconds, "cases": rows}, indent=1) + "\n")
    return int(any(float(str(row["overhead"])) > float(str(row["budget"])) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
