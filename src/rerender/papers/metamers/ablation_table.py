"""Table T7: what each behaviour of the released code changes, against the corrected version with the same seeds."""

from __future__ import annotations

from collections.abc import Mapping

from rerender.papers.metamers.results import NOT_RUN, Results
from rerender.papers.metamers.switches import CORRECTED, TITLES
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.tables import (
    NOT_APPLICABLE,
    Cell,
    Column,
    Row,
    Table,
    blocked_cell,
    mean_cell,
    t_interval,
)

Values = Mapping[tuple[str, int, str], float | None]
"""(variant, seed, metric) -> value, of one scene, light and model."""

QUANTITIES = ("similarity", "logged", "recovery")
_COLUMNS = (
    Column("similarity", "Similarity, corrected", better="higher"),
    Column("similarity_switched", "switched"),
    Column("similarity_change", "change", digits="+.3f"),
    Column("logged", "As the run logs it, corrected", digits=".4f"),
    Column("logged_switched", "switched", digits=".4f"),
    Column("logged_change", "change", digits="+.4f"),
    Column("recovery", "Recovery, corrected", better="higher", digits=".2f"),
    Column("recovery_switched", "switched", digits=".2f"),
    Column("recovery_change", "change", digits="+.2f"),
    Column("conclusion", "Conclusion"),
)


def build_t7(results: Results, names: Names) -> Table:
    """One row a scene, light, model and switch; blocked models with their reason."""
    rows = [
        Row(
            labels=(
                names.scene(case.scene),
                names.envmap(case.envmap),
                names.model(case.model),
                TITLES[switch],
            ),
            ids=(case.scene, case.envmap, case.model, switch),
            cells=_cells(results.ablations.get((case.scene, case.envmap, case.model), {}), case.model, switch)
            if case.blocked is None
            else (blocked_cell(case.blocked),) * len(_COLUMNS),
            compared=False,
        )
        for case in results.cases
        for switch in case.switches
    ]
    caption = captions.sentences(
        "What behaviours of the released code change. Every row compares runs with one of them to corrected runs with the "
        "same seeds. Similarity is normalised (0: the start, 1: the target rendered again) and judged with images in the "
        "right layout and the model in evaluation mode; beside it the raw similarity that the run itself logs, which is what "
        "the released code reports. Recovery is that of the scene: for shapes how many times closer than the starting sphere "
        "(Chamfer), for materials the PSNR [dB] of fresh renders. Means over seeds with one sample standard deviation.",
        "Conclusion: worse or better, higher or lower, where the 95 % t-interval of the paired change excludes "
        "zero; with two seeds this needs a change many times its spread.",
        captions.tier_sentence(results.tier),
    )
    titles = ("Scene", "Light", "Optimised for", "Behaviour")
    return Table(
        "t7",
        "T7. Behaviours of the released code.",
        caption,
        ("scene", "envmap", "model", "switch"),
        titles,
        _COLUMNS,
        tuple(rows),
    )


def _metric(quantity: str, model: str, values: Values) -> str:
    if quantity == "similarity":
        return f"similarity_normalised/{model}"
    if quantity == "logged":
        return "own_similarity"
    return "chamfer_ratio" if any(key[2] == "chamfer_ratio" for key in values) else "psnr"


def _cells(values: Values, model: str, switch: str) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    changes: dict[str, Cell] = {}
    missing = [NOT_APPLICABLE if values else NOT_RUN]
    seeds = sorted({seed for variant, seed, _ in values if variant == CORRECTED})
    for quantity in QUANTITIES:
        metric = _metric(quantity, model, values)
        before, after = (
            [values.get((variant, seed, metric)) for seed in seeds] for variant in (CORRECTED, switch)
        )
        pairs = [y - x for x, y in zip(before, after, strict=True) if x is not None and y is not None]
        changes[quantity] = mean_cell(pairs, missing)
        cells += [mean_cell(before, missing), mean_cell(after, missing), changes[quantity]]
    return (*cells, conclusion(changes))


def conclusion(changes: Mapping[str, Cell]) -> Cell:
    """Say in words what the changes of similarity and recovery amount to."""
    words = [f"{what} {word}" for what in ("similarity", "recovery") if (word := direction(changes[what]))]
    if word := direction(changes["logged"]):
        words.append(f"logs a {'higher' if word == 'better' else 'lower'} similarity")
    if not any(changes[what].value is not None for what in ("similarity", "recovery")):
        return Cell(note=NOT_RUN)
    return Cell(text="; ".join(words) or "no difference seen")


def direction(change: Cell) -> str:
    """Return `better` or `worse` where the interval of the mean change excludes zero, else nothing."""
    half = t_interval(change)
    if change.value is None or half is None or abs(change.value) <= half:
        return ""
    return "better" if change.value > 0 else "worse"
