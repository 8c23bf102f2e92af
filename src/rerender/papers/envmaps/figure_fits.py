"""Figures 4 and 5: how much of a sky's range its networks hold, and what noise on their weights does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rerender.core.images import luminance
from rerender.papers.envmaps.figure_files import Shown, picture
from rerender.papers.envmaps.figure_galleries import Block, Tile, draw_blocks
from rerender.papers.envmaps.metrics import map_metrics
from rerender.papers.envmaps.settings import noise_variant
from rerender.papers.envmaps.specs import REPRESENTATIONS
from rerender.reporting import style
from rerender.reporting.grids import axes_at
from rerender.reporting.rows import read_metrics

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

RANGE_ROWS = ("siren_stock", "siren_wo", "siren")
NOISE_ROWS = ("siren", "rsiren_a")
BINS = 60
OFFSET = 1e-3  # added before the logarithm, as in the fit
SHOWN_NOISE = 0.03


def draw_range(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figure 4: histograms of the map's luminance, on logarithmic axes, beside those of three networks' maps."""
    import polars as pl

    from rerender.papers.envmaps.fits import load_fits

    initial = shown.initial()
    fits = load_fits(shown.files.fits[0])
    truth = np.log10(luminance(initial).ravel() + OFFSET)
    edges = np.linspace(truth.min() - 0.5, truth.max() + 0.5, BINS + 1)
    names = [name for name in RANGE_ROWS if name in fits]
    note = shown.note(
        f"{shown.names.envmap(shown.settings.skies.all[0])}. Grey: the initial map; lines: what the fitted network decodes to. Luminance of the upper half's texels; values beyond the "
        "axis are counted in its last bins. Peak: largest radiance of the decoded map over that of the initial one."
    )
    height = 2.3
    figure = style.new_figure(height + style.footnote_height(note))
    records: list[dict[str, Any]] = []
    width = (style.WIDTH - 0.6) / len(names)
    counts, _ = np.histogram(truth, edges)
    for index, name in enumerate(names):
        decoded = fits[name].decode()
        found = np.clip(np.log10(luminance(decoded).ravel() + OFFSET), edges[0], edges[-1])
        own, _ = np.histogram(found, edges)
        axes = axes_at(figure, 0.5 + index * width, 0.3, width - 0.25, height - 0.75)
        axes.stairs(counts, edges, fill=True, color="#cccccc")
        axes.stairs(own, edges, color="#0072B2", lw=1.2)
        axes.set_yscale("log")
        axes.set(xlabel="log10 luminance", ylabel="texels" if index == 0 else "")
        peak = float(decoded.max() / initial.max())
        axes.set_title(f"{REPRESENTATIONS[name].title}: peak {peak:.3g}", fontsize=7.5)
        records += [
            {
                "representation": name,
                "log10_from": float(a),
                "texels_initial": int(c),
                "texels_decoded": int(d),
                "peak_ratio": peak,
            }
            for a, c, d in zip(edges[:-1], counts, own, strict=True)
        ]
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


def draw_noise(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figure 5: maps decoded without and with noise on the weights, and PSNR and SSIM over the noise."""
    import polars as pl

    from rerender.papers.envmaps.fits import load_fits, noise_seeds
    from rerender.papers.envmaps.noise import noisy_map

    initial, fits = shown.initial(), load_fits(shown.files.fits[0])
    sky = shown.settings.skies.all[0]
    seed = noise_seeds(sky, 1).seed(0)
    tiles = [Tile("Original", "", picture(initial), None, {"representation": "initial"})]
    for strength in (0.0, SHOWN_NOISE):
        for name in (name for name in NOISE_ROWS if name in fits):
            found = noisy_map(fits[name], strength, seed)
            scores = map_metrics(found, initial)
            noise = f" + noise {100 * strength:g} %" if strength else ""
            tiles.append(
                Tile(
                    f"{REPRESENTATIONS[name].title}{noise}",
                    f"{scores['env/psnr']:.1f} dB, SSIM {scores['env/ssim']:.2f}",
                    picture(found),
                    None,
                    {"representation": name, "noise": strength},
                )
            )
    note = shown.note(
        "Gaussian noise on each weight matrix, with the given share of its norm; the same draws for both. Curves: mean over "
        "skies, seeds and draws, bars: standard deviation over skies and seeds."
    )
    panel = 1.9
    names = shown.names.envmap(sky)
    figure, data = draw_blocks([Block(names, tuple(tiles))], 3, note, panel)
    records = _noise_curves(figure, shown, panel, style.footnote_height(note))
    return figure, pl.concat([data, pl.DataFrame(records)], how="diagonal_relaxed")


def _noise_curves(figure: Figure, shown: Shown, panel: float, footnote: float) -> list[dict[str, Any]]:
    """Draw quality over noise; return the points."""
    import polars as pl

    rows = read_metrics(shown.files.metrics).filter(
        (pl.col("experiment") == "robustness") & (pl.col("tier") == shown.tier)
    )
    records: list[dict[str, Any]] = []
    top = float(figure.get_size_inches()[1]) - footnote - panel + 0.15
    for index, (metric, title) in enumerate(
        (("env/psnr", "PSNR of the map [dB]"), ("env/ssim", "SSIM of the map"))
    ):
        axes = axes_at(figure, 0.6 + index * 4.0, top, 3.2, panel - 0.55)
        for name in (name for name in REPRESENTATIONS if name in set(rows["representation"])):
            points = []
            for strength in (0.0, *shown.settings.noise):
                values = rows.filter(
                    (pl.col("metric") == metric)
                    & (pl.col("representation") == name)
                    & (pl.col("variant") == noise_variant(strength))
                )["value"].to_list()
                if values:
                    mean, sd = (
                        float(np.mean(values)),
                        float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
                    )
                    points.append((100 * strength, mean, sd))
                    records.append(
                        {
                            "metric": metric,
                            "representation": name,
                            "noise": strength,
                            "value": mean,
                            "sd": sd,
                            "n": len(values),
                        }
                    )
            if points and name != "siren_stock":
                x, y, spread = zip(*points, strict=True)
                colour = style.model_colour(name)
                axes.errorbar(
                    x,
                    y,
                    yerr=spread,
                    fmt="o-",
                    ms=2.5,
                    lw=1.1,
                    capsize=2,
                    color=colour,
                    label=REPRESENTATIONS[name].title,
                )
        axes.set(xlabel="noise [% of each layer's norm]", ylabel=title)
        if index == 1:
            axes.legend(frameon=False, fontsize=6, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    return records
