from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rerender.core.errors import UserError
from rerender.core.files import load_tree, save_tree
from rerender.fitting.optimisers import Optimisers, to_arrays
from rerender.fitting.problem import OptimiserName, Parameter
from rerender.fitting.schedules import Linear, StepDecay


def leaf(values: object, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def single(tensor: torch.Tensor, lr: float, kind: OptimiserName) -> Optimisers:
    return Optimisers({"u": Parameter(tensor, lr, kind)})


def descend(tensor: torch.Tensor, optimisers: Optimisers, gradients: np.ndarray) -> np.ndarray:
    """Apply given gradients, (steps, …); return the tensor after each step."""
    path = []
    for gradient in gradients:
        tensor.grad = torch.as_tensor(gradient, dtype=tensor.dtype)
        optimisers.step(1.0)
        path.append(tensor.detach().numpy().copy())
    return np.stack(path)


def adam_uniform_by_hand(u: np.ndarray, gradients: np.ndarray, lr: float) -> np.ndarray:
    """The formula as it stands in the specification (4.3), with running means written as sums."""
    path = []
    for t in range(1, len(gradients) + 1):
        ages = np.arange(t)[::-1].reshape(-1, *[1] * u.ndim)
        m = (0.1 * 0.9**ages * gradients[:t]).sum(axis=0)
        v = (0.001 * 0.999**ages * gradients[:t] ** 2).sum(axis=0)
        u = u - lr * (np.sqrt(1 - 0.999**t) / (1 - 0.9**t)) * m / np.sqrt(v.max() + 1e-8**2)
        path.append(u)
    return np.stack(path)


def test_adam_uniform_follows_the_formula() -> None:
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((40, 7, 3)) * rng.uniform(0.01, 10, (40, 1, 1))
    start = rng.standard_normal((7, 3))
    tensor = leaf(start)
    path = descend(tensor, single(tensor, 0.1, "adam_uniform"), gradients)
    np.testing.assert_allclose(path, adam_uniform_by_hand(start, gradients, 0.1), rtol=0, atol=1e-12)


def test_adam_uniform_with_a_constant_gradient_moves_by_lr_times_direction() -> None:
    """Closed form: both biases cancel, so every step is -lr g / max|g|."""
    g = np.array([[1e-3, -4e-3], [2e-3, 0.0]])
    tensor = leaf(np.zeros((2, 2)))
    path = descend(tensor, single(tensor, 0.1, "adam_uniform"), np.tile(g, (25, 1, 1)))
    steps = np.arange(1, 26).reshape(-1, 1, 1)
    np.testing.assert_allclose(path, -0.1 * steps * g / 4e-3, rtol=1e-8)


def test_adam_uniform_does_not_care_about_the_scale_of_the_loss() -> None:
    gradients = np.random.default_rng(1).standard_normal((20, 5))
    a, b = leaf(np.zeros(5)), leaf(np.zeros(5))
    path_a = descend(a, single(a, 0.1, "adam_uniform"), gradients)
    path_b = descend(b, single(b, 0.1, "adam_uniform"), 1e3 * gradients)
    np.testing.assert_allclose(path_a, path_b, atol=1e-7)


def test_adam_uniform_keeps_the_direction_and_adam_does_not() -> None:
    g = np.array([[3.0, 1e-2, -5.0]])
    a, b = leaf(np.zeros(3)), leaf(np.zeros(3))
    uniform = descend(a, single(a, 0.1, "adam_uniform"), g)[0]
    adam = descend(b, single(b, 0.1, "adam"), g)[0]
    np.testing.assert_allclose(uniform / uniform[2], g[0] / g[0, 2])
    np.testing.assert_allclose(adam, -0.1 * np.sign(g[0]), rtol=1e-5)


def test_adam_uniform_stays_finite_without_gradient() -> None:
    tensor = leaf([1.0, 2.0], torch.float32)
    descend(tensor, single(tensor, 0.1, "adam_uniform"), np.zeros((3, 2)))
    assert tensor.tolist() == [1.0, 2.0]


def test_one_entry_makes_both_optimisers_equal() -> None:
    gradients = np.random.default_rng(2).standard_normal((30, 1))
    a, b = leaf([0.5]), leaf([0.5])
    path_a = descend(a, single(a, 0.1, "adam_uniform"), gradients)
    path_b = descend(b, single(b, 0.1, "adam"), gradients)
    np.testing.assert_allclose(path_a, path_b, atol=1e-6)  # they differ in where epsilon stands


@pytest.mark.parametrize("of", ["rows", "columns"])  # in which order each array lies in memory
@pytest.mark.parametrize("to", ["rows", "columns"])
def test_adam_is_torch_adam(of: str, to: str) -> None:
    gradients = np.random.default_rng(3).standard_normal((30, 4, 3)).astype(np.float32)
    ours, theirs = leaf(np.ones((4, 3)), torch.float32), leaf(np.ones((4, 3)), torch.float32)
    if to == "columns":
        ours = torch.ones(3, 4).t().requires_grad_()
    optimiser, reference = single(ours, 0.03, "adam"), torch.optim.Adam([theirs], lr=0.03)
    for array in gradients:
        gradient = torch.from_numpy(array)
        theirs.grad = gradient.clone()
        reference.step()
        ours.grad = gradient.t().contiguous().t() if of == "columns" else gradient
        optimiser.step(1.0)
        np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=2e-6, atol=1e-7)


def test_each_parameter_has_its_rate_and_bounds() -> None:
    low, high, free = leaf([0.0, 0.0]), leaf([0.0, 0.0]), leaf([0.0, 0.0])
    optimisers = Optimisers(
        {
            "low": Parameter(low, 1.0, low=-0.25),
            "high": Parameter(high, 0.5, high=0.1),
            "free": Parameter(free, 0.1),
        }
    )
    for tensor in (low, high, free):
        tensor.grad = torch.tensor([1.0, -1.0], dtype=torch.float64)
    assert optimisers.step(0.5) == 0.5  # the largest rate times the factor
    assert low.tolist() == pytest.approx([-0.25, 0.5])
    assert high.tolist() == pytest.approx([-0.25, 0.1])
    assert free.tolist() == pytest.approx([-0.05, 0.05])


def test_a_parameter_without_gradient_stands_still_and_none_at_all_is_an_error() -> None:
    moved, still = leaf([0.0]), leaf([0.0])
    optimisers = Optimisers({"moved": Parameter(moved, 0.1), "still": Parameter(still, 0.1)})
    with pytest.raises(RuntimeError, match="backward"):
        optimisers.grad_norm()
    moved.grad = torch.ones(1, dtype=torch.float64)
    optimisers.step(1.0)
    assert still.item() == 0.0
    assert moved.item() < 0.0


def test_grad_norm_is_over_all_entries_and_does_not_overflow() -> None:
    a, b = leaf([0.0, 0.0], torch.float32), leaf([0.0], torch.float32)
    optimisers = Optimisers({"a": Parameter(a, 0.1), "b": Parameter(b, 0.1)})
    a.grad, b.grad = torch.tensor([3e30, 4e30]), torch.tensor([12e30])
    assert optimisers.grad_norm() == pytest.approx(13e30, rel=1e-6)


def test_non_finite_numbers_are_named() -> None:
    a, b = leaf([0.0, 0.0]), leaf([1.0, float("-inf"), 2.0])
    optimisers = Optimisers({"a": Parameter(a, 0.1), "b": Parameter(b, 0.1)})
    a.grad = torch.tensor([0.0, float("nan")], dtype=torch.float64)
    assert optimisers.non_finite_gradients() == ["a"]
    assert optimisers.non_finite_values() == ["b"]
    b.data[1] = float("nan")
    assert optimisers.non_finite_values() == ["b"]
    b.data[1] = 3e38
    assert optimisers.non_finite_values() == []


def test_state_survives_a_file_bitwise(tmp_path: Path) -> None:
    gradients = np.random.default_rng(4).standard_normal((20, 3)).astype(np.float32)

    def make(values: object) -> tuple[torch.Tensor, torch.Tensor, Optimisers]:
        u, w = leaf(values, torch.float32), leaf(values, torch.float32)
        return u, w, Optimisers({"u": Parameter(u, 0.1, "adam_uniform"), "w": Parameter(w, 0.1)})

    def steps(u: torch.Tensor, w: torch.Tensor, optimisers: Optimisers, g: np.ndarray) -> None:
        for gradient in g:
            u.grad = w.grad = torch.from_numpy(gradient)
            optimisers.step(1.0)

    whole = make([0.0, 0.0, 0.0])
    steps(*whole, gradients)
    first = make([0.0, 0.0, 0.0])
    steps(*first, gradients[:11])
    save_tree(tmp_path / "state.npz", first[2].state())
    second = make(first[0].tolist())
    second[2].put_back(first[2].copy())
    second[2].load_state(load_tree(tmp_path / "state.npz"))
    steps(*second, gradients[11:])
    for name, values in whole[2].copy().items():
        assert torch.equal(values, second[2].copy()[name])


def test_state_of_other_shapes_or_names_is_refused() -> None:
    two, three = leaf([0.0] * 2), leaf([0.0] * 3)
    state = single(two, 0.1, "adam").state()
    with pytest.raises(UserError, match="the checkpoint is of"):
        single(three, 0.1, "adam").load_state(state)
    with pytest.raises(UserError, match="the checkpoint is of"):
        Optimisers({"other": Parameter(two, 0.1)}).load_state(state)


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(UserError, match=r"unknown optimiser 'adan'.*\n.*Did you mean 'adam'"):
        single(leaf([0.0]), 0.1, "adan")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="leaf"):
        single(leaf([0.0]) * 2, 0.1, "adam")
    with pytest.raises(ValueError, match="at least one"):
        Optimisers({})


def test_trees_are_copies() -> None:
    tensor, array = torch.zeros(2, requires_grad=True), np.zeros(2)
    tree = to_arrays({"x": [tensor, 1, "a", None], "y": array})
    with torch.no_grad():
        tensor += 1
    array += 1
    assert tree["x"][0].tolist() == [0.0, 0.0]
    assert tree["x"][1:] == [1, "a", None]
    assert tree["y"].tolist() == [0.0, 0.0]


def test_copies_can_be_put_back_also_from_a_file(tmp_path: Path) -> None:
    tensor = leaf([1.0, 2.0], torch.float32)
    optimisers = single(tensor, 0.1, "adam")
    first = optimisers.copy()
    save_tree(tmp_path / "copy.npz", to_arrays(first))
    tensor.data[:] = 5.0
    assert optimisers.copy(first) is first  # the memory is used again
    assert first["u"].tolist() == [5.0, 5.0]
    stored = optimisers.copy_of(load_tree(tmp_path / "copy.npz"))
    assert stored is not None
    optimisers.put_back(stored)
    assert tensor.tolist() == [1.0, 2.0]
    assert optimisers.copy_of(None) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("kind", ["adam", "adam_uniform"])
def test_gpu_steps_like_cpu(kind: OptimiserName) -> None:
    gradients = np.random.default_rng(5).standard_normal((20, 4, 3)).astype(np.float32)
    here = leaf(np.zeros((4, 3)), torch.float32)
    there = torch.zeros((4, 3), device="cuda", requires_grad=True)
    on_gpu = single(there, 0.1, kind)
    for half in (gradients[:10], gradients[10:]):
        for gradient in half:
            there.grad = torch.from_numpy(gradient).cuda()
            on_gpu.step(1.0)
        state, copy = on_gpu.state(), to_arrays(on_gpu.copy())
        on_gpu = single(there, 0.1, kind)
        on_gpu.load_state(state)
        stored = on_gpu.copy_of(copy)
        assert stored is not None
        assert stored["u"].is_cuda
        on_gpu.put_back(stored)
    path = descend(here, single(here, 0.1, kind), gradients)
    np.testing.assert_allclose(there.detach().cpu().numpy(), path[-1], atol=1e-5)


def test_each_parameter_follows_its_own_schedule() -> None:
    """Adam's first steps of a constant gradient are the rate itself."""
    early, late = leaf(np.zeros(2)), leaf(np.zeros(2))
    optimisers = Optimisers(
        {
            "early": Parameter(early, 0.1, schedule=StepDecay((2,), 0.5)),
            "late": Parameter(late, 0.3, schedule=Linear(2, 0.0, 1.0)),
        }
    )
    rates = []
    for iteration in range(3):
        early.grad, late.grad = torch.ones(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
        rates.append(optimisers.step(0.5, iteration))
    np.testing.assert_allclose(early.detach(), -0.5 * 0.1 * (1 + 1 + 0.5), rtol=1e-6)
    np.testing.assert_allclose(late.detach(), -0.5 * 0.3 * (0 + 0.5 + 1), rtol=1e-6)
    np.testing.assert_allclose(rates, [0.05, 0.075, 0.15])
