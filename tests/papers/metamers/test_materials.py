"""The five materials: measured targets from a file or their stand-ins, and every parameter of the fitted family."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.papers.metamers.measured_files import write_measured
from tests.papers.metamers.worlds import (
    SIZE,
    grad_of,
    material_settings,
    material_world,
    objective,
)

from rerender.core.seeds import SeedStream
from rerender.papers.metamers.material import MaterialProblem, scene_key
from rerender.papers.metamers.world import World, build, fitted_bsdf, training_cameras, true_values
from rerender.rendering.differentiable import Renderer
from rerender.rendering.visibility import silhouettes

pytestmark = pytest.mark.usefixtures("variant")
MEASURED = ("brushed_metal", "rosaline", "aurora")
SEEDS = SeedStream(("test",))


def measured_world(scene: str) -> World:
    return replace(material_world(scene), base_color=None)


def colours(world: World, view: int = 0) -> np.ndarray:
    """Return the radiance of the object's pixels in a view, (n, 3)."""
    scene = build(world, training_cameras(world, 4), SIZE)
    radiance = Renderer(scene).render({}, views=(view,), seeds=(3,), spp=64)[0].numpy()
    found: np.ndarray = radiance[silhouettes(scene, "object")[view]]
    return found


@pytest.mark.parametrize("scene", MEASURED)
def test_every_parameter_is_fitted_and_gets_a_gradient(scene: str) -> None:
    world = measured_world(scene)
    problem = MaterialProblem(world, objective(world, "mse", spp=16), material_settings(spp=16, spp_grad=16))
    assert len(problem.tensors) == 12
    assert problem.tensors["anisotropic"].shape == ((4, 6, 3) if scene == "brushed_metal" else (1,))
    assert float(problem.tensors["metallic"].detach()) == pytest.approx(0.001)
    assert float(problem.tensors["specular"].detach()) == 0.5
    with torch.no_grad():  # away from the corner where several lobes vanish
        for tensor in problem.tensors.values():
            tensor.fill_(0.4)
    problem.step(0, SEEDS)
    for name in problem.tensors:
        gradient = grad_of(problem, name)
        assert torch.isfinite(gradient).all(), name
        if name != "clearcoat_gloss":  # of a lobe that hardly shows
            assert float(gradient.abs().sum()) > 0, name
    assert true_values(world, (4, 6)) == {}


def test_gradients_of_lobes_agree_with_finite_differences() -> None:
    """Of the mean radiance of a view, which noise does not bias."""
    world = measured_world("rosaline")
    names = ("metallic", "specular", "sheen")
    free = {parameter.name: parameter for parameter in world.scene.optimised}
    values = {name: np.full((4, 6, 3) if free[name].textured else (1,), 0.4) for name in free}
    integrator = {"type": "prb", "max_depth": 3}
    bsdf = fitted_bsdf(world.scene, values)
    scene = build(world, training_cameras(world, 4)[:1], SIZE, bsdf=bsdf, integrator=integrator)
    renderer = Renderer(scene, [scene_key(free[name]) for name in names])

    def brightness(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
        keyed = {scene_key(free[name]): tensor for name, tensor in tensors.items()}
        return renderer.render(keyed, views=(0,), seeds=(5,), spp=256).mean()

    leaves = {name: torch.tensor([0.4], requires_grad=True) for name in names}
    brightness(leaves).backward()  # type: ignore[no-untyped-call]
    for name in names:
        ends = [
            float(brightness({n: torch.tensor([0.4 + shift * (n == name)]) for n in names}))
            for shift in (0.1, -0.1)
        ]
        slope = leaves[name].grad
        assert slope is not None
        assert float(slope) == pytest.approx((ends[0] - ends[1]) / 0.2, rel=0.1, abs=3e-4)


def test_stand_ins_look_like_what_they_stand_for() -> None:
    steel, satin, paint = (colours(measured_world(scene)) for scene in MEASURED)
    assert (satin.mean(0)[0] > 1.2 * satin.mean(0)[1:]).all(), "rose"
    assert np.ptp(steel.mean(1)) > np.ptp(satin.mean(1)), "metal has the stronger highlights"
    green_over_blue = paint[:, 1] / paint[:, 2]
    assert green_over_blue.max() > 1.3 * green_over_blue.min(), "the hue of the paint changes with the angle"


def test_a_file_takes_the_place_of_the_stand_in(tmp_path: Path) -> None:
    file = tmp_path / "red.bsdf"
    write_measured(file, (0.9, 0.1, 0.1))
    red = colours(replace(measured_world("rosaline"), bsdf_file=file))
    assert np.isfinite(red).all() and red.mean(0)[0] > 4 * red.mean(0)[1]


def test_a_state_becomes_a_plugin_with_its_textures() -> None:
    world = measured_world("brushed_metal")
    state = {free.name: np.full((2, 3, 3) if free.textured else (1,), 0.3) for free in world.scene.optimised}
    plugin = fitted_bsdf(world.scene, state)
    assert plugin["metallic"] == 0.3 and plugin["anisotropic"]["bitmap"].shape == (2, 3, 3)
    assert plugin["type"] == "principled" and "eta" not in plugin
