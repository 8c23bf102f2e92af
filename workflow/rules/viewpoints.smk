# Viewpoints: painted scenes, searches for cameras, named runs, stills, basins, gradient checks, tables, figures.


rule viewpoints_scene:
    input:
        unpack(viewpoint_scene_inputs),
    output:
        scene=ensure("<results>/{tier}/viewpoints/scenes/{scene}.npz", non_empty=True),
        ply="<results>/{tier}/viewpoints/scenes/{scene}.ply",
        provenance="<results>/{tier}/viewpoints/scenes/{scene}.json",
    log:
        "<logs>/{tier}/viewpoints/scenes/{scene}.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/scenes/{scene}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        settings=viewpoint_scene_params,
        code=code("rerender.papers.viewpoints.scenes"),
        stack=stack("rerender.papers.viewpoints.scenes"),
    message:
        "Painted mesh of {wildcards.scene}"
    script:
        "../scripts/viewpoints_scene.py"


rule viewpoints_search:
    input:
        scene="<results>/{tier}/viewpoints/scenes/{scene}.npz",
        provenance="<results>/{tier}/viewpoints/scenes/{scene}.json",
    output:
        final=ensure(
            "<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/trace.parquet",
        metrics="<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/metrics.json",
        manifest="<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/manifest.json",
    log:
        "<logs>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=120,
    params:
        settings=viewpoint_run_params,
        variant=VARIANT,
        code=code("rerender.papers.viewpoints.experiment"),
        stack=stack("rerender.papers.viewpoints.experiment"),
    message:
        "Search for cameras in {wildcards.scene} ({wildcards.experiment}, {wildcards.mode})"
    script:
        "../scripts/viewpoints_search.py"


rule viewpoints_present:
    input:
        scene="<results>/{tier}/viewpoints/scenes/{scene}.npz",
        final="<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/final.npz",
        trace="<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/trace.parquet",
    output:
        parameters="<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/optimized_params.json",
        view="<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/optimized_view.png",
        comparison=report(
            "<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/optimization_comparison.png",
            caption="../report/viewpoints_run.rst",
            category="viewpoints",
            subcategory="figures",
            labels={
                "figure": "{experiment}, {mode}",
                "tier": "{tier}",
            },
        ),
        gif="<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/optimization_process.gif",
        video=report(
            "<results>/{tier}/viewpoints/runs/{experiment}/{scene}/{mode}/video.mp4",
            caption="../report/viewpoints_run.rst",
            category="viewpoints",
            subcategory="videos",
            labels={"video": "{experiment}, {mode}", "tier": "{tier}"},
        ),
    log:
        "<logs>/{tier}/viewpoints/present/{experiment}/{scene}/{mode}.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/present/{experiment}/{scene}/{mode}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=30,
    params:
        settings=viewpoint_present_params,
        variant=VARIANT,
        code=code("rerender.papers.viewpoints.named"),
        stack=stack("rerender.papers.viewpoints.named"),
    message:
        "Pictures and video of {wildcards.experiment} ({wildcards.mode})"
    script:
        "../scripts/viewpoints_present.py"


rule viewpoints_stills:
    input:
        scene="<results>/{tier}/viewpoints/scenes/{scene}.npz",
    output:
        single="<results>/{tier}/viewpoints/stills/{scene}/single_view.png",
        grid=report(
            "<results>/{tier}/viewpoints/stills/{scene}/multi_view_grid.png",
            caption="../report/viewpoints_figure.rst",
            category="viewpoints",
            subcategory="figures",
            labels={"figure": "views of {scene}", "tier": "{tier}"},
        ),
        video=report(
            "<results>/{tier}/viewpoints/stills/{scene}/turntable.mp4",
            caption="../report/viewpoints_figure.rst",
            category="viewpoints",
            subcategory="videos",
            labels={"video": "turntable of {scene}", "tier": "{tier}"},
        ),
        gif="<results>/{tier}/viewpoints/stills/{scene}/turntable.gif",
    log:
        "<logs>/{tier}/viewpoints/stills/{scene}.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/stills/{scene}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=30,
    params:
        settings=viewpoint_still_params,
        variant=VARIANT,
        code=code("rerender.papers.viewpoints.stills"),
        stack=stack("rerender.papers.viewpoints.stills"),
    message:
        "Single view, turntable and grid of {wildcards.scene}"
    script:
        "../scripts/viewpoints_stills.py"


rule viewpoints_basins:
    input:
        scene="<results>/{tier}/viewpoints/scenes/{scene}.npz",
    output:
        "<results>/{tier}/viewpoints/basins/{scene}.npz",
    log:
        "<logs>/{tier}/viewpoints/basins/{scene}.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/basins/{scene}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=120,
    params:
        settings=viewpoint_basin_params,
        variant=VARIANT,
        code=code("rerender.papers.viewpoints.basins"),
        stack=stack("rerender.papers.viewpoints.basins"),
    message:
        "Basins of attraction in {wildcards.scene}"
    script:
        "../scripts/viewpoints_basins.py"


rule viewpoints_gradients:
    input:
        scene="<results>/{tier}/viewpoints/scenes/{scene}.npz",
        provenance="<results>/{tier}/viewpoints/scenes/{scene}.json",
    output:
        "<results>/{tier}/viewpoints/gradients/{scene}.json",
    log:
        "<logs>/{tier}/viewpoints/gradients/{scene}.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/gradients/{scene}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=60,
    params:
        settings=viewpoint_gradient_params,
        variant=VARIANT,
        code=code("rerender.papers.viewpoints.gradients"),
        stack=stack("rerender.papers.viewpoints.gradients"),
    message:
        "Gradients against finite differences in {wildcards.scene}"
    script:
        "../scripts/viewpoints_gradients.py"


rule viewpoints_views:
    input:
        scene="<results>/{tier}/viewpoints/scenes/{scene}.npz",
        provenance="<results>/{tier}/viewpoints/scenes/{scene}.json",
    output:
        metrics="<results>/{tier}/viewpoints/views/{scene}.json",
        cameras="<results>/{tier}/viewpoints/views/{scene}.npz",
    log:
        "<logs>/{tier}/viewpoints/views/{scene}.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/views/{scene}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=120,
    params:
        settings=viewpoint_view_params,
        weights=viewpoint_view_weights,
        variant=VARIANT,
        code=code("rerender.papers.viewpoints.viewsets"),
        stack=stack("rerender.papers.viewpoints.viewsets"),
    message:
        "Views for the segments of {wildcards.scene}"
    script:
        "../scripts/viewpoints_views.py"


rule viewpoints_predictor:
    output:
        metrics="<results>/{tier}/viewpoints/predictor/metrics.json",
        network="<results>/{tier}/viewpoints/predictor/network.npz",
    log:
        "<logs>/{tier}/viewpoints/predictor.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/predictor.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=60,
    params:
        settings=viewpoint_predictor_params,
        variant=VARIANT,
        code=code("rerender.papers.viewpoints.predictor"),
        stack=stack("rerender.papers.viewpoints.predictor"),
    message:
        "Predictor of views for segments"
    script:
        "../scripts/viewpoints_predictor.py"


rule viewpoints_metrics:
    input:
        viewpoint_metric_files,
    output:
        "<results>/{tier}/viewpoints/metrics.parquet",
    log:
        "<logs>/{tier}/viewpoints/metrics.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/metrics.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("rerender.reporting.rows"),
        stack=stack("rerender.reporting.rows"),
    message:
        "Collect the metric rows of viewpoints ({wildcards.tier})"
    script:
        "../scripts/collect_metrics.py"


rule viewpoints_table:
    input:
        metrics="<results>/{tier}/viewpoints/metrics.parquet",
    output:
        html=report(
            "<results>/{tier}/viewpoints/tables/{name}.html",
            caption="../report/viewpoints_table.rst",
            category="viewpoints",
            subcategory="tables",
            labels={"table": "{name}", "tier": "{tier}"},
        ),
        files=multiext(
            "<results>/{tier}/viewpoints/tables/{name}",
            ".csv",
            ".parquet",
            ".tex",
            ".md",
        ),
    log:
        "<logs>/{tier}/viewpoints/tables/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/tables/{name}.tsv"
    wildcard_constraints:
        name="searches|race|runs|gradients|views|predictor",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        grid=viewpoint_grid_params,
        names=viewpoint_names_params,
        code=code("rerender.papers.viewpoints.tables"),
        stack=stack("rerender.papers.viewpoints.tables"),
    message:
        "Table {wildcards.name} of viewpoints ({wildcards.tier})"
    script:
        "../scripts/viewpoints_table.py"


rule viewpoints_figure:
    input:
        unpack(viewpoint_figure_inputs),
    output:
        png=report(
            "<results>/{tier}/viewpoints/figures/{name}.png",
            caption="../report/viewpoints_figure.rst",
            category="viewpoints",
            subcategory="figures",
            labels={"figure": "{name}", "tier": "{tier}"},
        ),
        files=multiext("<results>/{tier}/viewpoints/figures/{name}", ".pdf", ".parquet"),
    log:
        "<logs>/{tier}/viewpoints/figures/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/viewpoints/figures/{name}.tsv"
    wildcard_constraints:
        name="basins|convergence|matches|views|predictor",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        grid=viewpoint_grid_params,
        names=viewpoint_names_params,
        code=code("rerender.papers.viewpoints.figures"),
        stack=stack("rerender.papers.viewpoints.figures"),
    message:
        "Figure {wildcards.name} of viewpoints ({wildcards.tier})"
    script:
        "../scripts/viewpoints_figure.py"


rule viewpoints_tables:
    input:
        viewpoints.tables(SESSION, TIER),
    localrule: True


rule viewpoints_figures:
    input:
        viewpoints.figures(SESSION, TIER),
    localrule: True


rule viewpoints_videos:
    input:
        viewpoints.videos(SESSION, TIER),
    localrule: True


rule viewpoints:
    input:
        rules.viewpoints_tables.input,
        rules.viewpoints_figures.input,
        rules.viewpoints_videos.input,
    localrule: True
