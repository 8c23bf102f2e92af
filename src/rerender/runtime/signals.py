"""Signals that ask a long job to save and stop.

SIGTERM comes from schedulers, SIGUSR1 when a time limit is near, SIGINT from Ctrl-C.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: nothing is wrong with the job, run it again

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Interrupted(SystemExit):
    """The work was saved and stopped on request; exits with `TRY_AGAIN`. Running it again carries on."""

    def __init__(self, message: str) -> None:
        super().__init__(TRY_AGAIN)
        self.message = message

    def __str__(self) -> str:
        return self.message


class StopRequest:
    """A context in which the stop signals only set a flag, for the work to look at between two steps.

    Handlers are put back on leaving. Repeats of a signal change nothing (schedulers send several), except
    that a second Ctrl-C raises KeyboardInterrupt at once. Python lets only the main thread set handlers, so
    elsewhere this does nothing and the flag stays down.
    """

    def __init__(self, signals: tuple[signal.Signals, ...] = STOP_SIGNALS) -> None:
        self._signals = signals
        self._previous: dict[signal.Signals, Any] = {}
        self._received: signal.Signals | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            # None: the handler was set by other than Python code and cannot be put back from here
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._previous.clear()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._received is signal.SIGINT:
            raise KeyboardInterrupt
        self._received = signal.Signals(number)

    @property
    def name(self) -> str | None:
        """Name of the last signal received, such as `SIGTERM`, or None."""
        return self._received.name if self._received else None

    def __bool__(self) -> bool:
        return self._received is not None
