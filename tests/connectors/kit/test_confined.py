"""A kept child works within its limits, and ends with whoever asks it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.kit.workbook import Child, Ended
from tests.acceptance.product import alive, children_of, until

MODULE = "tests.support.confined_child"
PARENT = f"""
import threading
from connectors.kit.workbook import Child
child = Child({MODULE!r}, "600")
assert child.ask(b"say yes", 60) == b"yes"
threading.Thread(target=child.ask, args=(b"burn", 600)).start()
print("asked", flush=True)
"""


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child(MODULE, "1")
    yield made
    made.end()


def test_T29c_a_child_answers_one_question_after_the_other(child: Child) -> None:
    assert [child.ask(f"say {n}".encode(), 60) for n in range(3)] == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    ("question", "seconds", "why"),
    [
        (b"burn", 60, Ended.PROCESSOR),
        (b"sleep", 0.2, Ended.TIME),
        (b"fill", 60, Ended.MEMORY),
        (b"what", 60, Ended.BROKEN),
    ],
)
def test_T29c_a_child_that_uses_too_much_is_ended_and_says_why(
    child: Child, question: bytes, seconds: float, why: Ended
) -> None:
    assert child.ask(b"say ready", 60) == b"ready"
    assert child.ask(question, seconds) is why
    assert child._process.returncode is not None


def test_T29c_the_processor_time_is_that_of_one_question() -> None:
    child = Child(MODULE, "2")
    try:
        assert child.ask(b"say ready", 60) == b"ready"
        first = limit_of(child)
        assert child.ask(b"work", 60) == b"worked for a second"
        assert child.ask(b"say again", 60) == b"again"
        assert limit_of(child) > first
    finally:
        child.end()


def limit_of(child: Child) -> int:
    """The second of processor time at which it is ended."""
    told = Path(f"/proc/{child._process.pid}/limits").read_text()
    [line] = [line for line in told.splitlines() if line.startswith("Max cpu time")]
    return int(line.split()[3])


def test_T29c_a_child_has_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    made = Child(MODULE, "1")
    try:
        assert made.ask(b"say ready", 60) == b"ready"
        told = Path(f"/proc/{made._process.pid}/environ").read_text()
        assert "secret" not in told
    finally:
        made.end()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_T29c_a_child_at_work_ends_with_whoever_asked_it(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"asked\n"
        [child] = children_of(parent.pid)
        parent.send_signal(how)
        parent.wait(30)
        until(lambda: not alive({child}), "an end of the child")
