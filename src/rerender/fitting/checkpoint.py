"""Checkpoints of a fit: written whole or not at all, the previous one kept, bound to one run id.

Files are `checkpoint-<serial>.npz`; the highest serial is the newest, and the two newest are kept. There is
no moment without a whole one on disk. A damaged file is reported and deleted, and the one before it is used.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from rerender.core.errors import UserError
from rerender.core.files import Tree, explain_os_error, load_tree, save_tree

_LOG = logging.getLogger(__name__)
_FORMAT = 1
MOST_LOST = 30.0  # seconds of work that a kill may cost, at most


class Checkpoints:
    """The checkpoints of the run `run_id` in `folder`, and the clock that says when the next one is due.

    `seconds` is the wished wall time between two; it grows (not beyond `MOST_LOST`) until saving takes no
    more than `share` of the time. `spent` counts the seconds that saving took.
    """

    def __init__(self, folder: Path, run_id: str, seconds: float = 20.0, share: float = 0.01) -> None:
        self._folder = folder
        self._run_id = run_id
        self._seconds = seconds
        self._share = share
        self._cost = 0.0
        self._saved_at = time.monotonic()
        self.spent = 0.0

    def load(self) -> Tree | None:
        """Return the newest whole checkpoint, or None. One of another run is refused."""
        for path in reversed(self._paths()):
            try:
                stored = load_tree(path)
                run_id, form, tree = stored["run_id"], stored["format"], stored["tree"]
            except PermissionError as error:
                raise explain_os_error(error, path) from error
            except Exception as error:  # a damaged file can fail in any way
                _LOG.warning("deleting the damaged checkpoint %s (%s); using the one before", path, error)
                path.unlink(missing_ok=True)
                continue
            if run_id != self._run_id or form != _FORMAT:
                raise UserError(
                    f"{self._folder} holds the progress of another run ({run_id}), not of {self._run_id}",
                    "Choose another folder, or delete this one if that run is not needed any more.",
                )
            return tree
        return None

    def save(self, tree: Tree) -> None:
        """Write a checkpoint and delete all but it and the one before. Raises `UserError` on a full disk."""
        began = time.monotonic()
        paths = self._paths()
        serial = int(paths[-1].stem.removeprefix("checkpoint-")) + 1 if paths else 1
        path = self._folder / f"checkpoint-{serial:08d}.npz"
        save_tree(path, {"format": _FORMAT, "run_id": self._run_id, "tree": tree})
        for old in [*paths[:-1], *self._folder.glob(".checkpoint-*.part.npz")]:
            old.unlink(missing_ok=True)
        self._saved_at = time.monotonic()
        self._cost = self._saved_at - began
        self.spent += self._cost

    def due(self, step_seconds: float) -> bool:
        """Say whether to save now, given that the next step will take about `step_seconds`."""
        wait = min(max(self._seconds, self._cost / self._share), MOST_LOST - self._cost - step_seconds)
        return time.monotonic() - self._saved_at >= wait

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("checkpoint-*.npz"))
