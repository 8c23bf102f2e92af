"""Light transport: against Mitsuba's own path tracer by statistics, its lookup exactly, its adjoint exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.rendering.lightworld import FLOOR, IMAGE, MAP, MIRROR, ROUGH, ball_scene, checked, random_sky

from rerender.core.errors import UserError
from rerender.core.latlong import full_map
from rerender.rendering import transport
from rerender.rendering.light_model import LightModel
from rerender.rendering.scenes import ConstantLight, Film, Scene, build_scene
from rerender.rendering.transport import BakeProgress, Transport, achromatic, adjoint, apply, bake


def references(scene: Scene, spp: int, runs: int) -> np.ndarray:
    """Return independent renders by Mitsuba, (runs, h, w, 3)."""
    import mitsuba as mi

    built = build_scene(scene)
    return np.stack([np.array(mi.render(built, spp=spp, seed=900 + run)) for run in range(runs)])


CASES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, int]] = {
    "rough metal on a floor": (ROUGH, FLOOR, 4),
    "mirror on a floor": (MIRROR, FLOOR, 5),
    "mirror in the sky": (MIRROR, None, 3),
    "direct light only": (ROUGH, FLOOR, 2),
    "the sky alone is seen": (ROUGH, FLOOR, 1),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_images_are_those_of_the_path_tracer(case: str) -> None:
    """Per pixel, the difference is that of two unbiased estimates: its z scores have unit variance and no mean."""
    bsdf, floor, depth = CASES[case]
    sky = random_sky()
    scene = ball_scene(bsdf, floor=floor, sky=sky, max_depth=depth)
    theirs = references(scene, 512, 12)
    ours = np.stack(
        [apply(bake(scene, MAP, samples=8, seed=run), torch.from_numpy(sky)).numpy() for run in range(6)]
    )
    if depth == 1:
        assert theirs.mean() == 0.0 and ours.mean() == 0.0  # the plane fills the view
        return
    noise = np.sqrt(theirs.var(0, ddof=1) / len(theirs) + ours.var(0, ddof=1) / len(ours))
    z = (ours.mean(0) - theirs.mean(0)) / np.maximum(noise, 1e-4)
    assert np.sqrt((z**2).mean()) < 1.25
    # the channels of a pixel share their paths, so there are as many independent scores as pixels
    assert abs(z.mean()) < 4.0 / np.sqrt(z[..., 0].size)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.01)


def test_a_wrong_lookup_would_be_seen() -> None:
    """Guards the test above: half a texel off in the sky is far outside the noise."""
    sky = random_sky()
    scene = ball_scene(MIRROR, floor=None, sky=sky)
    theirs = references(scene, 512, 4)
    baked = bake(scene, MAP, samples=8)
    right, wrong = (
        np.abs(apply(baked, torch.from_numpy(values)).numpy() - theirs.mean(0)).mean()
        for values in (sky, 0.5 * (sky + np.roll(sky, 1, axis=1)))
    )
    assert right < 0.1 * wrong


def test_textures_have_three_channels_and_agree() -> None:
    sky = random_sky()
    scene = ball_scene(MIRROR, floor=checked(), sky=sky)
    baked = bake(scene, MAP, samples=16)
    assert baked.matrix.shape == (3, 12 * 16, 6 * 24)
    theirs = references(scene, 512, 4).mean(0)
    ours = apply(baked, torch.from_numpy(sky)).numpy()
    np.testing.assert_allclose(ours.mean((0, 1)), theirs.mean((0, 1)), rtol=0.03)
    assert np.abs(ours - theirs).mean() < 0.1 * theirs.mean()


def test_the_lookup_is_mitsubas_everywhere() -> None:
    """Zenith, horizon, below it and over the seam."""
    import drjit as dr
    import mitsuba as mi

    sky = random_sky()
    emitter = mi.load_dict({"type": "envmap", "bitmap": mi.Bitmap(full_map(sky))})
    rng = np.random.default_rng(5)
    u, v = rng.random(4000), rng.random(4000)
    u[:500] = rng.uniform(-0.02, 0.02, 500) % 1.0
    v[500:1000] = rng.uniform(0.4, 0.6, 500)
    v[1000:1200] = rng.uniform(0.0, 0.02, 200)
    direction = transport._direction(mi.Float(u.astype(np.float32)), mi.Float(v.astype(np.float32)))
    interaction = dr.zeros(mi.SurfaceInteraction3f, 4000)
    interaction.wi = -direction
    theirs = np.array(emitter.eval(interaction)).T
    flat = sky.reshape(-1, 3)
    ours = sum(
        np.array(share)[:, None] * flat[np.array(texel)]
        for texel, share in transport._lookup(direction, *MAP)
    )
    np.testing.assert_allclose(ours, theirs, atol=2e-3 * sky.max())


def test_texels_are_sampled_in_proportion_to_their_share() -> None:
    """The estimate of every texel's own solid-angle integral, and its sum over texels: 2 pi above the horizon."""
    import drjit as dr
    import mitsuba as mi

    rows, columns = MAP
    per, texels = 400, rows * columns
    lane = dr.arange(mi.UInt32, per * texels)
    rng = mi.PCG32(per * texels)
    texel = lane % texels
    direction, area = transport._sample_texel(texel, rows, columns, rng.next_float32(), rng.next_float32())
    weight = np.array(area / transport._density(direction)).reshape(per, texels)
    assert np.array(direction.y).min() > -1e-6
    assert weight.mean(0).sum() == pytest.approx(2 * np.pi, rel=0.005)
    # each drawn direction reads its own texel
    own = sum(
        np.where(np.array(found) == np.array(texel), np.array(share), 0.0)
        for found, share in transport._lookup(direction, rows, columns)
    )
    assert own.min() >= -1e-4 and (own > 1e-4).mean() > 0.99
    # and the mean share under a density proportional to it is its second moment over its first, 2/3 per axis
    inner = own.reshape(per, rows, columns)[:, 1:-1].mean()
    assert inner == pytest.approx(4 / 9, abs=0.01)


def small(channels: int = 1) -> Transport:
    rng = torch.Generator().manual_seed(1)
    return Transport.from_matrix(torch.rand(channels, 12, 10, generator=rng), (3, 4), (2, 5))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_adjoint_is_exact(channels: int) -> None:
    """<A e, g> = <e, A^T g>, and autograd's gradient is A^T g."""
    model = small(channels)
    rng = torch.Generator().manual_seed(2)
    leaf = torch.rand(2, 5, 3, generator=rng, requires_grad=True)
    image_like = torch.rand(3, 4, 3, generator=rng)
    image = apply(model, leaf)
    left = float((image * image_like).sum().detach())
    right = float((leaf.detach() * adjoint(model, image_like)).sum())
    assert left == pytest.approx(right, rel=1e-5)
    (image * image_like).sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    torch.testing.assert_close(leaf.grad, adjoint(model, image_like))


@pytest.mark.parametrize("channels", [1, 3])
def test_products_in_blocks_are_products(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that do not divide the rows, and blocks of one row."""
    rng = torch.Generator().manual_seed(4)
    matrix, colours = torch.rand(channels, 37, 10, generator=rng), torch.rand(10, 3, generator=rng)
    expected = torch.stack([matrix[c % channels] @ colours[:, c] for c in range(3)], dim=1)
    for size in (4, 400, 1 << 20):
        monkeypatch.setattr(transport, "BLOCK_BYTES", size)
        torch.testing.assert_close(transport._product(matrix, colours), expected)


def test_a_baked_transport_satisfies_the_adjoint_and_is_a_light_model() -> None:
    baked = bake(ball_scene(), MAP)
    assert isinstance(baked, LightModel) and baked.image_shape == IMAGE
    assert baked.matrix.is_contiguous() and baked.transpose.is_contiguous()
    e, g = torch.rand(*MAP, 3), torch.rand(*IMAGE, 3)
    assert float((baked.render(e, 3) * g).sum()) == pytest.approx(
        float((e * adjoint(baked, g)).sum()), rel=1e-5
    )


def test_energy_no_pixel_reflects_more_than_arrives() -> None:
    """Under a sky of 1 a grey floor of 0.5 beside a mirror stays below 1, an open mirror shows exactly 1."""
    open_mirror = bake(ball_scene(MIRROR, floor=None), MAP, samples=4)
    image = apply(open_mirror, torch.ones(*MAP, 3))
    assert float(image.max()) < 1.001 and float(image.min()) > 0.98
    closed = bake(ball_scene(MIRROR, max_depth=6), MAP, samples=4)
    assert 0.3 < float(apply(closed, torch.ones(*MAP, 3)).mean()) < 0.7


def test_the_seed_decides_and_blocks_do_not_change_the_expectation() -> None:
    scene = ball_scene()
    first, again, other = (bake(scene, MAP, seed=seed).matrix for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    reports: list[BakeProgress] = []
    blocks = bake(scene, MAP, lanes=50 * 6 * 24, seed=3, report=reports.append)
    assert [report.done for report in reports] == [1, 2, 3, 4] and reports[-1].eta_s == 0.0
    assert "100 %" in str(reports[-1]) and reports[0].eta_s > 0
    assert float(blocks.matrix.sum()) == pytest.approx(float(first.sum()), rel=0.03)


def test_saving_and_loading(tmp_path: Path) -> None:
    model = small(3)
    path = tmp_path / "transport.npz"
    model.save(path)
    loaded = transport.load_transport(path)
    assert torch.equal(loaded.matrix, model.matrix) and torch.equal(loaded.transpose, model.transpose)
    assert (loaded.image_shape, loaded.map_shape) == (model.image_shape, model.map_shape)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="cannot read the light transport"):
        transport.load_transport(path)


def test_colours_are_seen() -> None:
    assert achromatic(ball_scene(MIRROR)) and achromatic(ball_scene(ROUGH))
    assert not achromatic(ball_scene({"type": "conductor", "material": "Au"}))
    assert not achromatic(ball_scene({"type": "roughconductor", "alpha": 0.1}))
    assert not achromatic(ball_scene(floor=checked()))
    red = {
        "type": "twosided",
        "nested": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.5, 0.1, 0.1]}},
    }
    assert not achromatic(ball_scene(red))


def test_what_cannot_be_baked_is_refused() -> None:
    scene = ball_scene()
    with pytest.raises(ValueError, match="one environment map"):
        bake(replace(scene, lights=[ConstantLight(1.0)]), MAP)
    with pytest.raises(ValueError, match="one camera"):
        bake(replace(scene, cameras=[*scene.cameras, *scene.cameras]), MAP)
    with pytest.raises(ValueError, match="box filter"):
        bake(replace(scene, film=Film(8, 8)), MAP)
    with pytest.raises(ValueError, match="at least one sample"):
        bake(scene, MAP, samples=0)
    with pytest.raises(UserError, match=r"needs 67\.\d GB"):
        bake(replace(scene, film=Film(256, 256, "box")), (180, 720))
    with pytest.raises(ValueError, match="takes maps of shape"):
        apply(small(), torch.ones(3, 5, 3))
    with pytest.raises(ValueError, match="does not fit"):
        Transport.from_matrix(torch.ones(1, 12, 9), (3, 4), (2, 5))


def test_a_small_sun_on_a_matt_floor_is_nearly_without_noise() -> None:
    """Every texel gets its share of directions, so a sun of one texel is not left to chance."""
    shape = (16, 64)
    sky = np.full((*shape, 3), 0.2, np.float32)
    sky[6, 20] = 500.0
    floor = np.s_[-3:, :3]
    images = [
        apply(bake(ball_scene(sky=sky), shape, samples=4, seed=seed), torch.from_numpy(sky)).numpy()[floor]
        for seed in range(4)
    ]
    assert np.std(images, axis=0).mean() < 0.09 * np.mean(images)
