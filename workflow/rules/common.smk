# Everything that rules call. The only file of the workflow with functions; each is a few lines around the package.

import sys
from pathlib import Path

from rerender.core.errors import UserError
from rerender.workflow import (
    assets,
    envmaps,
    materials,
    metamers,
    overview,
    physics,
    viewpoints,
)
from rerender.workflow.session import Session
from rerender.workflow.targets import check_targets, check_writable, requested
from snakemake.exceptions import WorkflowError
from snakemake_executor_plugin_patient_slurm import planning, preload

try:
    SESSION = Session(config)
    check_targets(
        SESSION,
        requested(sys.argv[1:]),
        *map(workflow.pathvars.get, ["results", "resources"]),
    )
    if not workflow.output_settings.dryrun:
        check_writable(
            map(workflow.pathvars.get, ["results", "resources", "logs", "benchmarks"])
        )
except UserError as error:
    raise WorkflowError(str(error)) from None

if SESSION.config.preload and not workflow.remote_exec:
    preload.install()  # nothing is started before the first script runs

if SESSION.config.fast_planning:
    planning.install()

TIER = SESSION.config.tier
VARIANT = SESSION.config.variant


wildcard_constraints:
    tier="[a-z]+",
    scene="[a-z0-9_]+",
    envmap="[a-z0-9_]+",
    model="[a-z0-9_]+",
    seed="[0-9]+",
    name="[a-z0-9_]+",
    height="[0-9]+",
    experiment="[a-z0-9_]+",
    mode="[a-z0-9_]+",


def code(*modules, files=()):
    """Fingerprint of the statements that a stage can reach: an edit reruns it, a comment does not."""
    return SESSION.code(*modules, files=files)


def stack(*modules):
    """Versions of the numerical libraries that a stage can reach."""
    return SESSION.stack(*modules)


def scene_assets(wildcards):
    """Prepared assets of a scene and its light."""
    return metamers.scene_assets(
        SESSION, wildcards.tier, wildcards.scene, wildcards.envmap
    )


def scene_value(wildcards):
    """What the registry says about a scene and its light."""
    return metamers.scene_value(SESSION, wildcards.scene, wildcards.envmap)


def reference_params(wildcards):
    return metamers.reference_params(SESSION, wildcards.tier, wildcards.scene)


def optimise_params(wildcards):
    return metamers.optimise_params(SESSION, wildcards.tier, wildcards.scene)


def evaluate_params(wildcards):
    return metamers.evaluate_params(SESSION, wildcards.tier, wildcards.scene)


def grid_params(wildcards):
    """The whole grid of a tier, with the reasons of its blocked models."""
    return metamers.grid_params(SESSION, wildcards.tier)


def blocked_models(wildcards):
    """Vision models of the tier that cannot run here, with the reason."""
    return metamers.grid_params(SESSION, wildcards.tier)["blocked"]


def names_params(wildcards):
    """Display names of what the tier uses."""
    return metamers.names_params(SESSION, wildcards.tier)


def place_runs(*names):
    """Input function: files of every run of a scene and light that can run here."""
    return lambda wildcards: metamers.run_files(
        SESSION,
        wildcards.tier,
        *names,
        scene=wildcards.scene,
        envmap=wildcards.envmap,
    )


def metric_files(wildcards):
    """Metric rows of every scene and light of the tier, and of its ablations."""
    return [
        *metamers.evaluation_files(SESSION, wildcards.tier, "metrics.parquet"),
        *metamers.ablation_files(SESSION, wildcards.tier),
    ]


def ablation_params(wildcards):
    """What is compared, and the settings of its runs."""
    return metamers.ablation_params(
        SESSION, wildcards.tier, wildcards.scene, wildcards.envmap, wildcards.model
    )


def table_files(wildcards):
    """What a table reads beside the metric rows."""
    return metamers.table_files(SESSION, wildcards.tier, wildcards.name)


def figure_runs(wildcards):
    """Files of the runs that a figure is drawn from."""
    return metamers.figure_runs(SESSION, wildcards.tier, wildcards.name)


def model_weights(wildcards):
    """Pretrained weights of the model that a run optimises for."""
    return metamers.weights(SESSION, (wildcards.model,))


def judge_weights(wildcards):
    """Pretrained weights of the models that judge a run."""
    return metamers.judge_weights(SESSION, wildcards.tier, wildcards.scene)


def mesh_params(wildcards):
    return assets.mesh_params(SESSION, wildcards.scene)


def ground_params(wildcards):
    return assets.ground_params(SESSION, wildcards.scene)


def bsdf_params(wildcards):
    return assets.bsdf_params(SESSION, wildcards.scene)


def envmap_params(wildcards):
    return assets.envmap_params(SESSION, wildcards.envmap)


def texture_params(wildcards):
    return assets.texture_params(SESSION, wildcards.name)


def sky_params(wildcards):
    """Which file, or which stand-in, becomes a sky."""
    return envmaps.sky_source(SESSION, wildcards.envmap)


def env_scene_params(wildcards):
    return envmaps.scene_value(SESSION, wildcards.scene)


def fit_map_file(wildcards):
    """The upper half of a sky at the size of the tier."""
    return envmaps.sky_map(SESSION, wildcards.tier, wildcards.envmap)


def fit_params(wildcards):
    return envmaps.fit_params(SESSION, wildcards.tier, wildcards.envmap)


def place_parts(wildcards):
    """Meshes and textures of a scene at a roughness."""
    return envmaps.scene_parts(wildcards.scene)


def bake_params(wildcards):
    return envmaps.bake_params(SESSION, wildcards.tier, wildcards.scene)


def env_run_inputs(wildcards):
    """Sky, networks, scene and transport of an inversion job."""
    return envmaps.run_inputs(SESSION, wildcards.tier, wildcards)


def env_run_files(name):
    """A file of an inversion job in every mode of the tier in use."""
    return ensure(
        expand(
            "<results>/{{tier}}/envmaps/runs/{{experiment}}/{{scene}}/{{envmap}}/{mode}/s{{seed}}/"
            + name,
            mode=envmaps.modes(SESSION, TIER),
        ),
        non_empty=True,
    )


def env_run_params(wildcards):
    return envmaps.run_params(SESSION, wildcards.tier, wildcards)


def env_video_inputs(wildcards):
    """A finished job, its scene and its transport."""
    return envmaps.video_inputs(SESSION, wildcards.tier, wildcards)


def env_video_params(wildcards):
    return envmaps.video_params(SESSION, wildcards.tier)


def own_edit_inputs(wildcards):
    """Sky, networks, scene, transport and the user's own files of an edit."""
    return envmaps.own_edit_inputs(SESSION, wildcards.tier, wildcards.name)


def own_edit_params(wildcards):
    return envmaps.own_edit_params(SESSION, wildcards.tier, wildcards.name)


def own_edit_weights(wildcards):
    """Pretrained weights that an own edit's representations need."""
    return envmaps.own_edit_weights(SESSION, wildcards.tier, wildcards.name)


def env_judge_weights(wildcards):
    """Pretrained weights of the networks that can judge a map or a rendering here."""
    return envmaps.judge_weights(SESSION)


def env_metric_files(wildcards):
    """Metric rows of every fit and every inversion of the tier that can run here."""
    return envmaps.metric_files(SESSION, wildcards.tier)


def env_grid_params(wildcards):
    return envmaps.grid_params(SESSION, wildcards.tier)


def env_names_params(wildcards):
    return envmaps.names_params(SESSION, wildcards.tier)


def env_figure_inputs(wildcards):
    """Finished runs, fits, skies and metrics that a figure is drawn from."""
    return envmaps.figure_inputs(SESSION, wildcards.tier, wildcards.name)


def physics_run_params(wildcards):
    """Settings of the experiment that a run belongs to."""
    return physics.run_params(SESSION, wildcards.tier, wildcards.experiment, wildcards)


def rigid_mass_params(wildcards):
    return physics.run_params(SESSION, wildcards.tier, "rigid_mass", wildcards)


def rigid_contact_params(wildcards):
    return physics.run_params(SESSION, wildcards.tier, "rigid_contact", wildcards)


def lame_params(wildcards):
    return physics.run_params(SESSION, wildcards.tier, "lame", wildcards)


def particle_mass_params(wildcards):
    return physics.run_params(SESSION, wildcards.tier, "particle_mass", wildcards)


def cloth_velocity_params(wildcards):
    return physics.run_params(SESSION, wildcards.tier, "cloth_velocity", wildcards)


def control_fem_params(wildcards):
    return physics.run_params(SESSION, wildcards.tier, "control_fem", wildcards)


def control_cloth_params(wildcards):
    return physics.run_params(SESSION, wildcards.tier, "control_cloth", wildcards)


def control_walker_params(wildcards):
    return physics.run_params(SESSION, wildcards.tier, "control_walker", wildcards)


def physics_figure_data(wildcards):
    """The curves or histories that a figure is drawn from."""
    return physics.figure_data(SESSION, wildcards.tier, wildcards.name)


def physics_sequence_finals(wildcards):
    """Finished runs that Figure 3 shows."""
    return [
        physics.run_file(wildcards.tier, run, "final.npz")
        for run in physics.sequence_jobs(SESSION, wildcards.tier)
    ]


def physics_sequence_params(wildcards):
    return physics.jobs_params(
        SESSION, wildcards.tier, physics.sequence_jobs(SESSION, wildcards.tier)
    )


def physics_first_finals(wildcards):
    """The first finished run of every experiment."""
    return [
        physics.run_file(wildcards.tier, run, "final.npz")
        for run in physics.first_jobs(SESSION, wildcards.tier)
    ]


def physics_first_params(wildcards):
    return physics.jobs_params(
        SESSION, wildcards.tier, physics.first_jobs(SESSION, wildcards.tier)
    )


def physics_convnet_params(wildcards):
    return physics.convnet_params(SESSION, wildcards.tier)


def physics_landscape_params(wildcards):
    return physics.landscape_params(SESSION, wildcards.tier)


def physics_demo_params(wildcards):
    return physics.demo_params(SESSION, wildcards.tier)


def physics_growth_params(wildcards):
    return physics.growth_params(SESSION, wildcards.tier)


def physics_metric_files(wildcards):
    """Metric rows of every physics job of the tier."""
    return physics.metric_files(SESSION, wildcards.tier)


def physics_grid_params(wildcards):
    return physics.grid_params(SESSION, wildcards.tier)


def viewpoint_scene_inputs(wildcards):
    """The prepared mesh, or the user's scan, that a painted scene is made from."""
    return viewpoints.scene_inputs(SESSION, wildcards.tier, wildcards.scene)


def viewpoint_scene_params(wildcards):
    return viewpoints.scene_params(SESSION, wildcards.tier, wildcards.scene)


def viewpoint_run_params(wildcards):
    run = viewpoints.job(SESSION, wildcards.tier, wildcards)
    return viewpoints.run_params(SESSION, wildcards.tier, run.path)


def viewpoint_present_params(wildcards):
    return viewpoints.present_params(SESSION, wildcards.tier, wildcards)


def viewpoint_still_params(wildcards):
    return SESSION.viewpoints(wildcards.tier).stills.model_dump()


def viewpoint_basin_params(wildcards):
    return viewpoints.basin_params(SESSION, wildcards.tier)


def viewpoint_gradient_params(wildcards):
    return SESSION.viewpoints(wildcards.tier).gradients.model_dump()


def viewpoint_view_params(wildcards):
    return viewpoints.view_params(SESSION, wildcards.tier, wildcards.scene)


def viewpoint_view_weights(wildcards):
    """Pretrained weights with which words choose views in a room."""
    return viewpoints.view_weights(SESSION, wildcards.tier, wildcards.scene)


def viewpoint_predictor_params(wildcards):
    return viewpoints.predictor_params(SESSION, wildcards.tier)


def viewpoint_metric_files(wildcards):
    """Metric rows of every search and gradient check of the tier."""
    return viewpoints.metric_files(SESSION, wildcards.tier)


def viewpoint_grid_params(wildcards):
    return viewpoints.grid_params(SESSION, wildcards.tier)


def viewpoint_names_params(wildcards):
    return viewpoints.names_params(SESSION, wildcards.tier)


def viewpoint_figure_inputs(wildcards):
    """Finished jobs that a figure is drawn from."""
    return viewpoints.figure_inputs(SESSION, wildcards.tier, wildcards.name)


def material_scene_params(wildcards):
    return materials.scene_params(SESSION, wildcards.tier, wildcards.scene)


def material_light_params(wildcards):
    return materials.light_params(SESSION, wildcards.tier, wildcards.envmap)


def material_capture_inputs(wildcards):
    """The object, its light, and the light of the relit pictures."""
    return materials.capture_inputs(
        SESSION, wildcards.tier, wildcards.scene, wildcards.envmap
    )


def material_capture_params(wildcards):
    return materials.capture_params(SESSION, wildcards.tier, wildcards)


def material_fit_inputs(wildcards):
    """The capture that a job fits to."""
    return materials.fit_inputs(SESSION, wildcards.tier, wildcards)


def material_fit_params(wildcards):
    return materials.fit_params(SESSION, wildcards.tier, wildcards)


def material_refine_inputs(wildcards):
    """The object, the capture and the finished fits of a fine stage."""
    return materials.refine_inputs(SESSION, wildcards.tier, wildcards)


def material_refine_params(wildcards):
    return materials.refine_params(SESSION, wildcards.tier, wildcards)


def material_video_inputs(wildcards):
    """The object, its lights, and the refined textures of a turntable."""
    return materials.video_inputs(SESSION, wildcards.tier, wildcards.scene)


def material_video_params(wildcards):
    return materials.video_params(SESSION, wildcards.tier, wildcards.scene)


def material_own_inputs(wildcards):
    """The user's own pictures, and the light of the relit ones."""
    return materials.own_inputs(SESSION, wildcards.tier, wildcards.name)


def material_own_params(wildcards):
    return materials.own_params(SESSION, wildcards.tier, wildcards.name)


def material_metric_files(wildcards):
    """Metric rows of every job of fits of the tier."""
    return materials.metric_files(SESSION, wildcards.tier)


def material_log_inputs(wildcards):
    """Histories and pictures of all fits of the tier."""
    return materials.log_inputs(SESSION, wildcards.tier)


def material_grid_params(wildcards):
    return materials.grid_params(SESSION, wildcards.tier)


def material_names_params(wildcards):
    return materials.names_params(SESSION, wildcards.tier)


def material_figure_inputs(wildcards):
    """Finished jobs, or metric rows, that a figure is drawn from."""
    return materials.figure_inputs(SESSION, wildcards.tier, wildcards.name)


def overview_figures(wildcards):
    """The data of one figure of each paper."""
    return overview.inputs(SESSION, wildcards.tier)


def claims_files():
    """The claims ledgers, one a paper."""
    return sorted(str(path) for path in Path("config/claims").glob("*.yaml"))


def needed_assets():
    """Assets that the tier in use can be computed from, those that are missing included."""
    wanted = [
        name
        for paper in (assets, envmaps, viewpoints, materials)
        for name in paper.needed(SESSION, TIER)
    ]
    return list(dict.fromkeys(wanted))
