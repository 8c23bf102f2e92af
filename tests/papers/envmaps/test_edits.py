"""Masks on a scene whose geometry is known, and edits: each changes what it should, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rerender.core.cameras import project
from rerender.core.errors import UserError
from rerender.core.images import luminance
from rerender.core.primitives import ball
from rerender.papers.envmaps import edits, scenes
from rerender.papers.envmaps.edit_specs import (
    EDITS,
    LIMITATION,
    PAPER_EDITS,
    EditSpec,
    Stroke,
    edit_spec,
    load_edits,
)
from rerender.papers.envmaps.masks import Surfaces, seen_surfaces
from rerender.papers.envmaps.scene_specs import ENV_SCENES, env_scene
from rerender.rendering.scenes import Scene
from rerender.rendering.variants import start_variant

SIZE = 48
CENTRE = np.array([0.0, 1.0, 0.0])


@pytest.fixture(scope="module")
def scene() -> Scene:
    """The mirror ball of radius 1 at (0, 1, 0)."""
    start_variant("auto", threads=1)
    spec = env_scene("mirror_sphere")
    body = spec.bodies[0]
    assert body.primitive is not None
    parts = scenes.SceneParts({body.id: scenes.primitive_mesh(body.primitive)}, {})
    return scenes.build(spec, parts, SIZE)


@pytest.fixture(scope="module")
def surfaces(scene: Scene) -> Surfaces:
    return seen_surfaces(scene)


def test_shares_and_places_are_those_of_the_geometry(scene: Scene, surfaces: Surfaces) -> None:
    np.testing.assert_allclose(surfaces.floor + surfaces.object, 1.0)
    camera = scene.cameras[0]
    origin, position = np.array(camera.origin), surfaces.position
    # a ray meets the ball when it passes the centre within the radius
    direction = (position - origin) / np.linalg.norm(position - origin, axis=-1, keepdims=True)
    along = direction @ (CENTRE - origin)
    miss = np.linalg.norm(origin + along[..., None] * direction - CENTRE, axis=-1)
    assert (surfaces.object[miss < 0.9] == 1.0).all() and (surfaces.object[miss > 1.1] == 0.0).all()
    rim = (surfaces.object > 0) & (surfaces.object < 1)
    assert rim.any() and np.abs(miss[rim] - 1.0).max() < 0.1
    np.testing.assert_allclose(position[surfaces.floor == 1.0][:, 1], 0.0, atol=1e-4)
    inside = surfaces.object == 1.0
    np.testing.assert_allclose(np.linalg.norm(position[inside] - CENTRE, axis=-1), 1.0, atol=2e-3)
    # and positions belong to their pixels
    columns, rows, _ = project(camera, position.reshape(-1, 3), SIZE, SIZE).T
    expected = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    np.testing.assert_allclose(columns.reshape(SIZE, SIZE), expected[0], atol=0.02)
    np.testing.assert_allclose(rows.reshape(SIZE, SIZE), expected[1], atol=0.02)


def picture(surfaces: Surfaces, noise: float = 0.01) -> np.ndarray:
    """A made-up rendering: a sloping floor, a round soft shadow to the left of a bright object, a caustic, noise."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    floor = (0.5 + 0.04 * columns / SIZE)[..., None] * np.array([1.0, 0.97, 0.9])
    reach = np.hypot(surfaces.position[..., 0] + 1.6, surfaces.position[..., 2])
    shade = 1.0 / (1.0 + np.exp(np.clip((reach - 0.55) / 0.04, -50, 50)))
    floor = floor * (1.0 - shade[..., None] * np.array([0.6, 0.55, 0.45]))
    floor[40:43, 34:37] = 0.9  # a caustic
    floor = floor + np.random.default_rng(1).normal(0, noise, floor.shape)
    body = np.broadcast_to(np.array([0.3, 0.3, 0.35]), floor.shape)
    share = surfaces.object[..., None]
    return share * body + (1.0 - share) * floor


def shade_mask(surfaces: Surfaces, x: float, z: float, radius: float) -> np.ndarray:
    place = surfaces.position
    return np.hypot(place[..., 0] - x, place[..., 2] - z) < radius


@pytest.fixture(scope="module")
def edit_scene(scene: Scene, surfaces: Surfaces) -> edits.EditScene:
    return edits.EditScene(surfaces, scene.cameras[0], (0.0, 0.0))


def test_the_shadow_is_found_and_nothing_else(surfaces: Surfaces) -> None:
    start = picture(surfaces)
    shadow = edits.find_shadow(start, surfaces.floor)
    floor = surfaces.floor == 1.0
    inside = shade_mask(surfaces, -1.6, 0.0, 0.4) & floor
    outside = floor & ~shade_mask(surfaces, -1.6, 0.0, 0.8)
    np.testing.assert_allclose(shadow.depth[inside].mean(0), [0.6, 0.55, 0.45], atol=0.02)
    assert luminance(shadow.depth)[outside].max() < 0.02
    assert shadow.mask[inside].all() and not shadow.mask[outside].any()
    clean = np.array([0.52, 0.5044, 0.468])
    np.testing.assert_allclose(shadow.background[SIZE // 2, SIZE // 2], clean, rtol=0.02)


def test_a_moved_shadow_is_where_the_turn_puts_it(surfaces: Surfaces, edit_scene: edits.EditScene) -> None:
    """A quarter turn takes (-1.6, 0) on the plane to the front of the ball, half a turn to its right."""
    start, floor = picture(surfaces), surfaces.floor == 1.0
    background = luminance(edits.find_shadow(start, surfaces.floor).background)
    old = shade_mask(surfaces, -1.6, 0.0, 0.4) & floor
    for angle, (x, z) in ((90.0, (0.0, 1.6)), (180.0, (1.6, 0.0))):
        spec = EditSpec(id="turn", title="turn", kind="move_shadow", angle_deg=angle)
        target = edits.edit_target(spec, start, edit_scene).picture
        new = shade_mask(surfaces, x, z, 0.35) & floor
        ratio = luminance(target) / background
        assert new.sum() > 5 and ratio[new].mean() == pytest.approx(1 - 0.55, abs=0.06)
        assert ratio[old].mean() == pytest.approx(1.0, abs=0.03)


def test_shadow_edits_leave_the_object_and_the_open_floor(
    surfaces: Surfaces, edit_scene: edits.EditScene
) -> None:
    start = np.clip(picture(surfaces), 0, 1).astype(np.float32)
    far = surfaces.object == 1.0
    far |= (surfaces.floor == 1.0) & (surfaces.position[..., 0] > 0.8)
    for kind in ("move_shadow", "enhance_shadow", "blur_shadow"):
        target = edits.edit_target(edit_spec(kind), start, edit_scene)
        np.testing.assert_allclose(target.picture[far], start[far], atol=2e-3)
        assert not target.edited[far].any() and 0.01 < target.edited.mean() < 0.4
        np.testing.assert_allclose(target.picture[41, 35], start[41, 35], atol=1e-6)  # the caustic


def test_enhancing_and_blurring_do_what_they_say(surfaces: Surfaces, edit_scene: edits.EditScene) -> None:
    start = picture(surfaces, noise=0.0)
    floor = surfaces.floor == 1.0
    inside = shade_mask(surfaces, -1.6, 0.0, 0.35) & floor
    darker = edits.edit_target(edit_spec("enhance_shadow"), start, edit_scene).picture
    background = edits.find_shadow(start, surfaces.floor).background[inside]
    np.testing.assert_allclose(darker[inside] / background, (start[inside] / background) ** 1.6, rtol=0.02)
    blurred = edits.edit_target(edit_spec("blur_shadow"), start, edit_scene).picture
    steps = [np.abs(np.diff(luminance(image)[30])[:12]).max() for image in (start, blurred)]
    assert steps[1] < 0.6 * steps[0]


def test_strokes_touch_only_their_place_and_surface(surfaces: Surfaces, edit_scene: edits.EditScene) -> None:
    start = np.full((SIZE, SIZE, 3), 0.4)
    dark = edits.edit_target(edit_spec("add_shadow"), start, edit_scene)
    centre = (int(0.68 * SIZE), int(0.76 * SIZE))
    np.testing.assert_allclose(dark.picture[centre], 0.4 * 0.4, rtol=0.02)
    assert (dark.picture[surfaces.object == 1.0] == np.float32(0.4)).all()
    glint = edits.edit_target(edit_spec("add_reflection"), start, edit_scene)
    assert (glint.picture[surfaces.floor == 1.0] == np.float32(0.4)).all()
    assert glint.edited.any() and (glint.picture >= np.float32(0.4)).all() and glint.picture.max() <= 1.0
    warm = edits.edit_target(edit_spec("colour_temperature"), start, edit_scene)
    np.testing.assert_allclose(warm.picture, np.broadcast_to([0.448, 0.4, 0.312], start.shape), rtol=1e-5)
    assert warm.edited.all()


def test_a_stroke_acts_by_half_on_its_boundary(surfaces: Surfaces) -> None:
    for softness in (0.05, 1.0):
        line = Stroke(
            shape="polyline",
            points=((0.25, 0.5), (0.75, 0.5)),
            width=0.25,
            add=(0.1, 0.1, 0.1),
            softness=softness,
        )
        weight = edits.stroke_weight(line, surfaces)
        assert weight[SIZE // 2, SIZE // 2] > 0.99
        edge = SIZE // 2 - SIZE // 8
        assert weight[edge - 1, SIZE // 2] < 0.5 < weight[edge, SIZE // 2]
        assert weight[SIZE // 2, 0] < 0.1
    disc = Stroke(shape="ellipse", centre=(0.5, 0.5), radii=(0.3, 0.1), angle_deg=90.0, gain=(0.5, 0.5, 0.5))
    weight = edits.stroke_weight(disc, surfaces)
    assert weight[SIZE // 2 + 10, SIZE // 2] > 0.5 > weight[SIZE // 2, SIZE // 2 + 10]


def test_edits_that_change_nothing_are_refused(surfaces: Surfaces, edit_scene: edits.EditScene) -> None:
    flat = np.full((SIZE, SIZE, 3), 0.4)
    with pytest.raises(UserError, match="casts none"):
        edits.edit_target(edit_spec("move_shadow"), flat, edit_scene)
    away = Stroke(shape="ellipse", centre=(5.0, 5.0), radii=(0.1, 0.1), gain=(0.5, 0.5, 0.5))
    with pytest.raises(UserError, match="changes no pixel"):
        edits.edit_target(EditSpec(id="off", title="", kind="strokes", strokes=(away,)), flat, edit_scene)


def test_painted_pictures(surfaces: Surfaces, tmp_path: Path) -> None:
    import mitsuba as mi

    start = np.clip(picture(surfaces), 0, 1)
    shown = edits.paintable(start)
    painted = shown.copy()
    painted[10:14, 20:30] = (250, 10, 10)
    path, untouched, small = (tmp_path / f"{name}.png" for name in ("painted", "untouched", "small"))
    for file, pixels in ((path, painted), (untouched, shown), (small, painted[:-1])):
        mi.util.write_bitmap(str(file), pixels, write_async=False)
    target = edits.painted_target(path, start)
    expected = np.zeros((SIZE, SIZE), dtype=bool)
    expected[10:14, 20:30] = True
    np.testing.assert_array_equal(target.edited, expected)
    np.testing.assert_array_equal(target.picture[~expected], start[~expected].astype(np.float32))
    np.testing.assert_allclose(target.picture[12, 25], edits.from_painted(painted[12, 25]), atol=1e-3)
    with pytest.raises(
        UserError, match=f"is {SIZE} x {SIZE - 1} pixels, but the rendering is {SIZE} x {SIZE}"
    ):
        edits.painted_target(small, start)
    with pytest.raises(UserError, match="is the initial rendering"):
        edits.painted_target(untouched, start)
    with pytest.raises(UserError, match="does not exist"):
        edits.painted_target(tmp_path / "none.png", start)


def test_bodies_stand_where_their_feet_are() -> None:
    mesh = ball(2)
    moved = type(mesh)(mesh.vertices + np.array([2.0, 0.0, -1.0]), mesh.faces)
    flying = type(mesh)(mesh.vertices + np.array([9.0, 3.0, 9.0]), mesh.faces)
    assert edits.contact_point({"a": moved, "b": flying}) == pytest.approx((2.0, -1.0), abs=0.05)


def test_the_paper_has_six_edits_on_three_scenes() -> None:
    assert {name for pair in PAPER_EDITS.values() for name in pair} == set(EDITS) - {LIMITATION.id}
    assert {spec.id for spec in ENV_SCENES.values() if spec.edited} == set(PAPER_EDITS)
    with pytest.raises(UserError, match="Did you mean 'move_shadow'"):
        edit_spec("move_shadows")


GOOD = """
edits:
  - id: mine
    title: My strokes
    kind: strokes
    strokes:
      - {shape: polyline, points: [[0.1, 0.8], [0.5, 0.9]], width: 0.05, gain: [0.4, 0.4, 0.4], touches: floor}
      - {shape: ellipse, centre: [0.5, 0.5], radii: [0.1, 0.05], add: [0.3, 0.3, 0.2], frame: object, touches: object}
"""


def test_strokes_are_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "edits.yaml"
    path.write_text(GOOD)
    mine = load_edits(path)
    assert edit_spec("mine", mine).strokes[0].width == 0.05 and edit_spec("blur_shadow", mine).sigma == 0.04


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "width: 0.05",
            "widht: 0.05",
            r"unknown key 'edits\[mine\].strokes\[1\].widht'. Did you mean 'width'",
        ),
        ("polyline", "line", "Did you mean 'polyline'"),
        ("radii: [0.1, 0.05]", "radii: [0.1, -1]", "greater than 0"),
        ("[[0.1, 0.8], [0.5, 0.9]]", "[[0.1, 0.8]]", "two or more `points`"),
        ("centre: [0.5, 0.5], ", "", "`centre` and `radii`"),
        ("gain: [0.4, 0.4, 0.4], ", "", "changes nothing"),
        ("kind: strokes", "kind: blur_shadow", "needs strokes, and no other kind"),
    ],
)
def test_wrong_strokes_are_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "edits.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        load_edits(path)


def test_the_specs_are_light() -> None:
    script = (
        "import sys, rerender.papers.envmaps.edit_specs; "
        "print(*sorted({'numpy', 'torch', 'mitsuba', 'drjit', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_documented_file_is_valid(root: Path, tmp_path: Path) -> None:
    text = (root / "docs/envmap-edits.md").read_text(encoding="utf-8")
    path = tmp_path / "edits.yaml"
    path.write_text(text.split("```yaml\n")[1].split("```")[0])
    assert load_edits(path).keys() == {"lamp_and_shade"}
