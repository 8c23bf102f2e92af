# What people look at, and the only rule that uses a network.


rule report:
    message:
        "Report of the tier {TIER}"
    localrule: True
    input:
        rules.all_tables.input,
        rules.all_figures.input,
        rules.all_videos.input,
        rules.verdicts.input,
    output:
        f"<results>/{TIER}/report.zip",
    params:
        tier=TIER,
        code=code("rerender.workflow.script"),
    log:
        f"<logs>/{TIER}/report.log",
    benchmark:
        f"<benchmarks>/{TIER}/report.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../scripts/report.py"


rule fetch:
    message:
        "Download what the tier {TIER} needs (uses the network)"
    localrule: True
    params:
        assets=needed_assets(),
        code=code("rerender.catalogue.fetch"),
    log:
        "<logs>/fetch.log",
    benchmark:
        "<benchmarks>/fetch.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=240,
    script:
        "../scripts/fetch.py"
