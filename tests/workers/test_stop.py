"""A worker is told to stop by signals, which come at any moment."""

import subprocess
import sys

import pytest

from workers.loop import Stop

TOLD_WHILE_WAITING = """
import signal
from random import Random
from workers.loop import Stop

chance, stop = Random(1), Stop()
signal.signal(signal.SIGALRM, lambda *_: stop.set())
for _ in range(400):
    stop = Stop()
    signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00002, 0.0004))
    while not stop.wait(0.00002):
        pass
"""


@pytest.mark.slow
def test_a_signal_in_the_midst_of_waiting_never_waits_for_itself() -> None:
    """With a lock in it, one of some hundred such signals hangs the process for ever."""
    subprocess.run([sys.executable, "-c", TOLD_WHILE_WAITING], check=True, timeout=60)


def test_who_waits_is_told() -> None:
    stop = Stop()
    assert (stop.is_set(), stop.wait(0)) == (False, False)
    stop.set()
    stop.set()
    assert (stop.is_set(), stop.wait(60)) == (True, True)
