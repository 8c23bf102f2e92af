# Standard assets: a mesh a scene, a radiance map a light, linear textures; with their provenance beside them.


rule asset_mesh:
    output:
        mesh=ensure("<resources>/meshes/{scene}.ply", non_empty=True),
        provenance="<resources>/meshes/{scene}.json",
    log:
        "<logs>/assets/meshes/{scene}.log",
    benchmark:
        "<benchmarks>/assets/meshes/{scene}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        value=mesh_params,
        code=code("rerender.catalogue.prepare"),
        stack=stack("rerender.catalogue.prepare"),
    message:
        "Prepare the mesh of {wildcards.scene}"
    script:
        "../scripts/asset_mesh.py"


rule asset_ground:
    output:
        mesh=ensure("<resources>/grounds/{scene}.ply", non_empty=True),
        provenance="<resources>/grounds/{scene}.json",
    log:
        "<logs>/assets/grounds/{scene}.log",
    benchmark:
        "<benchmarks>/assets/grounds/{scene}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        value=ground_params,
        code=code("rerender.catalogue.prepare"),
        stack=stack("rerender.catalogue.prepare"),
    message:
        "Prepare the ground of {wildcards.scene}"
    script:
        "../scripts/asset_ground.py"


rule asset_envmap:
    output:
        envmap=ensure("<resources>/envmaps/{envmap}-{height}.exr", non_empty=True),
        provenance="<resources>/envmaps/{envmap}-{height}.json",
    log:
        "<logs>/assets/envmaps/{envmap}-{height}.log",
    benchmark:
        "<benchmarks>/assets/envmaps/{envmap}-{height}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        value=envmap_params,
        variant=VARIANT,
        code=code("rerender.catalogue.prepare", "rerender.rendering.skies"),
        stack=stack("rerender.catalogue.prepare", "rerender.rendering.skies"),
    message:
        "Prepare the light {wildcards.envmap}, {wildcards.height} rows"
    script:
        "../scripts/asset_envmap.py"


rule asset_texture:
    output:
        texture=ensure("<resources>/textures/{name}.exr", non_empty=True),
        provenance="<resources>/textures/{name}.json",
    log:
        "<logs>/assets/textures/{name}.log",
    benchmark:
        "<benchmarks>/assets/textures/{name}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        value=texture_params,
        variant=VARIANT,
        code=code("rerender.catalogue.prepare"),
        stack=stack("rerender.catalogue.prepare"),
    message:
        "Prepare the texture {wildcards.name}"
    script:
        "../scripts/asset_texture.py"


rule asset_bsdf:
    output:
        bsdf=ensure("<resources>/bsdfs/{scene}.bsdf", non_empty=True),
        provenance="<resources>/bsdfs/{scene}.json",
    log:
        "<logs>/assets/bsdfs/{scene}.log",
    benchmark:
        "<benchmarks>/assets/bsdfs/{scene}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        value=bsdf_params,
        code=code("rerender.catalogue.prepare"),
        stack=stack("rerender.catalogue.prepare"),
    message:
        "Prepare the measured material of {wildcards.scene}"
    script:
        "../scripts/asset_bsdf.py"
