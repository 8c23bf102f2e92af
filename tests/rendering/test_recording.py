"""Recorded steps give what the same steps give when they are traced: bit for bit, whatever changes between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.rendering.worlds import sphere_scene, textured

from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.differentiable import Renderer
from rerender.rendering.recording import Recorded, owned
from rerender.rendering.scenes import Film

POSITIONS = "object.vertex_positions"
COLOUR, ROUGHNESS = "object.bsdf.base_color.data", "object.bsdf.roughness.value"


def shape_renderer(mesh: Mesh) -> Renderer:
    integrator = {"type": "direct_projective", "sppi": 0, "guiding": "none"}
    described = sphere_scene(mesh=mesh, integrator=integrator, batched=True)
    return Renderer(replace(described, film=Film(16, 16, "box")), [POSITIONS])


def material_renderer() -> Renderer:
    bsdf = textured(np.full((4, 4, 3), 0.4, np.float32))
    integrator = {"type": "prb", "max_depth": 3, "rr_depth": 5}
    described = sphere_scene(bsdf=bsdf, integrator=integrator, batched=True, size=16)
    return Renderer(described, [COLOUR, ROUGHNESS])


@contextmanager
def traced() -> Iterator[None]:
    """Nothing is recorded or replayed here."""
    import drjit as dr

    dr.set_flag(dr.JitFlag.KernelFreezing, False)
    try:
        yield
    finally:
        dr.set_flag(dr.JitFlag.KernelFreezing, True)


def step(renderer: Renderer, values: dict[str, np.ndarray], **how: Any) -> list[np.ndarray]:
    """Return the images and the gradients of one loss."""
    leaves = {
        key: torch.tensor(value, dtype=torch.float32, requires_grad=True) for key, value in values.items()
    }
    images = renderer.render(leaves, **how)
    (images * torch.linspace(0.5, 2.0, images.shape[2])[:, None]).mean().backward()  # type: ignore[no-untyped-call]
    return [
        images.detach().numpy().copy(),
        *(x.grad.numpy().copy() for x in leaves.values() if x.grad is not None),
    ]


def both(renderer: Renderer, values: dict[str, np.ndarray], **how: Any) -> list[np.ndarray]:
    """Return a step after a check that it is the same when it is traced; the memory of others is reused in between."""
    found = step(renderer, values, **how)
    with traced():
        expected = step(renderer, values, **how)
    for one, other in zip(found, expected, strict=True):
        assert np.isfinite(one).all()
        assert np.array_equal(one, other)
    return found


def test_a_shape_that_moves_grows_and_is_seen_from_elsewhere() -> None:
    sphere = icosphere(2)
    renderer = shape_renderer(sphere)
    seen = [
        both(
            renderer,
            {POSITIONS: scale * sphere.vertices},
            views=views,
            seeds=(seed, 0),
            spp=spp,
            spp_grad=grad,
        )
        for scale, views, seed, spp, grad in (
            (1.0, (0, 1), 1, 4, 2),
            (1.1, (0, 1), 1, 4, 2),
            (1.4, (1, 0), 1, 4, 2),
            (0.6, (1, 0), 2, 4, 2),
            (0.6, (1, 0), 2, 2, 4),  # numbers that occur among the arguments already
            (0.6, (1, 0), 2, 16, 16),
        )
    ]
    assert not np.array_equal(seen[0][0], seen[1][0])
    assert not np.array_equal(seen[3][1], seen[4][1])


def test_more_views_and_no_gradients_in_between() -> None:
    sphere = icosphere(2)
    renderer = shape_renderer(sphere)
    values = {POSITIONS: sphere.vertices}
    both(renderer, values, views=(0, 1), seeds=(1, 2), spp=4)
    with torch.no_grad():
        strip = renderer.render(
            {POSITIONS: torch.tensor(1.2 * sphere.vertices)}, views=(0, 1, 0, 1), seeds=(1,) * 4, spp=4
        )
    assert strip.shape == (4, 16, 16, 3)
    both(renderer, values, views=(0, 1, 0, 1), seeds=(1,) * 4, spp=4)
    both(renderer, values, views=(0,), seeds=(1,), spp=4)


def test_a_material() -> None:
    renderer = material_renderer()
    random = np.random.default_rng(1)
    for spp, grad, seed in ((4, 2, 1), (4, 2, 2), (8, 2, 3), (16, 16, 3), (4, 2, 4)):
        values = {COLOUR: random.uniform(0.2, 0.8, (4, 4, 3)), ROUGHNESS: random.uniform(0.2, 0.8, 1)}
        both(renderer, values, views=(0, 1), seeds=(seed, seed), spp=spp, spp_grad=grad, replay=True)


def test_what_cannot_be_recorded_is_traced() -> None:
    import drjit as dr
    import mitsuba as mi

    def reads_back(x: Any, factor: int) -> Any:
        return x * factor if x[0] > 0 else -x

    recorded = Recorded(reads_back)
    for sign in (1, -1, 2):
        x = dr.opaque(mi.Float, sign, 3)
        assert np.array_equal(np.array(recorded((x,), (1,))), [abs(sign)] * 3)
    assert not recorded.records


def test_an_adjoint_is_not_tried_twice() -> None:
    import drjit as dr
    import mitsuba as mi

    def late(x: Any) -> None:
        dr.backward(dr.sum(x * x))
        assert x[0] > 0

    leaf = owned(mi.Float([1.0, 2.0]))
    dr.enable_grad(leaf)
    primal = Recorded(lambda x: x)
    with pytest.raises(RuntimeError):
        Recorded(late, primal)((leaf * 3,), ())
    dr.clear_grad(leaf)
    primal.possible = False
    Recorded(late, primal)((leaf * 3,), ())
    assert np.array_equal(np.array(dr.grad(leaf)), [18.0, 36.0])


def test_owned_memory_is_a_copy_with_gradients_attached() -> None:
    import drjit as dr
    import mitsuba as mi

    source = np.array([1.0, -0.0, np.inf], np.float32)
    kept = owned(mi.Float(source))
    dr.eval(kept)
    source[:] = 7.0
    assert np.array_equal(np.array(kept), np.array([1.0, -0.0, np.inf], np.float32))
    leaf = mi.Float([1.0, 2.0])
    dr.enable_grad(leaf)
    dr.backward(owned(leaf) * 3)
    assert np.array_equal(np.array(dr.grad(leaf)), [3.0, 3.0])
