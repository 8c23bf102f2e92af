# rerender: five differentiable-rendering papers, rerun and judged. `rerender list` prints what can be made,
# docs/workflow.md explains it, docs/artefacts.md maps every table, figure and video to its rule and file.

from snakemake.utils import min_version

min_version("9.19")


configfile: "config/config.yaml"


# Only used with --software-deployment-method apptainer; envs/apptainer.def builds it.
container: "rerender.sif"


report: "workflow/report/workflow.rst"


pathvars:
    benchmarks="benchmarks/out",


include: "workflow/rules/common.smk"
include: "workflow/rules/assets.smk"
include: "workflow/rules/metamers.smk"
include: "workflow/rules/envmaps.smk"
include: "workflow/rules/physics.smk"
include: "workflow/rules/viewpoints.smk"
include: "workflow/rules/materials.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.all_tables.input,
        rules.all_figures.input,
        rules.all_videos.input,
        rules.verdicts.input,
    localrule: True
