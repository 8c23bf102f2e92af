"""Lat-long environment maps as arrays: halves, shifts, resampling, solid angles, and what may be used as one.

A *full* map has shape (2 H, 4 H, 3), an *upper half* its first H rows, (H, 4 H, 3): row 0 is around the zenith, the last
row above the horizon. Columns are azimuths in Mitsuba's convention, y up (`images.latlong_directions`). Values are
linear radiance.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rerender.core.errors import UserError
from rerender.core.images import Image, latlong_directions, resize_area

EIGHT_BIT_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tga", ".webp")
_REMEDY = "give a float .exr or .hdr file; 'rerender fetch' gets the public skies"


def upper_half(full: Image) -> Image:
    """Return the rows above the horizon of a full map, (2 H, W, 3) -> (H, W, 3)."""
    full = np.asarray(full)
    if full.shape[0] % 2:
        raise ValueError(f"a full map has an even number of rows, not {full.shape[0]}")
    return full[: full.shape[0] // 2]


def full_map(upper: Image) -> Image:
    """Return the full map whose lower half repeats the horizon row, (H, W, 3) -> (2 H, W, 3)."""
    upper = np.asarray(upper)
    return np.concatenate([upper, np.repeat(upper[-1:], upper.shape[0], axis=0)])


def shift_columns(image: Image, columns: int) -> Image:
    """Move the content by `columns` to the left (to lower columns), around the seam: the sky turns about the zenith."""
    return np.roll(np.asarray(image), -columns, axis=1)


def upper_directions(height: int, width: int) -> Image:
    """Return the unit direction of every pixel centre of an upper half, shape (height, width, 3)."""
    return latlong_directions(2 * height, width, (0, height))


def resample_upper(upper: Image, height: int, width: int | None = None) -> Image:
    """Resample an upper half to (height, width or 4 height) by averaging areas of linear radiance, as float32."""
    return resize_area(upper, height, width or 4 * height).astype(np.float32)


def solid_angles(rows: int, width: int, *, half: bool = False) -> Image:
    """Return the solid angle [sr] of the pixels of each row, shape (rows,).

    They add up to 4 pi over a full map, to 2 pi over an upper half (`half`).
    """
    edges = np.cos(np.linspace(0.0, np.pi / 2 if half else np.pi, rows + 1))
    return np.asarray(2.0 * np.pi / width * (edges[:-1] - edges[1:]))


def horizontal_irradiance(upper: Image) -> Image:
    """Return the irradiance [radiance x sr] of a level surface that sees the whole upper half, per channel, shape (3,).

    Each pixel counts as the solid angle that it covers, weighted by the cosine to the zenith.
    """
    rows, width = np.asarray(upper).shape[:2]
    squares = np.sin(np.linspace(0.0, np.pi / 2, rows + 1)) ** 2  # the integral of sin x cos is half a square
    weights = np.pi / width * np.diff(squares)
    return np.asarray(np.einsum("r,rwc->c", weights, np.asarray(upper, dtype=np.float64)))


def check_map(pixels: Image, name: str | Path, *, half: bool = False) -> None:
    """Raise `UserError` unless the pixels can serve as an HDR map: a full one, or an upper half (`half`).

    `name` is the file's name or path, which the message repeats. Refused in one line are: eight-bit files and pictures
    (no value above 1, or integers up to 255), other shapes than 2:1 (4:1), and NaN, infinite or negative pixels.
    """
    pixels = np.asarray(pixels)
    _check_kind(pixels, name)
    _check_shape(pixels, name, half)
    for what, mask in (
        ("NaN", np.isnan(pixels)),
        ("infinite", np.isinf(pixels)),
        ("negative", pixels < 0),
    ):
        found = mask.any(axis=-1)
        if found.any():
            row, column = np.argwhere(found)[0]
            values = ", ".join(f"{float(value):g}" for value in pixels[row, column])
            raise UserError(
                f"environment map {name}: {int(found.sum())} {what} pixels (first: row {row}, column {column}, "
                f"value {values}); allowed are finite values >= 0: {_mend(what)} and export it again as .exr"
            )
    _check_range(pixels, name)


def _check_kind(pixels: Image, name: str | Path) -> None:
    suffix = Path(name).suffix.lower()
    if suffix in EIGHT_BIT_SUFFIXES:
        raise UserError(
            f"environment map {name}: {suffix} files hold 8 bits and no bright sun; allowed are linear HDR maps: {_REMEDY}"
        )
    if pixels.dtype.kind in "iub":
        raise UserError(
            f"environment map {name}: {pixels.dtype} pixels; allowed are linear float values: {_REMEDY}"
        )


def _check_shape(pixels: Image, name: str | Path, half: bool) -> None:
    ratio, kind = (4, "the upper half of a lat-long map") if half else (2, "a full lat-long map")
    if pixels.ndim != 3 or pixels.shape[-1] != 3 or 0 in pixels.shape:
        raise UserError(
            f"environment map {name}: shape {pixels.shape}; allowed is (height, width, 3): export it as RGB"
        )
    height, width = pixels.shape[:2]
    if width != ratio * height:
        raise UserError(
            f"environment map {name}: {width} x {height} pixels; {kind} is {ratio}:1, such as "
            f"{ratio * height} x {height}: export it in lat-long projection at that size"
        )


def _check_range(pixels: Image, name: str | Path) -> None:
    brightest = float(pixels.max())
    if brightest <= 1.0:
        raise UserError(
            f"environment map {name}: brightest value {brightest:g}; an HDR map has values above 1 (a picture with "
            f"8-bit range cannot light a scene): {_REMEDY}"
        )
    if brightest <= 255.0 and np.array_equal(pixels, np.round(pixels)) and len(np.unique(pixels)) > 2:
        raise UserError(
            f"environment map {name}: whole numbers from {float(pixels.min()):g} to {brightest:g}, an 8-bit picture; "
            f"allowed are linear HDR maps: {_REMEDY}"
        )


def _mend(what: str) -> str:
    return {
        "NaN": "replace them by their neighbours' mean",
        "infinite": "limit them (65504 for half floats)",
        "negative": "clamp them at 0",
    }[what]
