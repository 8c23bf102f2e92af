from __future__ import annotations

import numpy as np

from rerender.core.cameras import Camera
from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.sightlines import count_views
from rerender.rendering.variants import start_variant


def test_a_camera_sees_what_faces_it_is_in_its_picture_and_not_hidden() -> None:
    start_variant("llvm_ad_rgb", threads=1)
    ball = icosphere(3, radius=0.5)
    # a plate behind the ball, seen from +z
    plate = np.array([[-9.0, -9, -2], [9, -9, -2], [9, 9, -2], [-9, 9, -2]])
    both = Mesh(
        np.concatenate([ball.vertices, plate]),
        np.concatenate([ball.faces, len(ball.vertices) + np.array([[0, 1, 2], [0, 2, 3]])]),
    )
    front, back, hidden, open_, outside = [
        ((0.0, 0.0, 0.5), (0, 0, 1)),
        ((0.0, 0.0, -0.5), (0, 0, -1)),
        ((0.0, 0.1, -2.0), (0, 0, 1)),
        ((1.5, 0.0, -2.0), (0, 0, 1)),
        ((8.0, 0.0, -2.0), (0, 0, 1)),
    ]
    points, normals = map(np.array, zip(front, back, hidden, open_, outside, strict=True))
    cameras = [Camera((0.0, 0.0, 4.0)), Camera((0.3, 0.0, 4.0)), Camera((0.0, 0.0, -1.5))]
    # the third camera is between ball and plate: it sees the ball's back alone
    assert count_views(both, cameras, points, normals).tolist() == [2, 1, 0, 2, 0]
