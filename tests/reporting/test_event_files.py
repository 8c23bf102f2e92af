"""Event files for TensorBoard: checksums, lengths and fields are those of its format, read back here by hand."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from rerender.reporting.event_files import NAME, Moment, crc32c, record, write_events


def unmasked(stored: bytes) -> int:
    turned = (struct.unpack("<I", stored)[0] - 0xA282EAD8) & 0xFFFFFFFF
    return ((turned >> 17) | (turned << 15)) & 0xFFFFFFFF


def records(data: bytes) -> Iterator[bytes]:
    while data:
        length = struct.unpack("<Q", data[:8])[0]
        body = data[12 : 12 + length]
        assert unmasked(data[8:12]) == crc32c(data[:8])
        assert unmasked(data[12 + length : 16 + length]) == crc32c(body)
        yield body
        data = data[16 + length :]


def variable(data: bytes) -> tuple[int, bytes]:
    value, shift = 0, 0
    for place, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, data[place + 1 :]
    raise AssertionError("a number does not end")


def fields(data: bytes) -> Iterator[tuple[int, object]]:
    while data:
        key, data = variable(data)
        match key & 7:
            case 0:
                value, data = variable(data)
                yield key >> 3, value
            case 1:
                yield key >> 3, struct.unpack("<d", data[:8])[0]
                data = data[8:]
            case 2:
                length, data = variable(data)
                yield key >> 3, data[:length]
                data = data[length:]
            case 5:
                yield key >> 3, struct.unpack("<f", data[:4])[0]
                data = data[4:]


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of its catalogue entry
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def test_steps_come_back(tmp_path: Path) -> None:
    moments = [
        Moment(0, 0.5, {"loss": 2.0, "rate": math.nan}),
        Moment(300, 1.5, {"loss": 1.0}, {"picture": (200, 3, b"png" * 100)}),
    ]
    path = write_events(tmp_path / "run", moments)
    assert path == tmp_path / "run" / NAME and "tfevents" in path.name
    first, start, end = (dict(fields(one)) for one in records(path.read_bytes()))
    assert first == {1: 0.0, 3: b"brain.Event:2"}
    assert (start[1], start[2]) == (0.5, 0) and (end[1], end[2]) == (1.5, 300)
    assert [dict(fields(value)) for _, value in fields(start[5])] == [{1: b"loss", 2: 2.0}]
    loss, shown = (dict(fields(value)) for _, value in fields(end[5]))
    assert loss == {1: b"loss", 2: 1.0}
    assert shown[1] == b"picture" and dict(fields(shown[4])) == {1: 200, 2: 3, 3: 3, 4: b"png" * 100}


def test_a_broken_record_is_noticed() -> None:
    data = bytearray(record(b"abc"))
    data[13] ^= 1
    with pytest.raises(AssertionError):
        list(records(bytes(data)))
