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
        finals=place_runs("final.npz"),
    output:
        views="<results>/{tier}/metamers/evaluations/{scene}/{envmap}/views.npz",
        by_view="<results>/{tier}/metamers/evaluations/{scene}/{envmap}/by_view.parquet",
        turntables="<results>/{tier}/metamers/evaluations/{scene}/{envmap}/turntables.npz",
        metrics=ensure(
            "<results>/{tier}/metamers/evaluations/{scene}/{envmap}/metrics.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/{tier}/metamers/evaluate/{scene}/{envmap}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/evaluate/{scene}/{envmap}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=120,
    params:
        settings=evaluate_params,
        value=scene_value,
        weights=judge_weights,
        variant=VARIANT,
        code=code("rerender.papers.metamers.evaluate"),
        stack=stack("rerender.papers.metamers.evaluate"),
    message:
        "Judge the runs of {wildcards.scene} under {wildcards.envmap}"
    script:
        "../scripts/metamers_evaluate.py"


rule metamers_ablate:
    input:
        unpack(scene_assets),
        references="<results>/{tier}/metamers/references/{scene}/{envmap}/views.npz",
    output:
        metrics=ensure(
            "<results>/{tier}/metamers/ablations/{scene}/{envmap}/{model}/metrics.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/{tier}/metamers/ablate/{scene}/{envmap}/{model}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/ablate/{scene}/{envmap}/{model}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=720,
    params:
        value=scene_value,
        comparison=ablation_params,
        weights=model_weights,
        variant=VARIANT,
        code=code("rerender.papers.metamers.ablations"),
        stack=stack("rerender.papers.metamers.ablations"),
    message:
        "The released code's behaviours on {wildcards.scene} under {wildcards.envmap} for {wildcards.model}"
    script:
        "../scripts/metamers_ablate.py"


rule metamers_metrics:
    input:
        metric_files,
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
        files=table_files,
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
        name="[fs][0-9]",
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


rule metamers_video:
    input:
        views="<results>/{tier}/metamers/evaluations/{scene}/{envmap}/views.npz",
        turntables="<results>/{tier}/metamers/evaluations/{scene}/{envmap}/turntables.npz",
    output:
        mosaic=report(
            "<results>/{tier}/metamers/videos/{scene}-{envmap}.mp4",
            caption="../report/metamers_mosaic.rst",
            category="metamers",
            subcategory="mosaic videos",
            labels={"scene": "{scene}", "envmap": "{envmap}", "tier": "{tier}"},
        ),
        turntable=report(
            "<results>/{tier}/metamers/videos/{scene}-{envmap}-turntable.mp4",
            caption="../report/metamers_turntable.rst",
            category="metamers",
            subcategory="turntables",
            labels={"scene": "{scene}", "envmap": "{envmap}", "tier": "{tier}"},
        ),
        runs=report(
            directory("<results>/{tier}/metamers/videos/{scene}-{envmap}"),
            patterns=["{model}-s{seed}.mp4"],
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
        "<logs>/{tier}/metamers/videos/{scene}-{envmap}.log",
    benchmark:
        "<benchmarks>/{tier}/metamers/videos/{scene}-{envmap}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        grid=grid_params,
        names=names_params,
        code=code("rerender.papers.metamers.videos"),
        stack=stack("rerender.papers.metamers.videos"),
    message:
        "Videos of {wildcards.scene} under {wildcards.envmap}"
    script:
        "../scripts/metamers_video.py"


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
    localrule: True


rule metamers:
    input:
        rules.metamers_tables.input,
        rules.metamers_figures.input,
        rules.metamers_videos.input,
    localrule: True
