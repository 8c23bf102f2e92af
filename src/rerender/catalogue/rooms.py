"""Seeded furnished rooms with a colour at every vertex and a label at every face, where no scan may be shipped.

Two walls only, at -x and -z, so that cameras on the sides of +x and +z look in. y is up, lengths are in metres, the bounding
box is centred at the origin. Bodies keep a gap of a few millimetres: none touch and none pass through each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rerender.core.meshes import Mesh, icosphere
from rerender.core.painted import PaintedMesh, joined

SIZE = (4.0, 2.6, 5.0)
GAP = 0.004
LABELS = (
    "floor", "wall", "rug", "bed", "desk", "chair", "bookshelf", "books", "monitor", "lamp", "plant", "sofa", "picture",
    "door",
)  # fmt: skip

Point = tuple[float, float, float]
Paint = Callable[[np.ndarray], np.ndarray]

_SUN = np.array([0.45, 0.85, 0.3]) / np.linalg.norm([0.45, 0.85, 0.3])


@dataclass
class _Builder:
    """Parts of a room as they are made, all with one cell size."""

    cell: float
    parts: list[tuple[str, Mesh, np.ndarray]] = field(default_factory=list)

    def add(self, label: str, mesh: Mesh, paint: Paint, normals: np.ndarray) -> None:
        shade = 0.55 + 0.45 * np.maximum(normals @ _SUN, 0.0)
        self.parts.append((label, mesh, np.clip(paint(mesh.vertices) * shade[:, None], 0.0, 1.0)))

    def slab(self, label: str, low: Point, high: Point, paint: Paint) -> None:
        """Add a box, smaller by the gap on all sides."""
        self.sides(label, np.array(low) + GAP, np.array(high) - GAP, paint, range(6))

    def sides(
        self, label: str, low: np.ndarray, high: np.ndarray, paint: Paint, which: range | list[int]
    ) -> None:
        """Add sides of a box as grids; side 2a faces down axis a, side 2a + 1 up. Each has its own vertices."""
        for side in which:
            axis, up = divmod(side, 2)
            mesh = _grid(low, high, axis, bool(up), self.cell)
            normal = np.eye(3)[axis] * (1.0 if up else -1.0)
            self.add(label, mesh, paint, np.broadcast_to(normal, mesh.vertices.shape))

    def cylinder(
        self, label: str, foot: Point, radius: float, height: float, paint: Paint, taper: float = 1.0
    ) -> None:
        """Add an upright prism of 20 sides; its top has `taper` times the radius. The rim is shared, so it shades smoothly."""
        turn = 2 * np.pi * np.arange(20) / 20
        ring = np.stack([np.sin(turn), np.zeros(20), np.cos(turn)], axis=1)
        heights = np.linspace(GAP, height - GAP, 2 + int(height / self.cell))
        radii = np.interp(heights, [0, height], [radius, radius * taper])
        rows = [ring * r + (foot[0], foot[1] + y, foot[2]) for r, y in zip(radii, heights, strict=True)]
        ends = [(foot[0], foot[1] + heights[0], foot[2]), (foot[0], foot[1] + heights[-1], foot[2])]
        vertices = np.concatenate([*rows, ends])
        i = np.arange(20)
        j = (i + 1) % 20
        faces = [
            np.stack(corners, axis=1)
            for row in range(len(rows) - 1)
            for corners in (
                (20 * row + i, 20 * row + j, 20 * (row + 1) + j),
                (20 * row + i, 20 * (row + 1) + j, 20 * (row + 1) + i),
            )
        ]
        last, bottom = 20 * (len(rows) - 1), len(vertices) - 2
        faces += [np.stack([j, i, np.full(20, bottom)], axis=1)]
        faces += [np.stack([last + i, last + j, np.full(20, bottom + 1)], axis=1)]
        normals = np.concatenate([*[ring] * len(rows), [(0.0, -1.0, 0.0), (0.0, 1.0, 0.0)]])
        self.add(label, Mesh(vertices, np.concatenate(faces)), paint, normals)

    def ball(self, label: str, centre: Point, radii: Point, paint: Paint) -> None:
        """Add an ellipsoid."""
        sphere = icosphere(2)
        self.add(label, Mesh(sphere.vertices * radii + centre, sphere.faces), paint, sphere.vertices)


def furnished_room(seed: int, cell: float = 0.06) -> PaintedMesh:
    """Return a room; the seed changes where things stand and their colours. `cell` [m] is the size of a mesh cell."""
    rng = np.random.default_rng([seed, 7141])
    room = _Builder(cell)
    floor = -0.5 * SIZE[1]
    _shell(room, rng)
    north = [(-1.92, -0.08), (0.08, 1.92)]  # along the wall at -z: x from, to
    west = [(-0.35, 1.05), (1.1, 2.4)]  # along the wall at -x: z from, to
    bed, desk = rng.permutation(2)
    shelf, sofa = rng.permutation(2)
    _bed(room, rng, north[bed], floor)
    _desk(room, rng, north[desk], floor)
    _bookshelf(room, rng, west[shelf], floor)
    _sofa(room, rng, west[sofa], floor)
    _rug(room, rng, floor)
    _plant(room, rng, (1.55 + rng.uniform(-0.15, 0.1), floor, 2.0 + rng.uniform(-0.2, 0.1)), floor)
    _picture_and_door(room, rng, north[desk], floor)
    return joined(_by_label(room.parts))


def _by_label(parts: list[tuple[str, Mesh, np.ndarray]]) -> list[tuple[str, Mesh, np.ndarray]]:
    return sorted(parts, key=lambda part: LABELS.index(part[0]))


def _grid(low: np.ndarray, high: np.ndarray, axis: int, up: bool, cell: float) -> Mesh:
    """Return one side of a box as a grid of right triangles, facing outwards."""
    a, b = (axis + 1) % 3, (axis + 2) % 3
    counts = [max(1, round((high[k] - low[k]) / cell)) for k in (a, b)]
    s, t = np.meshgrid(
        np.linspace(low[a], high[a], counts[0] + 1),
        np.linspace(low[b], high[b], counts[1] + 1),
        indexing="ij",
    )
    vertices = np.empty((s.size, 3))
    vertices[:, axis], vertices[:, a], vertices[:, b] = (high if up else low)[axis], s.ravel(), t.ravel()
    i, j = (index.ravel() for index in np.meshgrid(*map(np.arange, counts), indexing="ij"))
    row = counts[1] + 1
    here, right, over, both = i * row + j, (i + 1) * row + j, i * row + j + 1, (i + 1) * row + j + 1
    faces = np.concatenate([np.stack([here, right, both], axis=1), np.stack([here, both, over], axis=1)])
    return Mesh(vertices, faces if up else faces[:, ::-1])


def _plain(colour: np.ndarray | Point) -> Paint:
    return lambda points: np.broadcast_to(np.asarray(colour, dtype=np.float64), points.shape).copy()


def _stripes(one: np.ndarray | Point, two: np.ndarray | Point, axis: int, period: float) -> Paint:
    """Return smooth stripes across an axis."""

    def paint(points: np.ndarray) -> np.ndarray:
        share = 0.5 + 0.5 * np.sin(2 * np.pi * points[:, axis] / period)
        return np.asarray(np.outer(1 - share, one) + np.outer(share, two))

    return paint


def _checks(one: np.ndarray | Point, two: np.ndarray | Point, period: float) -> Paint:
    """Return a chequered pattern over x and z."""

    def paint(points: np.ndarray) -> np.ndarray:
        odd = (np.floor(points[:, 0] / period) + np.floor(points[:, 2] / period)) % 2 > 0
        return np.where(odd[:, None], np.asarray(one), np.asarray(two))

    return paint


def _hue(rng: np.random.Generator, saturation: float = 0.6, value: float = 0.85) -> np.ndarray:
    """Return a random hue at a saturation and value."""
    h = rng.uniform(0, 6)
    channels = np.clip(np.abs((h + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return np.asarray(value * (1 - saturation + saturation * channels))


def _shell(room: _Builder, rng: np.random.Generator) -> None:
    half = 0.5 * np.array(SIZE)
    wood = np.array([0.72, 0.53, 0.36]) * rng.uniform(0.85, 1.1)
    room.sides("floor", -half, half, _stripes(wood, 0.8 * wood, 0, 0.5), [2])
    light = _hue(rng, 0.25, 0.92)
    room.sides("wall", -half, half, _stripes(light, 0.78 * light, 2, 0.7), [0])
    room.sides("wall", -half, half, _stripes(_hue(rng, 0.35, 0.85), _hue(rng, 0.3, 0.75), 1, 5.0), [4])
    # seen from the inside
    room.parts = [
        (label, Mesh(mesh.vertices, mesh.faces[:, ::-1]), colours) for label, mesh, colours in room.parts
    ]


def _bed(room: _Builder, rng: np.random.Generator, span: tuple[float, float], y: float) -> None:
    x0 = span[0] + rng.uniform(0.0, 0.2)
    x1, z0, z1 = x0 + 1.5, -2.42, -2.42 + 1.8
    frame, cover = np.array([0.45, 0.3, 0.2]), _hue(rng, 0.65)
    room.slab("bed", (x0, y, z0), (x1, y + 0.25, z1), _plain(frame))
    room.slab("bed", (x0, y + 0.25, z0 + 0.45), (x1, y + 0.5, z1), _stripes(cover, 0.7 * cover, 2, 0.45))
    room.slab("bed", (x0, y + 0.25, z0), (x1, y + 0.45, z0 + 0.45), _plain((0.93, 0.92, 0.88)))


def _desk(room: _Builder, rng: np.random.Generator, span: tuple[float, float], y: float) -> None:
    x0 = span[0] + rng.uniform(0.05, 0.3)
    x1, z0, z1, top = x0 + 1.4, -2.4, -1.75, y + 0.74
    oak = np.array([0.62, 0.44, 0.27])
    room.slab("desk", (x0, top - 0.05, z0), (x1, top, z1), _stripes(oak, 0.85 * oak, 0, 0.3))
    for x in (x0, x1 - 0.07):
        for z in (z0, z1 - 0.07):
            room.slab("desk", (x, y, z), (x + 0.07, top - 0.05, z + 0.07), _plain(0.7 * oak))
    dark = np.array([0.12, 0.12, 0.14])
    mx = x0 + rng.uniform(0.1, 0.35)
    room.slab("monitor", (mx + 0.2, top, z0 + 0.2), (mx + 0.4, top + 0.1, z0 + 0.3), _plain(dark))
    room.slab(
        "monitor",
        (mx, top + 0.1, z0 + 0.22),
        (mx + 0.6, top + 0.48, z0 + 0.28),
        _stripes(dark, (0.25, 0.4, 0.6), 0, 0.5),
    )
    lx = x1 - 0.2
    room.cylinder("lamp", (lx, top, z0 + 0.25), 0.09, 0.04, _plain((0.3, 0.3, 0.3)))
    room.cylinder("lamp", (lx, top + 0.04, z0 + 0.25), 0.015, 0.3, _plain((0.3, 0.3, 0.3)))
    room.cylinder("lamp", (lx, top + 0.34, z0 + 0.25), 0.15, 0.2, _plain((0.98, 0.85, 0.45)), taper=0.6)
    _chair(room, rng, (0.5 * (x0 + x1) + rng.uniform(-0.25, 0.1), y, -1.55))


def _chair(room: _Builder, rng: np.random.Generator, foot: Point) -> None:
    x, y, z = foot
    colour = _hue(rng, 0.7, 0.7)
    room.slab("chair", (x, y + 0.42, z), (x + 0.45, y + 0.48, z + 0.45), _plain(colour))
    room.slab(
        "chair",
        (x, y + 0.48, z + 0.39),
        (x + 0.45, y + 0.95, z + 0.45),
        _stripes(colour, 0.7 * colour, 1, 0.25),
    )
    for dx in (0.0, 0.39):
        for dz in (0.0, 0.39):
            room.slab(
                "chair", (x + dx, y, z + dz), (x + dx + 0.06, y + 0.42, z + dz + 0.06), _plain(0.5 * colour)
            )


def _bookshelf(room: _Builder, rng: np.random.Generator, span: tuple[float, float], y: float) -> None:
    z0 = span[0] + rng.uniform(0.0, 0.15)
    z1, x0, x1, high = z0 + 1.05, -1.96, -1.64, 1.75
    wood = np.array([0.5, 0.36, 0.24])
    for z in (z0, z1 - 0.04):
        room.slab("bookshelf", (x0, y, z), (x1, y + high, z + 0.04), _plain(wood))
    for level in range(5):
        foot = y + level * (high - 0.04) / 4
        room.slab("bookshelf", (x0, foot, z0 + 0.04), (x1, foot + 0.04, z1 - 0.04), _plain(wood))
        if level < 4:
            _books(room, rng, (x0 + 0.04, foot + 0.04, z0 + 0.06), z1 - 0.06)


def _books(room: _Builder, rng: np.random.Generator, corner: Point, end: float) -> None:
    x, y, z = corner
    while True:
        thick, tall, deep = rng.uniform(0.04, 0.1), rng.uniform(0.2, 0.34), rng.uniform(0.16, 0.24)
        if z + thick > end:
            return
        if rng.random() > 0.12:
            room.slab(
                "books",
                (x, y, z),
                (x + deep, y + tall, z + thick),
                _plain(_hue(rng, 0.7, rng.uniform(0.4, 0.9))),
            )
        z += thick


def _sofa(room: _Builder, rng: np.random.Generator, span: tuple[float, float], y: float) -> None:
    z0, z1 = span[0] + 0.05, span[1] - 0.05
    x0, x1, colour = -1.95, -1.15, _hue(rng, 0.55, 0.75)
    room.slab(
        "sofa",
        (x0 + 0.2, y + 0.05, z0 + 0.15),
        (x1, y + 0.42, z1 - 0.15),
        _stripes(colour, 0.8 * colour, 2, 0.4),
    )
    room.slab("sofa", (x0, y + 0.05, z0), (x0 + 0.2, y + 0.85, z1), _plain(0.85 * colour))
    for z in (z0, z1 - 0.15):
        room.slab("sofa", (x0 + 0.2, y + 0.05, z), (x1, y + 0.6, z + 0.15), _plain(0.9 * colour))


def _rug(room: _Builder, rng: np.random.Generator, y: float) -> None:
    x0, z0 = rng.uniform(-0.9, -0.6), rng.uniform(-0.1, 0.2)
    colours = _hue(rng, 0.75, 0.8), np.array([0.92, 0.9, 0.85])
    room.slab("rug", (x0, y, z0), (x0 + 1.9, y + 0.03, z0 + 1.4), _checks(*colours, 0.31))


def _plant(room: _Builder, rng: np.random.Generator, foot: Point, y: float) -> None:
    x, _, z = foot
    room.cylinder("plant", (x, y, z), 0.13, 0.28, _plain((0.75, 0.4, 0.28)), taper=1.25)
    room.cylinder("plant", (x, y + 0.28, z), 0.025, 0.34, _plain((0.35, 0.25, 0.15)))
    turn = rng.uniform(0, 2 * np.pi)
    for k in range(5):
        angle = turn + 2 * np.pi * k / 5
        green = np.array([0.2, 0.5, 0.2]) * rng.uniform(0.8, 1.4)
        room.ball(
            "plant",
            (x + 0.17 * np.cos(angle), y + 0.66 + rng.uniform(0.0, 0.05), z + 0.17 * np.sin(angle)),
            (0.085, 0.14, 0.085),
            _plain(green),
        )
    room.ball("plant", (x, y + 0.98, z), (0.12, 0.15, 0.12), _plain((0.3, 0.62, 0.28)))


def _picture_and_door(room: _Builder, rng: np.random.Generator, north: tuple[float, float], y: float) -> None:
    x0 = north[0] + rng.uniform(0.3, 0.6)
    room.slab(
        "picture",
        (x0, y + 1.5, -2.5 + GAP),
        (x0 + 0.9, y + 2.15, -2.44),
        _stripes(_hue(rng, 0.8), _hue(rng, 0.8), 0, 0.6),
    )
    z0 = -1.9 + rng.uniform(0.0, 0.2)
    if north[0] > 0:  # the bed stands in that corner
        z0 = -1.45 + rng.uniform(0.0, 0.1)
    room.slab(
        "door",
        (-2.0 + GAP, y, z0),
        (-1.965, y + 2.05, z0 + 0.9),
        _stripes((0.6, 0.42, 0.3), (0.5, 0.34, 0.24), 2, 0.3),
    )
