"""The hash grid: a plain torch twin, finite differences, Dr.Jit's encoding, and what happens at the borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rerender.core.errors import UserError
from rerender.rendering.hash_grid import (
    INITIAL,
    HashGrid,
    Level,
    encoding,
    grid_levels,
)
from rerender.runtime.device import tinycudann_problem

SMALL: dict[str, Any] = {"levels": 4, "log2_table": 8, "base_resolution": 4, "finest": 32}
"""The first level is dense (64 vertices), the others are hashed into 256 rows."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grid(dtype: torch.dtype = torch.float64, **changes: Any) -> HashGrid:
    made = HashGrid(**{**SMALL, **changes}, generator=generator(), dtype=dtype)
    with torch.no_grad():
        made.table.mul_(1.0 / INITIAL)
    return made


def points(n: int = 40, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(n, 3, generator=generator(1), dtype=torch.float64).to(dtype)


def twin(at: torch.Tensor, table: torch.Tensor, levels: tuple[Level, ...]) -> torch.Tensor:
    """The definition in the module's first lines, for autograd."""
    corners = torch.tensor([[c & 1, c >> 1 & 1, c >> 2 & 1] for c in range(8)])
    features = []
    for level in levels:
        place = at.clamp(0.0, 1.0) * level.scale + 0.5
        cell = place.detach().floor()
        part = (place - cell)[:, None]
        weights = torch.where(corners.bool(), part, 1.0 - part).prod(dim=-1)
        x, y, z = (cell.long()[:, None] + corners).unbind(-1)
        side = level.resolution
        index = x + side * (y + side * z) if level.dense else x ^ y * 2654435761 ^ z * 805459861
        features.append((weights[..., None] * table[level.first + index % level.rows]).sum(dim=1))
    return torch.cat(features, dim=1)


def test_levels_are_those_of_the_paper() -> None:
    levels = grid_levels(16, 19, 16, 4096)
    assert [level.resolution for level in (levels[0], levels[-1])] == [16, 4096]
    ratio = (levels[5].scale + 1.0) / (levels[4].scale + 1.0)
    assert ratio == pytest.approx(1.4473, abs=5e-5)
    assert [level.dense for level in levels] == [level.resolution**3 <= 2**19 for level in levels]
    assert levels[-1].first + levels[-1].rows == sum(level.rows for level in levels)


@pytest.mark.parametrize("features", [2, 4])
def test_features_and_both_gradients_are_those_of_the_twin(features: int) -> None:
    own, leaf = grid(features=features), points().requires_grad_()
    weights = torch.linspace(0.0, 9.0, 40 * own.width, dtype=torch.float64).sin().reshape(40, -1)
    found = []
    for encode in (own, lambda at: twin(at, own.table, own.levels)):
        value = encode(leaf)
        found.append((value, *torch.autograd.grad((weights * value).sum(), (own.table, leaf))))
    for ours, theirs in zip(*found, strict=True):
        assert theirs.abs().max() > 0.1
        assert (ours - theirs).abs().max() < 1e-12 * theirs.abs().max()


def test_gradients_are_finite_differences() -> None:
    own = grid()
    at = points(6)
    place = at.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: own(p), (place,), eps=1e-7, atol=1e-5)
    step = torch.zeros_like(own.table)
    loss = own(at.detach()).square().sum()
    (slope,) = torch.autograd.grad(loss, own.table)
    rows = torch.randperm(len(step), generator=generator(2))
    checked = [row for row in rows.tolist() if slope[row].abs().max() > 0][:10]
    assert len(checked) == 10
    for row in checked:
        values = []
        for sign in (1.0, -1.0):
            with torch.no_grad():
                own.table[row, 1] += sign * 1e-5
                values.append(float(own(at).square().sum()))
                own.table[row, 1] -= sign * 1e-5
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(float(slope[row, 1]), rel=1e-6, abs=1e-8)


def test_single_precision_agrees_with_double_and_repeats() -> None:
    double, single = grid(), grid(torch.float32)
    at = points(500)
    runs = []
    for own, place in ((double, at), (single, at.float()), (single, at.float())):
        own.table.grad = None
        value = own(place)
        value.square().sum().backward()
        assert own.table.grad is not None
        runs.append((value.detach().double(), own.table.grad.double()))
    for exact, rounded, again in zip(*runs, strict=True):
        assert (exact - rounded).abs().max() < 2e-4 * exact.abs().max()
        assert torch.equal(rounded, again)


def test_the_border_holds_outside_and_stops_the_gradient() -> None:
    own = grid()
    outside = torch.tensor([[1.5, 0.3, -0.2]], dtype=torch.float64, requires_grad=True)
    inside = torch.tensor([[1.0, 0.3, 0.0]], dtype=torch.float64)
    value = own(outside)
    assert torch.equal(value, own(inside))
    value.sum().backward()
    assert outside.grad is not None
    assert outside.grad[0, 0] == 0.0 and outside.grad[0, 2] == 0.0 and outside.grad[0, 1] != 0.0


def test_a_seed_gives_a_table_in_the_stated_range() -> None:
    tables = [HashGrid(**SMALL, generator=generator(seed)).table for seed in (3, 3, 4)]
    assert torch.equal(tables[0], tables[1]) and not torch.equal(tables[0], tables[2])
    assert 0.99 * INITIAL < tables[0].detach().abs().max().item() <= INITIAL


def test_no_points_give_no_features() -> None:
    own = grid()
    assert own(points(0)).shape == (0, own.width)


def test_a_table_keeps_only_its_parameter_in_the_state() -> None:
    assert set(grid().state_dict()) == {"table"}


def test_drjit_gives_the_same_features_and_gradients() -> None:
    dr = pytest.importorskip("drjit")
    import drjit.nn as nn
    import mitsuba as mi

    from rerender.rendering.hash_grid import per_level_scale

    own, at = grid(torch.float32), points(300, torch.float32)
    theirs = nn.HashGridEncoding(
        mi.Float,
        3,
        n_levels=4,
        n_features_per_level=2,
        hashmap_size=2**8,
        base_resolution=4,
        per_level_scale=per_level_scale(4, 4, 32),
        init_scale=1.0,
    )
    assert theirs.n_params == own.table.numel()
    theirs.set_params(mi.Float(own.table.detach().numpy().ravel()))
    dr.enable_grad(theirs.data)
    features = theirs(mi.ArrayXf(at.numpy().T))
    weights = np.sin(np.linspace(0.0, 9.0, 8 * 300, dtype=np.float32)).reshape(8, 300)
    dr.backward(dr.sum(dr.sum(features * mi.ArrayXf(weights), axis=0)))
    value = own(at)
    (value * torch.from_numpy(weights).T).sum().backward()
    assert own.table.grad is not None
    assert np.abs(np.array(features).T - value.detach().numpy()).max() < 1e-5
    expected = np.array(dr.grad(theirs.data)).reshape(-1, 2)
    assert np.abs(expected - own.table.grad.numpy()).max() < 1e-4 * np.abs(expected).max()


def test_the_choice_of_an_encoding() -> None:
    plain = {"levels": 2, "log2_table": 8, "finest": 32, "generator": generator()}
    assert isinstance(encoding("auto", **plain), HashGrid)
    with pytest.raises(UserError, match="Did you mean 'own'"):
        encoding("owm", **plain)  # type: ignore[arg-type]
    if tinycudann_problem() is not None:
        with pytest.raises(UserError, match="'tinycudann' cannot run"):
            encoding("tinycudann", **plain)


def test_impossible_grids_are_refused() -> None:
    for changes in ({"levels": 0}, {"finest": 2}, {"log2_table": 0}):
        with pytest.raises(ValueError, match="no hash grid"):
            grid(**changes)
