"""Toy problems for the loop: known minimum, seeded noise, a fake remesh. Also a script that is killed and restarted.

`python toy.py FOLDER MODE...` fits in forked children that die in MODE's way until one ends, and compares the
outcome with that of an undisturbed fit. It imports torch once, so dozens of deaths cost little.
"""

from __future__ import annotations

import importlib
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from rerender.core.errors import UserError
from rerender.core.files import Tree, load_tree, save_tree
from rerender.core.seeds import SeedStream
from rerender.fitting.history import read_frames
from rerender.fitting.loop import fit
from rerender.fitting.problem import FitResult, LoopSettings, Observation, Parameter, StepResult
from rerender.fitting.progress import Silent

VIEWS = 4
SETTINGS = LoopSettings(
    iterations=101, window=VIEWS, observe_every=7, checkpoint_seconds=0.004, checkpoint_share=1.0
)


def nothing(iteration: int) -> None:
    """Do not interfere."""


class Toy:
    """Two tensors pulled to known targets: `u` (rows, 3), by AdamUniform, and `scale`, by Adam, bounded.

    loss = mean (u - u*)^2 + (scale - scale*)^2 + noise . u, with u* = 1..3 per column and scale* = 2. `remesh_at`
    doubles the rows and lowers the rate of `u`, as a remesh does. `inside` is called in every step.
    """

    def __init__(
        self,
        *,
        noise: float = 0.0,
        remesh_at: tuple[int, ...] = (),
        inside: Callable[[int], None] = nothing,
        rows: int = 5,
        lr: float = 0.1,
    ) -> None:
        self.noise = noise
        self.remesh_at = remesh_at
        self.inside = inside
        self._set(np.zeros((rows, 3), np.float32), np.array(0.5, np.float32), lr)

    def _set(self, u: np.ndarray, scale: np.ndarray, lr: float) -> None:
        self.u = torch.tensor(u, requires_grad=True)
        self.scale = torch.tensor(scale, requires_grad=True)
        self.lr = lr

    def parameters(self) -> dict[str, Parameter]:
        return {
            "u": Parameter(self.u, self.lr, "adam_uniform"),
            "scale": Parameter(self.scale, 0.03, "adam", low=0.0, high=1.5),
        }

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        self.inside(iteration)
        view = iteration % VIEWS
        rng = np.random.default_rng(seeds.seed("noise", view))
        noise = torch.from_numpy(rng.standard_normal(self.u.shape).astype(np.float32)) * self.noise
        distance = ((self.u - torch.tensor([1.0, 2.0, 3.0])) ** 2).mean()
        loss = distance + (self.scale - 2.0) ** 2 + (noise * self.u).mean()
        loss.backward()
        return StepResult(float(loss.detach()), {"distance": float(distance.detach()), "view": view})

    def project(self, iteration: int) -> bool:
        if iteration not in self.remesh_at:
            return False
        self._set(np.repeat(self.u.detach().numpy(), 2, axis=0), self.scale.detach().numpy(), self.lr * 0.8)
        return True

    def observe(self, iteration: int) -> Observation:
        frame = np.full((4, 6, 3), int(self.scale * 100), np.uint8)
        return Observation(frame, {"mean": float(self.u.detach().mean())})

    def state(self) -> Tree:
        return {"u": self.u.detach().numpy(), "scale": self.scale.detach().numpy(), "lr": self.lr}

    def load_state(self, tree: Tree) -> None:
        self._set(tree["u"], tree["scale"], tree["lr"])


def run(problem: Toy, folder: Path, settings: LoopSettings = SETTINGS) -> FitResult:
    """Fit without output."""
    return fit(problem, settings, folder, run_id="toy", seeds=SeedStream(("toy", 0)), progress=Silent())


def outcome(result: FitResult) -> Tree:
    """Return all of a result that must not depend on interruptions."""
    frames, iterations = read_frames(result.frames_dir)
    return {
        "best": result.best,
        "last": result.last,
        "best_iteration": result.best_iteration,
        "best_loss": result.best_loss,
        "iterations": result.iterations,
        "stop_reason": result.stop_reason,
        "history": result.history.drop("wall_s").to_dict(as_series=False),
        "observations": result.observations.drop("wall_s").to_dict(as_series=False),
        "frames": frames,
        "frame_iterations": iterations,
    }


def same(a: Tree, b: Tree) -> bool:
    """Compare two trees bit by bit."""
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and (a == b or repr(a) == repr(b))


def in_child(work: Callable[[], None], kill_after: float | None = None) -> int:
    """Do `work` in a forked child, killed from outside after some seconds; return its exit code (-signal)."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except SystemExit as error:
            os._exit(int(str(error.code)))
        except UserError as error:
            print(error, file=sys.stderr)
            os._exit(3)
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def noisy(inside: Callable[[int], None] = nothing) -> Toy:
    """Return the problem of all these runs: noise, and two changes of shape."""
    return Toy(noise=0.3, remesh_at=(30, 61), inside=inside)


def fit_and_save(folder: Path, file: Path, inside: Callable[[int], None]) -> None:
    """Fit in a child and leave the outcome in `file`."""

    def logged(iteration: int) -> None:
        with open(folder / "steps.txt", "a") as steps:
            print(iteration, file=steps)
        time.sleep(0.002)
        inside(iteration)

    folder.mkdir(exist_ok=True)
    result = run(noisy(logged), folder)
    save_tree(
        file, {"outcome": outcome(result), "attempts": result.attempts, "from": result.resumed_from or 0}
    )


def steps_done(folder: Path) -> list[int]:
    """Return the iteration of every step that was begun, over all attempts."""
    return [int(line) for line in (folder / "steps.txt").read_text().split()]


def die_at_random_steps(folder: Path, file: Path, rng: random.Random) -> list[int]:
    """Kill -9 from inside a step, again and again, at a random distance from the last death."""

    def die_at(fatal: int) -> int:
        def inside(iteration: int) -> None:
            if iteration >= fatal:
                os.kill(os.getpid(), signal.SIGKILL)

        return in_child(lambda: fit_and_save(folder, file, inside))

    return [die_at(rng.randrange(low, low + 12)) for low in range(0, 85, 12)] + [die_at(1000)]


def die_at_random_times(folder: Path, file: Path, rng: random.Random) -> list[int]:
    """Kill -9 from outside at random moments: in a step, in a checkpoint, in a frame, between them."""
    deaths: list[int] = []
    while not file.exists():
        wait = rng.uniform(0.02, 0.2) + 0.01 * len(deaths)
        deaths.append(in_child(lambda: fit_and_save(folder, file, nothing), kill_after=wait))
    return deaths


def stop_by_signals(folder: Path, file: Path, rng: random.Random) -> list[int]:
    """Ask to stop, by SIGTERM or SIGUSR1, in the middle of random steps."""

    def stop_at(when: int) -> int:
        def inside(iteration: int) -> None:
            if iteration == when:
                os.kill(os.getpid(), rng.choice([signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]))

        return in_child(lambda: fit_and_save(folder, file, inside))

    return [stop_at(when) for when in [*sorted(rng.sample(range(100), 6)), 100, 1000]]


def fill_the_disk(folder: Path, file: Path, rng: random.Random) -> list[int]:
    """Fill the file system (a small one, mounted for this) in a step; then make space and carry on."""
    ballast = folder / "ballast"

    def inside(iteration: int) -> None:
        if iteration == 50:
            with open(ballast, "wb", buffering=0) as out:
                while True:
                    try:
                        out.write(b"0" * 1024)
                    except OSError:
                        return

    deaths = [in_child(lambda: fit_and_save(folder, file, inside))]
    kept = sorted(folder.glob("checkpoint-*"))
    assert len(kept) == 2, kept
    assert not [path.name for path in folder.rglob(".*")], "half-written files"
    print("saved up to", load_tree(kept[-1])["tree"]["iteration"])
    ballast.unlink()
    return [*deaths, in_child(lambda: fit_and_save(folder, file, nothing))]


MODES = {f.__name__: f for f in (die_at_random_steps, die_at_random_times, stop_by_signals, fill_the_disk)}


def check(folder: Path, mode: str, whole: Tree) -> None:
    """Run one mode and say what happened; fail if the outcome differs from that of an undisturbed fit."""
    file = folder / f"{mode}.npz"
    deaths = MODES[mode](folder / mode, file, random.Random(mode))
    broken = load_tree(file)
    steps = steps_done(folder / mode)
    print(f"{mode}: deaths {deaths}, attempts {broken['attempts']}, steps {len(steps)}", flush=True)
    for key in whole["outcome"]:
        assert same(whole["outcome"][key], broken["outcome"][key]), key
    assert set(steps) == set(range(SETTINGS.iterations))
    if mode == "stop_by_signals":
        assert steps == list(range(SETTINGS.iterations)), "a signal lost or repeated work"
        assert deaths[:-1] == [75] * (len(deaths) - 1)
        assert deaths[-1] == 0
    if mode == "fill_the_disk":
        assert deaths == [3, 0]
    if mode.startswith("die"):
        assert deaths.count(-9) >= 2
    print(f"{mode}: passed", flush=True)


def main(folder: Path, modes: list[str]) -> None:
    """Check the modes, in one process that imports everything once and has no threads when it forks."""
    torch.set_num_threads(1)
    for module in ("psutil", "polars", "PIL.Image"):
        importlib.import_module(module)
    file = folder / "whole.npz"
    assert in_child(lambda: fit_and_save(folder / "whole", file, nothing)) == 0
    whole = load_tree(file)
    for mode in modes:
        try:
            check(folder, mode, whole)
        except Exception:
            traceback.print_exc()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
