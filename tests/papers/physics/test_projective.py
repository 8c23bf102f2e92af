"""The back end projective: derivatives by way of the simulation, what the variant gives, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rerender.core.errors import UserError
from rerender.papers.physics import grid, rigid_mass
from rerender.papers.physics.grid import Job
from rerender.papers.physics.jobs import Run
from rerender.papers.physics.looks import Look
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.shapes import shape
from rerender.papers.physics.specs import (
    ProjectiveSettings,
    RasterSettings,
    RigidMassSettings,
    SearchSettings,
    ViewSettings,
)
from rerender.papers.physics.subjects import EstimateRequest, answer, logarithms
from rerender.provenance.manifest import Code

CODE = Code(("x",), {"x": "1"}, "code")


def mass_request(variant: str, spp: int, **changes: object) -> EstimateRequest:
    few = {"shapes": ("box", "cone"), "seconds": 0.5, "scan": 0}
    settings = RigidMassSettings.model_validate({**few, **changes})
    raster = RasterSettings(size=32, projective_spp=spp)
    return EstimateRequest(Job("rigid_mass", variant, 1), settings, raster, rigid_mass.UNITS, "smoke")


def slopes(request: EstimateRequest, step: float = 0.02) -> tuple[float, float]:
    """Return the derivative of the loss by the logarithm of the mass at the first guess, and central differences, of the same noise."""
    subject = next(iter(rigid_mass.subjects(request)))
    assert subject.loss_of is not None
    loss = subject.loss_of("gradsim")
    mass = logarithms(subject.guess)["mass"].requires_grad_()
    loss({"mass": mass}).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        sides = [float(loss({"mass": mass + sign * step})) for sign in (1, -1)]
    assert mass.grad is not None
    return float(mass.grad), (sides[0] - sides[1]) / (2 * step)


def test_the_slope_of_the_loss_by_the_mass_is_that_of_differences_and_of_the_soft_rasteriser() -> None:
    found, differences = slopes(mass_request("ideal", 128, backend="projective"))
    assert found == pytest.approx(differences, rel=0.12)
    soft, _ = slopes(mass_request("ideal", 1))
    assert found == pytest.approx(soft, rel=0.25)


def test_the_variant_finds_the_mass_of_frames_by_mitsuba(tmp_path: Path) -> None:
    search = SearchSettings(iterations=2, lr=0.05, finish=3)
    request = mass_request("projective", 8, projective=ProjectiveSettings(shapes=1, search=search))
    (subject,) = rigid_mass.subjects(request)
    assert request.search == search and request.backend == "projective"
    values, found = answer(Run(request, "run", tmp_path, CODE, {}), request, subject, "gradsim")
    assert found is not None and found.loss < 0.3 * found.first_loss
    start, end = (abs(mass["mass"] / subject.truth["mass"] - 1) for mass in (subject.guess, values))
    assert end < 0.2 * start


def test_noise_of_target_and_estimate_differs() -> None:
    request = mass_request("ideal", 4, backend="projective")
    subject = next(iter(rigid_mass.subjects(request)))
    assert float(subject.loss_of("gradsim")(logarithms(subject.truth))) > 1e-6
    seen = subject.film(subject.truth)
    assert np.array_equal(seen, subject.film(subject.truth))


def test_a_goal_and_what_reaches_it_differ_in_their_noise_alone() -> None:
    """Else a search of control that has arrived would see no error at all."""
    thing = shape("box")
    places = torch.as_tensor(thing.vertices)
    colour = torch.tensor((1.0, 0.5, 0.2), dtype=places.dtype)
    raster = RasterSettings(size=16, projective_spp=8)
    looks = {
        name: Look(torch.as_tensor(thing.faces), colour, ViewSettings(), raster, name)
        for name in ("soft", "projective")
    }
    errors = {
        name: float(((look.goal(places) - look.film(places[None])[0]) ** 2).mean())
        for name, look in looks.items()
    }
    assert errors["soft"] == 0.0
    assert 1e-6 < errors["projective"] < 1e-2


def test_the_variant_has_the_first_shapes_and_other_experiments_are_told_what_they_can_have() -> None:
    settings = PhysicsSettings.model_validate(
        {"rigid_mass": {"variants": ("default", "projective"), "projective": {"shapes": 2}}}
    )
    cells = [cell for cell in grid.cells(settings) if cell.variant == "projective"]
    assert {cell.scene for cell in cells} == set(settings.rigid_mass.shapes[:2])
    assert {cell.method for cell in cells} == {"gradsim", "random", "average"}
    refused = PhysicsSettings.model_validate({"rigid_contact": {"backend": "projective"}})
    with pytest.raises(UserError, match=r"Leave it soft\. rigid_mass, lame, .* can have projective"):
        grid.check_names(refused)
