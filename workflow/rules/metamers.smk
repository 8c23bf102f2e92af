# Rendered model metamers: references, optimise, evaluate, tables, figures, videos.


rule metamers_references:
    message:
        "Target views of {wildcards.scene} under {wildcards.envmap}"
    input:
        unpack(scene_assets),
    output:
        views=ensure("<results>/{tier}/metamers/references/{scene}/{envmap}/views.npz", non_empty=True),
    params:
        settings=reference_params,
        value=scene_value,
        variant=VARIANT,
        code=code("rerender.papers.metamers.references"),
        stack=stack("rerender.papers.metamers.references"),
    log:
        "<logs>/{tier}/metamers/references/{scene}/{envmap}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/references/{scene}/{envmap}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=20,
    script:
        "../scripts/metamers_references.py"


rule metamers_optimise_geometry:
    message:
        "Optimise the shape {wildcards.scene} under {wildcards.envmap} for {wildcards.model}, seed {wildcards.seed}"
    input:
        unpack(scene_assets),
        references="<results>/{tier}/metamers/references/{scene}/{envmap}/views.npz",
    output:
        final=ensure("<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/final.npz", non_empty=True),
        mesh="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/final.ply",
        trace="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/trace.parquet",
        summary="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/fit.json",
        frames="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/frames.npz",
        manifest="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/manifest.json",
    params:
        settings=optimise_params,
        value=scene_value,
        weights=model_weights,
        variant=VARIANT,
        code=code("rerender.papers.metamers.optimise"),
        stack=stack("rerender.papers.metamers.optimise"),
    wildcard_constraints:
        envmap="(?!builtin/)[a-z0-9_]+",
    log:
        "<logs>/{tier}/metamers/optimise/{scene}/{envmap}/{model}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/optimise/{scene}/{envmap}/{model}/s{seed}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=180,
    script:
        "../scripts/metamers_optimise.py"


rule metamers_optimise_material:
    message:
        "Optimise the material {wildcards.scene} for {wildcards.model}, seed {wildcards.seed}"
    input:
        unpack(scene_assets),
        references="<results>/{tier}/metamers/references/{scene}/{envmap}/views.npz",
    output:
        final=ensure("<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/final.npz", non_empty=True),
        texture="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/base_color.exr",
        trace="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/trace.parquet",
        summary="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/fit.json",
        frames="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/frames.npz",
        manifest="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/manifest.json",
    params:
        settings=optimise_params,
        value=scene_value,
        weights=model_weights,
        variant=VARIANT,
        code=code("rerender.papers.metamers.optimise"),
        stack=stack("rerender.papers.metamers.optimise"),
    wildcard_constraints:
        envmap="builtin",
    log:
        "<logs>/{tier}/metamers/optimise/{scene}/{envmap}/{model}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/optimise/{scene}/{envmap}/{model}/s{seed}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=180,
    script:
        "../scripts/metamers_optimise.py"


rule metamers_evaluate:
    message:
        "Judge {wildcards.scene}, {wildcards.envmap}, {wildcards.model}, seed {wildcards.seed}"
    input:
        unpack(scene_assets),
        references="<results>/{tier}/metamers/references/{scene}/{envmap}/views.npz",
        final="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/final.npz",
        summary="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/fit.json",
        manifest="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/manifest.json",
    output:
        views="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/views.npz",
        metrics=ensure("<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/metrics.json", non_empty=True),
    params:
        settings=evaluate_params,
        value=scene_value,
        weights=judge_weights,
        variant=VARIANT,
        code=code("rerender.papers.metamers.evaluate"),
        stack=stack("rerender.papers.metamers.evaluate"),
    log:
        "<logs>/{tier}/metamers/evaluate/{scene}/{envmap}/{model}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/evaluate/{scene}/{envmap}/{model}/s{seed}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=30,
    script:
        "../scripts/metamers_evaluate.py"


rule metamers_metrics:
    message:
        "Collect the metric rows of metamers ({wildcards.tier})"
    input:
        all_runs("metrics.json"),
    output:
        "<results>/{tier}/metamers/metrics.parquet",
    params:
        code=code("rerender.reporting.rows"),
        stack=stack("rerender.reporting.rows"),
    log:
        "<logs>/{tier}/metamers/metrics.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/metrics.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/collect_metrics.py"


rule metamers_table:
    message:
        "Table {wildcards.name} of metamers ({wildcards.tier})"
    input:
        metrics="<results>/{tier}/metamers/metrics.parquet",
    output:
        html=report(
            "<results>/{tier}/metamers/tables/{name}.html",
            caption="../report/metamers_table.rst",
            category="metamers",
            subcategory="tables",
            labels={"table": "{name}", "tier": "{tier}"},
        ),
        files=multiext("<results>/{tier}/metamers/tables/{name}", ".csv", ".parquet", ".tex", ".md"),
    params:
        grid=grid_params,
        names=names_params,
        code=code("rerender.papers.metamers.tables"),
        stack=stack("rerender.papers.metamers.tables"),
    wildcard_constraints:
        name="t[0-9]",
    log:
        "<logs>/{tier}/metamers/tables/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/tables/{name}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/metamers_table.py"


rule metamers_figure:
    message:
        "Figure {wildcards.name} of metamers ({wildcards.tier})"
    input:
        figure_runs,
    output:
        png=report(
            "<results>/{tier}/metamers/figures/{name}.png",
            caption="../report/metamers_figure.rst",
            category="metamers",
            subcategory="figures",
            labels={"figure": "{name}", "tier": "{tier}"},
        ),
        files=multiext("<results>/{tier}/metamers/figures/{name}", ".pdf", ".parquet"),
    params:
        grid=grid_params,
        names=names_params,
        code=code("rerender.papers.metamers.figures"),
        stack=stack("rerender.papers.metamers.figures"),
    wildcard_constraints:
        name="f[0-9]",
    log:
        "<logs>/{tier}/metamers/figures/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/figures/{name}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../scripts/metamers_figure.py"


rule metamers_run_video:
    message:
        "Video of {wildcards.scene}, {wildcards.envmap}, {wildcards.model}, seed {wildcards.seed}"
    input:
        frames="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/frames.npz",
        views="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/views.npz",
        trace="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/trace.parquet",
        metrics="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/metrics.json",
    output:
        report(
            "<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/video.mp4",
            caption="../report/metamers_run_video.rst",
            category="metamers",
            subcategory="run videos",
            labels={
                "scene": "{scene}",
                "envmap": "{envmap}",
                "model": "{model}",
                "seed": "{seed}",
                "tier": "{tier}",
            },
        ),
    params:
        family=family_param,
        names=names_params,
        code=code("rerender.papers.metamers.videos"),
        stack=stack("rerender.papers.metamers.videos"),
    log:
        "<logs>/{tier}/metamers/videos/{scene}/{envmap}/{model}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/videos/{scene}/{envmap}/{model}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/metamers_run_video.py"


rule metamers_mosaic:
    message:
        "Mosaic video of {wildcards.scene} under {wildcards.envmap}"
    input:
        place_runs("frames.npz", "views.npz", "trace.parquet", "metrics.json"),
    output:
        report(
            "<results>/{tier}/metamers/videos/{scene}-{envmap}.mp4",
            caption="../report/metamers_mosaic.rst",
            category="metamers",
            subcategory="mosaic videos",
            labels={"scene": "{scene}", "envmap": "{envmap}", "tier": "{tier}"},
        ),
    params:
        grid=grid_params,
        names=names_params,
        code=code("rerender.papers.metamers.videos"),
        stack=stack("rerender.papers.metamers.videos"),
    log:
        "<logs>/{tier}/metamers/videos/{scene}-{envmap}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/videos/{scene}-{envmap}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/metamers_mosaic.py"


rule metamers_tables:
    localrule: True
    input:
        metamers.tables(TIER),


rule metamers_figures:
    localrule: True
    input:
        metamers.figures(TIER),


rule metamers_videos:
    localrule: True
    input:
        metamers.mosaics(SESSION, TIER),
        metamers.run_files(SESSION, TIER, "video.mp4"),


rule metamers:
    localrule: True
    input:
        rules.metamers_tables.input,
        rules.metamers_figures.input,
        rules.metamers_videos.input,
