"""`rerender edit`: change a picture, and find the sky that makes it so. Built-in edits, strokes in YAML, or your own painting."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rerender.config import read_config
from rerender.core.errors import UserError
from rerender.options import TIER_NAMES
from rerender.papers.envmaps.own_edit_specs import OwnEdit, own_edit
from rerender.papers.envmaps.settings import EnvmapsSettings
from rerender.runtime.threads import available_cores, limit_threads

CACHE = Path("resources/edits")
RESULTS = Path("results")


def add_parser(subparsers: Any) -> None:
    """Add `edit` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "edit",
        help="change a picture, and find the sky that makes it so",
        description="Change a rendering, and search for the sky under which the scene looks like that.",
        epilog="Paint your own: `rerender edit --scene bunny --sky sky_00 --paintable bunny.png`, paint on bunny.png, then "
        "`rerender edit --scene bunny --sky sky_00 --target bunny.png`. docs/envmap-edits.md explains the strokes.",
    )
    parser.add_argument(
        "--scene", required=True, help="mirror_sphere, horse, bunny, atenea, plant or multi_objects"
    )
    parser.add_argument(
        "--sky", required=True, help="a captured sky by its id, sky_00 and on, or an .exr or .hdr file"
    )
    parser.add_argument(
        "--edit", metavar="NAME", help="a built-in edit, or one of the file given by --strokes"
    )
    parser.add_argument("--strokes", metavar="FILE", help="YAML file of edits")
    parser.add_argument("--target", metavar="PICTURE", help="picture painted over the initial rendering")
    parser.add_argument(
        "--paintable", metavar="PNG", type=Path, help="write the initial rendering here, and stop"
    )
    parser.add_argument("--roughness", type=float, help="of the object, 0 to 1, where the scene has it")
    parser.add_argument(
        "--representation", metavar="A,B", help="what to search with (default: pixels,rsiren_a)"
    )
    parser.add_argument("--tier", choices=TIER_NAMES, help="sizes and steps (default: the configuration's)")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="default: results/TIER/envmaps/user_edits/NAME"
    )
    parser.add_argument(
        "--size", type=int, metavar="PIXELS", help="width and height of the picture (default: the tier's)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the edit and print what it is worth; return 0."""
    from rerender.workflow.session import Session
    from rerender.workflow.targets import check_writable

    own = asked(arguments)
    session = Session(read_config().model_dump())
    tier = arguments.tier or session.config.tier
    place = arguments.paintable.parent if arguments.paintable else arguments.out
    check_writable([place or RESULTS / tier, CACHE])
    threads = available_cores()
    limit_threads(threads)  # before the numerical libraries are loaded
    from rerender.fitting.progress import StreamProgress
    from rerender.papers.envmaps.own_edit_inputs import prepare
    from rerender.papers.envmaps.own_edits import make_edit, summary, write_paintable
    from rerender.provenance.manifest import Code

    request = prepare(
        own,
        sized(session.envmaps(tier), arguments.size),
        session.places,
        CACHE,
        tier=tier,
        variant=session.config.variant,
        threads=threads,
        progress=StreamProgress,
    )
    if arguments.paintable is not None:
        write_paintable(request, arguments.paintable)
        print(f"Paint on {arguments.paintable}, keep its size, and give it back with --target.")
        return 0
    folder = arguments.out or RESULTS / tier / "envmaps" / "user_edits" / request.name
    module = "rerender.papers.envmaps.own_edits"
    measured = make_edit(
        request,
        Code.of(module),
        session.stack(module),
        folder=folder,
        state_root=CACHE / "state",
        progress=StreamProgress,
    )
    print("\n".join((*summary(measured), f"written to {folder}")))
    return 0


def sized(settings: EnvmapsSettings, size: int | None) -> EnvmapsSettings:
    """Return the tier's settings with pictures of another size, if one is given."""
    if size is None:
        return settings
    values = settings.model_dump()
    values["render"]["image_size"] = size
    try:
        return type(settings).model_validate(values)
    except ValidationError as error:
        told = error.errors(include_url=False)[0]["msg"]
        raise UserError(f"--size {size}: {told}") from None


def asked(arguments: argparse.Namespace) -> OwnEdit:
    """Return the edit that the command line asks for. Raises `UserError` for what cannot be, before anything is read."""
    values = {
        name: getattr(arguments, name) for name in ("scene", "sky", "roughness", "edit", "strokes", "target")
    }
    if arguments.representation:
        values["representations"] = tuple(arguments.representation.split(","))
    if arguments.paintable is not None:
        if arguments.paintable.suffix.lower() != ".png":
            raise UserError(f"--paintable {arguments.paintable} is no PNG", "Type a name that ends in .png.")
        # nothing is searched for, so any edit and a representation without a network will do
        values |= {
            "edit": "colour_temperature",
            "strokes": None,
            "target": None,
            "representations": ("pixels",),
        }
    return own_edit(values)
