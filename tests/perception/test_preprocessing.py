from __future__ import annotations

import pytest
import torch

from rerender.core.errors import UserError
from rerender.perception import preprocessing as pre


def test_a_red_image_is_red_after_the_layout_change() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).expand(2, 6, 6, 3)
    assert pre.to_nchw(red).mean((0, 2, 3)).tolist() == [1.0, 0.0, 0.0]


def test_upstream_layout_scrambles_it() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).expand(2, 6, 6, 3)
    scrambled = pre.to_nchw(red, "upstream_view")
    assert scrambled.shape == (2, 3, 6, 6)
    torch.testing.assert_close(scrambled.mean((0, 2, 3)), torch.full((3,), 1 / 3))


def test_pixels_keep_their_place_and_gradients_flow() -> None:
    renders = torch.rand(2, 4, 5, 3, requires_grad=True)
    images = pre.to_nchw(renders)
    assert images[1, 2, 3, 4] == renders[1, 3, 4, 2]
    images[0, 1, 2, 3].backward()
    assert renders.grad.nonzero().tolist() == [[0, 2, 3, 1]]


@pytest.mark.parametrize("shape", [(4, 5, 3), (2, 3, 4, 5)])
def test_other_shapes_are_refused(shape) -> None:
    with pytest.raises(UserError, match=r"\(N, H, W, 3\)"):
        pre.to_nchw(torch.zeros(shape))


def test_unknown_layout() -> None:
    with pytest.raises(UserError, match="upstream_view"):
        pre.to_nchw(torch.zeros(1, 2, 2, 3), "upstream")


def test_normalise_by_hand() -> None:
    image = torch.tensor([0.5, 0.5, 0.5]).view(1, 3, 1, 1)
    expected = [(0.5 - mean) / std for mean, std in zip(pre.IMAGENET_MEAN, pre.IMAGENET_STD, strict=True)]
    torch.testing.assert_close(
        pre.normalise(image, pre.IMAGENET_MEAN, pre.IMAGENET_STD).flatten(), torch.tensor(expected)
    )


def test_resize() -> None:
    images = torch.rand(1, 3, 8, 8)
    assert pre.resize(images, 8) is images
    assert pre.resize(images, 14).shape == (1, 3, 14, 14)
    # antialiased shrinking keeps the mean of a checkerboard; sampling it would not
    board = torch.zeros(1, 3, 16, 16)
    board[..., ::2, ::2] = 1
    torch.testing.assert_close(
        pre.resize(board, 4)[..., 1:3, 1:3].mean(), torch.tensor(0.25), atol=0.01, rtol=0
    )
