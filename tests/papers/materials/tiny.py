"""A small capture without Mitsuba's sampling noise: a ball with two materials, four views of 16 pixels."""

from __future__ import annotations

import functools

import numpy as np

from rerender.core.meshes import icosphere
from rerender.papers.materials.capture import Capture, captured
from rerender.papers.materials.scenes import TexturedObject
from rerender.papers.materials.settings import CaptureSettings
from rerender.rendering.texture_atlas import unwrapped
from rerender.rendering.variants import start_variant

SETTINGS = CaptureSettings(size=16, views=4, heldout=2, light_height=16, map_size=16, samples=300)


@functools.cache
def thing() -> TexturedObject:
    """Return a ball, black and shiny on one half of its atlas, bright and matt on the other."""
    start_variant("llvm_ad_rgb", threads=1)
    left = np.zeros((16, 16), bool)
    left[:, :8] = True
    return TexturedObject(
        unwrapped(icosphere(2), 64),
        np.where(left[..., None], 0.03, 0.7).repeat(3, axis=2).astype(np.float32),
        np.where(left, 0.15, 0.8).astype(np.float32),
        np.zeros((16, 16), np.float32),
    )


def light() -> np.ndarray:
    """Return a dim map with a bright window."""
    radiance = np.full((16, 32, 3), 0.2, np.float32)
    radiance[4:7, 5:9] = (12.0, 10.0, 8.0)
    return radiance


@functools.cache
def capture() -> Capture:
    """Return a capture of the ball under the window, relit by the same turned round."""
    return captured("ball", thing(), light(), np.roll(light(), 12, axis=1), SETTINGS)
