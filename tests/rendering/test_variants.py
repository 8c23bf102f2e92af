from __future__ import annotations

import pytest

from rerender.core.errors import UserError
from rerender.rendering.variants import start_variant


def test_unknown_variant_names_the_closest() -> None:
    with pytest.raises(UserError, match="Did you mean 'llvm_ad_rgb'"):
        start_variant("llvm_rgb")


def test_starting_again_is_fine_and_another_one_is_refused(variant: str) -> None:
    assert start_variant("auto", threads=1) == variant
    other = "cuda_ad_rgb" if variant.startswith("llvm") else "llvm_ad_rgb"
    with pytest.raises(UserError, match="already runs"):
        start_variant(other)
