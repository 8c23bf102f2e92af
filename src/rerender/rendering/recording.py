"""Dr.Jit functions whose kernels are recorded at the first call and launched again without tracing (`dr.freeze`).

Tracing a step and generating its code takes as long as a small render. What Dr.Jit 1.5.0 keeps a recording valid by is not enough,
so two rules are ours. Python values among the arguments are not told apart reliably (one that occurs twice is taken for any
other that does): each set of settings has a recording of its own here. And arrays that share the memory of NumPy or
PyTorch are read where they lay at the recording: such arguments, and parameters of scenes, must be `owned`.

Sizes of arrays inside are derived from those of the arguments; one that may change belongs to the settings.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from typing import Any

log = logging.getLogger(__name__)


class Recorded:
    """A function `f(*arrays, *settings)` of Dr.Jit arrays and scenes; recorded on the LLVM back end, called as it is elsewhere.

    What cannot be recorded (a plug-in that reads values back, say) is called as it is, too, from the first failure on. An adjoint
    cannot be tried twice, for gradients would add up: it is recorded if its `primal` is, and its failures are errors.
    """

    def __init__(self, function: Callable[..., Any], primal: Recorded | None = None) -> None:
        import drjit as dr
        import mitsuba as mi

        self.function, self.primal = function, primal
        # nobody has compared the two on a GPU yet
        self.possible = dr.backend_v(mi.Float) == dr.JitBackend.LLVM
        self.recordings: dict[tuple[Hashable, ...], Any] = {}

    @property
    def records(self) -> bool:
        """Whether calls are recorded, as far as is known."""
        return self.possible and (self.primal is None or self.primal.records)

    def __call__(self, arrays: tuple[Any, ...], settings: tuple[Hashable, ...]) -> Any:
        """Return what the function returns."""
        if self.records:
            if settings not in self.recordings:
                self.recordings[settings] = _recording(self.function, settings)
            try:
                return self.recordings[settings](*arrays)
            except RuntimeError as error:
                if self.primal is not None:
                    raise
                log.debug("%s cannot be recorded: %s", self.function.__name__, error)
                self.possible = False
                self.recordings.clear()
        return self.function(*arrays, *settings)


def _recording(function: Callable[..., Any], settings: tuple[Hashable, ...]) -> Any:
    import drjit as dr

    def settled(*arrays: Any) -> Any:
        return function(*arrays, *settings)

    return dr.freeze(settled)


def owned(array: Any) -> Any:
    """Return the same values in memory of Dr.Jit, gradients attached."""
    import drjit as dr

    # exact, and not folded away as a product with a known 1 would be
    return array * dr.opaque(type(array), 1)


def variable(views: Sequence[int], seed: int) -> tuple[Any, Any]:
    """Return views and seed as arrays, which may change from call to call."""
    import drjit as dr
    import mitsuba as mi

    return mi.UInt32(list(views)), dr.opaque(mi.UInt32, seed & 0xFFFFFFFF)
