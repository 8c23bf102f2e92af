# Standard assets: a mesh a scene, a radiance map a light, linear textures; with their provenance beside them.


rule asset_mesh:
    message:
        "Prepare the mesh of {wildcards.scene}"
    output:
        mesh=ensure("<resources>/meshes/{scene}.ply", non_empty=True),
        provenance="<resources>/meshes/{scene}.json",
    params:
        value=mesh_params,
        code=code("rerender.catalogue.prepare"),
        stack=stack("rerender.catalogue.prepare"),
    log:
        "<logs>/assets/meshes/{scene}.log",
    benchmark:
        "<benchmarks>/assets/meshes/{scene}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../scripts/asset_mesh.py"


rule asset_ground:
    message:
        "Prepare the ground of {wildcards.scene}"
    output:
        mesh=ensure("<resources>/grounds/{scene}.ply", non_empty=True),
        provenance="<resources>/grounds/{scene}.json",
    params:
        value=ground_params,
        code=code("rerender.catalogue.prepare"),
        stack=stack("rerender.catalogue.prepare"),
    log:
        "<logs>/assets/grounds/{scene}.log",
    benchmark:
        "<benchmarks>/assets/grounds/{scene}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../scripts/asset_ground.py"


rule asset_envmap:
    message:
        "Prepare the light {wildcards.envmap}, {wildcards.height} rows"
    output:
        envmap=ensure("<resources>/envmaps/{envmap}-{height}.exr", non_empty=True),
        provenance="<resources>/envmaps/{envmap}-{height}.json",
    params:
        value=envmap_params,
        variant=VARIANT,
        code=code("rerender.catalogue.prepare", "rerender.rendering.skies"),
        stack=stack("rerender.catalogue.prepare", "rerender.rendering.skies"),
    log:
        "<logs>/assets/envmaps/{envmap}-{height}.log",
    benchmark:
        "<benchmarks>/assets/envmaps/{envmap}-{height}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../scripts/asset_envmap.py"


rule asset_texture:
    message:
        "Prepare the texture {wildcards.name}"
    output:
        texture=ensure("<resources>/textures/{name}.exr", non_empty=True),
        provenance="<resources>/textures/{name}.json",
    params:
        value=texture_params,
        variant=VARIANT,
        code=code("rerender.catalogue.prepare"),
        stack=stack("rerender.catalogue.prepare"),
    log:
        "<logs>/assets/textures/{name}.log",
    benchmark:
        "<benchmarks>/assets/textures/{name}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../scripts/asset_texture.py"
