"""The built-in environment maps (fact sheet, section 2.3), each captured one with an analytic sky to stand in.

The stand-ins imitate the sun's height and the haze of what they stand for; they are not fitted to it.
"""

from __future__ import annotations

from rerender.catalogue.registry import register
from rerender.catalogue.specs import EnvmapSpec, SkySpec


@register.envmap("constant")
def constant() -> EnvmapSpec:
    """White light of radiance 1 from all sides."""
    return EnvmapSpec(
        id="constant", title="Constant", radiance=1.0, licence="none needed", tags=("paper", "laptop")
    )


@register.envmap("builtin")
def builtin() -> EnvmapSpec:
    """The material scenes' own map, from the paper's archive; a real map, or an analytic sky, where that is absent.

    The analytic sky has no sun: its caustics behind the glass would drown everything else in noise.
    """
    return EnvmapSpec(
        id="builtin",
        title="The scene's own",
        families=("material",),
        assets=("mrd_material_envmap", "venice_sunset"),
        sky=SkySpec(sun_elevation_deg=40.0, sun_azimuth_deg=60.0, turbidity=4.0, albedo=0.3, sun_scale=0.0),
        tags=("paper", "laptop"),
    )


@register.envmap("venice_sunset")
def venice_sunset() -> EnvmapSpec:
    """A low sun over water and houses: not in the paper; the real map of the default tier."""
    return EnvmapSpec(
        id="venice_sunset",
        title="Venice sunset",
        assets=("venice_sunset",),
        sky=SkySpec(sun_elevation_deg=4.0, sun_azimuth_deg=195.0, turbidity=5.0, albedo=0.2),
        tags=("laptop", "extra"),
    )


@register.envmap("hallstatt")
def hallstatt() -> EnvmapSpec:
    """A lake between mountains, from the paper's archive."""
    return EnvmapSpec(
        id="hallstatt",
        title="Hallstatt",
        assets=("mrd_hallstatt",),
        sky=SkySpec(sun_elevation_deg=35.0, sun_azimuth_deg=140.0, turbidity=3.0, albedo=0.2),
        tags=("paper",),
    )


@register.envmap("skybox")
def skybox() -> EnvmapSpec:
    """An autumn field; the paper's file is an EXR in its archive, the public one a 1k HDR of that name."""
    return EnvmapSpec(
        id="skybox",
        title="Autumn field",
        assets=("mrd_autumn_field", "autumn_field"),
        sky=SkySpec(sun_elevation_deg=25.0, sun_azimuth_deg=100.0, turbidity=3.0, albedo=0.2),
        tags=("paper",),
    )


@register.envmap("garden")
def garden() -> EnvmapSpec:
    """A shade house on an aloe farm: soft light from above."""
    return EnvmapSpec(
        id="garden",
        title="Aloe farm shade house",
        assets=("mrd_aloe_farm", "aloe_farm_shade_house"),
        sky=SkySpec(sun_elevation_deg=60.0, sun_azimuth_deg=30.0, turbidity=8.0, albedo=0.4, sun_scale=0.1),
        tags=("paper",),
    )


@register.envmap("evening_road")
def evening_road() -> EnvmapSpec:
    """A clear evening sky: not in this paper."""
    return EnvmapSpec(
        id="evening_road",
        title="Evening road",
        assets=("evening_road_01_puresky",),
        sky=SkySpec(sun_elevation_deg=6.0, sun_azimuth_deg=180.0, turbidity=3.0, albedo=0.2),
        tags=("extra",),
    )


@register.envmap("rustig_koppie")
def rustig_koppie() -> EnvmapSpec:
    """A bright sky with a high sun: not in this paper."""
    return EnvmapSpec(
        id="rustig_koppie",
        title="Rustig koppie",
        assets=("rustig_koppie_puresky",),
        sky=SkySpec(sun_elevation_deg=45.0, sun_azimuth_deg=180.0, turbidity=2.5, albedo=0.2),
        tags=("extra",),
    )


@register.envmap("wasteland_clouds")
def wasteland_clouds() -> EnvmapSpec:
    """A clouded sky: not in this paper."""
    return EnvmapSpec(
        id="wasteland_clouds",
        title="Wasteland clouds",
        assets=("wasteland_clouds_puresky",),
        sky=SkySpec(sun_elevation_deg=40.0, sun_azimuth_deg=180.0, turbidity=9.0, albedo=0.2, sun_scale=0.05),
        tags=("extra",),
    )
