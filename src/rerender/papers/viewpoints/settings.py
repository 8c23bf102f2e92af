"""What a viewpoints experiment is: typed settings of a tier, and the small part of them that each step needs.

`ViewpointsSettings` is what a user may write in `config/tiers/<tier>.yaml`. Light: imports no numerics. Section numbers are
the fact sheet's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rerender.core.errors import closest_first
from rerender.papers.viewpoints.methods import METHODS
from rerender.settings import Count, Frozen, Names, NonNegative, Positive

LABELS = (
    "floor", "wall", "rug", "bed", "desk", "chair", "bookshelf", "books", "monitor", "lamp", "plant", "sofa", "picture",
    "door",
)  # fmt: skip
"""Segments of procedural rooms; a test compares them with `catalogue.rooms`, which loads NumPy."""
DEFAULT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "bed": "a bed, somewhere to sleep",
        "desk": "a desk",
        "chair": "a chair",
        "bookshelf": "a bookshelf full of books",
        "monitor": "a computer monitor",
        "lamp": "a lamp",
        "plant": "a potted plant",
        "sofa": "a sofa",
        "rug": "a chequered rug on the floor",
        "picture": "a picture on the wall",
    }
)
"""Segments that views are chosen for, and words that mean them."""
ROOM = "room_"
"""What the names of procedural rooms begin with."""

Size = Annotated[int, Field(ge=16, le=2048)]
Ladder = Annotated[tuple[Size, ...], Field(min_length=1)]
Degrees = Annotated[float, Field(ge=-89, le=89)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class ScanSettings(Frozen):
    """A scan of your own. Its file stays where it is."""

    path: str = Field(description="a .ply with colours at its vertices, such as a ScanNet *_vh_clean_2.ply")
    up_axis: Literal["y", "z"] = Field("z", description="which axis is up in the file; scans are z-up")
    centre: bool = Field(
        True,
        description="move the bounding box's centre to the origin; false: as it is, like the released code",
    )
    scale: Positive = Field(1.0, description="factor on lengths, to scene units")


def room_names(count: int) -> tuple[str, ...]:
    """Return the ids of the first procedural rooms."""
    return tuple(f"{ROOM}{number:02d}" for number in range(count))


class ScenePreset(Frozen):
    """The scenes. The first one is searched in by every method and shown, the others by the first method from near."""

    rooms: Count = Field(1, description="procedural furnished rooms, room_00 and on")
    cell: Positive = Field(0.06, description="size of a room's mesh cells [scene units]")
    meshes: tuple[str, ...] = Field(
        ("bunny",), description="meshes of the registry, coloured by position, searched in as well"
    )
    scans: dict[Id, ScanSettings] = Field(
        default_factory=dict,
        description="your own scans by name, for example {office: {path: /data/office.ply}}",
    )

    @property
    def room_names(self) -> tuple[str, ...]:
        """The procedural rooms."""
        return room_names(self.rooms)

    @property
    def all(self) -> tuple[str, ...]:
        """Every scene, the first room first."""
        return (*self.room_names, *self.meshes, *self.scans)

    @model_validator(mode="after")
    def _consistent(self) -> ScenePreset:
        if len(set(self.all)) < len(self.all):
            raise ValueError(f"two scenes have one name: {', '.join(self.all)}")
        return self


class SearchSettings(Frozen):
    """How one camera is searched for (section 4.4)."""

    ladder: Ladder = Field((64, 128), description="picture sizes, one after the other [px]")
    blurs: tuple[Annotated[float, Field(ge=0, le=64)], ...] = Field(
        (12.0, 8.0, 6.0, 4.0, 2.0, 1.0, 0.0),
        min_length=1,
        description="standard deviations of the blur at the first size [px]; at further sizes the last two are used",
    )
    spp: Count = Field(8, description="samples per pixel of a picture and its derivatives")
    target_spp: Count = Field(256, description="samples per pixel of the picture that is to be matched")
    steps: Count = Field(6, description="Levenberg-Marquardt steps at most for each blur")
    adam_steps: Count = Field(120, description="steps of Adam, at the first size")
    adam_lr: Positive = Field(
        0.1, description="Adam's first rate, in units of 1 and 10 degrees; falls along a cosine"
    )
    upstream_lr: Positive = Field(1e-3, description="rate of the released recipe")
    grid_size: Size = Field(48, description="picture size of the grid of cameras [px]")
    restarts: Count = Field(6, description="cameras of the grid that are tried at most")
    accept: Positive = Field(
        4.0,
        description="a picture matches if its squared error is below so many times that of sampling noise",
    )


class LevelSettings(Frozen):
    """The starts of one level, and the methods that are compared on them."""

    starts: Count = Field(20, description="random starts, the same for all methods")
    methods: Names = Field(("lm",), description=f"methods by id: {', '.join(METHODS)}")

    @model_validator(mode="after")
    def _known(self) -> LevelSettings:
        for name in self.methods:
            if name not in METHODS:
                options = closest_first(name, METHODS)
                raise ValueError(
                    f"unknown method '{name}'. Did you mean '{options[0]}'? Allowed: {', '.join(options)}"
                )
        return self


class CameraSettings(Frozen):
    """A camera on a sphere about the look-at point, which is the origin."""

    distance: Positive = Field(description="distance from the look-at point [scene units]")
    elevation: Degrees = Field(description="elevation [deg]; 0 is level, 89 looks down")
    azimuth: float = Field(description="azimuth [deg]; 0 is on +z, 90 on +x")
    fov: Annotated[float, Field(gt=1, lt=170)] = Field(60.0, description="field of view [deg]")


class NamedRun(Frozen):
    """One search from a given start, like the runs that the released README names."""

    start: CameraSettings = Field(description="where the search begins")
    target: CameraSettings = Field(description="the camera that took the picture; only the judge reads it")
    iterations: Count = Field(description="steps of the released recipe")
    size: Size = Field(256, description="picture size [px]")


class StillSettings(Frozen):
    """The three render modes of the released code."""

    size: Size = Field(512, description="picture size of single view and turntable [px]")
    cell: Size = Field(192, description="picture size of a cell of the grid [px]")
    views: Annotated[int, Field(ge=2)] = Field(36, description="frames of the turntable")
    spp: Count = Field(16, description="samples per pixel")
    camera: CameraSettings = Field(
        CameraSettings(distance=5.0, elevation=30.0, azimuth=45.0),
        description="the camera of the single view",
    )


class BasinSettings(Frozen):
    """Starts on a grid over azimuth and elevation, at the camera's own distance."""

    azimuths: Count = Field(
        13, description="starts across, from -180 to 180 degrees of azimuth beside the camera's"
    )
    elevations: Count = Field(5, description="starts up and down, from 5 to 80 degrees")
    methods: Names = Field(("lm", "lm_interior"), description="methods that are compared")
    loss_slices: Count = Field(25, description="points a side of the loss over azimuth and elevation")


class GradientSettings(Frozen):
    """The derivatives of a picture against finite differences."""

    size: Size = Field(64, description="picture size [px]")
    spp: Count = Field(64, description="samples per pixel of the derivatives")
    fd_spp: Count = Field(512, description="samples per pixel of finite differences")
    repeats: Count = Field(4, description="independent repetitions that are averaged, at least")
    most_repeats: Count = Field(32, description="repetitions at most, where finite differences are noisy")
    precision: Positive = Field(
        0.02,
        description="repetitions end when the ratios' standard error is below this where they are judged",
    )


class ViewSettings(Frozen):
    """Views chosen for labelled segments without weights (section 3.3), judged by masks projected back (section 3.4)."""

    segments: Names = Field(
        tuple(DEFAULT_WORDS),
        description="labels of the rooms that views are chosen for",
    )
    rooms: Count = Field(5, description="rooms that views are chosen in, room_00 and on")
    counts: Annotated[tuple[Count, ...], Field(min_length=1)] = Field(
        (1, 2, 3, 4, 6), description="numbers of views that are compared"
    )
    size: Size = Field(64, description="picture size of the search [px]")
    mask_size: Size = Field(256, description="picture size of the masks [px]")
    evaluations: Count = Field(60, description="pictures of the refinement of each of three candidates")
    random_draws: Count = Field(5, description="sets of random views, which are averaged")

    @model_validator(mode="after")
    def _known(self) -> ViewSettings:
        for name in self.segments:
            if name not in LABELS:
                options = closest_first(name, LABELS)
                raise ValueError(
                    f"unknown segment '{name}'. Did you mean '{options[0]}'? Allowed: {', '.join(options)}"
                )
        return self


class WordSettings(Frozen):
    """Views chosen by words: how well CLIP says that a picture fits them (section 3.5). Blocked without its weights."""

    queries: dict[str, Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        dict(DEFAULT_WORDS),
        description="words by the segment that they mean, whose mask judges the views, for example {bed: somewhere to sleep}; "
        "other segments have no views by words",
    )
    templates: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("a photo of {}.", "a rendering of {} in a room.", "a close view of {}."),
        description="sentences that {} is put into; their directions are averaged",
    )
    rooms: Count = Field(1, description="of the rooms of `views`, in how many words choose views as well")
    size: Size = Field(224, description="picture size of the search [px]; CLIP reads 224")
    spp: Count = Field(4, description="samples per pixel")
    blur: NonNegative = Field(1.0, description="blur of pictures before CLIP reads them [px]")
    crops: Annotated[int, Field(ge=0)] = Field(
        0,
        description="random crops that are scored beside the whole picture, each step others, against adversarial pixels",
    )
    starts: Count = Field(1, description="best cameras of the grid that are refined")
    steps: Count = Field(8, description="steps of Adam from each of them, and pictures of the control")
    lr: Positive = Field(
        0.1, description="Adam's first rate, in units of 1, 10 degrees and 0.5; falls along a cosine"
    )

    @model_validator(mode="after")
    def _known(self) -> WordSettings:
        for name in self.queries:
            if name not in LABELS:
                options = closest_first(name, LABELS)
                raise ValueError(
                    f"queries has words for an unknown segment '{name}'. Did you mean '{options[0]}'? Allowed: {', '.join(options)}"
                )
        for template in self.templates:
            if template.count("{}") != 1:
                raise ValueError(
                    f"the template '{template}' must have {{}} once, where the words go, like 'a photo of {{}}.'"
                )
        return self


class PredictorSettings(Frozen):
    """A network that predicts the best view of a segment, trained from the search's results in rooms of its own."""

    training_rooms: Count = Field(16, description="procedural rooms that it is trained on")
    held_out_rooms: Count = Field(6, description="further rooms that it is judged in")
    cell: Positive = Field(0.15, description="size of these rooms' mesh cells [scene units]")
    size: Size = Field(48, description="picture size of the search [px]")
    evaluations: Count = Field(24, description="pictures of the refinement of each of two candidates")
    hidden: Count = Field(64, description="width of the two hidden layers")
    steps: Count = Field(400, description="training steps, each over all examples")
    refinements: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0, 5, 20), min_length=1, description="pictures with which a predicted view is refined"
    )


class ViewpointsSettings(Frozen):
    """The whole experiment of one tier."""

    scenes: ScenePreset = Field(ScenePreset(), description="the scenes")
    search: SearchSettings = Field(SearchSettings(), description="how a camera is searched for")
    camera: CameraSettings = Field(
        CameraSettings(distance=5.0, elevation=30.0, azimuth=45.0),
        description="the camera that is searched for",
    )
    near: LevelSettings = Field(LevelSettings(), description="starts within 45 degrees of azimuth")
    half: LevelSettings = Field(LevelSettings(), description="starts within 90 degrees of azimuth")
    anywhere: LevelSettings = Field(LevelSettings(), description="no start: other cameras, found from a grid")
    race: LevelSettings = Field(
        LevelSettings(starts=5, methods=("lm", "simplex", "cma", "adam")),
        description="methods that are timed in one process, on the first starts of `near`",
    )
    runs: dict[Id, NamedRun] = Field(default_factory=dict, description="named searches, by name")
    run_methods: Names = Field(("lm", "upstream"), description="methods of the named searches")
    stills: StillSettings = Field(StillSettings(), description="single view, turntable and grid")
    basins: BasinSettings = Field(BasinSettings(), description="basins of attraction")
    views: ViewSettings = Field(ViewSettings(), description="views for segments, in every room")
    words: WordSettings = Field(
        WordSettings(), description="views chosen by words, for the segments of `views`"
    )
    predictor: PredictorSettings = Field(PredictorSettings(), description="prediction of views for segments")
    gradients: GradientSettings = Field(GradientSettings(), description="check of the gradients")

    @property
    def view_rooms(self) -> tuple[str, ...]:
        """The rooms that views are chosen in."""
        return room_names(self.views.rooms)

    @property
    def levels(self) -> dict[str, LevelSettings]:
        """The levels by id."""
        return {"near": self.near, "half": self.half, "anywhere": self.anywhere}
