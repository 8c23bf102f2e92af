from __future__ import annotations

import pytest
import torch

from rerender.rendering.light_model import Exposed, LightModel
from rerender.rendering.transport import Transport


def test_an_exposed_model_multiplies_images_and_gradients_and_not_the_map() -> None:
    matrix = torch.rand(1, 12, 10, generator=torch.Generator().manual_seed(1))
    plain = Transport.from_matrix(matrix, (3, 4), (2, 5))
    bright = Exposed(plain, 2.5)
    assert isinstance(bright, LightModel)
    assert bright.map_shape == (2, 5) and bright.image_shape == (3, 4)
    leaves = [torch.ones(2, 5, 3, requires_grad=True) for _ in range(2)]
    images = [model.render(leaf, 0) for model, leaf in zip((plain, bright), leaves, strict=True)]
    torch.testing.assert_close(images[1], 2.5 * images[0])
    for image in images:
        image.sum().backward()  # type: ignore[no-untyped-call]
    assert leaves[0].grad is not None and leaves[1].grad is not None
    torch.testing.assert_close(leaves[1].grad, 2.5 * leaves[0].grad)
    with pytest.raises(ValueError, match="takes maps of shape"):
        bright.render(torch.ones(3, 5, 3), 0)
