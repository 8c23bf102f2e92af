"""Pictures inside figures: display arrays, error maps on one fixed scale, and axes placed by inches.

Display images are float32 (H, W, 3) sRGB in [0, 1]; errors are (H, W), mean absolute differences of channels.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rerender.core.files import atomic_path
from rerender.core.images import as_display as as_display
from rerender.core.images import split_strip as split_strip
from rerender.core.images import spread_indices as spread_indices
from rerender.reporting.style import ERROR_COLOURS, ERROR_MAX

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Image = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


def as_bytes(image: npt.NDArray[Any]) -> Bytes:
    """Return display values as uint8, rounded to nearest."""
    image = np.asarray(image)
    return image if image.dtype == np.uint8 else np.rint(as_display(image) * 255).astype(np.uint8)


def error_map(image: npt.NDArray[Any], target: npt.NDArray[Any]) -> Image:
    """Return the mean absolute difference over channels of two display images of one shape."""
    if np.shape(image) != np.shape(target):
        raise ValueError(f"images of different shapes: {np.shape(image)} and {np.shape(target)}")
    difference: Image = np.abs(as_display(image) - as_display(target)).mean(axis=-1)
    return difference


def colour_error(error: npt.NDArray[Any], maximum: float = ERROR_MAX) -> Bytes:
    """Colour an error map on the fixed scale 0 … `maximum`; what lies above has the top colour."""
    from matplotlib import colormaps

    scaled = np.clip(np.asarray(error, dtype=np.float32) / maximum, 0, 1)
    coloured: Bytes = colormaps[ERROR_COLOURS](scaled, bytes=True)[..., :3]
    return coloured


def png_bytes(image: npt.NDArray[Any]) -> bytes:
    """Return a display image as PNG, to keep the pixels of a figure in its data file."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(as_bytes(image))).save(buffer, format="PNG")
    return buffer.getvalue()


def write_png(path: Path | str, image: npt.NDArray[Any]) -> None:
    """Write a display image, or sRGB bytes, as a PNG, atomically."""
    with atomic_path(path) as partial:
        partial.write_bytes(png_bytes(image))


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches from the top left corner of the figure."""
    total_width, total_height = figure.get_size_inches()
    return figure.add_axes(
        (left / total_width, 1 - (top + height) / total_height, width / total_width, height / total_height)
    )


def text_at(figure: Figure, left: float, top: float, text: str, **style: Any) -> None:
    """Write text at a place given in inches from the top left corner of the figure."""
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - top / height, text, **style)


def picture_at(
    figure: Figure,
    place: tuple[float, float, float, float],
    image: npt.NDArray[Any],
    *,
    edge: str = "#bbbbbb",
    edge_width: float = 0.5,
) -> Axes:
    """Show a display image at (left, top, width, height) inches, with a thin edge and no ticks."""
    axes = axes_at(figure, *place)
    axes.imshow(as_bytes(image), aspect="auto")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=edge_width, edgecolor=edge)
    return axes


def arrow_at(
    figure: Figure,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str = "#333333",
    bend: float = 0.0,
) -> None:
    """Draw an arrow between two places in inches from the top left corner; `bend` is its height over its length."""
    from matplotlib.patches import FancyArrowPatch

    width, height = figure.get_size_inches()
    ends = [(x / width, 1 - y / height) for x, y in (start, end)]
    arrow = FancyArrowPatch(
        ends[0],
        ends[1],
        arrowstyle="-|>,head_length=4,head_width=2.2",
        connectionstyle=f"arc3,rad={bend}",
        color=colour,
        linewidth=1.1,
        transform=figure.transFigure,
        shrinkA=2,
        shrinkB=2,
    )
    figure.add_artist(arrow)


def box_at(figure: Figure, left: float, top: float, width: float, height: float) -> None:
    """Draw a rounded box at a place in inches from the top left corner."""
    from matplotlib.patches import FancyBboxPatch

    total_height = figure.get_size_inches()[1]
    box = FancyBboxPatch(
        (left, total_height - top - height),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor="#EEF3FA",
        edgecolor="#34568B",
        linewidth=1.0,
        transform=figure.dpi_scale_trans,
    )
    figure.add_artist(box)


def error_bar(figure: Figure, place: tuple[float, float, float, float], label: str) -> None:
    """Draw the colour bar of the error scale, horizontally, at a place in inches."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = axes_at(figure, *place)
    mappable = ScalarMappable(Normalize(0, ERROR_MAX), ERROR_COLOURS)
    bar = figure.colorbar(mappable, cax=axes, orientation="horizontal", extend="max", extendfrac=0.04)
    bar.set_ticks(np.arange(0, ERROR_MAX + 1e-9, 0.1).tolist())
    bar.ax.tick_params(labelsize=6, length=2, pad=1)
    bar.set_label(label, fontsize=6.5, labelpad=1)
