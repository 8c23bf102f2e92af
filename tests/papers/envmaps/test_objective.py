"""Eq. 7 to 10: each term in closed form and against finite differences; weights over the run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.papers.envmaps.tiny import HEIGHT, WIDTH, MatrixLight, sky
from torch import Tensor

from rerender.core.errors import UserError
from rerender.papers.envmaps.objective import Objective, tone_map, total_luminance
from rerender.papers.envmaps.specs import ObjectiveSettings, Ramp, ToneCurve
from rerender.perception.metrics.image import ssim
from rerender.perception.models.base import load_model

SETTINGS = ObjectiveSettings(mse=3.0)


def exact(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image.astype(np.float64))


def target() -> Tensor:
    return MatrixLight(dtype=torch.float64).render(exact(np.roll(sky(), -4, axis=1)))


def objective(settings: ObjectiveSettings = SETTINGS, **more: object) -> Objective:
    return Objective(exact(sky()), target(), settings, 11, **more)  # type: ignore[arg-type]


def test_luminance_of_equation_7() -> None:
    image = torch.zeros(2, 3, 3, dtype=torch.float64)
    image[0, 0, 0], image[1, 2, 1], image[1, 1, 2] = 1.0, 2.0, 10.0
    assert float(total_luminance(image)) == pytest.approx(0.2126 + 2 * 0.7152 + 0.722)


def test_tone_curves() -> None:
    values = torch.tensor([0.0, 0.002, 0.5, 1.0, 9.0], dtype=torch.float64)
    half = 1.055 * 0.5 ** (1 / 2.4) - 0.055
    assert tone_map(values).tolist() == pytest.approx([0, 12.92 * 0.002, half, 1, 1])
    assert tone_map(values, "linear").tolist() == pytest.approx([0, 0.002, 0.5, 1, 1])
    assert float(tone_map(values, "reinhard")[3]) == pytest.approx(half)
    with pytest.raises(UserError, match="Did you mean 'srgb'"):
        tone_map(values, "sRGB")  # type: ignore[arg-type]


def test_nothing_is_lost_at_the_answer_but_the_l1_term() -> None:
    found = objective().terms(exact(sky()), target())
    assert {name: float(term) for name, term in found.items()} == pytest.approx(
        {"ssim": 0, "luminance": 0, "l1": 1, "mse": 0}, abs=1e-12
    )


def test_terms_in_closed_form() -> None:
    """The map 1.3 times brighter: luminance and mean are exact; the renders are compared by hand."""
    radiance, rendering = 1.3 * exact(sky()), 0.5 * target()
    found = objective().terms(radiance, rendering)
    assert float(found["luminance"]) == pytest.approx(0.09)
    assert float(found["l1"]) == pytest.approx(1.3)
    shown = [tone_map(image).numpy() for image in (rendering, target())]
    assert float(found["mse"]) == pytest.approx(np.square(shown[0] - shown[1]).mean())
    assert float(found["ssim"]) == pytest.approx(1 - ssim(*shown))
    absolute = objective(ObjectiveSettings(luminance_mode="absolute"))
    assert float(absolute.terms(0.7 * exact(sky()), rendering)["luminance"]) == pytest.approx(0.3)


def test_ramps_and_the_sum_of_equation_10() -> None:
    loss = objective()
    start, middle, end = (loss.weights(iteration) for iteration in (0, 5, 10))
    assert start == pytest.approx({"ssim": 0.1, "luminance": 1, "l1": 1e-2, "mse": 3})
    assert middle == pytest.approx({"ssim": 0.55, "luminance": 0.55, "l1": 5.5e-3, "mse": 3})
    assert end == pytest.approx({"ssim": 1, "luminance": 0.1, "l1": 1e-3, "mse": 3})
    terms = loss.terms(1.3 * exact(sky()), 0.5 * target())
    by_hand = sum(middle[name] * float(term) for name, term in terms.items())
    assert float(loss.total(terms, 5)) == pytest.approx(by_hand, rel=1e-12)


def test_a_run_of_one_step_has_the_starting_weights() -> None:
    loss = Objective(exact(sky()), target(), SETTINGS, 1)
    assert loss.weights(0)["ssim"] == 0.1


def rough_sky() -> Tensor:
    """A map that no tone curve clamps, large enough for the stand-in of DISTS, and rough: that one has kinks at 0."""
    return 0.2 + 0.6 * torch.rand(16, 64, 3, dtype=torch.float64, generator=seed(9))


@pytest.mark.parametrize("curve", ["srgb", "linear", "reinhard"])
@pytest.mark.parametrize("term", ["ssim", "luminance", "l1", "mse", "dists_proxy", "all"])
def test_finite_differences(term: str, curve: ToneCurve) -> None:
    """Of each term, by the map and by the rendering at once."""
    model = load_model("dists_proxy", dtype=torch.float64) if term in ("dists_proxy", "all") else None
    settings = ObjectiveSettings(mse=3.0, perceptual=0.5, tone=curve)
    initial, truth = rough_sky(), 0.2 + 0.5 * torch.rand(13, 13, 3, dtype=torch.float64, generator=seed(0))
    loss = Objective(initial, truth, settings, 11, model)
    radiance = initial.roll(3, 1) * 1.1
    rendering = truth.flip(1) * 0.9 + 0.02

    def value(r: Tensor, image: Tensor) -> Tensor:
        terms = loss.terms(r, image)
        return loss.total(terms, 4) if term == "all" else terms[term]

    at = [image.clone().requires_grad_() for image in (radiance, rendering)]
    slopes = torch.autograd.grad(value(*at), at, allow_unused=True)
    for number in range(2):
        moves = [torch.randn(image.shape, dtype=torch.float64, generator=seed(number + 1)) for image in at]
        step = 1e-8  # the stand-in has many kinks
        ends = [
            float(
                value(
                    *(
                        image + s * step * move
                        for image, move in zip((radiance, rendering), moves, strict=True)
                    )
                )
            )
            for s in (1, -1)
        ]
        expected = sum(
            float((slope * move).sum())
            for slope, move in zip(slopes, moves, strict=True)
            if slope is not None
        )
        assert abs(expected) > 1e-6
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(expected, rel=1e-4)


def seed(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_the_perceptual_term_has_its_models_own_name_and_compares_with_the_initial_map() -> None:
    initial = rough_sky()
    model = load_model("dists_proxy", dtype=torch.float64)
    loss = Objective(initial, target(), ObjectiveSettings(perceptual=0.02), 11, model)
    assert loss.weights(0)["dists_proxy"] == 0.02 and "dists" not in loss.weights(0)
    assert float(loss.terms(initial, target())["dists_proxy"]) == pytest.approx(0, abs=1e-9)
    assert float(loss.terms(initial.roll(8, 1), target())["dists_proxy"]) > 0.01
    assert "dists_proxy" not in Objective(
        initial, target(), ObjectiveSettings(perceptual=0), 11, model
    ).weights(0)


def test_constant_weights_are_ramps_of_no_slope() -> None:
    loss = objective(ObjectiveSettings(ssim=Ramp(start=1, end=1), l1=Ramp(start=0, end=0)))
    assert {loss.weights(i)["ssim"] for i in range(11)} == {1.0}
    terms = loss.terms(exact(sky()), target())
    terms["l1"] = torch.tensor(float("nan"))  # a term without weight cannot spoil the sum
    assert float(loss.total(terms, 3)) == pytest.approx(0, abs=1e-12)


def test_what_is_refused() -> None:
    with pytest.raises(UserError, match="initial map is black"):
        Objective(torch.zeros(HEIGHT, WIDTH, 3), target(), SETTINGS, 11)
    with pytest.raises(UserError, match="target has shape"):
        Objective(exact(sky()), target()[..., 0], SETTINGS, 11)
