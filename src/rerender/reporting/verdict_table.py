"""The verdict table as `.parquet`, `.csv` and `.md`: the same rows, the last one for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.core.files import atomic_path, write_text
from rerender.reporting.captions import tier_sentence
from rerender.reporting.verdicts import STATES, Verdict

if TYPE_CHECKING:
    import polars as pl

_FLOATS = frozenset(
    {"ours", "low", "high", "asked", "spread", "difference", "paired", "paired_low", "paired_high"}
)
_INTEGERS = frozenset({"n", "groups", "passed", "pairs"})
_INPUTS = {"original": "the paper's", "mirror": "real, not the paper's", "standin": "stand-in"}
_READINGS = {
    "stated": "the source says so",
    "inferred": "concluded from its code or context",
    "ours": "asked by rerender",
}


def write_verdicts(out_stem: Path, verdicts: Sequence[Verdict], tier: str) -> None:
    """Write the three files; `out_stem` is a path without suffix, such as `results/laptop/verdicts`."""
    frame = verdict_frame(verdicts)
    with atomic_path(out_stem.with_name(out_stem.name + ".parquet")) as partial:
        frame.write_parquet(partial)
    with atomic_path(out_stem.with_name(out_stem.name + ".csv")) as partial:
        frame.write_csv(partial)
    write_text(out_stem.with_name(out_stem.name + ".md"), markdown(verdicts, tier))


def verdict_frame(verdicts: Sequence[Verdict]) -> pl.DataFrame:
    """Return the verdicts as a table, one row a claim."""
    import polars as pl

    def kind(name: str) -> pl.DataType:
        return pl.Float64() if name in _FLOATS else pl.Int64() if name in _INTEGERS else pl.String()

    schema = {name: kind(name) for name in Verdict.__dataclass_fields__}
    return pl.DataFrame([asdict(verdict) for verdict in verdicts], schema=schema)


def markdown(verdicts: Sequence[Verdict], tier: str) -> str:
    """Return the table for people: counts, one line a claim, and what each claim means."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    told = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    lines = [
        f"# Verdicts ({tier})",
        "",
        f"{len(verdicts)} claims: {told}. {tier_sentence(tier)}",
        "",
        "Ours is the group farthest from the claim: mean, 95 % t-interval of several values, and "
        "number of runs. Asked is the published value, the bound, or the other side of the comparison. A paired difference is the "
        "left side minus the right over runs that differ in nothing else, all groups together, with its 95 % t-interval.",
        "",
        "| Claim | In | Verdict | Ours | Asked | Groups | Inputs | Why |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(verdict) for verdict in verdicts]
    lines += ["", "## What was claimed, and how it is checked", ""]
    for verdict in verdicts:
        reading = _READINGS.get(verdict.reading, verdict.reading)
        lines.append(
            f"* **{verdict.claim}** ({verdict.kind}; {verdict.source}; {reading}). {verdict.statement}"
        )
        if verdict.operationalisation:
            lines.append(f"  Checked: {verdict.operationalisation}")
    return "\n".join(lines) + "\n"


def _row(verdict: Verdict) -> str:
    cells = (
        f"`{verdict.claim}`",
        verdict.artefact,
        f"**{verdict.verdict}**",
        _ours(verdict),
        _asked(verdict),
        f"{verdict.passed}/{verdict.groups}" if verdict.groups else "",
        ", ".join(_INPUTS.get(source, source) for source in verdict.assets.split()),
        "; ".join(
            part for part in (verdict.reason, _paired(verdict), verdict.missing, verdict.cause) if part
        ),
    )
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _ours(verdict: Verdict) -> str:
    if verdict.ours is None:
        return "–"
    interval = f" [{verdict.low:.4g}, {verdict.high:.4g}]" if verdict.low is not None else ""
    unit = f" {verdict.unit}" if verdict.unit else ""
    return f"{verdict.ours:.4g}{interval}{unit} (n={verdict.n})"


def _paired(verdict: Verdict) -> str:
    if verdict.paired is None:
        return ""
    interval = f"[{verdict.paired_low:.3g}, {verdict.paired_high:.3g}]"
    told = f"paired difference {verdict.paired:+.3g} {interval} over {verdict.pairs} pairs of runs"
    return f"{told}, {verdict.pairs_ordered} of them in the order asked for"


def _asked(verdict: Verdict) -> str:
    if verdict.asked is None:
        return "–"
    spread = f" ± {verdict.spread:.4g}" if verdict.spread is not None else ""
    relation = "" if verdict.relation == "=" else f"{verdict.relation} "
    return f"{relation}{verdict.asked:.4g}{spread}"
