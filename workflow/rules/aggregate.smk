# Results of all papers together: metric rows, verdicts, and the targets that collect everything.


rule aggregate_metrics:
    message:
        "Join the metric rows of all papers ({wildcards.tier})"
    input:
        "<results>/{tier}/metamers/metrics.parquet",
    output:
        "<results>/{tier}/metrics.parquet",
    params:
        code=code("rerender.reporting.rows"),
        stack=stack("rerender.reporting.rows"),
    log:
        "<logs>/{tier}/metrics.log",
    benchmark:
        "<benchmarks>/{tier}/metrics.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/aggregate_metrics.py"


rule aggregate_verdicts:
    message:
        "Judge the claims ({wildcards.tier})"
    input:
        metrics="<results>/{tier}/metrics.parquet",
        claims=claims_files(),
    output:
        html=report(
            "<results>/{tier}/verdicts.html",
            caption="../report/verdicts.rst",
            category="verdicts",
            subcategory="tables",
            labels={"table": "verdicts", "tier": "{tier}"},
        ),
        files=multiext("<results>/{tier}/verdicts", ".csv", ".md", ".parquet"),
    params:
        claims="config/claims",
        blocked=blocked_models,
        code=code("rerender.reporting.verdicts"),
        stack=stack("rerender.reporting.verdicts"),
    log:
        "<logs>/{tier}/verdicts.log",
    benchmark:
        "<benchmarks>/{tier}/verdicts.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/aggregate_verdicts.py"


rule verdicts:
    localrule: True
    input:
        expand("<results>/{tier}/verdicts.{ext}", tier=TIER, ext=["csv", "md", "html"]),


rule all_tables:
    localrule: True
    input:
        rules.metamers_tables.input,
        expand("<results>/{tier}/metrics.parquet", tier=TIER),


rule all_figures:
    localrule: True
    input:
        rules.metamers_figures.input,


rule all_videos:
    localrule: True
    input:
        rules.metamers_videos.input,
