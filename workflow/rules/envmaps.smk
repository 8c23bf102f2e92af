# Environment-map editing: skies, scenes, fits, light transport, inversions, tables, figures.


rule envmaps_sky:
    output:
        map=ensure("<resources>/skies/{envmap}-{height}.exr", non_empty=True),
        provenance="<resources>/skies/{envmap}-{height}.json",
    log:
        "<logs>/assets/skies/{envmap}-{height}.log",
    benchmark:
        "<benchmarks>/assets/skies/{envmap}-{height}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        source=sky_params,
        variant=VARIANT,
        code=code("rerender.papers.envmaps.skies"),
        stack=stack("rerender.papers.envmaps.skies"),
    message:
        "Sky {wildcards.envmap}, {wildcards.height} rows"
    script:
        "../scripts/envmaps_sky.py"


rule envmaps_scene:
    output:
        parts=ensure("<resources>/envscenes/{scene}.npz", non_empty=True),
        provenance="<resources>/envscenes/{scene}.json",
    log:
        "<logs>/assets/envscenes/{scene}.log",
    benchmark:
        "<benchmarks>/assets/envscenes/{scene}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        value=env_scene_params,
        variant=VARIANT,
        code=code("rerender.papers.envmaps.scenes"),
        stack=stack("rerender.papers.envmaps.scenes"),
    message:
        "Meshes and textures of {wildcards.scene}"
    script:
        "../scripts/envmaps_scene.py"


rule envmaps_fit:
    input:
        map=fit_map_file,
    output:
        fits=ensure(
            "<results>/{tier}/envmaps/fits/{envmap}/s{seed}/fits.npz", non_empty=True
        ),
        trace="<results>/{tier}/envmaps/fits/{envmap}/s{seed}/trace.parquet",
        metrics="<results>/{tier}/envmaps/fits/{envmap}/s{seed}/metrics.json",
        manifest="<results>/{tier}/envmaps/fits/{envmap}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/envmaps/fits/{envmap}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/envmaps/fits/{envmap}/s{seed}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=120,
    params:
        settings=fit_params,
        variant=VARIANT,
        code=code("rerender.papers.envmaps.fits"),
        stack=stack("rerender.papers.envmaps.fits"),
    message:
        "Fit the networks of {wildcards.envmap}, seed {wildcards.seed}"
    script:
        "../scripts/envmaps_fit.py"


rule envmaps_bake:
    input:
        parts=place_parts,
    output:
        ensure("<results>/{tier}/envmaps/transport/{scene}.npz", non_empty=True),
    log:
        "<logs>/{tier}/envmaps/transport/{scene}.log",
    benchmark:
        "<benchmarks>/{tier}/envmaps/transport/{scene}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=60,
    params:
        settings=bake_params,
        variant=VARIANT,
        code=code("rerender.papers.envmaps.bakes"),
        stack=stack("rerender.papers.envmaps.bakes"),
    message:
        "Light transport of {wildcards.scene}"
    script:
        "../scripts/envmaps_bake.py"


rule envmaps_invert:
    input:
        unpack(env_run_inputs),
    output:
        final=env_run_files("final.npz"),
        trace=env_run_files("trace.parquet"),
        metrics=env_run_files("metrics.json"),
        manifest=env_run_files("manifest.json"),
    log:
        "<logs>/{tier}/envmaps/runs/{experiment}/{scene}/{envmap}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/envmaps/runs/{experiment}/{scene}/{envmap}/s{seed}.tsv"
    wildcard_constraints:
        experiment="shift|shift_mitsuba",
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=480,
    params:
        settings=env_run_params,
        weights=env_judge_weights,
        variant=VARIANT,
        code=code("rerender.papers.envmaps.experiment"),
        stack=stack("rerender.papers.envmaps.experiment"),
    message:
        "Recover {wildcards.envmap} from {wildcards.scene} ({wildcards.experiment}), seed {wildcards.seed}"
    script:
        "../scripts/envmaps_invert.py"


rule envmaps_edit:
    input:
        unpack(env_run_inputs),
    output:
        final=ensure(
            "<results>/{tier}/envmaps/runs/{experiment}/{scene}/{envmap}/{mode}/s{seed}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/envmaps/runs/{experiment}/{scene}/{envmap}/{mode}/s{seed}/trace.parquet",
        metrics=ensure(
            "<results>/{tier}/envmaps/runs/{experiment}/{scene}/{envmap}/{mode}/s{seed}/metrics.json",
            non_empty=True,
        ),
        manifest="<results>/{tier}/envmaps/runs/{experiment}/{scene}/{envmap}/{mode}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/envmaps/runs/{experiment}/{scene}/{envmap}/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/envmaps/runs/{experiment}/{scene}/{envmap}/{mode}/s{seed}.tsv"
    wildcard_constraints:
        experiment="(edit|ablation|limit)_[a-z0-9_]+",
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=240,
    params:
        settings=env_run_params,
        weights=env_judge_weights,
        variant=VARIANT,
        code=code("rerender.papers.envmaps.experiment"),
        stack=stack("rerender.papers.envmaps.experiment"),
    message:
        "Find the sky for {wildcards.experiment} of {wildcards.scene} under {wildcards.envmap}, seed {wildcards.seed}"
    script:
        "../scripts/envmaps_invert.py"


rule envmaps_metrics:
    input:
        env_metric_files,
    output:
        "<results>/{tier}/envmaps/metrics.parquet",
    log:
        "<logs>/{tier}/envmaps/metrics.log",
    benchmark:
        "<benchmarks>/{tier}/envmaps/metrics.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("rerender.reporting.rows"),
        stack=stack("rerender.reporting.rows"),
    message:
        "Collect the metric rows of envmaps ({wildcards.tier})"
    script:
        "../scripts/collect_metrics.py"


rule envmaps_table:
    input:
        metrics="<results>/{tier}/envmaps/metrics.parquet",
        published="config/claims/envmaps.yaml",
    output:
        html=report(
            "<results>/{tier}/envmaps/tables/{name}.html",
            caption="../report/envmaps_table.rst",
            category="envmaps",
            subcategory="tables",
            labels={"table": "{name}", "tier": "{tier}"},
        ),
        files=multiext(
            "<results>/{tier}/envmaps/tables/{name}",
            ".csv",
            ".parquet",
            ".tex",
            ".md",
        ),
    log:
        "<logs>/{tier}/envmaps/tables/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/envmaps/tables/{name}.tsv"
    wildcard_constraints:
        name="table[0-9]|edits",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        grid=env_grid_params,
        names=env_names_params,
        # which reaches the other tables
        code=code("rerender.papers.envmaps.edit_table"),
        stack=stack("rerender.papers.envmaps.edit_table"),
    message:
        "{wildcards.name} of envmaps ({wildcards.tier})"
    script:
        "../scripts/envmaps_table.py"


rule envmaps_figure:
    input:
        unpack(env_figure_inputs),
    output:
        png=report(
            "<results>/{tier}/envmaps/figures/{name}.png",
            caption="../report/envmaps_figure.rst",
            category="envmaps",
            subcategory="figures",
            labels={"figure": "{name}", "tier": "{tier}"},
        ),
        files=multiext("<results>/{tier}/envmaps/figures/{name}", ".pdf", ".parquet"),
    log:
        "<logs>/{tier}/envmaps/figures/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/envmaps/figures/{name}.tsv"
    wildcard_constraints:
        name="fig[0-9]+|curves",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        grid=env_grid_params,
        names=env_names_params,
        code=code("rerender.papers.envmaps.figures"),
        stack=stack("rerender.papers.envmaps.figures"),
    message:
        "Figure {wildcards.name} of envmaps ({wildcards.tier})"
    script:
        "../scripts/envmaps_figure.py"


rule envmaps_video:
    input:
        unpack(env_video_inputs),
    output:
        report(
            "<results>/{tier}/envmaps/runs/{experiment}/{scene}/{envmap}/{mode}/s{seed}/video.mp4",
            caption="../report/envmaps_video.rst",
            category="envmaps",
            subcategory="videos",
            labels={
                "experiment": "{experiment}",
                "scene": "{scene}",
                "envmap": "{envmap}",
                "mode": "{mode}",
                "seed": "{seed}",
                "tier": "{tier}",
            },
        ),
    log:
        "<logs>/{tier}/envmaps/videos/{experiment}/{scene}/{envmap}/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/envmaps/videos/{experiment}/{scene}/{envmap}/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        settings=env_video_params,
        names=env_names_params,
        variant=VARIANT,
        code=code("rerender.papers.envmaps.videos"),
        stack=stack("rerender.papers.envmaps.videos"),
    message:
        "Video of {wildcards.scene} under {wildcards.envmap} ({wildcards.experiment}, {wildcards.mode})"
    script:
        "../scripts/envmaps_video.py"


rule envmaps_own_edit:
    input:
        unpack(own_edit_inputs),
    output:
        panel=report(
            "<results>/{tier}/envmaps/user_edits/{name}/before_after.png",
            caption="../report/envmaps_own_edit.rst",
            category="envmaps",
            subcategory="your edits",
            labels={"edit": "{name}", "tier": "{tier}"},
        ),
        files=multiext(
            "<results>/{tier}/envmaps/user_edits/{name}/before_after",
            ".pdf",
            ".parquet",
        ),
        maps=directory("<results>/{tier}/envmaps/user_edits/{name}/maps"),
        video=report(
            "<results>/{tier}/envmaps/user_edits/{name}/video.mp4",
            caption="../report/envmaps_own_edit.rst",
            category="envmaps",
            subcategory="your edits",
            labels={"edit": "{name}, video", "tier": "{tier}"},
        ),
        initial="<results>/{tier}/envmaps/user_edits/{name}/initial.png",
        metrics="<results>/{tier}/envmaps/user_edits/{name}/metrics.json",
        manifest="<results>/{tier}/envmaps/user_edits/{name}/manifest.json",
    log:
        "<logs>/{tier}/envmaps/user_edits/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/envmaps/user_edits/{name}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=240,
    params:
        settings=own_edit_params,
        weights=own_edit_weights,
        variant=VARIANT,
        code=code("rerender.papers.envmaps.own_edits"),
        stack=stack("rerender.papers.envmaps.own_edits"),
    message:
        "Your edit {wildcards.name} ({wildcards.tier})"
    script:
        "../scripts/envmaps_edit.py"


rule envmaps_tables:
    input:
        envmaps.tables(SESSION, TIER),
    localrule: True


rule envmaps_figures:
    input:
        envmaps.figures(SESSION, TIER),
    localrule: True


rule envmaps_videos:
    input:
        envmaps.videos(SESSION, TIER),
    localrule: True


rule envmaps_edits:
    input:
        envmaps.own_edit_files(SESSION, TIER),
    localrule: True


rule envmaps:
    input:
        rules.envmaps_tables.input,
        rules.envmaps_figures.input,
        rules.envmaps_videos.input,
        rules.envmaps_edits.input,
    localrule: True
