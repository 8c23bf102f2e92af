from __future__ import annotations

import io
import math

from rerender.fitting.progress import StreamProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drive(stream: io.StringIO, *, done: int = 0, seconds: float | None = 0.0) -> str:
    progress = StreamProgress("fit abc", stream, seconds=seconds)
    progress.begin(50, done)
    for i in range(done + 1, 51):
        progress.update(i, 1 / i, math.inf if i == 1 else 0.125)
    progress.end("completed 50 iterations")
    return stream.getvalue()


def test_log_has_whole_lines_with_everything_a_reader_wants() -> None:
    lines = drive(io.StringIO()).splitlines()
    assert len(lines) == 52
    assert lines[0].startswith("fit abc: 0/50 (0%)")
    assert "loss 1," in lines[1]
    assert "best" not in lines[1]
    for part in ("20/50 (40%)", "loss 0.05", "best 0.125", "it/s", "left"):
        assert part in lines[20]
    assert lines[-1] == "fit abc: completed 50 iterations"
    assert "\r" not in "".join(lines)


def test_log_is_quiet_for_ten_seconds() -> None:
    lines = drive(io.StringIO(), seconds=None).splitlines()
    assert len(lines) == 3  # the start, the end, the reason


def test_resumed_run_says_where_it_took_over() -> None:
    lines = drive(io.StringIO(), done=30).splitlines()
    assert lines[0].startswith("fit abc (resumed from 30): 30/50 (60%)")
    assert len(lines) == 22


def test_terminal_gets_one_line_that_is_repainted() -> None:
    text = drive(Terminal())
    assert text.count("\n") == 1
    assert text.count("\r") > 40
    assert text.endswith("fit abc: completed 50 iterations\n")
