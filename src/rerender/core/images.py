"""Images as arrays: tone curves, resampling, lat-long directions and checks.

An image is float32 with shape (H, W, 3) or a stack (N, H, W, 3). *Radiance* is scene-linear and unbounded;
*display* values are sRGB-encoded in [0, 1].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerender.core.errors import UserError

Image = NDArray[Any]

REC709 = (0.2126, 0.7152, 0.0722)  # luminance weights of linear RGB


def srgb_encode(linear: Image) -> Image:
    """Apply the piecewise sRGB transfer function to linear values; negative ones stay on the linear part."""
    linear = np.asarray(linear)
    high = 1.055 * np.maximum(linear, 0.0031308) ** (1.0 / 2.4) - 0.055
    return np.asarray(np.where(linear <= 0.0031308, 12.92 * linear, high), dtype=_floating(linear))


def srgb_decode(display: Image) -> Image:
    """Invert `srgb_encode`."""
    display = np.asarray(display)
    high = ((np.maximum(display, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.asarray(np.where(display <= 0.04045, display / 12.92, high), dtype=_floating(display))


def reinhard(radiance: Image) -> Image:
    """Compress radiance x >= 0 to x / (1 + x) in [0, 1); negative values become 0."""
    positive = np.maximum(np.asarray(radiance), 0)
    return np.asarray(positive / (1 + positive), dtype=_floating(positive))


def tonemap(radiance: Image) -> Image:
    """Turn radiance into display values: Reinhard, then sRGB, then clamped to [0, 1] (fact sheet, section 1)."""
    return np.clip(srgb_encode(reinhard(radiance)), 0.0, 1.0)


def to_uint8(display: Image) -> NDArray[np.uint8]:
    """Round display values in [0, 1] to 0..255; NaN becomes 0."""
    clean = np.nan_to_num(np.asarray(display, dtype=np.float64), nan=0.0)
    return (np.clip(clean, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def luminance(linear: Image) -> Image:
    """Return the Rec.709 luminance of linear RGB; the last axis goes away."""
    linear = np.asarray(linear)
    return np.asarray(linear @ np.asarray(REC709, dtype=_floating(linear)))


def latlong_directions(height: int, width: int, rows: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """Return the unit direction of every pixel centre of a lat-long map, y up, shape (height, width, 3).

    With `rows` = (first, end) only those rows of it.

    Mitsuba's `envmap`: u in [0, 1) across and v in [0, 1] down give
    (sin 2 pi u sin pi v, cos pi v, -cos 2 pi u sin pi v).
    """
    azimuth = 2.0 * np.pi * (np.arange(width) + 0.5) / width
    polar = np.pi * (np.arange(*(rows or (0, height))) + 0.5) / height
    ring = np.sin(polar)[:, None]
    x, z = np.sin(azimuth) * ring, -np.cos(azimuth) * ring
    return np.stack([x, np.broadcast_to(np.cos(polar)[:, None], x.shape), z], axis=-1)


def resize_area(image: Image, height: int, width: int) -> Image:
    """Resample to (height, width) by averaging over each new pixel's area; keeps the mean exactly.

    Works for images (H, W, C) and stacks (..., H, W, C), up and down, for any ratio.
    """
    image = np.asarray(image)
    dtype = _floating(image)
    if image.shape[-3:-1] == (height, width):
        return image.astype(dtype)
    rows = _area_weights(image.shape[-3], height)
    columns = _area_weights(image.shape[-2], width)
    shrunk = np.einsum("ph,...hwc->...pwc", rows, image.astype(np.float64), optimize=True)
    return np.asarray(np.einsum("qw,...pwc->...pqc", columns, shrunk, optimize=True), dtype=dtype)


def _area_weights(source: int, target: int) -> NDArray[np.float64]:
    """Return the (target, source) matrix whose rows average the source pixels that a target pixel covers."""
    edges = np.linspace(0.0, source, target + 1)
    pixels = np.arange(source)
    low = np.maximum(edges[:-1, None], pixels[None])
    high = np.minimum(edges[1:, None], pixels[None] + 1)
    overlap = np.clip(high - low, 0.0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True))


def check_radiance(image: Image, name: str) -> None:
    """Raise `UserError` when radiance is not (H, W, 3) or has NaN, infinite or negative pixels.

    The message says how many pixels, where the first one is, and what to do.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise UserError(
            f"the image '{name}' has shape {image.shape}, not (height, width, 3)",
            "Export it as an RGB image.",
        )
    problems = (
        ("NaN", np.isnan(image), "Replace the NaN pixels by their neighbours' mean in an image editor"),
        (
            "infinite",
            np.isinf(image),
            "Clip them: export as 32-bit float, or limit the sun to 65504 for half floats",
        ),
        (
            "negative",
            image < 0,
            "Clamp the values at 0; radiance cannot be negative (often a resampling overshoot)",
        ),
    )
    for what, mask, remedy in problems:
        pixels = mask.any(axis=-1)
        if pixels.any():
            row, column = np.argwhere(pixels)[0]
            raise UserError(
                f"the image '{name}' has {int(pixels.sum())} {what} pixels of {pixels.size} "
                f"(first: row {row}, column {column}, value {_show(image[row, column])})",
                f"{remedy}, save it, and run the same command again.",
            )


def tile(images: Image, columns: int, pad: int = 2, value: float = 1.0) -> Image:
    """Arrange a stack (N, H, W, C) row by row in a grid with `pad` pixels of `value` between and around."""
    images = np.asarray(images)
    count, height, width, channels = images.shape
    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    shape = (rows * (height + pad) + pad, columns * (width + pad) + pad, channels)
    canvas = np.full(shape, value, dtype=images.dtype)
    for index, image in enumerate(images):
        top, left = pad + (index // columns) * (height + pad), pad + (index % columns) * (width + pad)
        canvas[top : top + height, left : left + width] = image
    return canvas


def _floating(array: Image) -> np.dtype[Any]:
    return array.dtype if np.issubdtype(array.dtype, np.floating) else np.dtype(np.float64)


def _show(pixel: Image) -> str:
    return "(" + ", ".join(f"{float(value):g}" for value in pixel) + ")"


def as_display(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return display values in [0, 1] from uint8 or floating-point display images of any leading shape."""
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image.astype(np.float32) / np.float32(255)
    return np.clip(image.astype(np.float32), 0, 1)


def split_strip(strip: NDArray[Any]) -> list[NDArray[Any]]:
    """Cut a strip (H, K·H, 3) of square views into its K views; any other strip is one view."""
    height, width = strip.shape[:2]
    count = width // height if width % height == 0 else 1
    return np.split(strip, count, axis=1)


def spread_indices(count: int, wanted: int) -> list[int]:
    """Return at most `wanted` indices of `count` items, evenly spread, with the first and the last."""
    if count <= wanted:
        return list(range(count))
    return sorted({round(index * (count - 1) / (wanted - 1)) for index in range(wanted)})
