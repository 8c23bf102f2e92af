"""DISTS as a model: its loading, and the whole distance against a transcription, with generated weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.core.errors import UserError
from rerender.perception import preprocessing as pre
from rerender.perception.models.base import load_model
from rerender.perception.networks.dists import l2_pooled_taps


def test_the_distance_by_hand(build, images, others) -> None:
    model = build("dists")
    with torch.no_grad():
        stages = [
            (x, *l2_pooled_taps(model.trunk, pre.normalise(x, pre.IMAGENET_MEAN, pre.IMAGENET_STD)))
            for x in (images, others)
        ]
        loss = model.loss(model.features(images), model.features(others)).numpy()
    alpha, beta = (getattr(model.weights, name).double().numpy().ravel() for name in ("alpha", "beta"))
    total, channel = np.zeros(2), 0
    for first, second in zip(*stages, strict=True):
        for a, b in zip(
            first.double().numpy().swapaxes(0, 1), second.double().numpy().swapaxes(0, 1), strict=True
        ):
            a, b = a.reshape(2, -1), b.reshape(2, -1)
            ma, mb = a.mean(1), b.mean(1)
            means = (2 * ma * mb + 1e-6) / (ma**2 + mb**2 + 1e-6)
            covariance = ((a * b).mean(1) - ma * mb) * 2 + 1e-6
            total += alpha[channel] * means + beta[channel] * covariance / (a.var(1) + b.var(1) + 1e-6)
            channel += 1
    assert channel == 1475
    np.testing.assert_allclose(loss, 1 - total / (alpha.sum() + beta.sum()), rtol=1e-4)


def test_the_image_stage_is_the_display_image(build, images) -> None:
    features = build("dists").features(images)
    assert torch.equal(features[0], images)
    assert [f.shape[1] for f in features] == [3, 64, 128, 256, 512, 512]


def test_identity_is_exact_and_order_does_not_matter(build, images, others) -> None:
    model = build("dists")
    with torch.no_grad():
        a, b = model.features(images), model.features(others)
        assert torch.all(model.loss(a, a) == 0)
        torch.testing.assert_close(model.loss(a, b), model.loss(b, a))


def test_a_wrong_shape_is_named(weight_files, tmp_path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"alpha": torch.ones(1, 1472, 1, 1), "beta": torch.ones(1, 1475, 1, 1)}, path)
    with pytest.raises(UserError) as caught:
        load_model("dists", weights={**weight_files, "dists_alpha_beta": path})
    assert "'alpha' has shape (1, 1472, 1, 1), expected (1, 1475, 1, 1)" in caught.value.message
    assert "rerender fetch dists_alpha_beta" in caught.value.hint


def test_a_file_of_another_model_is_refused(weight_files) -> None:
    with pytest.raises(UserError, match="'alpha' is missing"):
        load_model("dists", weights={**weight_files, "dists_alpha_beta": weight_files["lpips_vgg"]})


def test_it_is_frozen(build, images) -> None:
    model = build("dists")
    images = images.clone().requires_grad_()
    model.loss(model.features(images), model.features(images.detach().flip(3))).sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert all(p.grad is None for part in (model.trunk, model.weights) for p in part.parameters())


def test_tiny_images_are_refused(build) -> None:
    with pytest.raises(UserError, match="16 x 16"):
        build("dists").features(torch.rand(1, 3, 15, 64))
