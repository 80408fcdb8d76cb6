"""Progress of what takes long: a bar on a terminal, lines elsewhere."""

import os
import pty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import pytest

from portal.backtest import command
from portal.backtest.parallel_run import Progress


@contextmanager
def terminal() -> Iterator[tuple[TextIO, Callable[[], str]]]:
    """A terminal, and what was written to it; asking closes it, so that nothing is on its way."""
    ours, theirs = pty.openpty()
    stream = os.fdopen(theirs, "w")

    def shown() -> str:
        stream.close()
        with os.fdopen(ours, "rb", closefd=False) as read:
            parts: list[bytes] = []
            # Linux says that the other end is closed with an error.
            with suppress(OSError):
                while part := read.read1(65_536):
                    parts.append(part)
        return b"".join(parts).decode()

    yield stream, shown
    stream.close()
    os.close(ours)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the progress: its last value is the time."""
    told = [100.0]
    monkeypatch.setattr("portal.backtest.command.monotonic", lambda: told[-1])
    return told


def test_a_terminal_gets_a_bar_after_a_second(
    seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with terminal() as (stream, shown):
        monkeypatch.setattr("sys.stderr", stream)
        told = command._ProgressReport()
        told.progress(Progress(10, 0.01))
        assert told._bar is None
        seconds.append(101.5)
        told.progress(Progress(610_000, 0.61))
        assert told._bar is not None
        told.end(1_000_000, 1.0)
        text = shown()
    assert "Backtest" in text
    assert " 61 %" in text
    assert "610,000 records" in text
    assert text.splitlines()[-1].endswith("\x1b[2K1,000,000 records, 100%, 1.5 s")


def test_elsewhere_it_is_a_line_now_and_then(
    seconds: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    told = command._ProgressReport()
    seconds.append(101.0)
    told.progress(Progress(10, 0.25))
    told.progress(Progress(11, 0.26))
    seconds.append(103.0)
    told.progress(Progress(30, 0.75))
    told.end(40, 1.0)
    assert capsys.readouterr().err.splitlines() == [
        "10 records, 25%, about 3 s left",
        "30 records, 75%, about 1 s left",
        "40 records, 100%, 3.0 s",
    ]
