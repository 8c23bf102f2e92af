"""Skies by name: one of the 44 captured ones, a numbered procedural one, or a user's own file (fact sheet, section 4).

`sky_NN` (two digits, from `sky_00`) is procedural sky NN; its fourth, eighth, … are overcast. A captured sky that is not
at hand is replaced by the procedural one of its place in the list.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from rerender.catalogue.prepare import PreparedImage, Provenance, prepare_upper_half, upper_of_file
from rerender.catalogue.puresky import PURE_SKIES
from rerender.catalogue.resolve import AssetSettings
from rerender.core.errors import unknown_name
from rerender.core.files import sha256_file
from rerender.rendering.bitmaps import read_image
from rerender.rendering.cloudy_skies import bake_cloudy_sky, numbered_sky

NUMBERED = re.compile(r"sky_(\d{2,})")


def sky_upper(name: str, settings: AssetSettings, height: int) -> PreparedImage:
    """Return the upper half of a sky, (height, 4 height, 3), linear float32, and its provenance.

    `name` is `sky_NN`, one of `PURE_SKIES`, or a path to an .exr or .hdr file. Needs a Mitsuba variant. Raises
    `UserError` for other names, and for files that are no HDR maps.
    """
    numbered = NUMBERED.fullmatch(name)
    if numbered:
        index = int(numbered[1])
        note = f"procedural sky {index}{', overcast' if numbered_sky(index).overcast else ''}"
        return PreparedImage(_baked(index, height), _made_here(name, note))
    if name in PURE_SKIES:
        index = PURE_SKIES.index(name)
        return prepare_upper_half(
            name, settings, height, read_image=read_image, bake_upper=lambda rows: _baked(index, rows)
        )
    path = Path(name)
    if path.suffix:
        pixels = upper_of_file(read_image(path), path, height)
        return PreparedImage(pixels, _own_file(path, height))
    raise unknown_name("sky", name, [*PURE_SKIES, "sky_00", "sky_01"], "Or a path to an .exr or .hdr file.")


def _baked(index: int, height: int) -> np.ndarray:
    return bake_cloudy_sky(numbered_sky(index), height)


def _made_here(name: str, note: str) -> Provenance:
    return Provenance(
        id=name,
        asset=name,
        origin="standin",
        source="procedural",
        sha256=None,
        url=None,
        licence="MIT (this project)",
        standin=True,
        note=note,
    )


def _own_file(path: Path, height: int) -> Provenance:
    return Provenance(
        id=path.stem,
        asset=path.name,
        origin="mirror",
        source="user",
        sha256=sha256_file(path),
        url=None,
        licence="the user's own",
        standin=False,
        note=f"upper half, {height} rows",
    )
