# Physical parameters from video: estimates, landscape, tables, figures, videos.


rule physics_rigid_mass:
    output:
        final=ensure(
            "<results>/{tier}/physics/runs/rigid_mass/{mode}/s{seed}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/physics/runs/rigid_mass/{mode}/s{seed}/trace.parquet",
        metrics=ensure(
            "<results>/{tier}/physics/runs/rigid_mass/{mode}/s{seed}/metrics.json",
            non_empty=True,
        ),
        manifest="<results>/{tier}/physics/runs/rigid_mass/{mode}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/physics/runs/rigid_mass/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/runs/rigid_mass/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        experiment="rigid_mass",
        settings=rigid_mass_params,
        code=code("rerender.papers.physics.rigid_mass"),
        stack=stack("rerender.papers.physics.rigid_mass"),
    message:
        "Masses of rigid bodies ({wildcards.mode}), seed {wildcards.seed}"
    script:
        "../scripts/physics_run.py"


rule physics_rigid_contact:
    output:
        final=ensure(
            "<results>/{tier}/physics/runs/rigid_contact/{mode}/s{seed}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/physics/runs/rigid_contact/{mode}/s{seed}/trace.parquet",
        metrics=ensure(
            "<results>/{tier}/physics/runs/rigid_contact/{mode}/s{seed}/metrics.json",
            non_empty=True,
        ),
        manifest="<results>/{tier}/physics/runs/rigid_contact/{mode}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/physics/runs/rigid_contact/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/runs/rigid_contact/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        experiment="rigid_contact",
        settings=rigid_contact_params,
        code=code("rerender.papers.physics.rigid_contact"),
        stack=stack("rerender.papers.physics.rigid_contact"),
    message:
        "Contact of rigid bodies ({wildcards.mode}), seed {wildcards.seed}"
    script:
        "../scripts/physics_run.py"


rule physics_lame:
    output:
        final=ensure(
            "<results>/{tier}/physics/runs/lame/{mode}/s{seed}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/physics/runs/lame/{mode}/s{seed}/trace.parquet",
        metrics=ensure(
            "<results>/{tier}/physics/runs/lame/{mode}/s{seed}/metrics.json",
            non_empty=True,
        ),
        manifest="<results>/{tier}/physics/runs/lame/{mode}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/physics/runs/lame/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/runs/lame/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        experiment="lame",
        settings=lame_params,
        code=code("rerender.papers.physics.lame"),
        stack=stack("rerender.papers.physics.lame"),
    message:
        "Lamé parameters of beams ({wildcards.mode}), seed {wildcards.seed}"
    script:
        "../scripts/physics_run.py"


rule physics_particle_mass:
    output:
        final=ensure(
            "<results>/{tier}/physics/runs/particle_mass/{mode}/s{seed}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/physics/runs/particle_mass/{mode}/s{seed}/trace.parquet",
        metrics=ensure(
            "<results>/{tier}/physics/runs/particle_mass/{mode}/s{seed}/metrics.json",
            non_empty=True,
        ),
        manifest="<results>/{tier}/physics/runs/particle_mass/{mode}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/physics/runs/particle_mass/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/runs/particle_mass/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        experiment="particle_mass",
        settings=particle_mass_params,
        code=code("rerender.papers.physics.particle_mass"),
        stack=stack("rerender.papers.physics.particle_mass"),
    message:
        "Masses of particles ({wildcards.mode}), seed {wildcards.seed}"
    script:
        "../scripts/physics_run.py"


rule physics_cloth_velocity:
    output:
        final=ensure(
            "<results>/{tier}/physics/runs/cloth_velocity/{mode}/s{seed}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/physics/runs/cloth_velocity/{mode}/s{seed}/trace.parquet",
        metrics=ensure(
            "<results>/{tier}/physics/runs/cloth_velocity/{mode}/s{seed}/metrics.json",
            non_empty=True,
        ),
        manifest="<results>/{tier}/physics/runs/cloth_velocity/{mode}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/physics/runs/cloth_velocity/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/runs/cloth_velocity/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        experiment="cloth_velocity",
        settings=cloth_velocity_params,
        code=code("rerender.papers.physics.cloth_velocity"),
        stack=stack("rerender.papers.physics.cloth_velocity"),
    message:
        "Velocities of cloth ({wildcards.mode}), seed {wildcards.seed}"
    script:
        "../scripts/physics_run.py"


rule physics_control_fem:
    output:
        final=ensure(
            "<results>/{tier}/physics/runs/control_fem/{mode}/s{seed}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/physics/runs/control_fem/{mode}/s{seed}/trace.parquet",
        metrics=ensure(
            "<results>/{tier}/physics/runs/control_fem/{mode}/s{seed}/metrics.json",
            non_empty=True,
        ),
        manifest="<results>/{tier}/physics/runs/control_fem/{mode}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/physics/runs/control_fem/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/runs/control_fem/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        experiment="control_fem",
        settings=control_fem_params,
        code=code("rerender.papers.physics.control_fem"),
        stack=stack("rerender.papers.physics.control_fem"),
    message:
        "Control of a soft gear, seed {wildcards.seed}"
    script:
        "../scripts/physics_run.py"


rule physics_control_cloth:
    output:
        final=ensure(
            "<results>/{tier}/physics/runs/control_cloth/{mode}/s{seed}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/physics/runs/control_cloth/{mode}/s{seed}/trace.parquet",
        metrics=ensure(
            "<results>/{tier}/physics/runs/control_cloth/{mode}/s{seed}/metrics.json",
            non_empty=True,
        ),
        manifest="<results>/{tier}/physics/runs/control_cloth/{mode}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/physics/runs/control_cloth/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/runs/control_cloth/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        experiment="control_cloth",
        settings=control_cloth_params,
        code=code("rerender.papers.physics.control_cloth"),
        stack=stack("rerender.papers.physics.control_cloth"),
    message:
        "Control of a cloth, seed {wildcards.seed}"
    script:
        "../scripts/physics_run.py"


rule physics_control_walker:
    output:
        final=ensure(
            "<results>/{tier}/physics/runs/control_walker/{mode}/s{seed}/final.npz",
            non_empty=True,
        ),
        trace="<results>/{tier}/physics/runs/control_walker/{mode}/s{seed}/trace.parquet",
        metrics=ensure(
            "<results>/{tier}/physics/runs/control_walker/{mode}/s{seed}/metrics.json",
            non_empty=True,
        ),
        manifest="<results>/{tier}/physics/runs/control_walker/{mode}/s{seed}/manifest.json",
    log:
        "<logs>/{tier}/physics/runs/control_walker/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/runs/control_walker/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        experiment="control_walker",
        settings=control_walker_params,
        code=code("rerender.papers.physics.control_walker"),
        stack=stack("rerender.papers.physics.control_walker"),
    message:
        "Control of a walker, seed {wildcards.seed}"
    script:
        "../scripts/physics_run.py"


rule physics_landscape:
    output:
        curves=ensure(
            "<results>/{tier}/physics/landscape/curves.parquet", non_empty=True
        ),
        lame=ensure("<results>/{tier}/physics/landscape/lame.parquet", non_empty=True),
        drop=ensure("<results>/{tier}/physics/landscape/drop.parquet", non_empty=True),
        metrics="<results>/{tier}/physics/landscape/metrics.json",
        manifest="<results>/{tier}/physics/landscape/manifest.json",
    log:
        "<logs>/{tier}/physics/landscape/curves.log",
    benchmark:
        "<benchmarks>/{tier}/physics/landscape/curves.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings=physics_landscape_params,
        code=code("rerender.papers.physics.landscape"),
        stack=stack("rerender.papers.physics.landscape"),
    message:
        "Losses over mass and restitution of a cube and the Lamé parameters of a beam ({wildcards.tier})"
    script:
        "../scripts/physics_landscape.py"


rule physics_convnet:
    output:
        metrics=ensure("<results>/{tier}/physics/convnet/metrics.json", non_empty=True),
        trace="<results>/{tier}/physics/convnet/trace.parquet",
        networks="<results>/{tier}/physics/convnet/networks.npz",
        manifest="<results>/{tier}/physics/convnet/manifest.json",
    log:
        "<logs>/{tier}/physics/convnet/train.log",
    benchmark:
        "<benchmarks>/{tier}/physics/convnet/train.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=6000,
        runtime=240,
    params:
        settings=physics_convnet_params,
        variant=VARIANT,
        code=code("rerender.papers.physics.convnet"),
        stack=stack("rerender.papers.physics.convnet"),
    message:
        "Train networks to read parameters off videos ({wildcards.tier})"
    script:
        "../scripts/physics_convnet.py"


rule physics_demos:
    output:
        final=ensure("<results>/{tier}/physics/demos/final.npz", non_empty=True),
        files=multiext(
            "<results>/{tier}/physics/demos/",
            "trace.parquet",
            "metrics.json",
            "manifest.json",
        ),
        figures=[
            report(
                f"<results>/{{tier}}/physics/figures/{name}.png",
                caption="../report/physics_demo.rst",
                category="physics",
                subcategory="figures",
                labels={"figure": name, "tier": "{tier}"},
            )
            for name in physics.DEMO_FIGURES
        ],
        figure_files=[
            f"<results>/{{tier}}/physics/figures/{name}.{ext}"
            for name in physics.DEMO_FIGURES
            for ext in ("pdf", "parquet")
        ],
        videos=[
            report(
                f"<results>/{{tier}}/physics/videos/{name}.mp4",
                caption="../report/physics_demo.rst",
                category="physics",
                subcategory="videos",
                labels={"experiment": name, "tier": "{tier}"},
            )
            for name in physics.DEMO_VIDEOS
        ],
    log:
        "<logs>/{tier}/physics/demos/all.log",
    benchmark:
        "<benchmarks>/{tier}/physics/demos/all.tsv"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        settings=physics_demo_params,
        code=code("rerender.papers.physics.demo_job"),
        stack=stack("rerender.papers.physics.demo_job"),
    message:
        "Demos: pendula, ball, smoke, and a shape by DIB-R ({wildcards.tier})"
    script:
        "../scripts/physics_demos.py"


rule physics_growth:
    output:
        rows=ensure("<results>/{tier}/physics/growth/rows.parquet", non_empty=True),
        manifest="<results>/{tier}/physics/growth/manifest.json",
    log:
        "<logs>/{tier}/physics/growth/rows.log",
    benchmark:
        "<benchmarks>/{tier}/physics/growth/rows.tsv"
    threads: 1
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=30,
    params:
        settings=physics_growth_params,
        variant=VARIANT,
        code=code("rerender.papers.physics.growth"),
        stack=stack("rerender.papers.physics.growth"),
    message:
        "Time of a step of more and more tetrahedra ({wildcards.tier})"
    script:
        "../scripts/physics_growth.py"


rule physics_metrics:
    input:
        physics_metric_files,
    output:
        "<results>/{tier}/physics/metrics.parquet",
    log:
        "<logs>/{tier}/physics/metrics.log",
    benchmark:
        "<benchmarks>/{tier}/physics/metrics.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("rerender.reporting.rows"),
        stack=stack("rerender.reporting.rows"),
    message:
        "Collect the metric rows of physics ({wildcards.tier})"
    script:
        "../scripts/collect_metrics.py"


rule physics_table:
    input:
        metrics="<results>/{tier}/physics/metrics.parquet",
        published="config/claims/physics.yaml",
    output:
        html=report(
            "<results>/{tier}/physics/tables/{name}.html",
            caption="../report/physics_table.rst",
            category="physics",
            subcategory="tables",
            labels={"table": "{name}", "tier": "{tier}"},
        ),
        files=multiext(
            "<results>/{tier}/physics/tables/{name}", ".csv", ".parquet", ".tex", ".md"
        ),
    log:
        "<logs>/{tier}/physics/tables/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/tables/{name}.tsv"
    wildcard_constraints:
        name="table[0-9]",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        grid=physics_grid_params,
        names=physics.NAMES,
        code=code("rerender.papers.physics.tables"),
        stack=stack("rerender.papers.physics.tables"),
    message:
        "{wildcards.name} of physics ({wildcards.tier})"
    script:
        "../scripts/physics_table.py"


rule physics_figure:
    input:
        data=physics_figure_data,
        published="config/claims/physics.yaml",
    output:
        png=report(
            "<results>/{tier}/physics/figures/{name}.png",
            caption="../report/physics_figure.rst",
            category="physics",
            subcategory="figures",
            labels={"figure": "{name}", "tier": "{tier}"},
        ),
        files=multiext("<results>/{tier}/physics/figures/{name}", ".pdf", ".parquet"),
    log:
        "<logs>/{tier}/physics/figures/{name}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/figures/{name}.tsv"
    wildcard_constraints:
        name="fig(2|2_lame|4[ab])|growth",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        names=physics.NAMES,
        code=code("rerender.papers.physics.figures"),
        stack=stack("rerender.papers.physics.figures"),
    message:
        "Figure {wildcards.name} of physics ({wildcards.tier})"
    script:
        "../scripts/physics_figure.py"


rule physics_sequences:
    input:
        physics_sequence_finals,
    output:
        blends=report(
            "<results>/{tier}/physics/figures/fig3.png",
            caption="../report/physics_sequences.rst",
            category="physics",
            subcategory="figures",
            labels={"figure": "fig3", "tier": "{tier}"},
        ),
        blends_files=multiext(
            "<results>/{tier}/physics/figures/fig3", ".pdf", ".parquet"
        ),
        frames=report(
            "<results>/{tier}/physics/figures/frames.png",
            caption="../report/physics_frames.rst",
            category="physics",
            subcategory="figures",
            labels={"figure": "frames", "tier": "{tier}"},
        ),
        frames_files=multiext(
            "<results>/{tier}/physics/figures/frames", ".pdf", ".parquet"
        ),
    log:
        "<logs>/{tier}/physics/figures/fig3.log",
    benchmark:
        "<benchmarks>/{tier}/physics/figures/fig3.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        shown=physics_sequence_params,
        # which reaches the experiments and the figure
        code=code("rerender.papers.physics.requests"),
        stack=stack("rerender.papers.physics.requests"),
    message:
        "Motions as pictures ({wildcards.tier})"
    script:
        "../scripts/physics_sequences.py"


rule physics_films:
    input:
        physics_first_finals,
    output:
        [
            report(
                f"<results>/{{tier}}/physics/videos/{name}.mp4",
                caption="../report/physics_video.rst",
                category="physics",
                subcategory="videos",
                labels={"experiment": name, "tier": "{tier}"},
            )
            for name in physics.VIDEOS
        ],
    log:
        "<logs>/{tier}/physics/films/all.log",
    benchmark:
        "<benchmarks>/{tier}/physics/films/all.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        shown=physics_first_params,
        # which reaches the videos and the experiments
        code=code("rerender.papers.physics.requests"),
        stack=stack("rerender.papers.physics.requests"),
    message:
        "Videos of all experiments of physics ({wildcards.tier})"
    script:
        "../scripts/physics_films.py"


rule physics_video:
    input:
        final="<results>/{tier}/physics/runs/{experiment}/{mode}/s{seed}/final.npz",
    output:
        report(
            "<results>/{tier}/physics/runs/{experiment}/{mode}/s{seed}/video.mp4",
            caption="../report/physics_video.rst",
            category="physics",
            subcategory="videos",
            labels={
                "experiment": "{experiment}",
                "variant": "{mode}",
                "seed": "{seed}",
                "tier": "{tier}",
            },
        ),
    log:
        "<logs>/{tier}/physics/videos/{experiment}/{mode}/s{seed}.log",
    benchmark:
        "<benchmarks>/{tier}/physics/videos/{experiment}/{mode}/s{seed}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=physics_run_params,
        # which reaches the videos and the experiments
        code=code("rerender.papers.physics.requests"),
        stack=stack("rerender.papers.physics.requests"),
    message:
        "Video of {wildcards.experiment} ({wildcards.mode}), seed {wildcards.seed}"
    script:
        "../scripts/physics_video.py"


rule physics_tables:
    input:
        physics.tables(TIER),
    localrule: True


rule physics_figures:
    input:
        physics.figures(TIER),
    localrule: True


rule physics_videos:
    input:
        physics.videos(TIER),
    localrule: True


rule physics:
    input:
        rules.physics_tables.input,
        rules.physics_figures.input,
        rules.physics_videos.input,
    localrule: True
