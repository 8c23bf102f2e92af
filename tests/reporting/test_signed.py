"""The diverging scale: white at zero, blue below, red above, ends held."""

from __future__ import annotations

import numpy as np

from rerender.reporting.signed import coloured, ramp


def test_zero_is_white_and_signs_have_their_colours() -> None:
    picture = coloured(np.array([[-9.0, -2.0, 0.0, 2.0, 9.0]]), 2.0).astype(int)[0]
    assert np.ptp(picture[2]) < 3 and picture[2].min() > 240
    assert picture[0, 2] > picture[0, 0] + 50 and picture[4, 0] > picture[4, 2] + 50
    assert (picture[0] == picture[1]).all() and (picture[3] == picture[4]).all()


def test_the_bar_goes_from_end_to_end() -> None:
    bar = ramp(101, 4)
    assert bar.shape == (4, 101, 3)
    np.testing.assert_array_equal(bar[0, [0, 50, 100]], coloured(np.array([[-1.0, 0.0, 1.0]]), 1.0)[0])
