"""The initial maps: the upper half of a captured sky, or a procedural one with clouds (fact sheet, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rerender.core.errors import UserError
from rerender.core.files import read_json, write_json
from rerender.core.latlong import check_map, upper_half
from rerender.papers.envmaps.grid import CLEAR, NUMBERED
from rerender.rendering.bitmaps import read_image, write_exr
from rerender.rendering.cloudy_skies import CLEAR_SKY, CloudySky, bake_cloudy_sky, numbered_sky


@dataclass(frozen=True)
class Sky:
    """An upper half of linear radiance, shape (H, 4 H, 3), and the provenance that goes beside it."""

    radiance: np.ndarray
    provenance: dict[str, object]


def procedural_sky(name: str) -> CloudySky:
    """Return the description of `clear` or `cloudy_<number>`."""
    return CLEAR_SKY if name == CLEAR else numbered_sky(int(name.removeprefix(NUMBERED)))


def prepare_sky(name: str, height: int, captured: Path | None) -> Sky:
    """Return a sky at `height` rows: cut from the prepared full map `captured`, or baked if there is none.

    Baking needs a Mitsuba variant. Raises `UserError` if the captured map has not 2 `height` rows, or cannot light a scene.
    """
    if captured is None:
        sky = procedural_sky(name)
        told = (
            f"procedural sky: sun {sky.elevation_deg:g} deg high, cover {sky.cover:g}, cloud seed {sky.seed}"
        )
        provenance: dict[str, object] = {"id": name, "origin": "standin", "note": told}
        return Sky(bake_cloudy_sky(sky, height), provenance)
    full = read_image(captured)
    check_map(full, captured)
    if full.shape[0] != 2 * height:
        raise UserError(
            f"the sky '{name}' has {full.shape[0]} rows, but its upper half should have {height}",
            f"Take a map of at least {2 * height} rows, or lower skies.height to {full.shape[0] // 2}.",
        )
    return Sky(np.ascontiguousarray(upper_half(full)), dict(read_json(captured.with_suffix(".json"))))


def write_sky(path: Path | str, sky: Sky) -> None:
    """Write the upper half as EXR, with its provenance as JSON beside it."""
    write_exr(path, sky.radiance)
    write_json(Path(path).with_suffix(".json"), sky.provenance)
