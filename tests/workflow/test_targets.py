"""Targets that name what does not exist are refused before Snakemake looks for a rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerender.core.errors import UserError
from rerender.workflow.session import Session
from rerender.workflow.targets import check_targets, check_writable, requested

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.chdir(ROOT)
    return Session({"tier": "smoke", "assets": {"mirror": str(ROOT / "config")}})  # a mirror without assets


RUN = "results/smoke/metamers/runs"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("results/foo/metamers/tables/t1.csv", ["unknown tier 'foo'", "smoke, laptop, paper"]),
        ("./results/labtop/metamers/x.csv", ["unknown tier 'labtop'", "Did you mean 'laptop'?"]),
        ("results/smoke/metamer/tables/t1.csv", ["unknown paper 'metamer'", "Did you mean 'metamers'?"]),
        ("results/smoke/verdict.md", ["Did you mean 'verdicts.md'?"]),
        ("results/smoke/metamers/metric.parquet", ["Did you mean 'metrics.parquet'?"]),
        ("results/smoke/metamers/table/t1.csv", ["Did you mean 'tables'?"]),
        ("results/smoke/metamers/tables/t9.csv", ["unknown table 't9'", "t1, t2, t3, t4"]),
        ("results/smoke/metamers/tables/t1.xlsx", ["unknown format of a table 'xlsx'", "csv"]),
        ("results/smoke/metamers/figures/fig1.png", ["unknown figure 'fig1'", "f1"]),
        ("results/smoke/metamers/videos/suzane-constant.mp4", ["Did you mean 'suzanne-constant'?"]),
        ("results/smoke/metamers/references/suzane/constant/views.npz", ["Did you mean 'suzanne'?"]),
        ("results/smoke/metamers/evaluations/suzane/constant/views.npz", ["Did you mean 'suzanne'?"]),
        ("results/smoke/metamers/videos/translucent-builtn", ["Did you mean 'translucent-builtin'?"]),
        (
            "results/smoke/metamers/videos/translucent-builtin/mse-s1.mp4",
            ["Ask for results/smoke/metamers/videos/translucent-builtin"],
        ),
        (f"{RUN}/suzane/constant/mae/s1/final.npz", ["unknown scene 'suzane'", "Did you mean 'suzanne'?"]),
        (f"{RUN}/suzanne/venice/mae/s1/final.npz", ["Did you mean 'venice_sunset'?"]),
        (f"{RUN}/suzanne/builtin/mae/s1/final.npz", ["for the geometry scene suzanne", "constant"]),
        (f"{RUN}/diffuse/constant/mse/s1/final.npz", ["for the material scene diffuse", "builtin"]),
        (f"{RUN}/suzanne/constant/mea/s1/final.npz", ["Did you mean 'mae'?"]),
        (f"{RUN}/suzanne/constant/dual_buffer/s1/final.npz", ["only for material scenes"]),
        (f"{RUN}/suzanne/constant/resnet/s1/final.npz", ["blocked (weights)", "rerender fetch"]),
        (f"{RUN}/suzanne/constant/mae/1/final.npz", ["'1'", "is not a seed"]),
        (f"{RUN}/suzanne/constant/mae/s1/final.obj", ["unknown file of a run", "final.ply"]),
        (f"{RUN}/suzanne/constant/mae/s1/base_color.exr", ["unknown file of a run"]),
        ("results/smoke/physics/tables/tabel1.csv", ["unknown table 'tabel1'", "table1"]),
        ("results/smoke/physics/runs/lamé/default/s1/final.npz", ["Did you mean 'lame'?"]),
        ("results/smoke/physics/runs/lame/defalt/s1/final.npz", ["Did you mean 'default'?"]),
        ("resources/meshes/suzane.ply", ["Did you mean 'suzanne'?"]),
        ("resources/envmaps/venice-64.exr", ["Did you mean 'venice_sunset'?"]),
        ("resources/textures/gradent.exr", ["Did you mean 'gradient'?"]),
    ],
)
def test_a_wrong_name_is_refused_with_its_alternatives(
    session: Session, target: str, words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        check_targets(session, ["-n", target])
    for word in words:
        assert word in str(caught.value)


def test_an_absolute_path_is_checked_as_well(session: Session) -> None:
    with pytest.raises(UserError, match="unknown tier"):
        check_targets(session, [str(ROOT / "results" / "foo" / "metamers" / "tables" / "t1.csv")])


@pytest.mark.parametrize(
    "target",
    [
        *("all", "metamers", "-n", "--config", "tier=smoke", "results", "results/smoke", "logs/x/y/z"),
        *(
            "results/smoke/report.zip",
            "results/smoke/metrics.parquet",
            "results/smoke/metamers/metrics.parquet",
        ),
        *("results/smoke/physics/tables/table1.html", "results/smoke/physics/runs/lame/default/s1/video.mp4"),
        *("results/smoke/metamers/tables/t1.html", "results/laptop/metamers/figures/f4.pdf"),
        *("results/smoke/metamers/videos/translucent-builtin.mp4", "resources/envmaps/venice_sunset-64.exr"),
        *(
            "results/smoke/metamers/videos/translucent-builtin",
            "results/smoke/metamers/evaluations/suzanne/constant/metrics.parquet",
        ),
        *(f"{RUN}/bunny/venice_sunset/ssim/s7/fit.json", f"{RUN}/diffuse/builtin/mse/s1/base_color.exr"),
        *("resources/meshes/translucent.ply", "resources/textures/gradient.exr"),
    ],
)
def test_what_can_be_made_passes(session: Session, target: str) -> None:
    check_targets(session, [target])


def test_a_redirected_results_folder_is_the_one_that_is_checked(session: Session) -> None:
    check_targets(session, ["results/foo/metamers/tables/t1.csv"], "elsewhere")
    with pytest.raises(UserError, match="unknown tier"):
        check_targets(session, ["elsewhere/foo/metamers/tables/t1.csv"], "elsewhere")


@pytest.mark.parametrize(
    ("arguments", "targets"),
    [
        (["-n", "a", "b"], ["-n", "a", "b"]),
        (["--report", "results/x/report.zip", "a"], ["--report", "a"]),
        (["-n", "--config", "tier=smoke", "--", "a"], ["a"]),
        (["--report", "results/x/report.zip", "--", "all"], ["all"]),
        ([], []),
    ],
)
def test_values_of_options_are_no_targets(arguments: list[str], targets: list[str]) -> None:
    assert requested(arguments) == targets


def test_folders_that_exist_or_can_be_made_pass(tmp_path: Path) -> None:
    check_writable([str(tmp_path), str(tmp_path / "new" / "deeper")])
    assert not (tmp_path / "new").exists()


def test_a_folder_without_write_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "results"
    locked.mkdir()
    # root may write everywhere, so the answer of the system is given here
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != locked)
    with pytest.raises(UserError, match=r"(?s)no permission to write to .*results.*chmod u\+w"):
        check_writable([str(locked / "laptop")])


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(UserError, match="is a file"):
        check_writable([str(tmp_path / "results")])
