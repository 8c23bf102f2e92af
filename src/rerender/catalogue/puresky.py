"""The "pure sky" maps of Poly Haven (CC0) that stand for the paper's 44 (environment maps, Table 3).

The paper names none of its maps. Poly Haven had more pure skies than 44 when this list was made; left out are the day
series of one place (Qwantani, thirteen maps), presumably younger than the paper, and one of two neighbouring roads. So
the choice of 44 is inferred; ids are those under which the files are published.
"""

from __future__ import annotations

PURE_SKIES: tuple[str, ...] = (
    "aristea_wreck_puresky",
    "autumn_field_puresky",
    "belfast_sunset_puresky",
    "citrus_orchard_puresky",
    "drackenstein_quarry_puresky",
    "drakensberg_solitary_mountain_puresky",
    "evening_road_01_puresky",
    "farm_field_puresky",
    "hilly_terrain_01_puresky",
    "industrial_sunset_02_puresky",
    "industrial_sunset_puresky",
    "kloofendal_28d_misty_puresky",
    "kloofendal_38d_partly_cloudy_puresky",
    "kloofendal_43d_clear_puresky",
    "kloofendal_48d_partly_cloudy_puresky",
    "kloofendal_misty_morning_puresky",
    "kloofendal_overcast_puresky",
    "kloppenheim_01_puresky",
    "kloppenheim_02_puresky",
    "kloppenheim_03_puresky",
    "kloppenheim_05_puresky",
    "kloppenheim_06_puresky",
    "kloppenheim_07_puresky",
    "lonely_road_afternoon_puresky",
    "mpumalanga_veld_puresky",
    "mud_road_puresky",
    "overcast_soil_puresky",
    "pizzo_pernice_puresky",
    "quarry_01_puresky",
    "quarry_04_puresky",
    "qwantani_puresky",
    "rosendal_park_sunset_puresky",
    "rustig_koppie_puresky",
    "scythian_tombs_puresky",
    "snow_field_2_puresky",
    "snow_field_puresky",
    "sunflowers_puresky",
    "syferfontein_0d_clear_puresky",
    "syferfontein_18d_clear_puresky",
    "syferfontein_1d_clear_puresky",
    "syferfontein_6d_clear_puresky",
    "table_mountain_1_puresky",
    "table_mountain_2_puresky",
    "wasteland_clouds_puresky",
)
"""Asset ids, in alphabetical order."""

AT_HAND: tuple[str, ...] = (
    "evening_road_01_puresky",
    "rustig_koppie_puresky",
    "wasteland_clouds_puresky",
)
"""Those whose checksum the ledger knows."""
