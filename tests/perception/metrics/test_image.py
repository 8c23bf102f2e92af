from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from rerender.core.errors import UserError
from rerender.perception.metrics import image as metrics
from rerender.perception.models.base import load_model


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a = rng.random((32, 32, 3)).astype(np.float32)
    return a, np.clip(a + 0.1 * rng.standard_normal(a.shape), 0, 1).astype(np.float32)


@pytest.fixture
def half() -> np.ndarray:
    mask = np.zeros((32, 32), dtype=bool)
    mask[:, :16] = True
    return mask


def test_closed_forms() -> None:
    a, b = np.full((8, 8, 3), 0.6), np.full((8, 8, 3), 0.5)
    assert metrics.mae(a, b) == pytest.approx(0.1)
    assert metrics.mse(a, b) == pytest.approx(0.01)
    assert metrics.psnr(a, b) == pytest.approx(20.0)
    assert metrics.ssim(a, b) == pytest.approx((2 * 0.3 + 1e-4) / (0.36 + 0.25 + 1e-4))


def test_identity(pair) -> None:
    a, _ = pair
    assert metrics.mae(a, a) == 0
    assert metrics.psnr(a, a) == metrics.PSNR_CAP == 100
    assert math.isfinite(metrics.psnr(a, a + 1e-9))
    assert metrics.ssim(a, a) == pytest.approx(1)
    assert metrics.nlpd(a, a) == 0


def test_ssim_equals_scikit_image(pair) -> None:
    expected = structural_similarity(
        *(x.astype(np.float64) for x in pair),
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert metrics.ssim(*pair) == pytest.approx(expected, abs=1e-9)


def test_masked_ssim_is_the_mean_of_the_marked_map(pair, half) -> None:
    _, full = structural_similarity(
        *(x.astype(np.float64) for x in pair),
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert metrics.ssim(*pair, half) == pytest.approx(full[5:-5, 5:16].mean(), abs=1e-9)


def test_nlpd_equals_plenoptic_on_luma() -> None:
    import plenoptic
    import torch

    rng = np.random.default_rng(0)
    a, b = rng.random((2, 64, 64, 3))
    lumas = [torch.as_tensor(x @ np.array([0.2126, 0.7152, 0.0722]))[None, None] for x in (a, b)]
    assert metrics.nlpd(a, b) == pytest.approx(plenoptic.metric.nlpd(*lumas).item(), abs=2e-4)


@pytest.mark.parametrize("metric", [metrics.mae, metrics.psnr, metrics.ssim, metrics.nlpd])
def test_masks_hide_what_they_do_not_mark(metric, pair, half) -> None:
    a, b = pair
    spoiled = a.copy()
    spoiled[:, 24:] = 0  # far enough from the marked half for SSIM's windows
    everything = np.ones((32, 32), dtype=bool)
    assert metric(a, b, everything) == pytest.approx(metric(a, b), rel=1e-6)
    assert metric(spoiled, b) != pytest.approx(metric(a, b), rel=1e-2)
    assert metric(spoiled, b, half) == pytest.approx(metric(a, b, half), rel=1e-9)


def test_lpips_with_and_without_mask(build, pair, half) -> None:
    a, b = pair
    model = build("lpips")
    assert metrics.lpips(model, a, a) == 0
    assert metrics.lpips(model, a, b) > metrics.lpips(model, a, b, half) > 0
    spoiled = b.copy()
    spoiled[:, 16:] = 0
    assert metrics.lpips(model, a, spoiled, half) == metrics.lpips(model, a, b, half)


def test_the_loss_of_any_model(build, pair) -> None:
    a, b = pair
    assert metrics.model_loss(load_model("mse"), a, b) == pytest.approx(metrics.mse(a, b), rel=1e-5)
    assert metrics.model_loss(build("lpips"), a, b) == metrics.lpips(build("lpips"), a, b)


def test_mean_over_views(build, pair, half) -> None:
    a, b = pair
    empty = np.zeros_like(half)
    rows = metrics.image_metrics([a, a], [b, a], [half, empty], build("lpips"))
    names = ("mae", "psnr", "ssim", "nlpd", "lpips")
    assert list(rows) == [*names, *(f"{name}_masked" for name in names)]
    assert rows["mae"] == pytest.approx(metrics.mae(a, b) / 2)
    assert rows["psnr"] == pytest.approx((metrics.psnr(a, b) + 100) / 2)
    assert rows["mae_masked"] == pytest.approx(metrics.mae(a, b, half))
    assert all(isinstance(value, float) and math.isfinite(value) for value in rows.values())
    assert set(metrics.IMAGE_METRICS) == set(names)


def test_without_weights_or_foreground_columns_are_absent(pair, half) -> None:
    a, b = pair
    assert list(metrics.image_metrics([a], [b])) == ["mae", "psnr", "ssim", "nlpd"]
    assert "mae_masked" not in metrics.image_metrics([a], [b], [np.zeros_like(half)])
    corner = np.zeros_like(half)
    corner[0, 0] = True  # no SSIM window is centred there
    assert "ssim_masked" not in metrics.image_metrics([a], [b], [corner])


def test_mistakes_are_refused(pair, half) -> None:
    a, b = pair
    with pytest.raises(UserError, match="shape"):
        metrics.mae(a, b[:16])
    with pytest.raises(UserError, match="no pixel"):
        metrics.mae(a, b, np.zeros_like(half))
    with pytest.raises(UserError, match="no views"):
        metrics.image_metrics([], [])


def test_metric_and_model_are_the_same_ssim(pair) -> None:
    import torch

    model = load_model("ssim")
    features = [model.features(torch.as_tensor(x).permute(2, 0, 1)[None].double()) for x in pair]
    assert metrics.ssim(*pair) == pytest.approx(model.similarity(*features).item(), abs=1e-12)
