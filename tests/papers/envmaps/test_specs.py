from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from rerender.core.errors import UserError
from rerender.papers.envmaps.specs import (
    REPRESENTATIONS,
    FitSettings,
    InversionSettings,
    representation_ids,
    representation_spec,
)


def test_the_rows_of_table_1_and_the_stock_network() -> None:
    assert list(REPRESENTATIONS) == [
        "pixels", "logpix", "siren_wo", "siren", "rsiren_a", "rsiren_b", "siren_stock",
    ]  # fmt: skip
    fits = {name: spec.fit for name, spec in REPRESENTATIONS.items() if spec.fit}
    assert [(fit.lam_hdr, fit.gamma) for fit in fits.values()] == [
        (0, 0), (10, 0), (10, 5e-3), (10, 1e-2), (0, 0),
    ]  # fmt: skip
    assert representation_spec("siren_stock").network.output == "linear"


def test_dists_variants_differ_in_that_term_only() -> None:
    for name in REPRESENTATIONS:
        plain, judged = representation_spec(name), representation_spec(f"{name}_dists")
        assert judged.perceptual and not plain.perceptual
        assert judged.model_copy(update={"id": name, "title": plain.title, "perceptual": False}) == plain
    assert len(representation_ids()) == 2 * len(REPRESENTATIONS)


def test_an_unknown_representation_gets_a_proposal() -> None:
    with pytest.raises(UserError, match="Did you mean 'siren'"):
        representation_spec("sirn")


def test_changes_reach_nested_settings_and_spare_what_has_no_fit() -> None:
    change = {"network": {"width": 32}, "fit": {"iterations": 7}}
    siren = representation_spec("siren").changed(**change, lr=1e-3)
    assert (siren.network.width, siren.fit and siren.fit.iterations, siren.lr) == (32, 7, 1e-3)
    assert siren.fit is not None and siren.fit.lam_hdr == 10
    assert representation_spec("pixels").changed(**change).fit is None


def test_what_settings_refuse() -> None:
    with pytest.raises(ValidationError, match="must divide"):
        FitSettings(iterations=100, restart_every=30)
    with pytest.raises(ValidationError, match="nothing to fit"):
        FitSettings(lam_log=0, lam_hdr=0)
    with pytest.raises(ValidationError, match="a network needs `fit`"):
        representation_spec("pixels").model_validate({"id": "x", "title": "x", "kind": "network", "lr": 1})
    with pytest.raises(ValidationError, match="paper_like"):
        InversionSettings(mode="paperlike")  # type: ignore[arg-type]


def test_the_table_loads_without_numerics() -> None:
    code = (
        "import sys, rerender.papers.envmaps.specs; print({'torch', 'numpy', 'mitsuba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
