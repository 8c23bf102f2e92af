# What people look at, and the only rule that uses a network.


rule report:
    input:
        rules.all_tables.input,
        rules.all_figures.input,
        rules.all_videos.input,
        rules.verdicts.input,
    output:
        f"<results>/{TIER}/report.zip",
    log:
        f"<logs>/{TIER}/report.log",
    benchmark:
        f"<benchmarks>/{TIER}/report.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        tier=TIER,
        code=code("rerender.workflow.script"),
    message:
        "Report of the tier {TIER}"
    script:
        "../scripts/report.py"


rule fetch:
    log:
        "<logs>/fetch.log",
    benchmark:
        "<benchmarks>/fetch.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=500,
        runtime=240,
    params:
        assets=needed_assets(),
        python=sys.executable,
        code=code("rerender.commands.fetch"),
    message:
        "Download what the tier {TIER} needs (uses the network)"
    shell:
        "{params.python:q} -m rerender.cli fetch {params.assets} 2>&1 | tee {log}"
