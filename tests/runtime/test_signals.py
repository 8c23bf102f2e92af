from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from rerender.runtime.signals import STOP_SIGNALS, Interrupted, StopRequest


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_signal_sets_the_flag_and_handlers_come_back(number: signal.Signals) -> None:
    before = {n: signal.getsignal(n) for n in STOP_SIGNALS}
    with StopRequest() as stop:
        assert not stop
        assert stop.name is None
        os.kill(os.getpid(), number)
        assert stop
        assert stop.name == number.name
    assert {n: signal.getsignal(n) for n in STOP_SIGNALS} == before


def test_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), StopRequest():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) is before


def test_repeats_change_nothing_but_a_second_ctrl_c_breaks() -> None:
    with StopRequest() as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.name == "SIGTERM"
    with StopRequest(), pytest.raises(KeyboardInterrupt):  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_nested_requests_each_put_back_their_own() -> None:
    with StopRequest() as outer:
        with StopRequest() as inner:
            os.kill(os.getpid(), signal.SIGUSR1)
        assert inner
        assert not outer
        os.kill(os.getpid(), signal.SIGUSR1)
        assert outer


def test_other_threads_are_left_alone() -> None:
    seen: list[bool] = []

    def work() -> None:
        with StopRequest() as stop:
            seen.append(signal.getsignal(signal.SIGTERM) == before)
            seen.append(not stop)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True, True]


def test_interrupted_exits_with_try_again() -> None:
    code = "from rerender.runtime.signals import Interrupted; raise Interrupted('saved')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 75
    assert str(Interrupted("saved")) == "saved"
