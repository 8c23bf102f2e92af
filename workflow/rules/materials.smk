# Materials: objects, lights, captures, fits, tables, figures.


rule materials_scene:
    output:
        scene=ensure("<results>/{tier}/materials/scenes/{scene}.npz", non_empty=True),
        provenance="<results>/{tier}/materials/scenes/{scene}.json",
    log:
        "<logs>/{tier}/materials/scenes/{scene}.log",
    benchmark:
        "<benchmarks>/{tier}/materials/scenes/{scene}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=material_scene_params,
        variant=VARIANT,
        code=code("rerender.catalogue.material_objects", "rerender.rendering.bitmaps"),
        stack=stack("rerender.catalogue.material_objects", "rerender.rendering.bitmaps"),
    message:
        "True materials of {wildcards.scene}"
    script:
        "../scripts/materials_scene.py"


rule materials_light:
    output:
        light=ensure("<results>/{tier}/materials/lights/{envmap}.exr", non_empty=True),
        provenance="<results>/{tier}/materials/lights/{envmap}.json",
    log:
        "<logs>/{tier}/materials/lights/{envmap}.log",
    benchmark:
        "<benchmarks>/{tier}/materials/lights/{envmap}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=material_light_params,
        variant=VARIANT,
        code=code("rerender.catalogue.material_objects", "rerender.rendering.skies"),
        stack=stack("rerender.catalogue.material_objects", "rerender.rendering.skies"),
    message:
        "Light {wildcards.envmap}"
    script:
        "../scripts/materials_light.py"


rule materials_capture:
    input:
        unpack(material_capture_inputs),
    output:
        capture=ensure(
            "<results>/{tier}/materials/captures/{mode}/{scene}/{envmap}.npz",
            non_empty=True,
        ),
        provenance="<results>/{tier}/materials/captures/{mode}/{scene}/{envmap}.json",
    log:
        "<logs>/{tier}/materials/captures/{mode}/{scene}/{envmap}.log",
    benchmark:
        "<benchmarks>/{tier}/materials/captures/{mode}/{scene}/{envmap}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=60,
    params:
        settings=material_capture_params,
        variant=VARIANT,
        code=code("rerender.papers.materials.capture"),
        stack=stack("rerender.papers.materials.capture"),
    message:
        "Pictures of {wildcards.scene} in {wildcards.envmap} (reference: {wildcards.mode})"
    script:
        "../scripts/materials_capture.py"


rule materials_fit:
    input:
        unpack(material_fit_inputs),
    output:
        final=ensure(
            "<results>/{tier}/materials/runs/{experiment}/{scene}/{envmap}/{mode}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/materials/runs/{experiment}/{scene}/{envmap}/{mode}/trace.parquet",
        metrics="<results>/{tier}/materials/runs/{experiment}/{scene}/{envmap}/{mode}/metrics.json",
        manifest="<results>/{tier}/materials/runs/{experiment}/{scene}/{envmap}/{mode}/manifest.json",
    log:
        "<logs>/{tier}/materials/runs/{experiment}/{scene}/{envmap}/{mode}.log",
    benchmark:
        "<benchmarks>/{tier}/materials/runs/{experiment}/{scene}/{envmap}/{mode}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=240,
    params:
        settings=material_fit_params,
        variant=VARIANT,
        code=code("rerender.papers.materials.experiment"),
        stack=stack("rerender.papers.materials.experiment"),
    message:
        "Materials of {wildcards.scene} by {wildcards.mode} ({wildcards.experiment})"
    script:
        "../scripts/materials_fit.py"


rule materials_refine:
    input:
        unpack(material_refine_inputs),
    output:
        final=ensure(
            "<results>/{tier}/materials/fine/{experiment}/{scene}/{envmap}/{mode}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/materials/fine/{experiment}/{scene}/{envmap}/{mode}/trace.parquet",
        metrics="<results>/{tier}/materials/fine/{experiment}/{scene}/{envmap}/{mode}/metrics.json",
        manifest="<results>/{tier}/materials/fine/{experiment}/{scene}/{envmap}/{mode}/manifest.json",
        glb="<results>/{tier}/materials/fine/{experiment}/{scene}/{envmap}/{mode}/object.glb",
    log:
        "<logs>/{tier}/materials/fine/{experiment}/{scene}/{envmap}/{mode}.log",
    benchmark:
        "<benchmarks>/{tier}/materials/fine/{experiment}/{scene}/{envmap}/{mode}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=120,
    params:
        settings=material_refine_params,
        variant=VARIANT,
        code=code("rerender.papers.materials.refine"),
        stack=stack("rerender.papers.materials.refine"),
    message:
        "Textures of {wildcards.scene} by {wildcards.mode} ({wildcards.experiment})"
    script:
        "../scripts/materials_refine.py"


rule materials_own_capture:
    input:
        unpack(material_own_inputs),
    output:
        panel=report(
            "<results>/{tier}/materials/own/{name}/found.png",
            caption="../report/materials_own_capture.rst",
            category="materials",
            subcategory="your captures",
            labels={"capture": "{name}", "tier": "{tier}"},
        ),
        files=multiext(
            "<results>/{tier}/materials/own/{name}/found", ".pdf", ".parquet"
        ),
        maps=directory("<results>/{tier}/materials/own/{name}/materials"),
        video=report(
            "<results>/{tier}/materials/own/{name}/video.mp4",
            caption="../report/materials_own_capture.rst",
            category="materials",
            subcategory="your captures",
            labels={"capture": "{name}, turntable", "tier": "{tier}"},
        ),
        trace="<results>/{tier}/materials/own/{name}/trace.parquet",
        metrics="<results>/{tier}/materials/own/{name}/metrics.json",
        manifest="<results>/{tier}/materials/own/{name}/manifest.json",
    log:
        "<logs>/{tier}/materials/own/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/materials/own/{name}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=240,
    params:
        settings=material_own_params,
        variant=VARIANT,
        code=code("rerender.papers.materials.own"),
        stack=stack("rerender.papers.materials.own"),
    message:
        "Your capture {wildcards.name} ({wildcards.tier})"
    script:
        "../scripts/materials_own_capture.py"


rule materials_metrics:
    input:
        material_metric_files,
    output:
        "<results>/{tier}/materials/metrics.parquet",
    log:
        "<logs>/{tier}/materials/metrics.log",
    benchmark:
        "<benchmarks>/{tier}/materials/metrics.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("rerender.papers.materials.derived"),
        stack=stack("rerender.papers.materials.derived"),
    message:
        "Collect the metric rows of materials ({wildcards.tier})"
    script:
        "../scripts/materials_metrics.py"


rule materials_table:
    input:
        metrics="<results>/{tier}/materials/metrics.parquet",
        published="config/claims/materials.yaml",
    output:
        html=report(
            "<results>/{tier}/materials/tables/{name}.html",
            caption="../report/materials_table.rst",
            category="materials",
            subcategory="tables",
            labels={"table": "{name}", "tier": "{tier}"},
        ),
        files=multiext(
            "<results>/{tier}/materials/tables/{name}",
            ".csv",
            ".parquet",
            ".tex",
            ".md",
        ),
    log:
        "<logs>/{tier}/materials/tables/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/materials/tables/{name}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        grid=material_grid_params,
        names=material_names_params,
        code=code("rerender.papers.materials.tables"),
        stack=stack("rerender.papers.materials.tables"),
    message:
        "Table {wildcards.name} of materials ({wildcards.tier})"
    script:
        "../scripts/materials_table.py"


rule materials_figure:
    input:
        unpack(material_figure_inputs),
    output:
        png=report(
            "<results>/{tier}/materials/figures/{name}.png",
            caption="../report/materials_figure.rst",
            category="materials",
            subcategory="figures",
            labels={"figure": "{name}", "tier": "{tier}"},
        ),
        files=multiext("<results>/{tier}/materials/figures/{name}", ".pdf", ".parquet"),
    log:
        "<logs>/{tier}/materials/figures/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/materials/figures/{name}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        grid=material_grid_params,
        names=material_names_params,
        code=code("rerender.papers.materials.figures"),
        stack=stack("rerender.papers.materials.figures"),
    message:
        "Figure {wildcards.name} of materials ({wildcards.tier})"
    script:
        "../scripts/materials_figure.py"


rule materials_video:
    input:
        unpack(material_video_inputs),
    output:
        video=report(
            "<results>/{tier}/materials/videos/{scene}.mp4",
            caption="../report/materials_video.rst",
            category="materials",
            subcategory="videos",
            labels={"video": "turntable of {scene}", "tier": "{tier}"},
        ),
        traced="<results>/{tier}/materials/traced/{scene}.npz",
    log:
        "<logs>/{tier}/materials/videos/{scene}.log",
    benchmark:
        "<benchmarks>/{tier}/materials/videos/{scene}.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=30,
    params:
        settings=material_video_params,
        variant=VARIANT,
        code=code("rerender.papers.materials.videos"),
        stack=stack("rerender.papers.materials.videos"),
    message:
        "Turntable of {wildcards.scene}"
    script:
        "../scripts/materials_video.py"


rule materials_logs:
    input:
        unpack(material_log_inputs),
    output:
        directory("<results>/{tier}/materials/tensorboard"),
    log:
        "<logs>/{tier}/materials/tensorboard.log",
    benchmark:
        "<benchmarks>/{tier}/materials/tensorboard.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("rerender.papers.materials.logs"),
        stack=stack("rerender.papers.materials.logs"),
    message:
        "Histories of materials for TensorBoard ({wildcards.tier})"
    script:
        "../scripts/materials_logs.py"


rule materials_tensorboard:
    input:
        f"<results>/{TIER}/materials/tensorboard",
    localrule: True


rule materials_tables:
    input:
        materials.tables(SESSION, TIER),
    localrule: True


rule materials_figures:
    input:
        materials.figures(SESSION, TIER),
    localrule: True


rule materials_videos:
    input:
        materials.videos(SESSION, TIER),
    localrule: True


rule materials_own:
    input:
        materials.own_files(SESSION, TIER),
    localrule: True


rule materials:
    input:
        rules.materials_tables.input,
        rules.materials_figures.input,
        rules.materials_videos.input,
        rules.materials_own.input,
    localrule: True
