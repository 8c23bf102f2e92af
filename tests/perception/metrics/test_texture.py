from __future__ import annotations

import numpy as np
import pytest

from rerender.core.errors import UserError
from rerender.perception.metrics.texture import texture_psnr, texture_rmse


def test_closed_forms() -> None:
    truth = np.full((4, 6, 3), 0.5)
    assert texture_rmse(truth + 0.1, truth) == pytest.approx(0.1)
    assert texture_psnr(truth + 0.1, truth) == pytest.approx(20.0)
    assert texture_psnr(truth, truth) == 100.0


def test_hidden_texels_do_not_count() -> None:
    truth = np.zeros((4, 6, 3), dtype=np.float32)
    texture = truth.copy()
    texture[0], texture[1:] = 0.2, 0.9
    visible = np.zeros((4, 6), dtype=bool)
    visible[0] = True
    assert texture_rmse(texture, truth, visible) == pytest.approx(0.2)


def test_mistakes_are_refused() -> None:
    texture = np.zeros((4, 4, 3))
    for visible in (np.zeros((4, 4), bool), np.ones((2, 2), bool)):
        with pytest.raises(UserError, match="visibility"):
            texture_rmse(texture, texture, visible)
    with pytest.raises(UserError, match="shape"):
        texture_psnr(texture, texture[:2])
