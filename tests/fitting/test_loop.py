from __future__ import annotations

import ast
import dataclasses
import itertools
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from rerender.core.errors import UserError
from rerender.core.seeds import SeedStream
from rerender.fitting import loop
from rerender.fitting.history import read_frames
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings, StepResult
from rerender.fitting.progress import Silent, StreamProgress
from rerender.fitting.schedules import StepDecay
from rerender.runtime.locks import run_lock
from rerender.runtime.signals import Interrupted


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def settings(**changes: Any) -> LoopSettings:
    return dataclasses.replace(LoopSettings(iterations=60, window=4), **changes)


# Fitting


def test_known_minimum_is_found_within_bounds(toy: ModuleType, tmp_path: Path) -> None:
    result = toy.run(toy.Toy(), tmp_path, settings(iterations=300, window=1))
    np.testing.assert_allclose(result.last["u"], np.tile([1.0, 2.0, 3.0], (5, 1)), atol=0.02)
    assert result.last["scale"] == 1.5  # its target, 2, lies beyond the bound
    assert result.stop_reason == "completed 300 iterations"
    assert not result.failed
    assert result.history["loss"][-1] < 0.06 * result.history["loss"][0]


def test_noise_averages_out(toy: ModuleType, tmp_path: Path) -> None:
    result = toy.run(toy.Toy(noise=1.0, lr=0.02), tmp_path, settings(iterations=600))
    np.testing.assert_allclose(result.best["u"].mean(axis=0), [1.0, 2.0, 3.0], atol=0.2)
    assert result.best_loss < result.history["loss"].head(4).mean()


def test_gradient_norm_is_the_analytic_one(toy: ModuleType, tmp_path: Path) -> None:
    result = toy.run(toy.Toy(rows=5), tmp_path, settings(iterations=1))
    by_u = 2 / 15 * np.tile([1.0, 2.0, 3.0], 5)  # d/du mean (u - u*)^2 at u = 0
    by_scale = 2 * 1.5
    assert result.history["grad_norm"][0] == pytest.approx(
        math.hypot(np.linalg.norm(by_u), by_scale), rel=1e-6
    )


def test_gradient_of_the_toy_agrees_with_finite_differences(toy: ModuleType) -> None:
    problem, seeds = toy.Toy(noise=0.5), SeedStream(("x",))

    def loss(u: np.ndarray, scale: float) -> float:
        problem.load_state({"u": u, "scale": np.array(scale), "lr": 0.1})
        return float(problem.step(3, seeds).loss)

    u, scale = np.random.default_rng(0).standard_normal((5, 3)), 0.7
    loss(u, scale)
    by_u, by_scale = problem.u.grad.numpy().copy(), float(problem.scale.grad)
    for index in itertools.product(range(5), range(3)):
        shift = np.zeros((5, 3))
        shift[index] = 1e-5
        numeric = (loss(u + shift, scale) - loss(u - shift, scale)) / 2e-5
        assert by_u[index] == pytest.approx(numeric, rel=1e-5, abs=1e-8)
    assert by_scale == pytest.approx((loss(u, scale + 1e-5) - loss(u, scale - 1e-5)) / 2e-5, rel=1e-5)


def test_history_has_a_row_per_iteration(toy: ModuleType, tmp_path: Path) -> None:
    table = toy.run(toy.Toy(), tmp_path, settings(observe_every=25)).history
    assert table.columns == ["iteration", "wall_s", "loss", "lr", "grad_norm", "distance", "view", "mean"]
    assert table["iteration"].to_list() == list(range(60))
    assert table["view"].to_list() == [0.0, 1.0, 2.0, 3.0] * 15
    assert (table["wall_s"].diff().drop_nulls() > 0).all()
    assert table["mean"].drop_nulls().len() == 3
    assert table["mean"][0] == 0.0  # observed at the parameters whose loss stands in the row


def test_schedule_multiplies_every_rate(toy: ModuleType, tmp_path: Path) -> None:
    plan = StepDecay(at=(20, 40), gamma=0.1)
    table = toy.run(toy.Toy(lr=0.2), tmp_path, settings(lr_schedule=plan)).history
    assert table["lr"].gather([0, 19, 20, 39, 40]).to_list() == pytest.approx([0.2, 0.2, 0.02, 0.02, 0.002])


def test_remesh_brings_new_shapes_rates_and_moments(toy: ModuleType, tmp_path: Path) -> None:
    result = toy.run(toy.Toy(remesh_at=(10,), lr=0.1), tmp_path, settings(iterations=12))
    assert result.last["u"].shape == (10, 3)
    assert result.history["lr"].to_list() == pytest.approx([0.1] * 11 + [0.08])
    # with fresh moments the first step goes by lr g / max |g|: the largest entry moves by the rate
    before = toy.run(toy.Toy(remesh_at=(10,), lr=0.1), tmp_path / "b", settings(iterations=11)).last["u"]
    assert np.abs(result.last["u"] - before).max() == pytest.approx(0.08, rel=1e-5)


def test_seeds_are_fresh_in_every_iteration_and_the_same_in_every_run(
    toy: ModuleType, tmp_path: Path
) -> None:
    seen: list[int] = []

    class Nosy(toy.Toy):  # type: ignore[name-defined,misc]
        def step(self, iteration: int, seeds: SeedStream) -> StepResult:
            seen.append(seeds.seed("optimise", iteration % 4))
            return super().step(iteration, seeds)

    toy.run(Nosy(), tmp_path / "a", settings())
    toy.run(Nosy(), tmp_path / "b", settings())
    assert len(set(seen[:60])) == 60
    assert seen[:60] == seen[60:]


def test_best_is_of_the_best_window_and_last_is_last(toy: ModuleType, tmp_path: Path) -> None:
    class Worsening(toy.Toy):  # type: ignore[name-defined,misc]
        def step(self, iteration: int, seeds: SeedStream) -> StepResult:
            result = super().step(iteration, seeds)
            states.append(self.u.detach().numpy().copy())
            return StepResult(abs(iteration - 30.0), result.scalars)

    states: list[np.ndarray] = []
    result = toy.run(Worsening(), tmp_path, settings())
    assert result.best_loss == 1.0  # the losses 2, 1, 0, 1 of iterations 28 to 31
    assert result.best_iteration == 31
    np.testing.assert_array_equal(result.best["u"], states[31])
    assert not np.array_equal(result.last["u"], result.best["u"])


def test_shorter_than_a_window_the_last_state_is_the_best(toy: ModuleType, tmp_path: Path) -> None:
    result = toy.run(toy.Toy(), tmp_path, settings(iterations=3, window=4))
    assert result.best_iteration == 3
    assert math.isnan(result.best_loss)
    np.testing.assert_array_equal(result.best["u"], result.last["u"])


def test_early_stopping_says_why(toy: ModuleType, tmp_path: Path) -> None:
    class Flat(toy.Toy):  # type: ignore[name-defined,misc]
        def step(self, iteration: int, seeds: SeedStream) -> StepResult:
            super().step(iteration, seeds)
            return StepResult(1.0 - min(iteration, 20) / 100)

    result = toy.run(Flat(), tmp_path, settings(patience_windows=3, min_delta=0.01))
    assert result.iterations == 36  # windows 0 to 5 improve, 6 to 8 do not
    assert result.stop_reason == "the mean loss did not improve by more than 0.01 in 3 windows"
    assert not result.failed


def test_frames_show_the_start_every_stride_and_the_end(toy: ModuleType, tmp_path: Path) -> None:
    result = toy.run(toy.Toy(), tmp_path, settings(iterations=25, observe_every=10))
    frames, iterations = read_frames(result.frames_dir)
    assert iterations.tolist() == [0, 10, 20, 25]
    assert result.observations["iteration"].to_list() == [0, 10, 20, 25]
    assert frames[0, 0, 0, 0] == 50  # the start: scale is 0.5
    assert frames[-1, 0, 0, 0] == int(result.last["scale"] * 100)


def test_nothing_is_observed_without_a_stride(toy: ModuleType, tmp_path: Path) -> None:
    result = toy.run(toy.Toy(), tmp_path, settings(iterations=5))
    assert read_frames(result.frames_dir)[0].shape[0] == 0
    assert result.observations.height == 0


# Non-finite numbers


def spoil(toy: ModuleType, at: int, what: str) -> Any:
    """Return a problem that goes wrong at iteration `at`, and records the parameters of every step."""

    class Spoilt(toy.Toy):  # type: ignore[name-defined,misc]
        def step(self, iteration: int, seeds: SeedStream) -> StepResult:
            path.append(self.u.detach().numpy().copy())
            result = super().step(iteration, seeds)
            if iteration < at:
                return result
            if what == "gradient":
                self.u.grad[1, 2] = math.nan
            elif what == "overflow":
                self.lr = self.u.grad[0, 0] = math.inf
            return StepResult({"loss": math.nan, "infinite": math.inf}.get(what, result.loss))

    path: list[np.ndarray] = []
    problem = Spoilt(remesh_at=(20,))
    problem.path = path
    return problem


@pytest.mark.parametrize("what", ["loss", "infinite"])
def test_non_finite_loss_goes_back_to_before_the_last_update(
    toy: ModuleType, tmp_path: Path, what: str
) -> None:
    problem = spoil(toy, 13, what)
    result = toy.run(problem, tmp_path, settings())
    assert result.failed
    assert "non-finite loss" in result.stop_reason
    assert "at step 13" in result.stop_reason
    np.testing.assert_array_equal(result.last["u"], problem.path[12])
    assert result.best_iteration == 11
    np.testing.assert_array_equal(result.best["u"], problem.path[11])
    assert result.history["iteration"].to_list() == list(range(13))
    assert np.isfinite(result.history["loss"].to_numpy()).all()


def test_non_finite_gradient_names_the_parameter_and_makes_no_step(toy: ModuleType, tmp_path: Path) -> None:
    problem = spoil(toy, 13, "gradient")
    result = toy.run(problem, tmp_path, settings())
    assert "non-finite gradient of u at step 13" in result.stop_reason
    assert "scale" not in result.stop_reason
    np.testing.assert_array_equal(result.last["u"], problem.path[13])


def test_non_finite_loss_after_a_remesh_goes_back_to_the_best_state(toy: ModuleType, tmp_path: Path) -> None:
    problem = spoil(toy, 21, "loss")
    result = toy.run(problem, tmp_path, settings())
    assert "back to the best state, of iteration 19" in result.stop_reason
    np.testing.assert_array_equal(result.last["u"], problem.path[19])


def test_non_finite_start_is_said(toy: ModuleType, tmp_path: Path) -> None:
    result = toy.run(spoil(toy, 0, "loss"), tmp_path, settings(observe_every=10))
    assert "at step 0" in result.stop_reason
    assert "nothing before it" in result.stop_reason
    assert result.iterations == 0
    assert result.history.height == 0


def test_update_that_breaks_a_parameter_is_undone(toy: ModuleType, tmp_path: Path) -> None:
    class Wrong(toy.Toy):  # type: ignore[name-defined,misc]
        def parameters(self) -> Any:
            found = super().parameters()
            found["u"].lr = math.nan
            return found

    result = toy.run(Wrong(), tmp_path, settings())
    assert "step 0 (learning rate nan) made u non-finite" in result.stop_reason
    assert result.last["u"].tolist() == np.zeros((5, 3)).tolist()


def test_failed_run_stays_failed_when_run_again(toy: ModuleType, tmp_path: Path) -> None:
    first = toy.run(spoil(toy, 21, "loss"), tmp_path, settings())
    again = toy.run(toy.Toy(), tmp_path, settings())
    assert again.stop_reason == first.stop_reason
    assert toy.same(again.last, first.last)


# Interruptions


def harness(folder: Path, *modes: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, str(Path(__file__).with_name("toy.py")), str(folder), *modes]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)


def test_resumed_run_is_bitwise_the_uninterrupted_one(tmp_path: Path) -> None:
    """Killed at random steps and at random moments, and asked to stop by signals; with remeshes on the way."""
    modes = (
        "die_at_random_steps",
        "die_at_random_times",
        "stop_by_signals",
    )  # together: torch is slow to import
    done = harness(tmp_path, *modes)
    for mode in modes:
        assert f"{mode}: passed" in done.stdout, done.stdout + done.stderr


def test_real_full_disk_gives_one_message_and_loses_nothing(tmp_path: Path) -> None:
    mount = ("unshare", "--mount", "--map-root-user", "sh", "-c")
    tmpfs = f"mount -t tmpfs -o size=1m tmpfs {tmp_path}"
    try:
        subprocess.run([*mount, tmpfs], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets nobody mount a small file system")
    done = harness(tmp_path, "fill_the_disk", prefix=(*mount, f'{tmpfs} && exec "$@"', "sh"))
    assert "fill_the_disk: passed" in done.stdout, done.stdout + done.stderr
    assert done.stderr.count("no space left while writing") == 1
    assert "Traceback" not in done.stderr


def interrupt_at(toy: ModuleType, when: int) -> Any:
    return toy.noisy(lambda i: os.kill(os.getpid(), signal.SIGTERM) if i == when else None)


@pytest.mark.parametrize("when", [0, 30, 31, 59])
def test_signal_saves_and_asks_to_be_run_again(toy: ModuleType, tmp_path: Path, when: int) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match=f"SIGTERM: saved after {when + 1} iterations") as stop:
        toy.run(interrupt_at(toy, when), tmp_path, settings(observe_every=7))
    assert stop.value.code == 75
    assert signal.getsignal(signal.SIGTERM) is handler
    result = toy.run(toy.noisy(), tmp_path, settings(observe_every=7))
    assert (result.attempts, result.resumed_from) == (2, when + 1)
    whole = toy.run(toy.noisy(), tmp_path / "whole", settings(observe_every=7))
    assert (whole.attempts, whole.resumed_from) == (1, None)
    assert toy.same(toy.outcome(result), toy.outcome(whole))
    assert result.history["wall_s"].is_sorted()


def test_going_back_after_a_resume_is_the_same(toy: ModuleType, tmp_path: Path) -> None:
    """The parameters to go back to are part of the checkpoint."""

    def interrupt(i: int) -> None:
        if i == 12:
            os.kill(os.getpid(), signal.SIGTERM)

    problem = spoil(toy, 13, "loss")
    problem.inside = interrupt
    with pytest.raises(Interrupted):
        toy.run(problem, tmp_path, settings())
    resumed = toy.run(spoil(toy, 13, "loss"), tmp_path, settings())
    whole = toy.run(spoil(toy, 13, "loss"), tmp_path / "whole", settings())
    assert resumed.stop_reason == whole.stop_reason
    assert toy.same(resumed.last, whole.last)


def test_finished_run_comes_back_without_work_and_can_be_extended(toy: ModuleType, tmp_path: Path) -> None:
    steps: list[int] = []
    first = toy.run(toy.noisy(steps.append), tmp_path, settings(observe_every=9))
    again = toy.run(toy.noisy(steps.append), tmp_path, settings(observe_every=9))
    assert steps == list(range(60))
    assert toy.same(toy.outcome(again), toy.outcome(first))
    longer = toy.run(toy.noisy(steps.append), tmp_path, settings(iterations=80))
    assert steps == list(range(80))
    whole = toy.run(toy.noisy(), tmp_path / "whole", settings(iterations=80))
    assert toy.same(longer.last, whole.last)


def test_stale_frames_of_a_killed_attempt_go(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        toy.run(interrupt_at(toy, 20), tmp_path, settings(observe_every=7))
    for name in ("000028.png", "000777.png"):
        (tmp_path / "frames" / name).write_bytes((tmp_path / "frames" / "000000.png").read_bytes())
    result = toy.run(toy.noisy(), tmp_path, settings(observe_every=7))
    assert read_frames(result.frames_dir)[1].tolist() == [0, 7, 14, 21, 28, 35, 42, 49, 56, 60]


def test_damaged_checkpoint_costs_only_repeated_work(toy: ModuleType, tmp_path: Path) -> None:
    quick = settings(checkpoint_seconds=0.0, checkpoint_share=1.0)
    with pytest.raises(Interrupted):
        toy.run(interrupt_at(toy, 40), tmp_path, quick)
    newest = max(tmp_path.glob("checkpoint-*"))
    newest.write_bytes(newest.read_bytes()[:1000])
    result = toy.run(toy.noisy(), tmp_path, quick)
    assert result.resumed_from is not None
    assert result.resumed_from < 41
    assert toy.same(toy.outcome(result), toy.outcome(toy.run(toy.noisy(), tmp_path / "whole", quick)))


def test_another_runs_progress_is_refused(toy: ModuleType, tmp_path: Path) -> None:
    toy.run(toy.Toy(), tmp_path, settings(iterations=3))
    with pytest.raises(UserError, match=r"another run \(toy\), not of other"):
        fit(toy.Toy(), settings(), tmp_path, run_id="other", seeds=SeedStream(("x",)), progress=Silent())


def test_folder_in_use_is_refused_and_nothing_is_touched(toy: ModuleType, tmp_path: Path) -> None:
    with run_lock(tmp_path), pytest.raises(UserError, match="in use by process"):
        toy.run(toy.Toy(), tmp_path, settings())
    assert [path.name for path in tmp_path.iterdir()] == ["lock.0.json"]


def test_work_that_was_taken_over_is_not_saved(toy: ModuleType, tmp_path: Path) -> None:
    def take_over(iteration: int) -> None:
        if iteration == 5:
            (record,) = tmp_path.glob("lock.*.json")
            record.with_name("lock.9.json").write_text(
                record.read_text().replace('"token": "', '"token": "x')
            )

    with pytest.raises(UserError, match="taken over"):
        toy.run(toy.Toy(inside=take_over), tmp_path, settings())
    assert len(list(tmp_path.glob("checkpoint-*"))) == 1


def test_error_in_a_step_frees_the_folder(toy: ModuleType, tmp_path: Path) -> None:
    def fail(iteration: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        toy.run(toy.Toy(inside=fail), tmp_path, settings())
    assert toy.run(toy.Toy(), tmp_path, settings()).attempts == 2


def test_works_in_a_thread_where_no_handler_can_be_set(toy: ModuleType, tmp_path: Path) -> None:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(toy.run(toy.Toy(), tmp_path, settings())))
    thread.start()
    thread.join()
    assert results[0].iterations == 60


# Housekeeping


def test_memory_stays_flat(toy: ModuleType, tmp_path: Path) -> None:
    """The parameter is 3 MB; keeping one copy a step would add 120 MB over the steps looked at."""
    memory: list[int] = []
    problem = toy.Toy(rows=2**18, inside=lambda i: memory.append(psutil.Process().memory_info().rss))
    toy.run(
        problem, tmp_path, settings(iterations=50, window=1, checkpoint_seconds=0.0, checkpoint_share=1.0)
    )
    slope = np.polyfit(np.arange(10, 50), memory[10:], 1)[0]
    assert slope < 1e6


def test_progress_goes_to_stderr_unless_told_otherwise(
    toy: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(toy.Toy(), settings(), tmp_path / "a", run_id="abc", seeds=SeedStream(("x",)))
    captured = capsys.readouterr()
    assert "fit abc: completed 60 iterations" in captured.err
    assert captured.out == ""
    toy.run(toy.Toy(), tmp_path / "b", settings())
    assert capsys.readouterr().err == ""


def test_interruption_is_said(toy: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Interrupted):
        fit(
            interrupt_at(toy, 3), settings(), tmp_path, run_id="abc", seeds=SeedStream(("x",)),
            progress=StreamProgress("fit suzanne"),
        )  # fmt: skip
    assert "fit suzanne: SIGTERM: saved after 4 iterations; run the same command" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes",
    [{"iterations": 0}, {"window": 0}, {"patience_windows": 0}, {"min_delta": -1.0}, {"observe_every": -1},
     {"checkpoint_seconds": -1.0}, {"checkpoint_share": 0.0}],
)  # fmt: skip
def test_senseless_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(changes))):
        settings(**changes)


def test_problem_and_settings_import_nothing_heavy() -> None:
    code = (
        "import sys, rerender.fitting.problem, rerender.fitting.schedules, rerender.runtime.signals\n"
        "heavy = {'torch', 'numpy', 'polars', 'mitsuba', 'tqdm', 'psutil'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_loop_fits_on_a_screen() -> None:
    source = ast.parse(Path(loop.__file__).read_text())
    lengths = {
        f.name: f.end_lineno - f.lineno + 1 for f in ast.walk(source) if isinstance(f, ast.FunctionDef)
    }
    assert "fit" in lengths
    assert max(lengths.values()) <= 60, lengths


def test_example_in_the_documentation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "fitting.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    names: dict[str, Any] = {}
    exec(code, names)
    np.testing.assert_allclose(names["result"].best["rgb"], [0.9, 0.3, 0.1], atol=0.05)
    assert capsys.readouterr().out.startswith("completed 500 iterations")
