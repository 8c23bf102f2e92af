from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.papers.envmaps.tiny import sky

from rerender.core.errors import UserError
from rerender.core.files import load_tree, save_tree
from rerender.papers.envmaps.normalisation import Normaliser
from rerender.papers.envmaps.specs import NormaliserSettings

SETTINGS = [
    NormaliserSettings(),
    NormaliserSettings(per_channel=True),
    NormaliserSettings(curve="linear"),
    NormaliserSettings(headroom=3.0, eps=1e-6),
]


def test_equation_1_in_numbers() -> None:
    image = np.array([[[0.0, 1.0, 99.999]]])
    codes = Normaliser.of(image).normalise(torch.from_numpy(image))
    middle = (math.log(1.001) - math.log(1e-3)) / (math.log(100) - math.log(1e-3))
    assert codes[0, 0].tolist() == pytest.approx([0, middle, 1])


@pytest.mark.parametrize("settings", SETTINGS)
def test_round_trip(settings: NormaliserSettings) -> None:
    image = torch.from_numpy(sky())
    normaliser = Normaliser.of(sky(), settings)
    codes = normaliser.normalise(image)
    assert codes.min() > -1e-6 and codes.max() < 1 + 1e-6
    back = normaliser.radiance(codes)
    assert ((back - image).abs() / image).max() < 1e-4


@pytest.mark.parametrize("settings", SETTINGS)
def test_slope_is_that_of_autograd_and_zero_where_clamped(settings: NormaliserSettings) -> None:
    normaliser = Normaliser.of(sky(), settings)
    codes = torch.linspace(-0.3, 1.3, 33, dtype=torch.float64)[:, None].repeat(1, 3).requires_grad_()
    radiance = normaliser.radiance(codes)
    (expected,) = torch.autograd.grad(radiance.sum(), codes)
    value, slope = normaliser.radiance_and_slope(codes.detach())
    torch.testing.assert_close(value, radiance.detach())
    torch.testing.assert_close(slope, expected)
    assert (value >= 0).all()


def test_headroom_and_channels() -> None:
    top = torch.ones(1, 3, dtype=torch.float64)
    assert Normaliser.of(sky(), NormaliserSettings(headroom=2)).radiance(top).max() == pytest.approx(400)
    own = Normaliser.of(sky(), NormaliserSettings(per_channel=True)).radiance(top)
    assert own[0].tolist() == pytest.approx([200, 190, 150])


def test_the_range_is_stored_exactly(tmp_path) -> None:
    normaliser = Normaliser.of(sky(), NormaliserSettings(per_channel=True, eps=1e-4))
    save_tree(tmp_path / "n.npz", normaliser.state())
    assert Normaliser.from_state(load_tree(tmp_path / "n.npz")) == normaliser


def test_a_map_of_one_colour_survives() -> None:
    image = np.full((2, 4, 3), 0.7)
    normaliser = Normaliser.of(image)
    back = normaliser.radiance(normaliser.normalise(torch.from_numpy(image)))
    assert back.numpy() == pytest.approx(0.7)


def test_what_is_refused() -> None:
    with pytest.raises(UserError, match="black"):
        Normaliser.of(np.zeros((2, 8, 3)))
    image = sky()
    image[1, 2, 0] = -1
    with pytest.raises(UserError, match="row 1, column 2"):
        Normaliser.of(image)
    image[1, 2, 0] = np.nan
    with pytest.raises(UserError, match="NaN"):
        Normaliser.of(image)
    with pytest.raises(ValueError, match="empty range"):
        Normaliser((1.0,), (1.0,))
