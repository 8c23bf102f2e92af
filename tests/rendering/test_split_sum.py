"""Split-sum shading: a white furnace, finite differences in every argument, and normals from tangent space."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.rendering.worlds import uv_sphere

from rerender.core.cameras import turntable_cameras
from rerender.rendering import split_sum_twin as twin
from rerender.rendering.filtered_light import LearnedLight, LightLevels
from rerender.rendering.gbuffers import GBuffer, trace
from rerender.rendering.split_sum import shade, world_normals

SIZE = 32


@pytest.fixture(scope="module")
def sphere() -> GBuffer:
    return trace(uv_sphere(), turntable_cameras(2), SIZE).to("cpu", torch.float64)


def columns(n: int, *values: float) -> list[torch.Tensor]:
    return [torch.full((n, 1), value, dtype=torch.float64) for value in values]


def flat(n: int) -> torch.Tensor:
    return torch.tensor([[0.0, 0.0, 0.5]], dtype=torch.float64).expand(n, 3)


def constant(radiance: float = 1.0) -> LightLevels:
    return LightLevels.from_latlong(np.full((8, 16, 3), radiance)).to("cpu", torch.float64)


def sky() -> LightLevels:
    rng = np.random.default_rng(2)
    return LightLevels.from_latlong(rng.gamma(0.5, 2.0, size=(8, 16, 3))).to("cpu", torch.float64)


def test_a_white_furnace_shows_the_albedo_of_the_surface(sphere: GBuffer) -> None:
    n, normals = len(sphere), sphere.normals
    albedo = torch.tensor([[0.2, 0.5, 0.9]], dtype=torch.float64).expand(n, 3)
    cosine = (normals * sphere.toward).sum(-1, keepdim=True).clamp_min(1e-4)
    for roughness, metallic in ((0.3, 0.0), (0.7, 1.0), (0.1, 0.4)):
        rough, metal = columns(n, roughness, metallic)
        scale, bias = twin.environment_brdf_at(cosine, rough).T[:, :, None]
        f0 = 0.04 * (1.0 - metallic) + albedo * metallic
        expected = 2.0 * (albedo * (1.0 - metallic) + f0 * scale + bias)
        colour = shade(sphere, albedo, rough, metal, normals, constant(2.0))
        assert (colour - expected).abs().max() < 1e-5
    # white metal reflects at most everything
    white = shade(sphere, torch.ones_like(albedo), *columns(n, 0.3, 1.0), normals, constant())
    assert white.min() > 0.8 and white.max() <= 1.0 + 1e-6


def test_metal_has_no_diffuse_colour_and_occlusion_darkens_everything(sphere: GBuffer) -> None:
    n, light = len(sphere), sky()
    black, white = torch.zeros(n, 3, dtype=torch.float64), torch.ones(n, 3, dtype=torch.float64)
    rough, metal, none = columns(n, 0.3, 1.0, 0.0)
    mirrored = shade(sphere, black, rough, metal, sphere.normals, light)
    plain = shade(sphere, black, rough, none, sphere.normals, light)
    assert (mirrored < plain).all()  # black metal has only its Fresnel edge, plastic its 4 % as well
    open_ = shade(sphere, white, rough, none, sphere.normals, light)
    half = shade(sphere, white, rough, none, sphere.normals, light, columns(n, 0.5)[0])
    torch.testing.assert_close(half, 0.5 * open_)


def test_a_rough_white_surface_shows_the_irradiance(sphere: GBuffer) -> None:
    """Diffuse part alone: the difference of two albedos is E(n)."""
    n, light = len(sphere), sky()
    args = (*columns(n, 0.5, 0.0), sphere.normals, light)
    bright, dark = (
        shade(sphere, torch.full((n, 3), value, dtype=torch.float64), *args) for value in (0.8, 0.3)
    )
    torch.testing.assert_close((bright - dark) / 0.5, twin.diffuse_at(light, sphere.normals))


def test_every_argument_has_the_slope_of_finite_differences(sphere: GBuffer) -> None:
    few = _some(sphere, 7)
    rng = torch.Generator().manual_seed(3)

    def draw(width: int, low: float = 0.1, high: float = 0.9) -> torch.Tensor:
        drawn = torch.rand(len(few), width, generator=rng, dtype=torch.float64)
        return (low + (high - low) * drawn).requires_grad_()

    light = LearnedLight(0.5 + torch.rand(4, 8, 3, generator=rng, dtype=torch.float64))
    light.forward = light.levels  # type: ignore[method-assign]

    def colour(
        albedo: torch.Tensor,
        rough: torch.Tensor,
        metal: torch.Tensor,
        occlusion: torch.Tensor,
        tangent: torch.Tensor,
        base: torch.Tensor,
    ) -> torch.Tensor:
        levels = torch.func.functional_call(light, {"base": base}, ())
        return shade(few, albedo, rough, metal, world_normals(few, tangent), levels, occlusion)

    tangent = torch.cat([draw(2, -0.3, 0.3), draw(1, 0.4, 1.0)], dim=-1).detach().requires_grad_()
    arguments = (draw(3), draw(1), draw(1), draw(1), tangent, light.base)
    assert torch.autograd.gradcheck(colour, arguments, eps=1e-7, atol=2e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_kernels_have_the_values_and_slopes_of_the_same_formulas_in_torch(
    sphere: GBuffer, dtype: torch.dtype
) -> None:
    """All pixels of the sphere, grazing ones too, seen from both sides; roughness on every level, normals on either side of the bend."""
    front = sphere.to("cpu", dtype)
    behind = GBuffer(**{**front.__dict__, "geometric": -front.geometric})
    rng = torch.Generator().manual_seed(5)

    def draw(width: int, low: float = 0.0) -> torch.Tensor:
        drawn = torch.rand(len(front), width, generator=rng, dtype=torch.float64)
        return (low + (1.0 - low) * drawn).to(dtype).requires_grad_()

    found_normals = torch.cat([draw(2, -1.0), draw(1, -0.2)], dim=1).detach().requires_grad_()
    leaves = (draw(3), draw(1), draw(1), found_normals)
    levels = sky().to("cpu", dtype)
    light = LightLevels(levels.specular.requires_grad_(), levels.diffuse.requires_grad_())
    weights = draw(3).detach()
    for surface in (front, behind):
        results = []
        for shading, normals in ((shade, world_normals), (twin.shade, twin.world_normals)):
            colour = shading(surface, *leaves[:3], normals(surface, leaves[3]), light)
            wanted = (*leaves, light.specular, light.diffuse)
            results.append((colour, *torch.autograd.grad((weights * colour).sum(), wanted)))
        close = 1e-12 if dtype == torch.float64 else 2e-5
        for ours, theirs in zip(*results, strict=True):
            assert theirs.abs().max() > 0.01
            assert (ours - theirs).norm() < close * theirs.norm()


def test_a_flat_normal_map_gives_the_smooth_normals(sphere: GBuffer) -> None:
    found = world_normals(sphere, flat(len(sphere)))
    facing = (sphere.normals * sphere.toward).sum(-1) > 0.1
    torch.testing.assert_close(found[facing], torch.nn.functional.normalize(sphere.normals[facing], dim=-1))
    assert (found.norm(dim=-1) - 1.0).abs().max() < 1e-9


def test_tangent_space_is_right_handed(sphere: GBuffer) -> None:
    """x leans along the tangent, y along N x T."""
    facing = _some(sphere, 50)
    for axis, direction in (
        (0, facing.tangents),
        (1, -torch.linalg.cross(facing.tangents, facing.normals)),
    ):
        lean = flat(len(facing)).clone()
        lean[:, axis] = 0.1
        moved = world_normals(facing, lean) - world_normals(facing, flat(len(facing)))
        assert ((moved * direction).sum(-1) > 0.15).all()


def test_back_faces_turn_and_grazing_normals_bend(sphere: GBuffer) -> None:
    few = _some(sphere, 20)
    behind = GBuffer(**{**few.__dict__, "toward": -few.toward})
    torch.testing.assert_close(world_normals(behind, flat(20)), -world_normals(few, flat(20)))
    away = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64).expand(20, 3)
    turned = GBuffer(**{**few.__dict__, "tangents": -few.toward})
    torch.testing.assert_close(
        world_normals(turned, away), torch.nn.functional.normalize(few.geometric, dim=-1)
    )


def _some(gbuffer: GBuffer, n: int) -> GBuffer:
    """Return n pixels that look well at the camera."""
    facing = ((gbuffer.normals * gbuffer.toward).sum(-1) > 0.5).nonzero()[:, 0]
    chosen = facing[:: len(facing) // n][:n]
    values = {
        name: value[chosen] for name, value in gbuffer.__dict__.items() if isinstance(value, torch.Tensor)
    }
    return GBuffer(gbuffer.shape, (0, n, n), **values)
