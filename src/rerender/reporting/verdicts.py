"""Verdicts: does what we measured agree with what was claimed?

`match`     within the tolerance, past the bound, or ordered as claimed by the required margin, in every group
`close`     within the wider tolerance or the looser bound
`trend`     the direction or the order is as claimed, not the size; or it holds only in part of the groups
`differs`   none of these; `cause` says why where that is known
`blocked`   cannot be measured here, such as without pretrained weights
`not-run`   nothing was measured, or the tier is not meant to answer

`make_verdicts` joins the claims with the metric rows of one tier and writes `.parquet`, `.csv` and `.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from rerender.reporting.claims import Bound, Claim, Comparison, load_all_claims
from rerender.reporting.selection import Group, Measured, holds, measure, paired

if TYPE_CHECKING:
    import polars as pl

State = Literal["match", "close", "trend", "differs", "blocked", "not-run"]
STATES: tuple[State, ...] = get_args(State)
_RANKS: Mapping[str, int] = {state: rank for rank, state in enumerate(STATES)}


@dataclass(frozen=True)
class Verdict:
    """One claim's verdict. Field order is column order.

    `ours` with its interval is the group farthest from the claim. `asked` is the published value, the bound,
    or the other side of the comparison; `difference` is ours minus asked. `groups` counts the groups with
    numbers, `passed` those that match. `paired` is the mean of left minus right over the `pairs` of runs of a comparison
    that differ in nothing else, over all groups, with its interval; `pairs_ordered` of them are in the order asked for. `n` counts
    runs, each seed of a job as one. `assets` says which inputs were used.
    """

    claim: str
    paper: str
    artefact: str
    kind: str
    statement: str
    verdict: State
    ours: float | None
    low: float | None
    high: float | None
    n: int
    group: str
    asked: float | None
    relation: str
    spread: float | None
    difference: float | None
    unit: str
    groups: int
    passed: int
    paired: float | None
    paired_low: float | None
    paired_high: float | None
    pairs: int
    pairs_ordered: int
    missing: str
    tier: str
    backend: str
    assets: str
    run_ids: str
    reason: str
    cause: str
    operationalisation: str
    source: str
    reading: str


@dataclass(frozen=True)
class Outcome:
    """The verdict of one group."""

    group: str
    state: State
    ours: Measured
    asked: float | None = None
    relation: str = ""
    reason: str = ""


def make_verdicts(
    metrics: Path, claims_dir: Path, out_stem: Path, tier: str, blocked: Mapping[str, str] | None = None
) -> list[Verdict]:
    """Judge every claim by the metric rows of `tier`; write `out_stem`.{parquet,csv,md}; return the verdicts.

    `blocked` maps every vision model that cannot run here to the reason, such as "weights"; if it is None,
    a claim without numbers that `needs` something counts as blocked.
    """
    from rerender.reporting.rows import read_metrics
    from rerender.reporting.verdict_table import write_verdicts

    verdicts = judge_all(load_all_claims(claims_dir), read_metrics(metrics), tier, blocked)
    write_verdicts(out_stem, verdicts, tier)
    return verdicts


def judge_all(
    claims: Sequence[Claim], rows: pl.DataFrame, tier: str, blocked: Mapping[str, str] | None
) -> list[Verdict]:
    """Judge the claims in order; rows of other tiers are left out."""
    import polars as pl

    mine = rows.filter(pl.col("tier") == tier)
    return [judge(claim, mine.filter(pl.col("paper") == claim.paper), tier, blocked) for claim in claims]


def judge(claim: Claim, rows: pl.DataFrame, tier: str, blocked: Mapping[str, str] | None) -> Verdict:
    """Judge one claim by the rows of its paper and of one tier."""
    outcomes = _outcomes(claim, rows, blocked or {})
    have = [outcome for outcome in outcomes if outcome.ours.value is not None]
    missing = [outcome for outcome in outcomes if outcome.ours.value is None]
    passed = sum(outcome.state == "match" for outcome in have)
    needs = claim.needs if blocked is None else ()
    state, reason = _combined(have, missing, needs)
    worst = max(have or outcomes, key=lambda outcome: (_RANKS[outcome.state], _shortfall(outcome)))
    if tier not in claim.tiers:
        state, reason = "not-run", f"the {tier} tier is not meant to answer this"
    ours = worst.ours
    order = claim.comparison
    pairs = paired(rows, order.left, order.relation, order.right) if order else None
    difference = None if ours.value is None or worst.asked is None else ours.value - worst.asked
    return Verdict(
        claim=claim.id,
        paper=claim.paper,
        artefact=claim.artefact,
        kind=claim.kind,
        statement=claim.statement,
        verdict=state,
        ours=ours.value,
        low=ours.low,
        high=ours.high,
        n=ours.n,
        group=worst.group,
        asked=worst.asked,
        relation=worst.relation,
        spread=claim.published.spread if claim.published else None,
        difference=difference,
        unit=claim.published.unit if claim.published else ours.unit,
        groups=len(have),
        passed=passed,
        paired=pairs.difference if pairs else None,
        paired_low=pairs.low if pairs else None,
        paired_high=pairs.high if pairs else None,
        pairs=pairs.n if pairs else 0,
        pairs_ordered=pairs.ordered if pairs else 0,
        missing="; ".join(f"{outcome.group or 'all'}: {outcome.ours.missing}" for outcome in missing),
        tier=tier,
        backend=_joined(outcome.ours.backends for outcome in have),
        assets=_joined(outcome.ours.assets for outcome in have),
        run_ids=_joined(outcome.ours.run_ids for outcome in have),
        reason=reason,
        cause=_cause(claim, state),
        operationalisation=claim.operationalisation,
        source=_source(claim),
        reading=claim.source.reading,
    )


def _outcomes(claim: Claim, rows: pl.DataFrame, blocked: Mapping[str, str]) -> list[Outcome]:
    """Judge every group of a claim."""
    comparison = claim.comparison
    sides: tuple[dict[Group, Measured], dict[Group, Measured]] = ({}, {})
    if comparison is not None:
        left = measure(rows, comparison.left, claim.for_each, blocked)
        sides = (left, measure(rows, comparison.right, claim.for_each, blocked))
    if claim.select is None:
        assert comparison is not None  # the claim's validation sees to it
        groups = list(dict.fromkeys([*sides[0], *sides[1]]))
        named = [group for group in groups if group] or groups
        return [_compared(group, sides, comparison) for group in named]
    outcomes = []
    for group, ours in measure(rows, claim.select, claim.for_each, blocked).items():
        if ours.value is None:
            outcomes.append(Outcome(_label(group), _without(ours.missing), ours))
        elif claim.bound is not None:
            outcomes.append(_bounded(group, ours, ours.value, claim.bound))
        else:
            order = _compared(group, sides, comparison) if comparison else None
            outcomes.append(_against_published(group, ours, ours.value, claim, order))
    return outcomes


def _against_published(
    group: Group, ours: Measured, value: float, claim: Claim, order: Outcome | None
) -> Outcome:
    """Judge a number against the printed one: tolerance, then order or direction."""
    published, tolerance = claim.published, claim.tolerance
    assert published is not None  # the claim's validation sees to it
    scale = abs(published.value) if tolerance.relative else 1.0
    gap = value - published.value
    better = gap if claim.direction == "higher" else -gap if claim.direction == "lower" else 0.0
    told = f"{gap:+.4g} from the published value"
    state: State = "differs"
    if abs(gap) <= max(tolerance.match * scale, published.spread or 0.0):
        state = "match"
    elif abs(gap) <= tolerance.close * scale:
        state = "close"
    elif order is not None and order.state in ("match", "trend"):
        state, told = "trend", f"{told}, but in the published order"
    elif better > 0:
        state, told = "trend", f"{told}, on the better side"
    return Outcome(_label(group), state, ours, published.value, "=", told)


def _bounded(group: Group, ours: Measured, value: float, bound: Bound) -> Outcome:
    """Judge a number against a bound and its looser steps."""
    steps: tuple[tuple[State, float | None], ...] = (
        ("match", bound.value),
        ("close", bound.close),
        ("trend", bound.trend),
    )
    reached = [state for state, step in steps if step is not None and holds(value, bound.relation, step)]
    state: State = reached[0] if reached else "differs"
    told = f"{value:.4g}, asked {bound.relation} {bound.value:.4g}"
    return Outcome(_label(group), state, ours, bound.value, bound.relation, told)


def _compared(
    group: Group, sides: tuple[dict[Group, Measured], dict[Group, Measured]], comparison: Comparison
) -> Outcome:
    """Judge an order: with its margin a match, without it a trend."""
    # A side without any row has the one group ().
    absent = Measured(None, missing="not run")
    left, right = (side.get(group) or side.get(()) or absent for side in sides)
    if left.value is None or right.value is None:
        gone = left if left.value is None else right
        return Outcome(_label(group), _without(gone.missing), Measured(None, missing=gone.missing))
    if comparison.relation == ">":
        clear = left.value > comparison.factor * right.value + comparison.margin
        ordered = left.value > right.value
    else:
        clear = left.value < right.value / comparison.factor - comparison.margin
        ordered = left.value < right.value
    state: State = "match" if clear else "trend" if ordered else "differs"
    told = f"{left.value:.4g} against {right.value:.4g}, asked {comparison.relation}"
    told += f" by a factor of {comparison.factor:g}" if comparison.factor > 1 else ""
    told += f" by {comparison.margin:g}" if comparison.margin else ""
    return Outcome(_label(group), state, left, right.value, comparison.relation, told)


def _combined(have: Sequence[Outcome], missing: Sequence[Outcome], needs: Sequence[str]) -> tuple[State, str]:
    """Join the groups: the worst counts, half of them carry a trend, and gaps forbid more than a trend."""
    if not have:
        if needs:
            return "blocked", f"blocked ({', '.join(needs)})"
        first = next((outcome for outcome in missing if outcome.state == "blocked"), missing[0])
        return first.state, first.ours.missing
    worst = max(have, key=lambda outcome: (_RANKS[outcome.state], _shortfall(outcome)))
    state, reason = worst.state, worst.reason
    good = [outcome for outcome in have if outcome.state in ("match", "close")]
    if len(have) > 1:
        reason = f"{worst.group}: {reason}; holds in {len(good)} of {len(have)} groups"
    if state == "differs" and len(have) > 1 and 2 * len(good) >= len(have):
        state = "trend"
    if missing and _RANKS[state] < _RANKS["trend"]:
        ran = f"all {len(have)} groups" if len(have) > 1 else "the only group"
        return "trend", f"holds in {ran} that ran, {len(missing)} did not"
    return state, reason


def _without(reason: str) -> State:
    return "blocked" if reason.startswith("blocked") else "not-run"


def _shortfall(outcome: Outcome) -> float:
    """Return how far a group is on the wrong side, relative to what was asked; larger is worse."""
    if outcome.ours.value is None or outcome.asked is None:
        return float("-inf")
    gap = outcome.ours.value - outcome.asked
    scale = abs(outcome.asked) or 1.0
    if outcome.relation == "=":
        return abs(gap) / scale
    return (-gap if outcome.relation.startswith(">") else gap) / scale


def _label(group: Group) -> str:
    return "/".join(map(str, group))


def _joined(parts: Any) -> str:
    return " ".join(sorted({item for part in parts for item in part}))


def _cause(claim: Claim, state: State) -> str:
    """Point to the explanation of a difference, or say that there is none."""
    if state not in ("close", "trend", "differs", "blocked"):
        return ""
    if claim.known_difference:
        return f"docs/known-differences.md#{claim.known_difference}"
    return "not known" if state == "differs" else ""


def _source(claim: Claim) -> str:
    page = f", page {claim.source.page}" if claim.source.page else ""
    return f"{claim.source.document}, {claim.source.place}{page}"


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Verdict))
