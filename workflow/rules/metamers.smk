# Rendered model metamers: references, optimise, evaluate, tables, figures, videos.


rule metamers_references:
    input:
        unpack(scene_assets),
    output:
        views=ensure(
            "<results>/{tier}/metamers/references/{scene}/{envmap}/views.npz",
            non_empty=True,
        ),
    log:
        "<logs>/{tier}/metamers/references/{scene}/{envmap}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/references/{scene}/{envmap}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=20,
    params:
        settings=reference_params,
        value=scene_value,
        variant=VARIANT,
        code=code("rerender.papers.metamers.references"),
        stack=stack("rerender.papers.metamers.references"),
    message:
        "Target views of {wildcards.scene} under {wildcards.envmap}"
    script:
        "../scripts/metamers_references.py"


rule metamers_optimise_geometry:
    input:
        unpack(scene_assets),
        references="<results>/{tier}/metamers/references/{scene}/{envmap}/views.npz",
    output:
        final=ensure(
            "<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/final.npz",
            non_empty=True,
        ),
        mesh="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/final.ply",
        trace="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/trace.parquet",
        summary="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/fit.json",
        frames="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/frames.npz",
        manifest="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/metamers/optimise/{scene}/{envmap}/{model}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/optimise/{scene}/{envmap}/{model}/s{seed}.tsv"
    wildcard_constraints:
        envmap="(?!builtin/)[a-z0-9_]+",
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=180,
    params:
        settings=optimise_params,
        value=scene_value,
        weights=model_weights,
        variant=VARIANT,
        code=code("rerender.papers.metamers.optimise"),
        stack=stack("rerender.papers.metamers.optimise"),
    message:
        "Optimise the shape {wildcards.scene} under {wildcards.envmap} for {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/metamers_optimise.py"


rule metamers_optimise_material:
    input:
        unpack(scene_assets),
        references="<results>/{tier}/metamers/references/{scene}/{envmap}/views.npz",
    output:
        final=ensure(
            "<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/final.npz",
            non_empty=True,
        ),
        texture="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/base_color.exr",
        trace="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/trace.parquet",
        summary="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/fit.json",
        frames="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/frames.npz",
        manifest="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/metamers/optimise/{scene}/{envmap}/{model}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/optimise/{scene}/{envmap}/{model}/s{seed}.tsv"
    wildcard_constraints:
        envmap="builtin",
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=180,
    params:
        settings=optimise_params,
        value=scene_value,
        weights=model_weights,
        variant=VARIANT,
        code=code("rerender.papers.metamers.optimise"),
        stack=stack("rerender.papers.metamers.optimise"),
    message:
        "Optimise the material {wildcards.scene} for {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/metamers_optimise.py"


rule metamers_evaluate:
    input:
        unpack(scene_assets),
        final="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/final.npz",
        summary="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/fit.json",
        manifest="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/manifest.json",
    output:
        views="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/views.npz",
        metrics=ensure(
            "<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/metrics.json",
            non_empty=True,
        ),
    log:
        "<logs>/{tier}/metamers/evaluate/{scene}/{envmap}/{model}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/evaluate/{scene}/{envmap}/{model}/s{seed}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=30,
    params:
        settings=evaluate_params,
        value=scene_value,
        weights=judge_weights,
        variant=VARIANT,
        code=code("rerender.papers.metamers.evaluate"),
        stack=stack("rerender.papers.metamers.evaluate"),
    message:
        "Judge {wildcards.scene}, {wildcards.envmap}, {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/metamers_evaluate.py"


rule metamers_metrics:
    input:
        all_runs("metrics.json"),
    output:
        "<results>/{tier}/metamers/metrics.parquet",
    log:
        "<logs>/{tier}/metamers/metrics.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/metrics.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("rerender.reporting.rows"),
        stack=stack("rerender.reporting.rows"),
    message:
        "Collect the metric rows of metamers ({wildcards.tier})"
    script:
        "../scripts/collect_metrics.py"


rule metamers_table:
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
        files=multiext(
            "<results>/{tier}/metamers/tables/{name}",
            ".csv",
            ".parquet",
            ".tex",
            ".md",
        ),
    log:
        "<logs>/{tier}/metamers/tables/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/tables/{name}.tsv"
    wildcard_constraints:
        name="t[0-9]",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        grid=grid_params,
        names=names_params,
        code=code("rerender.papers.metamers.tables"),
        stack=stack("rerender.papers.metamers.tables"),
    message:
        "Table {wildcards.name} of metamers ({wildcards.tier})"
    script:
        "../scripts/metamers_table.py"


rule metamers_figure:
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
    log:
        "<logs>/{tier}/metamers/figures/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/figures/{name}.tsv"
    wildcard_constraints:
        name="f[0-9]",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        grid=grid_params,
        names=names_params,
        code=code("rerender.papers.metamers.figures"),
        stack=stack("rerender.papers.metamers.figures"),
    message:
        "Figure {wildcards.name} of metamers ({wildcards.tier})"
    script:
        "../scripts/metamers_figure.py"


rule metamers_run_video:
    input:
        frames="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/frames.npz",
        views="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/views.npz",
        trace="<results>/{tier}/metamers/runs/{scene}/{envmap}/{model}/s{seed}/trace.parquet",
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
    log:
        "<logs>/{tier}/metamers/videos/{scene}/{envmap}/{model}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/videos/{scene}/{envmap}/{model}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        family=family_param,
        names=names_params,
        code=code("rerender.papers.metamers.videos"),
        stack=stack("rerender.papers.metamers.videos"),
    message:
        "Video of {wildcards.scene}, {wildcards.envmap}, {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/metamers_run_video.py"


rule metamers_mosaic:
    input:
        mosaic_runs,
    output:
        report(
            "<results>/{tier}/metamers/videos/{scene}-{envmap}.mp4",
            caption="../report/metamers_mosaic.rst",
            category="metamers",
            subcategory="mosaic videos",
            labels={"scene": "{scene}", "envmap": "{envmap}", "tier": "{tier}"},
        ),
    log:
        "<logs>/{tier}/metamers/videos/{scene}-{envmap}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/videos/{scene}-{envmap}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        grid=grid_params,
        names=names_params,
        code=code("rerender.papers.metamers.videos"),
        stack=stack("rerender.papers.metamers.videos"),
    message:
        "Mosaic video of {wildcards.scene} under {wildcards.envmap}"
    script:
        "../scripts/metamers_mosaic.py"


rule metamers_tables:
    input:
        metamers.tables(TIER),
    localrule: True


rule metamers_figures:
    input:
        metamers.figures(TIER),
    localrule: True


rule metamers_videos:
    input:
        metamers.mosaics(SESSION, TIER),
        metamers.run_files(SESSION, TIER, "video.mp4"),
    localrule: True


rule metamers:
    input:
        rules.metamers_tables.input,
        rules.metamers_figures.input,
        rules.metamers_videos.input,
    localrule: True
