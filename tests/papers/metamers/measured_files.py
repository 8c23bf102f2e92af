"""A measured BSDF in the format of the RGL database, made up: constant tables in the layout that Mitsuba reads."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

TYPES = {np.dtype(np.uint8): 1, np.dtype(np.float32): 10}


def write_measured(path: Path, colour: tuple[float, float, float], resolution: int = 8) -> None:
    """Write an isotropic material of about this colour."""
    angles = np.linspace(0.0, np.pi / 2, 4, dtype=np.float32)
    flat = np.ones((1, len(angles), resolution, resolution), np.float32)
    rgb = np.stack([flat * channel for channel in colour], axis=2)
    fields = {
        "description": np.frombuffer(b"made up", np.uint8),
        "jacobian": np.ones(1, np.uint8),
        "phi_i": np.zeros(1, np.float32),
        "theta_i": angles,
        "ndf": np.ones((2, resolution), np.float32),
        "sigma": np.ones((2, resolution), np.float32),
        "vndf": flat,
        "luminance": flat * float(np.mean(colour)),
        "rgb": rgb,
    }
    entries = [(name.encode(), array) for name, array in fields.items()]
    offset = 12 + 2 + 4 + sum(2 + len(name) + 2 + 1 + 8 + 8 * array.ndim for name, array in entries)
    header, data = b"tensor_file\0" + bytes([1, 0]) + struct.pack("<I", len(entries)), b""
    for name, array in entries:
        header += struct.pack("<H", len(name)) + name + struct.pack("<HB", array.ndim, TYPES[array.dtype])
        header += struct.pack("<Q", offset + len(data)) + struct.pack(f"<{array.ndim}Q", *array.shape)
        data += np.ascontiguousarray(array).tobytes()
    path.write_bytes(header + data)
