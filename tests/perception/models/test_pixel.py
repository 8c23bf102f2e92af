from __future__ import annotations

import torch

from rerender.perception.models.base import load_model
from rerender.perception.models.pixel import dual_buffer_loss


def test_closed_forms() -> None:
    image, target = torch.full((1, 3, 4, 4), 0.75), torch.full((1, 3, 4, 4), 0.25)
    expected = {"mae": (0.5, 0.5), "mse": (0.25, 0.5), "dual_buffer": (0.25, 0.5)}
    for model_id, (loss, similarity) in expected.items():
        model = load_model(model_id)
        features = model.features(image), model.features(target)
        assert model.loss(*features).item() == loss
        assert model.similarity(*features).item() == similarity


def test_dual_buffer_is_the_product() -> None:
    first, second, target = torch.rand(3, 2, 3, 5, 5)
    expected = ((first - target) * (second - target)).flatten(1).mean(1)
    torch.testing.assert_close(dual_buffer_loss(first, second, target), expected)
    model = load_model("dual_buffer")
    torch.testing.assert_close(model.pair_loss((first,), (second,), (target,)), expected)


def test_dual_buffer_gradient_is_unbiased_and_mse_gradient_is_not() -> None:
    # A render with signal-dependent noise, R = p + p * noise: its squared error has the expectation
    # (p - t)^2 + s^2 p^2, whose slope is off by 2 s^2 p. The dual buffer's is exactly 2 (p - t).
    generator = torch.Generator().manual_seed(0)
    p = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    truth, deviation, n = 0.5, 0.3, 100_000
    noise = deviation * torch.randn(2, n, 3, 1, 1, generator=generator, dtype=torch.float64)
    first, second = p * (1 + noise[0]), p * (1 + noise[1])
    target = torch.full((n, 3, 1, 1), truth, dtype=torch.float64)
    dual = dual_buffer_loss(first, second, target)
    single = load_model("mse").loss((first,), (target,))
    slopes = [torch.autograd.grad(loss.mean(), p, retain_graph=True)[0].item() for loss in (dual, single)]
    exact, bias = 2 * (0.6 - truth), 2 * deviation**2 * 0.6
    # The slope of one sample, ((1+a)(R2-t) + (1+b)(R1-t)), has a deviation of about 0.25.
    standard_error = 0.3 / (3 * n) ** 0.5
    assert abs(slopes[0] - exact) < 4 * standard_error
    assert abs(slopes[1] - (exact + bias)) < 0.01
    assert bias > 20 * standard_error


def test_dual_buffer_can_be_negative() -> None:
    target = torch.zeros(1, 3, 2, 2)
    assert dual_buffer_loss(target + 0.1, target - 0.1, target).item() < 0
