"""Histories as event files that TensorBoard opens, written without it: records with checksums, each an `Event` of its protocol buffers.

A record is its length (uint64), the masked CRC-32C of that, the data, and their masked CRC-32C. Of an `Event` the fields wall_time [s] (1),
step (2), file_version (3) and summary (5) are used; of a summary's values tag (1), simple_value (2) and image (4: height, width,
colour channels, PNG).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rerender.core.files import atomic_path

NAME = "events.out.tfevents.0.rerender"
"""TensorBoard takes every file with `tfevents` in its name; the folder is the run."""
_POLYNOMIAL = 0x82F63B78  # Castagnoli, reflected


@dataclass(frozen=True)
class Moment:
    """What is known at a step, `seconds` after the start: numbers by tag, and pictures as (height, width, PNG)."""

    step: int
    seconds: float
    scalars: Mapping[str, float] = field(default_factory=dict)
    images: Mapping[str, tuple[int, int, bytes]] = field(default_factory=dict)


def write_events(folder: Path | str, moments: Iterable[Moment]) -> Path:
    """Write the event file of a run to its folder, whole, and return it. Numbers that are not finite are left out."""
    path = Path(folder) / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial, partial.open("wb") as file:
        file.write(record(_double(1, 0.0) + _bytes(3, b"brain.Event:2")))
        for moment in moments:
            file.write(record(event(moment)))
    return path


def event(moment: Moment) -> bytes:
    """Return a step's numbers and pictures as an `Event`."""
    values = [
        _bytes(1, tag.encode()) + _float(2, value)
        for tag, value in moment.scalars.items()
        if math.isfinite(value)
    ]
    for tag, (height, width, png) in moment.images.items():
        image = _integer(1, height) + _integer(2, width) + _integer(3, 3) + _bytes(4, png)
        values.append(_bytes(1, tag.encode()) + _bytes(4, image))
    summary = b"".join(_bytes(1, value) for value in values)
    return _double(1, moment.seconds) + _integer(2, moment.step) + _bytes(5, summary)


def record(data: bytes) -> bytes:
    """Return data with its length and checksums."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of data."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    """Return the checksum as records have it: rotated, and a constant added."""
    value = crc32c(data)
    return struct.pack("<I", (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = tuple(_entry(value) for value in range(256))


def _variable(value: int) -> bytes:
    """Return a number in groups of seven bits."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _integer(number: int, value: int) -> bytes:
    return _variable(number << 3) + _variable(value)


def _double(number: int, value: float) -> bytes:
    return _variable(number << 3 | 1) + struct.pack("<d", value)


def _bytes(number: int, value: bytes) -> bytes:
    return _variable(number << 3 | 2) + _variable(len(value)) + value


def _float(number: int, value: float) -> bytes:
    return _variable(number << 3 | 5) + struct.pack("<f", value)
