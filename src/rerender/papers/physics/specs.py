"""Names that settings, grid and stages share, and the constraints on their numbers. Light: imports no numerics."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from rerender.settings import Count, Frozen, NonNegative, Positive

SHAPES = (
    *("box", "cone", "cylinder", "sphere", "capsule", "torus", "banana"),
    *("bowl", "l_shape", "cross", "star", "gear", "hourglass", "tetrahedron"),
)
"""The fourteen rigid shapes; `shapes` makes them."""

Variant = Literal["default", "ideal", "noise", "fine", "raytraced", "projective"]
"""What the estimate is given: 8-bit frames (`default`), frames as they were rendered, with pixel noise added, of a
truth that was simulated with twice as many steps, or 8-bit frames that Mitsuba rendered, with shadows; `projective`: these, to an
estimate that is rendered by Mitsuba, too."""
VARIANTS: tuple[Variant, ...] = get_args(Variant)

ContactVariant = Literal[
    "default", "ideal", "noise", "fine", "raytraced", "flat", "far", "frictionless", "inelastic"
]
"""As `Variant`; and 8-bit frames with a search to which the first guess is worth nothing once it has begun (`flat`), with a first guess
drawn from the domain (`far`), or with an estimate that knows no friction, or takes the ground for an average one (`inelastic`)."""

Backend = Literal["soft", "projective"]
"""What renders the frames of an estimate: the soft rasteriser, or Mitsuba's projective integrator."""
BACKEND_MEANING = (
    "what renders the frames of the estimate, with derivatives: soft, the soft rasteriser; projective, Mitsuba's "
    "projective integrator, with shadows and noise, and some ten times slower. Targets of the variants default, ideal, noise and "
    "fine are rendered by the same"
)

Method = Literal["gradsim", "diffphysics", "random", "average"]
METHODS: tuple[Method, ...] = get_args(Method)

MassMethod = Literal["gradsim", "diffphysics", "random", "average", "blackbox"]
MASS_METHODS: tuple[MassMethod, ...] = get_args(MassMethod)

DEFAULT_ONLY = ("blackbox", "diffphysics")
"""Methods that are run for the variant `default` alone."""

ControlMethod = Literal["gradsim", "diffphysics", "random"]
CONTROL_METHODS: tuple[ControlMethod, ...] = get_args(ControlMethod)

GRID_KEYS = ("seeds", "other_seeds", "variants")
"""Settings that say which jobs there are, and change none of them."""

NO_LIGHT = "none"
"""The `envmap` of metric rows: light is fixed."""


class SearchSettings(Frozen):
    """A search by gradient: Adam on the logarithm of what is positive, then L-BFGS."""

    iterations: Count = Field(30, description="steps of Adam")
    lr: Positive = Field(0.1, description="learning rate of Adam")
    finish: Annotated[int, Field(ge=0)] = Field(
        15, description="steps of L-BFGS after them; 0 stops after Adam, as the paper did with SGD"
    )


class ProjectiveSettings(Frozen):
    """An estimate whose frames take Mitsuba seconds: fewer of them, and steps from the best start that are small at once."""

    shapes: Count = Field(14, description="so many shapes, the first ones")
    search: SearchSettings = Field(SearchSettings(iterations=10, lr=0.01, finish=5), description="the search")


class BlackboxSettings(Frozen):
    """A search that has losses and no derivatives."""

    iterations: Count = Field(100, description="updates of the Gaussian")
    samples: Annotated[int, Field(ge=2)] = Field(16, description="draws an update")
    lr: Positive = Field(0.05, description="learning rate of Adam, in the logarithm")


Trunk = Literal["small", "efficientnet_b0"]


class ConvnetSettings(Frozen):
    """The network that is trained to read parameters off a video (section 4.1)."""

    trunk: Trunk = Field(
        "efficientnet_b0", description="what sees a frame: the paper's, or four convolutions"
    )
    size: Annotated[int, Field(ge=16, le=256, multiple_of=16)] = Field(
        64, description="side of the frames that it sees [px]"
    )
    mass_videos: Annotated[int, Field(ge=2)] = Field(800, description="videos of Table 1 to learn from")
    contact_videos: Annotated[int, Field(ge=2)] = Field(
        800, description="objects of Table 2 to learn from, each with the videos of all its launches"
    )
    epochs: Count = Field(40, description="times that it sees every video")
    batch: Count = Field(16, description="videos of a step")
    lr: Positive = Field(1e-3, description="learning rate of Adam")


class ViewSettings(Frozen):
    """The camera of an experiment: it looks at the origin (section 3.1)."""

    distance: Positive = Field(8.0, description="of the camera from the origin [m]")
    elevation: Annotated[float, Field(ge=-89, le=89)] = Field(30.0, description="above the ground [degrees]")
    azimuth: float = Field(0.0, description="about the vertical [degrees]")


class RigidMassSettings(Frozen):
    """One rigid body of unknown mass, pushed by a known force (sections 4.1)."""

    shapes: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        SHAPES, description="shapes, each an object of its own per seed"
    )
    seeds: Count = Field(
        3, description="objects of each shape, with mass, pose, push and colour of their own"
    )
    other_seeds: Count = Field(3, description="objects of each shape for the variants after the first")
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)] = Field(
        ("default",),
        description="default: 8-bit frames; ideal: frames as rendered; noise: with pixel noise; fine: a truth simulated with half the step; raytraced: 8-bit frames by Mitsuba; projective: the same, and estimates rendered by Mitsuba",
    )
    methods: Annotated[tuple[MassMethod, ...], Field(min_length=1)] = Field(
        MASS_METHODS,
        description="gradsim sees frames, diffphysics positions, blackbox frames without derivatives (these two with the variant default only); random and average are no search",
    )
    mass: tuple[Positive, Positive] = Field((0.2, 0.3), description="masses are drawn between these [kg]")
    force: Positive = Field(10.0, description="size of the push [N]; its direction is drawn")
    push_seconds: Positive = Field(0.1, description="how long the push acts [s]")
    lever: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0,
        description="where the push acts: this share of the way from the centre of mass to the lowest vertex",
    )
    fps: Count = Field(30, description="frames a second")
    substeps: Count = Field(
        8, description="steps a frame; with the released 1, light bodies that spin fast blow up"
    )
    seconds: Positive = Field(1.0, description="length of the motion [s]")
    frame_every: Count = Field(5, description="compare every so many frames")
    noise: NonNegative = Field(0.01, description="standard deviation of the pixel noise of the variant noise")
    training: Count = Field(800, description="masses that the baseline `average` has seen")
    scan: Annotated[int, Field(ge=0)] = Field(
        8,
        description="so many masses of the domain are tried besides the first guess, and the best is where the search starts",
    )
    view: ViewSettings = Field(ViewSettings(), description="the camera")
    backend: Backend = Field("soft", description=BACKEND_MEANING)
    search: SearchSettings = Field(SearchSettings(), description="the search")
    projective: ProjectiveSettings = Field(
        ProjectiveSettings(), description="what the variant projective does otherwise"
    )
    blackbox: BlackboxSettings = Field(BlackboxSettings(), description="the search without derivatives")


class ContactSettings(Frozen):
    """Rigid bodies of unknown mass and contact that are launched, and slide over the ground (section 4.2)."""

    shapes: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("box", "tetrahedron", "l_shape", "cross", "star"),
        description="shapes, each an object of its own per seed",
    )
    seeds: Count = Field(12, description="objects of each shape, with parameters and launches of their own")
    other_seeds: Count = Field(3, description="objects of each shape for the variants after the first")
    variants: Annotated[tuple[ContactVariant, ...], Field(min_length=1)] = Field(
        ("default",),
        description="as of rigid_mass; flat: as with prior 0; far: first guesses are drawn from the domain; frictionless: the estimate's ground is smooth; inelastic: it is as stiff and damped as the average",
    )
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = Field(
        METHODS, description="as of rigid_mass"
    )
    density: tuple[Positive, Positive] = Field(
        (2.0, 12.0), description="densities are drawn between these [kg/m³]"
    )
    contact: tuple[Positive, Positive] = Field(
        (1.0, 500.0),
        description="stiffness ke [N/m], damping kd and friction kf [N s/m] of a vertex are drawn between these",
    )
    friction: tuple[Positive, Positive] = Field(
        (0.2, 1.0), description="coefficients of friction mu are drawn between these"
    )
    spread: Positive = Field(0.4, description="first guesses are within a factor exp(±spread) of the truth")
    launches: Count = Field(4, description="launches of each object, filmed and compared together")
    speed: Positive = Field(
        4.0, description="along the ground, that the push would give a body of medium density [m/s]"
    )
    push_seconds: Positive = Field(0.1, description="how long the push acts [s]")
    drop: NonNegative = Field(0.2, description="largest height of the lowest vertex at the start [m]")
    seconds: Positive = Field(2.0, description="length of the motion [s]")
    substeps: Count = Field(64, description="steps in 1/60 s")
    frames: Count = Field(9, description="frames that are compared, evenly spaced, the last at the end")
    noise: NonNegative = Field(0.01, description="standard deviation of the pixel noise of the variant noise")
    training: Count = Field(800, description="objects that the baseline `average` has seen")
    view: ViewSettings = Field(ViewSettings(distance=10.0), description="the camera")
    backend: Backend = Field(
        "soft",
        description="soft alone: the search takes differences of rendered frames, in which Mitsuba's noise would drown them",
    )
    prior: NonNegative = Field(
        1.0,
        description="weight of the first guess in the search: with 1, every compared frame counts as one independent observation beside it (a penalty of (log change / spread)² times the squared error so far over the number of frames); 0 is least squares alone",
    )
    iterations: Count = Field(
        8, description="steps of Levenberg-Marquardt for each part of the motion that is explained in turn"
    )


class LandscapeSettings(Frozen):
    """Figure 2: the loss over the mass of a cube that two forces turn (section 4.3)."""

    masses: Annotated[int, Field(ge=3)] = Field(
        500, description="masses of the sweep, a vertex, evenly from 0.1 to 5 kg"
    )
    size: Count = Field(256, description="pixels; the paper's outlines are hard, so the curve depends on it")
    per_octave: Count = Field(
        8,
        description="of the beam: values an octave of each Lamé parameter in the plane of both, 250 to 2000 Pa",
    )
    beam_size: Annotated[int, Field(ge=8)] = Field(128, description="of the beam: pixels")
    beam_seconds: Positive = Field(1.0, description="of the beam: length of the motion [s]")
    drop_masses: Annotated[int, Field(ge=2)] = Field(
        50,
        description="of the cube that bounces: masses of a vertex from 0.1 to 5 kg, evenly in the logarithm",
    )
    drop_restitutions: Annotated[int, Field(ge=2)] = Field(
        10, description="of the cube that bounces: restitutions, evenly from 0.4 to 1"
    )
    drop_size: Annotated[int, Field(ge=8)] = Field(128, description="of the cube that bounces: pixels")
    beam_substeps: Count = Field(24, description="of the beam: steps in 1/60 s")


class GrowthSettings(Frozen):
    """What a step of more and more tetrahedra takes."""

    cells: Annotated[tuple[Count, ...], Field(min_length=1)] = Field(
        (3, 6, 11, 18, 27),
        description="cells along the side of a block; 5 tetrahedra each, so 27 make 98,415",
    )
    element_steps: Count = Field(
        20_000, description="tetrahedra times steps of a measurement, though at least 4 steps"
    )
    repeats: Count = Field(3, description="measurements after a first one; the least counts")
    twin_limit: Count = Field(
        100_000,
        description="plain PyTorch is left out beyond so many tetrahedra: it keeps every step in memory",
    )


class RasterSettings(Frozen):
    """The soft rasteriser (section 3.1)."""

    size: Annotated[int, Field(ge=8, le=1024)] = Field(256, description="side of the square frames [px]")
    factor: Annotated[int, Field(ge=1, le=4)] = Field(
        2, description="super-samples along the side of a pixel"
    )
    spp: Count = Field(64, description="samples a pixel of frames by Mitsuba")
    projective_spp: Count = Field(
        16,
        description="samples a pixel of frames by the back end projective, and of their derivatives",
    )


class LameSettings(Frozen):
    """Beams of unknown Lamé parameters that sag (section 4.5)."""

    instances: Count = Field(4, description="beams of a job, each with parameters of its own")
    seeds: Count = Field(1, description="jobs of each variant")
    other_seeds: Count = Field(1, description="jobs of each variant after the first")
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)] = Field(
        ("default",), description="as of rigid_mass"
    )
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = Field(
        ("gradsim", "diffphysics", "random"), description="random answers with the first guess"
    )
    stiffness: tuple[Positive, Positive] = Field(
        (500.0, 2000.0), description="mu and lambda are drawn between these [Pa]"
    )
    spread: Positive = Field(0.5, description="first guesses are within a factor exp(±spread) of the truth")
    seconds: Positive = Field(1.0, description="length of the motion [s]")
    substeps: Count = Field(32, description="steps in 1/60 s")
    frames: Count = Field(6, description="frames that are compared, evenly spaced, the last at the end")
    noise: NonNegative = Field(0.01, description="standard deviation of the pixel noise of the variant noise")
    view: ViewSettings = Field(ViewSettings(distance=6.0, elevation=0.0), description="the camera")
    backend: Backend = Field("soft", description="as of rigid_mass")
    search: SearchSettings = Field(SearchSettings(iterations=20, finish=20), description="the search")


FieldMethod = Literal["gradsim", "diffphysics", "random"]


class FieldSettings(Frozen):
    """What experiments with an unknown for every particle share."""

    instances: Count = Field(2, description="objects of a job, each with a draw of its own")
    seeds: Count = Field(1, description="jobs of each variant")
    other_seeds: Count = Field(1, description="jobs of each variant after the first")
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)] = Field(
        ("default",), description="as of rigid_mass"
    )
    methods: Annotated[tuple[FieldMethod, ...], Field(min_length=1)] = Field(
        ("gradsim", "diffphysics", "random"), description="random answers with the first guess"
    )
    seconds: Positive = Field(2.0, description="length of the motion [s]")
    substeps: Count = Field(32, description="steps in 1/60 s")
    frames: Count = Field(30, description="frames that are compared, evenly spaced, the last at the end")
    noise: NonNegative = Field(0.01, description="standard deviation of the pixel noise of the variant noise")
    iterations: Count = Field(40, description="steps of Adam")
    lr: Positive = Field(0.02, description="learning rate of Adam")
    backend: Backend = Field("soft", description="as of rigid_mass")
    view: ViewSettings = Field(ViewSettings(), description="the camera")


class ParticleMassSettings(FieldSettings):
    """Soft balls whose particles have unknown masses (section 4.4)."""

    speed: tuple[Positive, Positive] = Field(
        (1.0, 3.0), description="balls are thrown at speeds between these [m/s]"
    )
    spread: Positive = Field(0.1, description="first guesses are within a factor exp(±spread) of the truth")


class ClothVelocitySettings(FieldSettings):
    """Hanging cloths whose particles start at unknown velocities (section 4.6)."""

    seconds: Positive = Field(1.5, description="length of the motion [s]")
    frames: Count = Field(12, description="frames that are compared, evenly spaced, the last at the end")
    iterations: Count = Field(50, description="steps of Adam")
    lr: Positive = Field(0.05, description="learning rate of Adam")
    view: ViewSettings = Field(ViewSettings(distance=5.0, elevation=0.0), description="the camera")


class ControlledSettings(Frozen):
    """What experiments share that steer an object to a goal."""

    seeds: Count = Field(6, description="goals and first parameters, each a job")
    methods: Annotated[tuple[ControlMethod, ...], Field(min_length=1)] = Field(
        CONTROL_METHODS,
        description="gradsim sees the last frame, diffphysics the position; random acts at random",
    )
    iterations: Count = Field(40, description="steps of Adam")
    lr: Positive = Field(10.0, description="learning rate of Adam")
    seconds: Positive = Field(3.0, description="length of the motion [s]")
    substeps: Count = Field(32, description="steps in 1/60 s")
    pyramid: bool = Field(
        True,
        description="compare blurred copies of the frame too; false is the paper's, which is blind where goal and object do not overlap",
    )
    backend: Backend = Field("soft", description="as of rigid_mass")
    view: ViewSettings = Field(ViewSettings(distance=13.0), description="the camera")


class ControlSettings(ControlledSettings):
    """A soft gear that rolls to a goal by actuating itself (section 4.8)."""

    strength: Positive = Field(0.3, description="largest actuation, a share of an element's volume")


class ControlClothSettings(ControlledSettings):
    """A cloth that is thrown to a goal (section 4.9)."""

    seeds: Count = Field(5, description="cloths and goals, each a job")
    iterations: Count = Field(50, description="steps of Adam")
    lr: Positive = Field(0.5, description="learning rate of Adam")
    seconds: Positive = Field(1.5, description="length of the motion [s]")
    substeps: Count = Field(16, description="steps in 1/60 s")
    view: ViewSettings = Field(ViewSettings(distance=15.0, elevation=0.0), description="the camera")
    cells: tuple[Count, Count] = Field(
        (8, 31), description="cells along the sheet's side are drawn from these"
    )


class ControlWalkerSettings(ControlledSettings):
    """A flat walker that learns to walk to a goal (section 4.7)."""

    seeds: Count = Field(3, description="first policies, each a job")
    lr: Positive = Field(0.05, description="learning rate of Adam")
    seconds: Positive = Field(5.0, description="length of the motion [s]")
    view: ViewSettings = Field(ViewSettings(distance=8.0), description="the camera")
    strength: Positive = Field(0.2, description="largest actuation, a share of an element's area")
    distance: Positive = Field(2.0, description="how far to the right the goal is [m]")
