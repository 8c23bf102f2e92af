from __future__ import annotations

import torch

from rerender.perception.models.frontend import REST, FrontEnd


def test_equals_plenoptic(make_images) -> None:
    import plenoptic

    images = make_images(2, 32, 5, torch.float64)
    reference = plenoptic.models.OnOff(31, pretrained=True, cache_filt=True).double()
    with torch.no_grad():
        theirs = reference(images.flatten(0, 1)[:, None]).reshape(2, 3, 2, 32, 32) - REST
    # plenoptic builds its filters in single precision
    torch.testing.assert_close(FrontEnd().features(images)[0], theirs, atol=2e-6, rtol=0)


def test_a_blank_image_responds_with_nothing() -> None:
    for level in (0.0, 0.3, 1.0):
        (response,) = FrontEnd().features(torch.full((1, 3, 32, 32), level, dtype=torch.float64))
        assert response.abs().max() < 1e-6


def test_gain_control_makes_it_insensitive_to_the_light_level(make_images) -> None:
    # Relative to the pixel difference, dimming changes the responses far less than other content.
    images, others, model = make_images(seed=1), make_images(seed=2), FrontEnd()
    target = model.features(images)
    dimmed = model.loss(model.features(0.7 * images), target) / (0.3 * images).square().mean((1, 2, 3))
    moved = model.loss(model.features(others), target) / (images - others).square().mean((1, 2, 3))
    assert torch.all(dimmed < moved / 3)


def test_on_and_off_channels_are_distinct() -> None:
    image = torch.full((1, 3, 33, 33), 0.2)
    image[..., 16, 16] = 0.8
    (response,) = FrontEnd().features(image)
    on, off = response[0, 0, :, 16, 16]
    assert on > 0 > off
