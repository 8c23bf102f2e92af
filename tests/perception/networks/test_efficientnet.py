from __future__ import annotations

import torch

from rerender.perception.networks.efficientnet import efficientnet_trunk


def test_all_stages_have_the_published_number_of_parameters() -> None:
    """5,288,548 of the whole network, less 1x1 convolution, its normalisation and the classifier."""
    count = sum(value.numel() for value in efficientnet_trunk().parameters())
    assert count == 5_288_548 - 320 * 1280 - 2 * 1280 - (1280 * 1000 + 1000)


def test_five_stages_have_stride_sixteen() -> None:
    found = efficientnet_trunk(5).eval()(torch.zeros(1, 3, 64, 64))
    assert found.shape == (1, 112, 4, 4)
