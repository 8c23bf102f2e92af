"""The search without derivatives."""

from __future__ import annotations

import math

import pytest
import torch

from rerender.core.seeds import SeedStream
from rerender.papers.physics.blackbox import search_blackbox
from rerender.papers.physics.specs import BlackboxSettings
from rerender.simulation.errors import Diverged

START = {"mass": torch.tensor([math.log(0.2)], dtype=torch.float64)}


def test_it_comes_nearer_to_the_answer_from_losses_alone_and_repeats_itself() -> None:
    def loss(values):
        assert not torch.is_grad_enabled()
        return 1e-6 * (values["mass"] - math.log(0.3)).square().sum()

    settings = BlackboxSettings(iterations=40, samples=8)
    one, again = (search_blackbox(START, loss, settings, SeedStream(("x", 1))) for _ in range(2))
    assert float(one.values["mass"][0]) == float(again.values["mass"][0])
    assert math.exp(float(one.values["mass"][0])) == pytest.approx(0.3, rel=0.05)
    assert one.evaluations == 321 and one.loss < one.first_loss


def test_draws_that_diverge_are_left_out() -> None:
    def loss(values):
        if float(values["mass"]) < float(START["mass"]):
            raise Diverged(1, 0, "body", "x")
        return (values["mass"] - math.log(0.3)).square().sum()

    found = search_blackbox(START, loss, BlackboxSettings(iterations=10, samples=8), SeedStream(("x", 1)))
    assert float(found.values["mass"][0]) > float(START["mass"])


def test_where_nothing_changes_the_guess_stays() -> None:
    settings = BlackboxSettings(iterations=2, samples=2)
    found = search_blackbox(START, lambda _: torch.ones(()), settings, SeedStream(("x", 1)))
    assert float(found.values["mass"][0]) == float(START["mass"])
