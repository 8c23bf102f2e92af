"""What every vision model promises, whatever it computes."""

from __future__ import annotations

import importlib.metadata

import pytest
import torch

from rerender.core.errors import Blocked, UserError
from rerender.perception.models import factory
from rerender.perception.models.base import PairedModel, VisionModel, load_model
from rerender.perception.models.pixel import MeanSquaredError
from rerender.perception.weights import required_weights

WEIGHT_FREE = (
    *("mae", "mse", "dual_buffer", "ssim", "nlpd", "frontend", "portilla_simoncelli", "pooled"),
    *("dists_proxy", "lpips_proxy"),
)
CONVOLUTIONAL = ("resnet", "lpips", "vgg", "dists")
EVERY = WEIGHT_FREE + CONVOLUTIONAL


def test_every_model_is_covered_here() -> None:
    # test_deep.py has the others
    assert set(factory.BUILDERS) == {*EVERY, "resnet_sin", "dino", "clip", "vggloss"}


@pytest.mark.parametrize("model_id", EVERY)
def test_identity_and_difference(build, model_id, images, others) -> None:
    model = build(model_id)
    assert isinstance(model, VisionModel)
    assert model.name == model_id
    same, different = model.features(images), model.features(others)
    assert torch.all(model.loss(same, model.features(images)) == 0) or model_id == "ssim"
    torch.testing.assert_close(model.loss(same, same), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(model.similarity(same, same), torch.ones(2), atol=1e-6, rtol=0)
    assert torch.all(model.loss(different, same) > 1e-4)
    assert torch.all(model.similarity(different, same) < 1 - 1e-5)


@pytest.mark.parametrize("model_id", EVERY)
def test_a_smaller_change_costs_less(build, model_id, images, others) -> None:
    model = build(model_id)
    target = model.features(images)
    losses = [model.loss(model.features(images.lerp(others, t)), target).mean() for t in (0.05, 0.2, 0.8)]
    assert losses[0] < losses[1] < losses[2]


@pytest.mark.parametrize("model_id", EVERY)
def test_a_batch_equals_its_images(build, model_id, images, others) -> None:
    model = build(model_id)
    features, target = model.features(images), model.features(others)
    assert all(len(part) == 2 for part in features)
    batch = model.loss(features, target)
    assert batch.shape == (2,)
    alone = [model.loss(model.features(images[i : i + 1]), model.features(others[i : i + 1])) for i in (0, 1)]
    torch.testing.assert_close(batch, torch.cat(alone), rtol=1e-4, atol=1e-6)
    # cached target features can be sliced by view
    sliced = model.loss(tuple(part[1:] for part in features), tuple(part[1:] for part in target))
    torch.testing.assert_close(batch[1:], sliced, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model_id", EVERY)
def test_gradient_matches_finite_differences(build, directional_error, make_images, model_id) -> None:
    model = build(model_id, dtype=torch.float64)
    images, others = (make_images(1, 16, seed, torch.float64) for seed in (3, 4))
    with torch.no_grad():
        target = model.features(others)
    # away from the kinks of max and absolute value, hence the small step in double precision
    error = directional_error(lambda x: model.loss(model.features(x), target).sum(), images, step=1e-8)
    assert error < 1e-5


@pytest.mark.parametrize("model_id", EVERY)
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_blank_images_have_finite_losses_and_slopes(build, model_id, level, images) -> None:
    model = build(model_id)
    blank = torch.full_like(images, level).requires_grad_()
    for target in (images, torch.full_like(images, level)):
        loss = model.loss(model.features(blank), model.features(target))
        (gradient,) = torch.autograd.grad(loss.sum(), blank)
        assert torch.isfinite(loss).all()
        assert torch.isfinite(gradient).all()
    assert torch.isfinite(model.similarity(model.features(blank), model.features(images))).all()


@pytest.mark.parametrize("model_id", EVERY)
def test_a_few_steps_of_descent_lower_the_loss(build, model_id, images, others) -> None:
    model = build(model_id)
    with torch.no_grad():
        target = model.features(others)
    start = images.clone().requires_grad_()
    optimiser = torch.optim.Adam([start], lr=0.003)
    losses = []
    for _ in range(6):
        optimiser.zero_grad()
        loss = model.loss(model.features(start), target).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("model_id", WEIGHT_FREE)
def test_filters_made_in_inference_mode_serve_gradients_later(make_images, model_id) -> None:
    size = 44  # of no other test, so that nothing is cached yet
    model = load_model(model_id)
    with torch.inference_mode():
        model.features(make_images(1, size))
    images = make_images(1, size).requires_grad_()
    model.loss(model.features(images), model.features(make_images(1, size, 1))).sum().backward()
    assert images.grad is not None


@pytest.mark.parametrize("model_id", EVERY)
def test_wrong_layout_is_refused(build, model_id) -> None:
    with pytest.raises(UserError, match=r"\(N, 3, H, W\)"):
        build(model_id).features(torch.zeros(1, 32, 32, 3))


def test_unknown_model_names_the_closest() -> None:
    with pytest.raises(UserError, match="Did you mean 'ssim'"):
        load_model("sssim")


@pytest.mark.parametrize("model_id", ["lpips", "vgg", "dists", "resnet", "resnet_sin", "dino"])
def test_without_weights_a_network_is_blocked(model_id, tmp_path) -> None:
    files = {spec.id: tmp_path / spec.file for spec in required_weights(model_id)}
    for weights in (None, {}, files):
        with pytest.raises(Blocked) as caught:
            load_model(model_id, weights=weights)
        assert caught.value.message == "weights"
        assert all(spec.file in caught.value.hint for spec in required_weights(model_id))
        assert "rerender fetch" in caught.value.hint


def test_another_package_can_offer_a_model(monkeypatch) -> None:
    class Point:
        def load(self):
            return lambda paths, device, dtype: MeanSquaredError(name="mine")

    def points(group: str, name: str) -> list[Point]:
        return [Point()] if (group, name) == ("rerender.vision_models", "mine") else []

    monkeypatch.setattr(importlib.metadata, "entry_points", points)
    assert load_model("mine").name == "mine"
    with pytest.raises(UserError, match="unknown vision model"):
        load_model("yours")


def test_only_the_dual_buffer_is_paired() -> None:
    assert isinstance(load_model("dual_buffer"), PairedModel)
    assert not isinstance(load_model("mse"), PairedModel)


def test_catalogue_and_weights_agree() -> None:
    from rerender.catalogue.registry import vision_models

    specs = vision_models()
    assert set(specs) <= set(factory.BUILDERS)
    for model_id, spec in specs.items():
        assert spec.weights == tuple(weight.id for weight in required_weights(model_id))
        assert (spec.renders_per_step == 2) == isinstance(
            load_model(model_id) if not spec.weights else None, PairedModel
        )
