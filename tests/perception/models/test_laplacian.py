from __future__ import annotations

import pytest
import torch

from rerender.perception.models.laplacian import LaplacianPyramid, nlpd, normalised_pyramid, scale_count


@pytest.mark.parametrize("shape", [(64, 64), (75, 96)])
def test_equals_plenoptic(shape) -> None:
    import plenoptic

    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 1, 1, *shape, generator=generator, dtype=torch.float64)
    for ours, theirs in zip(
        normalised_pyramid(a), plenoptic.process.normalized_laplacian_pyramid(a), strict=True
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=0)
    # plenoptic's distance is 1e-5 at identity, ours 0
    difference = (
        plenoptic.metric.nlpd(a, b).item() - nlpd(normalised_pyramid(a), normalised_pyramid(b)).item()
    )
    assert difference == pytest.approx(1e-5, abs=1e-8)


def test_scales_follow_the_image_size() -> None:
    assert [scale_count((size, 100)) for size in (256, 64, 63, 32, 16, 4, 3)] == [6, 6, 6, 5, 4, 2, 2]
    shapes = [tuple(band.shape[-2:]) for band in normalised_pyramid(torch.rand(1, 1, 16, 24))]
    assert shapes == [(16, 24), (8, 12), (4, 6), (2, 3)]


def test_model_averages_colour_channels(make_images) -> None:
    a, b = make_images(1, 32, 1), make_images(1, 32, 2)
    model = LaplacianPyramid()
    colour = model.loss(model.features(a), model.features(b))
    grey = [nlpd(normalised_pyramid(a[:, c : c + 1]), normalised_pyramid(b[:, c : c + 1])) for c in range(3)]
    torch.testing.assert_close(colour, torch.stack(grey).mean(0))
