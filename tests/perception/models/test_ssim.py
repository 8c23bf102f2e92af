from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from rerender.core.errors import UserError
from rerender.perception.models.base import load_model
from rerender.perception.models.ssim import StructuralSimilarity, similarity_map, window_size


@pytest.mark.parametrize("size", [11, 16, 32])
def test_equals_scikit_image(make_images, size) -> None:
    a, b = (make_images(1, size, seed, torch.float64) for seed in (1, 2))
    model = StructuralSimilarity()
    ours = model.similarity(model.features(a), model.features(b)).item()
    theirs = structural_similarity(
        a[0].permute(1, 2, 0).numpy(),
        b[0].permute(1, 2, 0).numpy(),
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_window_shrinks_with_the_image(make_images) -> None:
    assert [window_size((size, 40)) for size in (40, 11, 10, 8, 3)] == [11, 11, 9, 7, 3]
    a, b = make_images(1, 8, 1), make_images(1, 8, 2)
    model = load_model("ssim")
    assert similarity_map(model.features(a), model.features(b)).shape == (1, 3, 2, 2)
    with pytest.raises(UserError, match="3 x 3"):
        model.features(torch.zeros(1, 3, 2, 2))


def test_closed_form_for_constant_images() -> None:
    # No variance: SSIM is the luminance term (2ab + C1) / (a^2 + b^2 + C1).
    a, b, c1 = 0.25, 0.75, 1e-4
    model = load_model("ssim")
    features = (model.features(torch.full((1, 3, 16, 16), value, dtype=torch.float64)) for value in (a, b))
    assert model.similarity(*features).item() == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1))


def test_contrast_inversion_is_negative() -> None:
    ramp = torch.as_tensor(np.random.default_rng(0).random((1, 3, 16, 16)))
    model = load_model("ssim")
    assert model.similarity(model.features(ramp), model.features(1 - ramp)).item() < 0
