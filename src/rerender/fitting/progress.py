"""Progress of a fit for people: a bar on a terminal, a line every ten seconds in a log.

Both are tqdm's, which knows terminal widths, smooths the rate over recent iterations (a first step that
compiles kernels does not spoil the estimate) and starts in the middle for a resumed run; only the log line is
ours.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Protocol, TextIO

from tqdm.std import tqdm

_LINE = (
    "{desc}: {n_fmt}/{total_fmt} ({percentage:.0f}%){postfix}, {rate_fmt}, {elapsed} so far, {remaining} left"
)


class Progress(Protocol):
    """What the loop tells while it runs."""

    def begin(self, total: int, done: int) -> None:
        """A run of `total` iterations starts after `done` of them."""
        ...

    def update(self, done: int, loss: float, best: float) -> None:
        """`done` iterations are finished; the loss of the last, and the best mean loss of a window."""
        ...

    def end(self, reason: str) -> None:
        """The run stopped for `reason`."""
        ...


class Silent:
    """No output."""

    def begin(self, total: int, done: int) -> None:
        """Say nothing."""

    def update(self, done: int, loss: float, best: float) -> None:
        """Say nothing."""

    def end(self, reason: str) -> None:
        """Say nothing."""


class _Lines:
    """A stream on which every repaint of a bar becomes a line: for logs, where carriage returns are noise."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write `text` as one line, unless it is blank."""
        if text.strip():
            self._stream.write(f"{text.strip()}\n")

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


class StreamProgress:
    """Iterations done, rate, time left, loss and best loss, on `stream` (the present stderr if None).

    `seconds` between two outputs are 1 on a terminal and 10 in a log, unless given.
    """

    def __init__(
        self, label: str = "fit", stream: TextIO | None = None, *, seconds: float | None = None
    ) -> None:
        self._label = label
        self._stream = stream
        self._seconds = seconds
        self._bar: Any = None

    def begin(self, total: int, done: int) -> None:
        """Start the bar; a resumed run says where."""
        stream = self._stream or sys.stderr
        terminal = stream.isatty()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=f"{self._label} (resumed from {done})" if done else self._label,
            file=stream if terminal else _Lines(stream),
            mininterval=self._seconds if self._seconds is not None else (1.0 if terminal else 10.0),
            miniters=1,
            bar_format=None if terminal else _LINE,
            dynamic_ncols=terminal,
            leave=False,
        )

    def update(self, done: int, loss: float, best: float) -> None:
        """Move on; shown only when the last output is long enough ago."""
        text = f"loss {loss:.5g}, best {best:.5g}" if math.isfinite(best) else f"loss {loss:.5g}"
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(done - self._bar.n)

    def end(self, reason: str) -> None:
        """Show the last state and why there is no more."""
        if self._bar.n != self._bar.last_print_n:
            self._bar.refresh()
        self._bar.close()
        self._bar.fp.write(f"{self._label}: {reason}\n")
        self._bar.fp.flush()
