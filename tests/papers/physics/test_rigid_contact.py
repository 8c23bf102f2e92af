"""Contact parameters: what is drawn, that all five are found, and what an estimate without friction leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from rerender.papers.physics import rigid_contact, staged
from rerender.papers.physics.grid import Job
from rerender.papers.physics.jobs import Run
from rerender.papers.physics.specs import ContactSettings, RasterSettings
from rerender.papers.physics.staged import STAGES, Prior, Stage, search_staged
from rerender.papers.physics.subjects import EstimateRequest, answer
from rerender.provenance.manifest import Code
from rerender.simulation.errors import Diverged, Unstable

CODE = Code(("x",), {"x": "1"}, "code")
SMALL = {"shapes": ("box",), "launches": 2, "seconds": 1.0, "frames": 8, "substeps": 64}


def request(variant: str = "default", size: int = 32, **changes: object) -> EstimateRequest:
    settings = ContactSettings.model_validate({**SMALL, **changes})
    job = Job("rigid_contact", variant, 1)
    return EstimateRequest(job, settings, RasterSettings(size=size), rigid_contact.UNITS, "smoke")


def test_all_five_parameters_are_found_from_positions(tmp_path) -> None:
    asked = request()
    (subject,) = rigid_contact.subjects(asked)
    values, found = answer(Run(asked, "run", tmp_path, CODE, {}), asked, subject, "diffphysics")
    assert found is not None and found.evaluations > len(STAGES)
    for name, true in subject.truth.items():
        assert abs(subject.guess[name] / true - 1) > 1e-2
        assert values[name] == pytest.approx(true, rel=1e-4), name


def test_frames_that_are_explained_have_no_residual_and_early_stages_see_fewer() -> None:
    asked = request("ideal", seconds=0.25, frames=4)
    settings = asked.settings
    draw = np.random.default_rng(3)
    thing, volume = rigid_contact.launch("box", settings, draw)
    truth = rigid_contact.draw_values(draw, settings, volume)
    for method, floats in (("gradsim", 32 * 32 * 4), ("diffphysics", 8 * 3)):
        compare = rigid_contact.residuals(asked, thing, truth, method, "box")
        sizes = [len(compare(truth, Stage(share, 0.0, 0.01))) for share in (0.25, 1.0)]
        assert sizes == [2 * floats, 2 * 4 * floats]
        assert np.abs(compare(truth, STAGES[0])).max() == 0.0
        assert np.abs(compare({**truth, "mass": 1.2 * truth["mass"]}, STAGES[-1])).max() > 1e-3


def test_an_estimate_without_friction_answers_for_the_others_only() -> None:
    (subject,) = rigid_contact.subjects(request("frictionless"))
    assert set(subject.truth) == set(subject.guess) == set(subject.answers["average"]) == {"mass", "kd", "ke"}


def test_an_estimate_on_an_average_ground_is_wrong_unless_the_ground_is_average() -> None:
    asked = request("inelastic")
    (subject,) = rigid_contact.subjects(asked)
    assert set(subject.truth) == set(subject.guess) == {"mass", "kf", "mu"}
    thing, volume = rigid_contact.launch("box", asked.settings, np.random.default_rng(0))
    truth = rigid_contact.draw_values(np.random.default_rng(1), asked.settings, volume)
    known = {name: truth[name] for name in ("mass", "kf", "mu")}
    average = rigid_contact.assumptions(asked.settings, "inelastic")
    assert average == {"ke": 250.5, "kd": 250.5}
    for values, exact in ((truth, False), ({**truth, **average}, True)):
        difference = rigid_contact.residuals(asked, thing, values, "diffphysics", "box")(known, STAGES[-1])
        assert bool(np.abs(difference).max() < 1e-12) is exact


@pytest.mark.parametrize("variant", ["default", "frictionless", "inelastic"])
def test_the_true_motion_is_that_of_the_whole_truth_whatever_an_estimate_assumes(variant: str) -> None:
    """Videos show it: an estimate without friction must not make the truth slide."""
    (subject,) = rigid_contact.subjects(request(variant, seconds=0.5))
    (whole,) = rigid_contact.subjects(request(seconds=0.5))
    assert torch.equal(subject.true_motion(), whole.motion(whole.truth))
    same = torch.equal(subject.true_motion(), subject.motion(subject.truth))
    assert same is (variant == "default")


def test_the_true_motion_of_fine_steps_is_finer() -> None:
    (fine,), (whole,) = (
        rigid_contact.subjects(request(variant, seconds=0.5)) for variant in ("fine", "default")
    )
    apart = float((fine.true_motion() - whole.true_motion()).abs().max())
    assert 0.0 < apart < 0.1


def test_a_far_guess_is_another_draw_and_objects_are_those_of_the_other_variants() -> None:
    (far,), (near,) = (list(rigid_contact.subjects(request(variant))) for variant in ("far", "default"))
    assert far.truth == near.truth
    assert far.guess == far.answers["random"] != near.guess
    assert all(abs(np.log(near.guess[name] / true)) <= 0.4 for name, true in near.truth.items())


def test_the_push_alone_moves_a_body_as_fast_as_the_settings_say_where_nothing_touches() -> None:
    asked = request(drop=0.0)
    draw = np.random.default_rng(0)
    thing, volume = rigid_contact.launch("box", asked.settings, draw)
    impulse = thing.push.norm(dim=1) * asked.settings.push_seconds
    assert torch.allclose(impulse, torch.full((2,), asked.settings.speed * 7.0 * volume, dtype=torch.float64))
    # the lowest vertex begins on the ground
    values = {
        name: torch.tensor([v], dtype=torch.float64)
        for name, v in rigid_contact.draw_values(draw, asked.settings, volume).items()
    }
    seen = thing.move(values, 60)
    assert float(seen[0, :, 1].min()) < 0.01


def test_baselines_have_the_errors_of_the_domain() -> None:
    """Section 4.2: U(0.2, 1) gives Average 0.441 and Random 0.558; U(1, 500) a heavy tail."""
    draw = np.random.default_rng(0)
    settings = ContactSettings()
    drawn = [rigid_contact.draw_values(draw, settings, 1.0) for _ in range(4000)]
    mean = rigid_contact.training_means(settings, 1.0)
    mu = np.array([values["mu"] for values in drawn])
    assert np.mean(np.abs(mu - mean["mu"]) / mu) == pytest.approx(0.441, abs=0.03)
    assert np.mean(np.abs(mu - mu[::-1]) / mu) == pytest.approx(0.558, abs=0.03)


def test_a_step_that_is_too_long_for_the_contact_is_refused() -> None:
    with pytest.raises(Unstable, match="too long for box"):
        list(rigid_contact.subjects(request(substeps=1)))


def test_a_staged_search_survives_parameters_that_diverge() -> None:
    def residual(values, stage):
        if values["m"] > 3.5:
            raise Diverged(1, 0, "body", "x")
        return np.array([np.log(values["m"] / 3.0), 0.0])

    found = search_staged({"m": 1.0}, residual, 8)
    assert np.exp(found.values["m"][0]) == pytest.approx(3.0, rel=1e-6)
    assert found.loss < found.first_loss


def test_a_prior_holds_what_is_hardly_seen_and_fades_where_everything_is_explained() -> None:
    """Least squares follow a slope of 1e-6 to the end of the box; a prior does not, and leaves no mark on an exact fit."""

    def residual(values: Mapping[str, float], stage: Stage) -> np.ndarray:
        seen, weak = np.log(values["seen"] / 3.0), np.log(values["weak"] / 1.1)
        if stage.share < 1.0:
            return np.array([seen, 1.0 - 1e-6 * weak])
        return np.array([seen, np.sin(2.0 * weak)])  # valleys a factor exp(π/2) apart

    start = {"seen": 2.0, "weak": 1.0}
    bare, held = (search_staged(start, residual, 8, prior=prior) for prior in (None, Prior(0.4, 36.0)))
    assert np.exp(held.values["weak"][0]) == pytest.approx(1.1, rel=1e-6)
    assert np.exp(held.values["seen"][0]) == pytest.approx(3.0, rel=1e-6)
    assert abs(bare.values["weak"][0]) > 1.0


def test_what_the_first_guess_is_worth_follows_settings_and_variant() -> None:
    settings = ContactSettings(launches=3, frames=4)
    assert rigid_contact.first_guess(settings, "default") == Prior(0.4, 12.0)
    assert rigid_contact.first_guess(settings, "far") == Prior(np.sqrt(2.0), 12.0)
    assert rigid_contact.first_guess(settings, "flat") is None
    assert rigid_contact.first_guess(ContactSettings(prior=0.0), "default") is None
    assert Prior(0.5, 10.0).weight(5.0) == 2.0


def test_a_staged_search_that_was_killed_carries_on_and_ends_at_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged, "SAVE_SECONDS", 0.0)
    calls, limit = 0, 30

    def residual(values: Mapping[str, float], stage: Stage) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls > limit:
            raise KeyboardInterrupt
        return np.array([np.sin(values["m"]) - 0.5, values["k"] * values["m"] - 1.0])

    with pytest.raises(KeyboardInterrupt):
        search_staged({"m": 1.0, "k": 2.5}, residual, 8, tmp_path)
    calls, limit = 0, 10_000
    whole = search_staged({"m": 1.0, "k": 2.5}, residual, 8)
    alone, calls = calls, 0
    resumed = search_staged({"m": 1.0, "k": 2.5}, residual, 8, tmp_path)
    assert calls < alone - 20
    assert resumed.evaluations == whole.evaluations == alone
    assert {**resumed.values} == {**whole.values}
    assert resumed.history.equals(whole.history)
