"""The PLY container: header, and elements with scalar and list properties, in ascii and both binary orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class Property:
    """One column: its name, value type, and the type of the count where it is a list."""

    name: str
    value_type: str
    count_type: str | None = None


@dataclass(frozen=True)
class Declared:
    """One element as the header declares it."""

    name: str
    count: int
    properties: tuple[Property, ...]


@dataclass(frozen=True)
class Element:
    """The content of an element: scalar columns, and lists as (sizes, all values one after another)."""

    scalars: Mapping[str, np.ndarray] = field(default_factory=dict)
    lists: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def parse_ply(content: bytes) -> dict[str, Element]:
    """Parse a PLY file into its elements; raises `ValueError` saying what is wrong with it."""
    order, declared, body = _parse_header(content)
    if order == "":
        return _parse_ascii(declared, body)
    elements, offset = {}, 0
    for element in declared:
        elements[element.name], offset = _parse_binary(element, body, offset, order)
    return elements


def _parse_header(content: bytes) -> tuple[str, list[Declared], bytes]:
    if not content.startswith(b"ply"):
        raise ValueError("it does not start with 'ply'")
    end = content.find(b"end_header")
    newline = content.find(b"\n", end)
    if end < 0 or newline < 0:
        raise ValueError("its header has no end")
    order: str | None = None
    declared: list[Declared] = []
    for number, line in enumerate(content[:end].decode("ascii", errors="replace").splitlines(), start=1):
        match line.split():
            case ["format", name, _]:
                if name not in _ORDERS:
                    raise ValueError(f"header line {number}: unknown format '{name}'")
                order = _ORDERS[name]
            case ["element", name, count] if count.isdigit():
                declared.append(Declared(name, int(count), ()))
            case ["property", "list", count_type, value_type, name] if declared:
                declared[-1] = _with_property(
                    declared[-1], Property(name, _type(value_type), _type(count_type))
                )
            case ["property", value_type, name] if declared:
                declared[-1] = _with_property(declared[-1], Property(name, _type(value_type)))
            case [] | ["ply"] | ["comment", *_] | ["obj_info", *_]:
                pass
            case _:
                raise ValueError(f"header line {number} ('{line.strip()[:60]}') makes no sense")
    if order is None:
        raise ValueError("its header names no format")
    return order, declared, content[newline + 1 :]


def _with_property(element: Declared, column: Property) -> Declared:
    return Declared(element.name, element.count, (*element.properties, column))


def _type(name: str) -> str:
    if name not in _TYPES:
        raise ValueError(f"unknown property type '{name}'")
    return _TYPES[name]


def _parse_binary(element: Declared, body: bytes, offset: int, order: str) -> tuple[Element, int]:
    """Read one element at `offset`; at once when its lists all have one length, else row by row."""
    record = _fixed_record(element, body, offset, order)
    if record is None:
        return _parse_binary_rows(element, body, offset, order)
    rows = np.frombuffer(body, dtype=record, count=element.count, offset=offset)
    scalars, lists = {}, {}
    for column in element.properties:
        if column.count_type is None:
            scalars[column.name] = rows[column.name]
        else:
            lists[column.name] = (rows[f"{column.name}#"].astype(np.int64), rows[column.name].reshape(-1))
    return Element(scalars, lists), offset + element.count * record.itemsize


def _fixed_record(element: Declared, body: bytes, offset: int, order: str) -> np.dtype | None:
    """Return the record type if every row has the list lengths of the first row; None if they vary."""
    fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = []
    size = 0
    for column in element.properties:
        if column.count_type is not None:
            length = 0
            if element.count:
                _need(element, body, offset + size, np.dtype(column.count_type).itemsize)
                length = int(np.frombuffer(body, order + column.count_type, 1, offset + size)[0])
            fields.append((f"{column.name}#", order + column.count_type))
            fields.append((column.name, order + column.value_type, (length,)))
            size += np.dtype(column.count_type).itemsize + length * np.dtype(column.value_type).itemsize
        else:
            fields.append((column.name, order + column.value_type))
            size += np.dtype(column.value_type).itemsize
    record = np.dtype(fields)
    has_lists = any(column.count_type for column in element.properties)
    if offset + element.count * record.itemsize > len(body):
        if not has_lists:
            _need(element, body, offset, element.count * record.itemsize)
        return None  # rows may be shorter than the first one; reading them finds out
    rows = np.frombuffer(body, dtype=record, count=element.count, offset=offset)
    for column in element.properties:
        if column.count_type is not None and element.count:
            counts = rows[f"{column.name}#"]
            if not (counts == counts[0]).all():
                return None
    return record


def _parse_binary_rows(element: Declared, body: bytes, offset: int, order: str) -> tuple[Element, int]:
    scalars: dict[str, list[float]] = {
        column.name: [] for column in element.properties if column.count_type is None
    }
    lists: dict[str, tuple[list[int], list[np.ndarray]]] = {
        column.name: ([], []) for column in element.properties if column.count_type is not None
    }
    for _ in range(element.count):
        for column in element.properties:
            length = 1
            if column.count_type is not None:
                step = np.dtype(column.count_type).itemsize
                _need(element, body, offset, step)
                length = int(np.frombuffer(body, order + column.count_type, 1, offset)[0])
                offset += step
            step = length * np.dtype(column.value_type).itemsize
            _need(element, body, offset, step)
            values = np.frombuffer(body, order + column.value_type, length, offset)
            offset += step
            if column.count_type is None:
                scalars[column.name].append(values[0])
            else:
                lists[column.name][0].append(length)
                lists[column.name][1].append(values)
    return Element(
        {name: np.array(values) for name, values in scalars.items()},
        {name: (np.array(sizes), np.concatenate([[], *values])) for name, (sizes, values) in lists.items()},
    ), offset


def _need(element: Declared, body: bytes, offset: int, size: int) -> None:
    if size < 0 or offset + size > len(body):
        raise ValueError(
            f"it ends after {len(body)} bytes of data, within element '{element.name}' ({element.count} rows): it is truncated"
        )


def _parse_ascii(declared: list[Declared], body: bytes) -> dict[str, Element]:
    lines: Iterator[str] = (
        line for line in body.decode("ascii", errors="replace").splitlines() if line.strip()
    )
    return {element.name: _parse_ascii_element(element, lines) for element in declared}


def _parse_ascii_element(element: Declared, lines: Iterator[str]) -> Element:
    scalars: dict[str, list[float]] = {
        column.name: [] for column in element.properties if column.count_type is None
    }
    lists: dict[str, tuple[list[int], list[float]]] = {
        column.name: ([], []) for column in element.properties if column.count_type is not None
    }
    for row in range(element.count):
        line = next(lines, None)
        if line is None:
            raise ValueError(
                f"it has only {row} of {element.count} rows of element '{element.name}': it is truncated"
            )
        try:
            values = [float(word) for word in line.split()]
        except ValueError as error:
            raise ValueError(
                f"row {row} of element '{element.name}' ('{line.strip()[:60]}'): {error}"
            ) from error
        position = 0
        for column in element.properties:
            length = 1
            if column.count_type is not None:
                length = int(values[position]) if position < len(values) else 1
                position += 1
            chunk = values[position : position + length]
            position += length
            if len(chunk) != length:
                raise ValueError(
                    f"row {row} of element '{element.name}' ('{line.strip()[:60]}') is too short"
                )
            if column.count_type is None:
                scalars[column.name].append(chunk[0])
            else:
                lists[column.name][0].append(length)
                lists[column.name][1].extend(chunk)
    return Element(
        {name: np.array(values) for name, values in scalars.items()},
        {name: (np.array(sizes), np.array(values)) for name, (sizes, values) in lists.items()},
    )
