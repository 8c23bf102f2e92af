"""Metrics of an inversion: closed forms, what each of them sees and does not see, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rerender.core.errors import UserError
from rerender.papers.envmaps import metrics
from rerender.perception.metrics import image as on_images
from rerender.perception.models.pixel import MeanSquaredError


def sky(seed: int = 0) -> np.ndarray:
    """A (16, 64, 3) upper half: a gradient with clouds and a sun a thousand times brighter."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(0.2, 0.6, 16)[:, None, None]
    image = rows * (1 + 0.2 * rng.random((16, 64, 3)))
    image[4:6, 20:22] = 400.0
    return image.astype(np.float32)


def grey(value: float, size: int = 16) -> np.ndarray:
    return np.full((size, size, 3), value)


def srgb(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def test_tone_curves() -> None:
    ramp = np.array([-1.0, 0.0, 0.002, 0.18, 1.0, 7.0]).reshape(1, 2, 3)
    expected = [0, 0, 12.92 * 0.002, srgb(0.18), 1, 1]
    np.testing.assert_allclose(metrics.display(ramp).ravel(), expected, atol=1e-12)
    np.testing.assert_allclose(metrics.display(ramp, "linear").ravel(), [0, 0, 0.002, 0.18, 1, 1])
    with pytest.raises(UserError, match="Did you mean 'srgb'"):
        metrics.display(ramp, "srgbb")  # type: ignore[arg-type]


def test_closed_forms_of_grey_images() -> None:
    rows = metrics.pair_metrics(grey(0.5), grey(0.25))
    gap = srgb(0.5) - srgb(0.25)
    assert rows["mse"] == pytest.approx(gap**2)
    assert rows["psnr"] == pytest.approx(-20 * math.log10(gap))
    assert rows["mse_linear"] == pytest.approx(0.0625)
    assert rows["psnr_linear"] == pytest.approx(-10 * math.log10(0.0625))
    assert rows["ssim_linear"] == pytest.approx((2 * 0.125 + 1e-4) / (0.25 + 0.0625 + 1e-4))
    assert rows["log_rmse"] == pytest.approx(math.log(0.501 / 0.251))
    assert rows["peak_ratio"] == rows["y_ratio"] == pytest.approx(2)


def test_psnr_is_that_of_the_mse() -> None:
    # The identity that the published tables obey, hence the data range.
    rows = metrics.pair_metrics(sky(), sky(1))
    for end in ("", "_linear"):
        assert rows[f"psnr{end}"] == pytest.approx(-10 * math.log10(rows[f"mse{end}"]))


def test_identity() -> None:
    rows = metrics.pair_metrics(sky(), sky())
    assert rows["psnr"] == on_images.PSNR_CAP
    for name in ("mse", "nlpd", "mse_linear", "log_rmse", "lpips_proxy", "dists_proxy"):
        assert rows[name] == 0, name
    for name in ("ssim", "ssim_linear", "peak_ratio", "y_ratio"):
        assert rows[name] == pytest.approx(1), name


def test_only_the_hdr_metrics_see_a_sun_that_faded() -> None:
    faded = np.minimum(sky(), 2.0)
    rows = metrics.pair_metrics(faded, sky())
    assert rows["mse"] == rows["mse_linear"] == rows["lpips_proxy"] == 0
    assert rows["peak_ratio"] == pytest.approx(2 / 400)
    assert rows["y_ratio"] < 0.5
    # 4 of 1024 pixels differ, in all channels, by ln(400 / 2)
    assert rows["log_rmse"] == pytest.approx(math.log(400.001 / 2.001) * math.sqrt(4 / 1024), rel=1e-6)


def test_total_luminance_weighs_channels() -> None:
    image = np.zeros((2, 3, 3))
    image[0, 0], image[1, 2] = (1.0, 0, 0), (0, 2.0, 3.0)
    assert metrics.total_luminance(image) == pytest.approx(0.2126 + 2 * 0.7152 + 3 * 0.0722)


def test_metrics_of_one_inversion() -> None:
    found, truth, rendering, target = sky(), sky(1), grey(0.3, 24), grey(0.35, 24)
    rows = metrics.inversion_metrics(found, truth, rendering, target)
    assert set(rows) == set(metrics.METRICS) - {
        f"{p}/{m}" for p in ("env", "ren") for m in ("lpips", "dists")
    }
    alone = metrics.pair_metrics(rendering, target)
    assert all(rows[f"ren/{name}"] == value for name, value in alone.items())
    assert rows["env/ssim"] == metrics.pair_metrics(found, truth)["ssim"]
    assert rows["ren/failed"] == 0
    assert all(isinstance(value, float) for value in rows.values())


def test_networks_add_their_own_columns_and_replace_none() -> None:
    without = metrics.map_metrics(sky(), sky(1))
    found = metrics.map_metrics(sky(), sky(1), {"lpips": MeanSquaredError(name="lpips")})
    assert set(found) - set(without) == {"env/lpips"}
    assert found["env/lpips"] == pytest.approx(found["env/mse"], rel=1e-5)
    assert found["env/lpips_proxy"] == without["env/lpips_proxy"] != found["env/lpips"]


def test_small_images_go_without_judges() -> None:
    rows = metrics.pair_metrics(grey(0.5, 12), grey(0.4, 12), {"lpips": MeanSquaredError()})
    assert "psnr" in rows
    assert not {"lpips", "lpips_proxy", "dists_proxy"} & set(rows)


def test_torch_and_numpy_agree() -> None:
    tensors = [torch.tensor(sky(seed), requires_grad=True) for seed in (0, 1)]
    assert metrics.pair_metrics(*tensors) == metrics.pair_metrics(sky(0), sky(1))


@pytest.mark.parametrize(("rendering", "failed"), [(0.305, 0.0), (0.9, 1.0)])
def test_failures(rendering, failed) -> None:
    rows = metrics.rendering_metrics(grey(rendering), grey(0.3))
    assert rows["ren/failed"] == failed
    assert (rows["ren/psnr"] < 20) == bool(failed)


def test_the_limit_itself_is_no_failure() -> None:
    assert not metrics.is_failure(20.0)
    assert metrics.is_failure(19.99)


def test_failures_are_renderings_below_20_db() -> None:
    assert sum(metrics.is_failure(value) for value in (40.0, 30.0, 10.0, 19.0)) == 2
    assert not metrics.is_failure(20.0)


def test_mistakes_are_refused() -> None:
    with pytest.raises(UserError, match="differ in shape"):
        metrics.pair_metrics(grey(0.5), grey(0.5, 17))
    with pytest.raises(UserError, match=r"\(height, width, 3\)"):
        metrics.display(np.zeros((4, 4)))
    with pytest.raises(UserError, match="NaN"):
        metrics.pair_metrics(np.full((16, 16, 3), np.nan), grey(0.5))
    with pytest.raises(UserError, match="black"):
        metrics.pair_metrics(grey(0.5), grey(0.0))
