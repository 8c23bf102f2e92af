"""Procedural rooms: what is in them, and that they are fit for gradients."""

from __future__ import annotations

import numpy as np
import pytest

from rerender.catalogue.rooms import GAP, LABELS, SIZE, furnished_room
from rerender.core.meshes import bounding_box, component_labels, face_areas, merged_with_index


def test_a_room_has_every_label_and_its_size() -> None:
    room = furnished_room(0, cell=0.12)
    assert room.labels is not None and set(np.unique(room.labels)) == set(range(len(LABELS)))
    low, high = bounding_box(room.mesh)
    assert high - low == pytest.approx(SIZE) and low == pytest.approx(-high)
    assert face_areas(room.mesh).min() > 0
    assert room.colours.min() >= 0 and room.colours.max() <= 1


def test_seeds_change_layout_and_repeat() -> None:
    first, again, other = furnished_room(3), furnished_room(3), furnished_room(4)
    assert np.array_equal(first.mesh.vertices, again.mesh.vertices)
    assert np.array_equal(first.colours, again.colours)
    assert len(first.mesh.vertices) != len(other.mesh.vertices) or not np.allclose(
        first.colours, other.colours
    )


@pytest.mark.parametrize("seed", range(6))
def test_bodies_neither_touch_nor_overlap(seed: int) -> None:
    """Lines where bodies pass through each other are no edges, so their part of a gradient would be missing."""
    room = furnished_room(seed, cell=0.3)
    merged = merged_with_index(room.mesh)[0]
    body = component_labels(merged)
    label = np.zeros(len(merged.vertices), int)
    label[merged.faces] = np.asarray(room.labels)[:, None]
    shell = [LABELS.index("floor"), LABELS.index("wall")]
    bodies = [merged.vertices[body == k] for k in np.unique(body) if label[k] not in shell]
    leaves = [LABELS[label[k]] == "plant" for k in np.unique(body) if label[k] not in shell]
    assert len(bodies) > 60
    for i, one in enumerate(bodies):
        assert (np.abs(one) < 0.5 * np.array(SIZE)).all()
        for j, other in enumerate(bodies[:i]):
            if leaves[i] and leaves[j]:  # round: their boxes overlap, they do not
                assert np.linalg.norm(one[:, None] - other[None], axis=-1).min() > GAP
            else:
                assert (np.minimum(one.max(0), other.max(0)) < np.maximum(one.min(0), other.min(0))).any()
