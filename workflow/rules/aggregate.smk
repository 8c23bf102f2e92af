# Results of all papers together: metric rows, verdicts, and the targets that collect everything.


rule aggregate_metrics:
    input:
        "<results>/{tier}/metamers/metrics.parquet",
        "<results>/{tier}/envmaps/metrics.parquet",
        "<results>/{tier}/physics/metrics.parquet",
        "<results>/{tier}/viewpoints/metrics.parquet",
        "<results>/{tier}/materials/metrics.parquet",
    output:
        "<results>/{tier}/metrics.parquet",
    log:
        "<logs>/{tier}/metrics.log",
    benchmark:
        "<benchmarks>/{tier}/metrics.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("rerender.reporting.rows"),
        stack=stack("rerender.reporting.rows"),
    message:
        "Join the metric rows of all papers ({wildcards.tier})"
    script:
        "../scripts/aggregate_metrics.py"


rule aggregate_verdicts:
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
    log:
        "<logs>/{tier}/verdicts.log",
    benchmark:
        "<benchmarks>/{tier}/verdicts.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        blocked=blocked_models,
        code=code("rerender.reporting.verdicts"),
        stack=stack("rerender.reporting.verdicts"),
    message:
        "Judge the claims ({wildcards.tier})"
    script:
        "../scripts/aggregate_verdicts.py"


rule aggregate_overview:
    input:
        unpack(overview_figures),
    output:
        png=report(
            "<results>/{tier}/overview.png",
            caption="../report/overview.rst",
            category="overview",
            subcategory="figures",
            labels={"figure": "overview", "tier": "{tier}"},
        ),
        files=multiext("<results>/{tier}/overview", ".pdf", ".parquet"),
    log:
        "<logs>/{tier}/overview.log",
    benchmark:
        "<benchmarks>/{tier}/overview.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("rerender.reporting.overview"),
        stack=stack("rerender.reporting.overview"),
    message:
        "One example of each paper ({wildcards.tier})"
    script:
        "../scripts/aggregate_overview.py"


rule aggregate_scoreboard:
    input:
        "<results>/{tier}/verdicts.parquet",
    output:
        png=report(
            "<results>/{tier}/scoreboard.png",
            caption="../report/scoreboard.rst",
            category="verdicts",
            subcategory="figures",
            labels={"figure": "scoreboard", "tier": "{tier}"},
        ),
        files=multiext("<results>/{tier}/scoreboard", ".pdf", ".parquet"),
    log:
        "<logs>/{tier}/scoreboard.log",
    benchmark:
        "<benchmarks>/{tier}/scoreboard.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("rerender.reporting.scoreboard"),
        stack=stack("rerender.reporting.scoreboard"),
    message:
        "All verdicts in a picture ({wildcards.tier})"
    script:
        "../scripts/aggregate_scoreboard.py"


rule verdicts:
    input:
        expand("<results>/{tier}/verdicts.{ext}", tier=TIER, ext=["csv", "md", "html"]),
        expand("<results>/{tier}/scoreboard.png", tier=TIER),
    localrule: True


rule all_tables:
    input:
        rules.metamers_tables.input,
        rules.envmaps_tables.input,
        rules.physics_tables.input,
        rules.viewpoints_tables.input,
        rules.materials_tables.input,
        expand("<results>/{tier}/metrics.parquet", tier=TIER),
    localrule: True


rule all_figures:
    input:
        rules.metamers_figures.input,
        rules.envmaps_figures.input,
        rules.physics_figures.input,
        rules.viewpoints_figures.input,
        rules.materials_figures.input,
        expand("<results>/{tier}/overview.png", tier=TIER),
    localrule: True


rule all_videos:
    input:
        rules.metamers_videos.input,
        rules.envmaps_videos.input,
        rules.physics_videos.input,
        rules.viewpoints_videos.input,
        rules.materials_videos.input,
    localrule: True
