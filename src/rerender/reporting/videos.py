"""Videos: H.264 in yuv420p with the index in front, whole or absent; and frames put together with labels.

Frames are uint8 (H, W, 3) display sRGB. Nothing is rescaled silently: small frames grow by whole factors, and odd
sizes are padded, both by the caller through `whole_factor` and `pad_even`.
"""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rerender.core.errors import UserError
from rerender.core.files import atomic_path

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Frame = npt.NDArray[np.uint8]

CRF = 16
"""Constant rate factor of x264: 18 is hard to tell from the source."""
PRESET = "veryfast"
"""How hard x264 searches. `medium` at a factor of 18 takes twice as long for files 8 to 22 % smaller and 0.1 to 1.4 dB better (five videos)."""
MAX_BYTES = 20_000_000
"""The report takes videos up to 20 MB."""
PAPER = (255, 255, 255)
INK = (30, 30, 30)


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds. `width` and `height` in pixels, `fps` in frames a second."""

    frames: int
    width: int
    height: int
    fps: float
    codec: str
    pixel_format: str


def write_video(path: Path | str, frames: Iterable[npt.NDArray[Any]], fps: float) -> None:
    """Encode frames of one even size to `path` (.mp4), atomically; the same frames give the same bytes.

    Raises `UserError` when there is no frame, when a size is odd or changes, and when the encoder fails.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise UserError(f"no frames for {path}", "The run observed nothing: lower `observe_every`.")
    shape = _check_frame(first, first.shape, path)
    with atomic_path(path) as partial:
        writer = _encoder(partial, shape, fps)
        try:
            writer.send(None)
            for frame in itertools.chain([first], stream):
                _check_frame(frame, shape, path)
                writer.send(np.ascontiguousarray(frame))
        except OSError as error:
            raise UserError(
                f"ffmpeg failed while writing {path}: {error}",
                "See the log above; check free disk space, and that imageio-ffmpeg is installed.",
            ) from error
        finally:
            writer.close()
        if not partial.exists() or partial.stat().st_size == 0:
            raise UserError(f"ffmpeg wrote nothing to {path}", "See the log above.")


def _encoder(path: Path, shape: tuple[int, ...], fps: float) -> Any:
    """Start ffmpeg; one thread and no dates, so that the bytes depend on the frames alone."""
    import imageio_ffmpeg

    options = ["-crf", str(CRF), "-preset", PRESET, "-threads", "1", "-movflags", "+faststart"]
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
    return imageio_ffmpeg.write_frames(
        str(path),
        (shape[1], shape[0]),
        fps=fps,
        codec="libx264",
        pix_fmt_in="rgb24",
        pix_fmt_out="yuv420p",
        macro_block_size=1,
        ffmpeg_log_level="error",
        output_params=[*options, *exact],
    )


def _check_frame(frame: npt.NDArray[Any], shape: tuple[int, ...], path: Path | str) -> tuple[int, ...]:
    """Refuse a frame that is not uint8 RGB, is odd in size, or differs from the first."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise UserError(f"a frame of {path} is {frame.dtype} {frame.shape}", "Frames are uint8 (H, W, 3).")
    if frame.shape[0] % 2 or frame.shape[1] % 2:
        raise UserError(
            f"frames of {path} are {frame.shape[1]} x {frame.shape[0]}; H.264 in yuv420p needs even sizes",
            "Pad them with pad_even.",
        )
    if frame.shape != shape:
        raise UserError(f"frames of {path} change from {shape} to {frame.shape}", "Use one size for all.")
    return frame.shape


def read_video(path: Path | str) -> npt.NDArray[np.uint8]:
    """Return all frames of a video, uint8 (T, H, W, 3)."""
    info = probe_video(path)
    done = _ffmpeg("-i", str(path), "-map", "0:v:0", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, info.height, info.width, 3)


def probe_video(path: Path | str) -> VideoInfo:
    """Say what a video holds; frames are counted by decoding. Raises `UserError` for a broken file."""
    done = _ffmpeg("-i", str(path), "-map", "0:v:0", "-f", "null", "-")
    text = done.stderr.decode(errors="replace")
    stream = re.search(r"Stream #0.*?: Video: (\w+).*?, (\w+)[(,].*? (\d+)x(\d+).*?([\d.]+) fps", text)
    counts = re.findall(r"frame=\s*(\d+)", text)
    if done.returncode or not stream or not counts:
        last = text.strip().splitlines()[-1:] or ["no message"]
        raise UserError(f"{path} is not a readable video: {last[0]}", f"Delete {path} and make it again.")
    codec, pixel_format, width, height, fps = stream.groups()
    return VideoInfo(int(counts[-1]), int(width), int(height), float(fps), codec, pixel_format)


def _ffmpeg(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the ffmpeg that comes with imageio-ffmpeg."""
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()
    return subprocess.run([program, "-hide_banner", *arguments], capture_output=True, check=False)


def pad_even(frame: npt.NDArray[Any]) -> Frame:
    """Add a white row or column where a size is odd."""
    height, width = frame.shape[:2]
    if not (height % 2 or width % 2):
        return frame
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=255)


def whole_factor(size: int, wanted: int) -> int:
    """Return the whole factor that brings `size` pixels to at least `wanted`, 1 if it is there already."""
    return max(1, -(-wanted // size))


def enlarge(frame: npt.NDArray[Any], factor: int) -> Frame:
    """Repeat each pixel `factor` times both ways: no interpolation, so no colour that was not there."""
    return frame if factor == 1 else frame.repeat(factor, axis=0).repeat(factor, axis=1)


@functools.cache
def font(size: int, bold: bool = False) -> FreeTypeFont:
    """Return the font of the figures (DejaVu Sans, which comes with matplotlib) at a size in pixels."""
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


@functools.lru_cache(maxsize=256)
def label(text: str, width: int, height: int, *, bold: bool = False, align: str = "left") -> Frame:
    """Return a white strip (height, width, 3) with one line of text, made smaller where it is too long."""
    from PIL import Image, ImageDraw

    size = max(8, int(height * 0.62))
    while size > 8 and font(size, bold).getlength(text) > width - 8:
        size -= 1
    canvas = Image.new("RGB", (width, height), PAPER)
    left, anchor = (4, "lm") if align == "left" else (width // 2, "mm")
    ImageDraw.Draw(canvas).text((left, height // 2), text, fill=INK, font=font(size, bold), anchor=anchor)
    strip = np.array(canvas)
    strip.setflags(write=False)
    return strip


def beside(frames: Sequence[npt.NDArray[Any]], gap: int = 4) -> Frame:
    """Put frames of one height side by side with a white gap."""
    white = np.full((frames[0].shape[0], gap, 3), 255, np.uint8)
    parts = [part for frame in frames for part in (frame, white)][:-1]
    return np.concatenate(parts, axis=1)


def below(frames: Sequence[npt.NDArray[Any]], gap: int = 4) -> Frame:
    """Put frames of one width under each other with a white gap."""
    white = np.full((gap, frames[0].shape[1], 3), 255, np.uint8)
    parts = [part for frame in frames for part in (frame, white)][:-1]
    return np.concatenate(parts, axis=0)


def frames_per_second(
    count: int, *, seconds: float = 8.0, slowest: float = 4.0, fastest: float = 24.0
) -> float:
    """Return the rate at which `count` frames last about `seconds`."""
    return float(min(fastest, max(slowest, round(count / seconds))))


def hold_last(frames: Iterable[npt.NDArray[Any]], extra: int) -> Iterable[npt.NDArray[Any]]:
    """Yield the frames, then the last one `extra` times more, so that the result can be looked at."""
    last = None
    for frame in frames:
        last = frame
        yield frame
    for _ in range(extra if last is not None else 0):
        assert last is not None
        yield last
