"""The released code's behaviours, one by one: each changes what it is about, and nothing when it is off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.papers.metamers.worlds import (
    grad_of,
    material_settings,
    material_world,
    objective,
    shape_settings,
    shape_world,
)

from rerender.core.errors import UserError
from rerender.core.meshes import icosphere
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings
from rerender.fitting.progress import Silent
from rerender.papers.metamers.classification import Classification
from rerender.papers.metamers.frozen import FrozenSeeds
from rerender.papers.metamers.geometry import GeometryProblem, mesh_of
from rerender.papers.metamers.judgements import class_values, judge_images, top_classes
from rerender.papers.metamers.material import MaterialProblem
from rerender.papers.metamers.objective import Objective, switched_model
from rerender.papers.metamers.references import target_seeds
from rerender.papers.metamers.switches import TITLES, Switches, check_switch, switched_on
from rerender.perception.models.base import load_model
from rerender.perception.models.deep import PatchTokens, PooledResNet
from rerender.perception.networks.dinov2 import DinoV2
from rerender.perception.networks.resnet import ResNet50
from rerender.perception.preprocessing import CLIP_MEAN
from rerender.rendering.mesh_priors import MeshPriors

pytestmark = pytest.mark.usefixtures("variant")
SEEDS = SeedStream(("test",))
FROZEN = FrozenSeeds(SeedStream(("run",)), target_seeds("bunny", "venice_sunset"))


def geometry(model: str = "mae", frozen: FrozenSeeds | None = None, **changes: object) -> GeometryProblem:
    world = shape_world()
    goal = objective(world, model, spp=16)
    return GeometryProblem(world, icosphere(3), goal, shape_settings(**changes), frozen)


def material(model: str = "mse", frozen: FrozenSeeds | None = None, **switches: bool) -> MaterialProblem:
    world, settings = material_world(), material_settings(switches=Switches(**switches))
    return MaterialProblem(world, objective(world, model, spp=16), settings, frozen=frozen)


def test_all_are_off_by_default_and_each_can_be_named() -> None:
    assert Switches() == shape_settings().switches == material_settings().switches
    assert all(switched_on(name) != Switches() for name in TITLES)
    assert switched_on("upstream_view").layout == "upstream_view"
    with pytest.raises(UserError, match="frozen_seeds"):
        switched_on("frozen_seed")


@pytest.mark.parametrize(
    ("name", "family", "model"),
    [
        ("train_mode_sin", "geometry", "resnet"),
        ("clip_norm_for_dino", "material", "clip"),
        ("dual_buffer_lr", "material", "mse"),
        ("last_view_only", "geometry", "mae"),
    ],
)
def test_switches_without_effect_are_refused(name: str, family: str, model: str) -> None:
    with pytest.raises(UserError, match="ablations"):
        check_switch(name, family, model, "metamers.ablations")  # type: ignore[arg-type]
    check_switch("upstream_view", family, model, "metamers.ablations")  # type: ignore[arg-type]


def test_the_scrambled_layout_mixes_colours_and_places() -> None:
    red = torch.zeros(1, 32, 32, 3)
    red[..., 0] = 0.5
    model = load_model("mse")
    plain, scrambled = Objective(model, red), Objective(model, red, "upstream_view")
    assert plain.target[0].mean((0, 2, 3))[1:].max() == 0
    means = scrambled.target[0].mean((0, 2, 3))
    assert torch.allclose(means, means[0].expand(3), rtol=0.05), "a third of the red in each channel"
    assert float(scrambled(red, [0])[0]) == 0 == float(plain(red, [0])[0]), "equal images stay equal"


def test_frozen_seeds_repeat_the_noise_and_share_one_with_the_target() -> None:
    free, frozen = geometry(), geometry(frozen=FROZEN)
    assert free.step(0, SEEDS.child(0)).loss != free.step(0, SEEDS.child(1)).loss
    assert frozen.step(0, SEEDS.child(0)).loss == frozen.step(0, SEEDS.child(1)).loss
    assert FROZEN.seed(1) == target_seeds("bunny", "venice_sunset").seed(1)
    assert len({FROZEN.seed(view, k) for view in range(4) for k in range(2)}) == 8
    paired = material("dual_buffer", frozen=FROZEN)
    assert paired.step(0, SEEDS.child(0)).loss == paired.step(0, SEEDS.child(1)).loss


def test_the_last_view_alone_drives_the_step() -> None:
    all_views, last = material(), material(last_view_only=True)
    assert last.step(0, SEEDS).loss == all_views.step(0, SEEDS).loss, "the loss is still that of all views"
    alone = material()
    leaf = alone.tensors["base_color"]
    seeds = SEEDS.child("optimise", 0)
    key = "object.bsdf.base_color.data"
    radiance = alone.renderer.render({key: leaf}, views=(3,), seeds=(seeds.seed(3),), spp=8)
    loss, _ = alone.objective(radiance, [3])
    loss.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(
        grad_of(last, "base_color"), grad_of(alone, "base_color"), rtol=1e-3, atol=1e-6
    )
    assert not torch.allclose(grad_of(last, "base_color"), grad_of(all_views, "base_color"), rtol=0.1)


def test_the_raised_rate_concerns_numbers_of_the_dual_buffer() -> None:
    world = material_world("translucent")
    settings = material_settings(switches=Switches(dual_buffer_lr=True))
    for model, rate in (("dual_buffer", 0.09), ("mse", 0.05)):
        problem = MaterialProblem(world, objective(world, model, spp=4), settings)
        assert problem.parameters()["eta"].lr == rate
        assert problem.parameters()["base_color"].lr == 0.05


def test_models_are_switched_only_where_they_are_meant() -> None:
    with torch.device("meta"):
        dino, resnet = DinoV2(), ResNet50()
    both = Switches(clip_norm_for_dino=True, train_mode_sin=True)
    clipped = switched_model(PatchTokens(dino), both)
    assert isinstance(clipped, PatchTokens) and clipped.mean == CLIP_MEAN
    plain = PooledResNet(resnet.eval())
    assert not switched_model(plain, both).network.training  # type: ignore[attr-defined]
    assert switched_model(PooledResNet(resnet, name="resnet_sin"), both).network.training  # type: ignore[attr-defined]


def test_regularisers_add_their_weighted_terms_and_follow_a_remesh() -> None:
    weights = {"laplacian": 0.1, "edge_length": 0.05, "area": 0.05, "arap": 0.1}
    plain, regular = geometry(remesh_steps=(0,)), geometry(remesh_steps=(0,), regularisers=weights)
    for iteration in range(2):
        before, after = plain.step(iteration, SEEDS).loss, regular.step(iteration, SEEDS).loss
        mesh = regular.mesh()
        expected = MeshPriors(regular.rest).weighted(torch.from_numpy(mesh.vertices), weights)
        assert after - before == pytest.approx(float(expected), rel=1e-3)
        assert plain.project(iteration) == regular.project(iteration) == (iteration == 0)


class Colours:
    """A classifier of mean colours: class 0 is red, 1 green, 2 blue. Real arithmetic, no weights needed."""

    name = "colours"

    def features(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (images.mean((2, 3)),)

    def logits(self, features: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return 10 * features[0]

    def loss(self, features: tuple[torch.Tensor, ...], target: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return (features[0] - target[0]).square().mean(1)

    def similarity(
        self, features: tuple[torch.Tensor, ...], target: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        return 1 - self.loss(features, target)


def test_classification_mixes_by_hand() -> None:
    features = (torch.tensor([[0.9, 0.1, 0.1]]),)
    classify = Classification(Colours(), alpha=0.8, imagenet_class=1)
    loss, parts = classify.mix(features, torch.tensor(0.5))
    entropy = float(np.log(np.exp([9, 1, 1]).sum()) - 1)
    assert float(loss) == pytest.approx(0.2 * entropy + 0.8 * 0.5)
    assert parts["class_probability"] == pytest.approx(np.exp(-entropy), rel=1e-5)
    with pytest.raises(UserError, match="scores no classes"):
        Classification(load_model("mae"), 0.8, 1)
    with pytest.raises(UserError, match="no ImageNet class"):
        Classification(Colours(), 0.8, None)


def test_the_likeliest_classes_are_means_over_views_with_their_probabilities() -> None:
    red, green = (np.eye(3, dtype=np.float32)[channel] for channel in (0, 1))
    images = {
        "target": np.stack([np.broadcast_to(x, (8, 8, 3)) for x in (green, red, green)]),
        "start": np.full((3, 8, 8, 3), 0.5, np.float32),
        "best": np.broadcast_to(red, (3, 8, 8, 3)),
    }
    found = judge_images(Colours(), images, torch.device("cpu"))
    sure = np.exp(10) / (np.exp(10) + 2)
    values = class_values("colours", found, 0)
    assert values["class_probability/colours"][0] == pytest.approx(sure)
    assert values["class_probability_start/colours"][0] == pytest.approx(1 / 3)
    assert values["class_probability_target/colours"][0] == pytest.approx((2 * (1 - sure) / 2 + sure) / 3)
    assert class_values("colours", found, None) == {}
    tops = top_classes(
        {"colours": found, "mae": judge_images(load_model("mae"), images, torch.device("cpu"))}
    )
    assert tops["classifiers"].tolist() == ["colours"]
    assert tops["classes_target"].shape == (1, 3, 2), "there are no more than three classes"
    assert tops["classes_target"][0, :, 0].tolist() == [1, 0, 2]
    assert tops["classes_best"][0, 0].tolist() == pytest.approx([0, sure])
    assert top_classes({}) == {}


def test_a_shape_run_can_be_asked_for_a_class() -> None:
    world = shape_world()
    goal = Objective(Colours(), torch.full((4, 32, 32, 3), 0.3))
    settings = shape_settings(classify=0.8, imagenet_class=2)
    problem = GeometryProblem(world, icosphere(3), goal, settings)
    scalars = problem.step(0, SEEDS).scalars
    mixed = 0.2 * scalars["loss_classification"] + 0.8 * scalars["loss_reconstruction"]
    assert problem.step(0, SEEDS).loss == pytest.approx(mixed, rel=1e-4)
    assert problem.latent.grad is not None and float(problem.latent.grad.abs().sum()) > 0


def test_stopping_early_returns_the_best_mesh_with_its_own_topology(tmp_path: Path) -> None:
    """A rate far too high makes every later window worse; a remesh in between changes the topology."""
    problem = geometry(lr=1.5, remesh_steps=(7,))
    settings = LoopSettings(iterations=40, window=2, patience_windows=5)
    result = fit(problem, settings, tmp_path, run_id="e", seeds=SEEDS, progress=Silent())
    assert result.iterations < 40 and "improve" in result.stop_reason
    assert result.best_iteration < result.iterations - 1
    best, last = mesh_of(result.best, 15.0), mesh_of(result.last, 15.0)
    assert len(best.vertices) != len(last.vertices), "the best is from before the remesh"
    assert np.isfinite(best.vertices).all()
