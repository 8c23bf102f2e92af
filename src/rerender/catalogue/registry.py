"""What can be named: scenes, environment maps and vision models; built in, or from third parties.

`@register.scene("dragon")` decorates a factory of a frozen spec. Third parties offer an entry point in the group
`rerender.plugins`: a callable that takes `register`, or a module that uses the decorators when imported. A plug-in that
fails or registers something of the wrong type warns and is skipped. Nothing here imports NumPy or a renderer.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import types
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from rerender.catalogue.specs import EnvmapSpec, SceneSpec, VisionModelSpec
from rerender.core.errors import UserError, closest_first, unknown_name

Spec = TypeVar("Spec", SceneSpec, EnvmapSpec, VisionModelSpec)
Factory = Callable[[], Spec]

PLUGIN_GROUP = "rerender.plugins"
__reaches__ = ("rerender.catalogue.scenes", "rerender.catalogue.envmaps", "rerender.catalogue.models")
"""What `_load` imports; the code fingerprints read this name, and then need not assume the whole catalogue."""


@dataclass
class Kind(Generic[Spec]):
    """The factories of one kind of spec, by name in order of registration."""

    name: str
    spec_type: type[Spec]
    factories: dict[str, Factory[Spec]] = field(default_factory=dict)
    _built: Mapping[str, Spec] | None = None

    def __call__(self, name: str) -> Callable[[Factory[Spec]], Factory[Spec]]:
        """Return a decorator that registers a factory under `name`."""

        def decorate(factory: Factory[Spec]) -> Factory[Spec]:
            if name in self.factories:
                raise ValueError(f"a {self.name} called '{name}' is already registered")
            self.factories[name] = factory
            self._built = None
            return factory

        return decorate

    def specs(self) -> Mapping[str, Spec]:
        """Return all specs by name. They are built once: frozen values can be shared."""
        if self._built is None:
            self._built = types.MappingProxyType(
                {name: factory() for name, factory in self.factories.items()}
            )
        return self._built

    def restore(self, factories: Mapping[str, Factory[Spec]]) -> None:
        """Go back to earlier factories."""
        self.factories, self._built = dict(factories), None

    def check(self, name: str) -> None:
        """Raise when the factory of `name` returns anything but a spec of that name."""
        spec = self.factories[name]()
        if not isinstance(spec, self.spec_type):
            raise TypeError(
                f"{self.name} '{name}' is a {type(spec).__name__}, not a {self.spec_type.__name__}"
            )
        if spec.id != name:
            raise ValueError(f"{self.name} '{name}' calls itself '{spec.id}'")


@dataclass
class Register:
    """One registry; the program uses `register`, tests make their own."""

    scene: Kind[SceneSpec] = field(default_factory=lambda: Kind("scene", SceneSpec))
    envmap: Kind[EnvmapSpec] = field(default_factory=lambda: Kind("envmap", EnvmapSpec))
    vision_model: Kind[VisionModelSpec] = field(default_factory=lambda: Kind("vision model", VisionModelSpec))

    @property
    def kinds(self) -> tuple[Kind[Any], ...]:
        """All kinds."""
        return (self.scene, self.envmap, self.vision_model)

    def load_plugin(self, name: str, load: Callable[[], object]) -> None:
        """Let one plug-in register; if it fails or a spec is wrong, warn and undo all it did."""
        before = [dict(kind.factories) for kind in self.kinds]
        try:
            loaded = load()
            if callable(loaded):
                loaded(self)
            elif not isinstance(loaded, types.ModuleType):
                raise TypeError(f"its entry point is a {type(loaded).__name__}, not a function or a module")
            for kind, known in zip(self.kinds, before, strict=True):
                for new in kind.factories.keys() - known.keys():
                    kind.check(new)
        except Exception as error:  # a third party's code may fail in any way
            for kind, known in zip(self.kinds, before, strict=True):
                kind.restore(known)
            text = f"the plug-in '{name}' is skipped: {type(error).__name__}: {error}"
            warnings.warn(text, stacklevel=2)


# The one mutable value of the package: decorators must have a place to register at.
register = Register()


@functools.cache
def _load() -> Register:
    """Register what is built in, then the installed plug-ins; once a process."""
    for module in __reaches__:
        importlib.import_module(module)
    for point in entry_points(group=PLUGIN_GROUP):
        register.load_plugin(point.name, point.load)
    return register


def scenes() -> Mapping[str, SceneSpec]:
    """Return all scenes by name."""
    return _load().scene.specs()


def envmaps() -> Mapping[str, EnvmapSpec]:
    """Return all environment maps by name."""
    return _load().envmap.specs()


def vision_models() -> Mapping[str, VisionModelSpec]:
    """Return all vision models by name."""
    return _load().vision_model.specs()


def _get(kind: str, name: str, known: Mapping[str, Spec]) -> Spec:
    if name not in known:
        raise unknown_name(kind, name, known)
    return known[name]


def scene(name: str) -> SceneSpec:
    """Return one scene; `UserError` naming the closest alternatives if there is none."""
    return _get("scene", name, scenes())


def envmap(name: str) -> EnvmapSpec:
    """Return one environment map; `UserError` naming the closest alternatives if there is none."""
    return _get("envmap", name, envmaps())


def vision_model(name: str) -> VisionModelSpec:
    """Return one vision model; `UserError` naming the closest alternatives if there is none."""
    return _get("vision model", name, vision_models())


def run_problem(scene_name: str, envmap_name: str, model_name: str) -> UserError | None:
    """Return what is wrong with a run, or None: unknown names, or a combination that makes no sense.

    Fact sheet, section 8.2: `mae` only on geometry, `dual_buffer` only on materials, environment maps only on
    geometry; material scenes have their own light, called `builtin`.
    """
    try:
        spec, light, model = scene(scene_name), envmap(envmap_name), vision_model(model_name)
    except UserError as error:
        return error
    if spec.family not in light.families:
        return UserError(
            f"the {spec.family} scene '{scene_name}' cannot be lit by envmap '{envmap_name}'",
            _alternatives(envmap_name, (e.id for e in envmaps().values() if spec.family in e.families)),
        )
    if spec.family not in model.families:
        return UserError(
            f"the vision model '{model_name}' cannot be used on the {spec.family} scene '{scene_name}', "
            f"only on {' and '.join(model.families)} scenes",
            _alternatives(model_name, (m.id for m in vision_models().values() if spec.family in m.families)),
        )
    return None


def validate_run(scene_name: str, envmap_name: str, model_name: str) -> None:
    """Raise the `UserError` of `run_problem`, if there is one."""
    problem = run_problem(scene_name, envmap_name, model_name)
    if problem is not None:
        raise problem


def valid_runs(
    scene_names: Iterable[str], envmap_names: Iterable[str], model_names: Iterable[str]
) -> tuple[tuple[str, str, str], ...]:
    """Return the valid (scene, envmap, model) triples of a product, in order; unknown names raise `UserError`."""
    chosen, lights, models = tuple(scene_names), tuple(envmap_names), tuple(model_names)
    for name in chosen:
        scene(name)
    for name in lights:
        envmap(name)
    for name in models:
        vision_model(name)
    return tuple(run for run in itertools.product(chosen, lights, models) if run_problem(*run) is None)


def _alternatives(name: str, allowed: Iterable[str]) -> str:
    return f"Allowed here, closest first: {', '.join(closest_first(name, allowed))}."
