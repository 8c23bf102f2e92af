from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rerender.core.errors import UserError
from rerender.perception.models.portilla_simoncelli import FLOORS, PortillaSimoncelli, scale_count

# plenoptic's groups by our names
GROUPS = {
    "skew_reconstructed": "low_skew",
    "kurtosis_reconstructed": "low_kurtosis",
    "std_reconstructed": "low_deviation",
    "auto_correlation_reconstructed": "low_autocorrelation",
    "magnitude_std": "magnitude_deviation",
    "auto_correlation_magnitude": "magnitude_autocorrelation",
    "cross_orientation_correlation_magnitude": "orientation_correlation",
    "var_highpass_residual": "high_variance",
    "cross_scale_correlation_magnitude": "scale_magnitude_correlation",
    "cross_scale_correlation_real": "scale_real_correlation",
}


@pytest.mark.parametrize("size", [32, 64])
def test_equals_plenoptic(make_images, size) -> None:
    import plenoptic

    images = make_images(2, size, 5, torch.float64)
    images = (images + 0.2 * torch.rand(images.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    scales = scale_count((size, size))
    reference = plenoptic.models.PortillaSimoncelli((size, size), n_scales=scales).double()
    theirs = reference.convert_to_dict(reference(images))
    ours = PortillaSimoncelli(variance_floor=0.0).statistics(images)
    assert tuple(ours) == tuple(FLOORS)
    for name, group in GROUPS.items():
        torch.testing.assert_close(
            _sorted(_amplified(name, ours[group], scales)), _sorted(theirs[name]), atol=3e-5, rtol=3e-5
        )
    pixels = torch.cat([ours[name] for name in ("mean", "variance", "skew", "kurtosis")], dim=-1)
    torch.testing.assert_close(pixels, theirs["pixel_statistics"][..., :4])


def _amplified(name: str, values: Tensor, scales: int) -> Tensor:
    """Undo our conversion of deviations to grey levels: plenoptic's grow by 4 an octave."""
    if name == "std_reconstructed":
        return values * 4.0 ** torch.arange(scales + 1)
    if name == "magnitude_std":
        return values * (4.0 ** torch.arange(scales)).repeat_interleave(4)
    return values


def _sorted(values: Tensor) -> Tensor:
    """The distinct statistics in ascending order; plenoptic marks the redundant ones with NaN."""
    values = values.flatten(2)
    return values[..., ~values[0, 0].isnan()].sort(-1).values


def test_scale_count() -> None:
    assert [scale_count((size, size)) for size in (14, 16, 32, 64, 96, 128, 224, 256, 512)] == [
        1,
        1,
        2,
        3,
        3,
        4,
        4,
        4,
        4,
    ]
    assert scale_count((64, 28)) == 2
    for shape in ((12, 64), (63, 64)):
        with pytest.raises(UserError, match="even image size"):
            scale_count(shape)


def test_one_scale_has_no_cross_scale_groups(make_images) -> None:
    model = PortillaSimoncelli()
    features = model.features(make_images(1, 16, 1))
    assert len(features) == len(FLOORS) - 2
    assert model.loss(features, model.features(make_images(1, 16, 2))).item() > 0


def test_blind_to_position_but_not_to_texture_or_colour(make_images) -> None:
    model, images = PortillaSimoncelli(), make_images(1, 32, 3)
    target = model.features(images)
    shifted = model.loss(model.features(images.roll((4, 8), (2, 3))), target).item()
    recoloured = model.loss(model.features(images[:, [1, 2, 0]]), target).item()
    scrambled = images.flatten(2)[..., torch.randperm(1024, generator=torch.Generator().manual_seed(0))]
    retextured = model.loss(model.features(scrambled.reshape(images.shape)), target).item()
    assert shifted < 1e-6
    assert recoloured > 0.005
    assert retextured > 0.1


def test_single_precision_is_enough(make_images) -> None:
    model = PortillaSimoncelli()
    images, others = make_images(1, 64, 1, torch.float64), make_images(1, 64, 2, torch.float64)
    double = model.loss(model.features(images), model.features(others))
    single = model.loss(model.features(images.float()), model.features(others.float()))
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=0)
