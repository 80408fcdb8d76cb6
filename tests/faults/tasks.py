"""Workers, web calls and the clock of one history, stepped by a single thread.

Here: tasks that stop at every fault point and at every write lock, and a virtual clock. Not here:
what they do (town.py), and which of them goes on when (history.py).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from greenlet import getcurrent, greenlet
from sqlalchemy.orm import Session

from holding.db.database import Database


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing goes on, the database rolls back."""


class Moving:
    """A clock that only the history moves; the wall may jump, the monotonic one never does."""

    def __init__(self, start: datetime) -> None:
        self.wall, self.seconds = start, 0.0
        self.rate = 1.0  # of the wall clock, where a leap second is spread over a day
        self._latest: dict[str, datetime] = {}

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        while self.seconds < until:
            pause("asleep")

    def pass_(self, seconds: float) -> None:
        """Time goes by for everybody."""
        self.seconds += seconds
        self.jump(seconds * self.rate)

    def jump(self, seconds: float) -> None:
        """Somebody set the wall clock."""
        self.wall += timedelta(seconds=seconds)
        self._latest = {name: max(at, self.wall) for name, at in self._latest.items()}

    def mark(self, name: str) -> None:
        """Something happened now, after which `latest` is asked for."""
        self._latest[name] = self.wall

    def latest(self, name: str) -> datetime:
        """The latest moment that the wall clock showed since then."""
        return self._latest[name]


class Task:
    """One thing that happens: a worker or a web call. `at` is where it stopped last."""

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self.name, self.at, self.result = name, "start", None
        self.until = 0.0  # it is not scheduled before this moment of the monotonic clock
        self.waits_for: Callable[[], bool] = lambda: True
        self._greenlet = greenlet(self._run)
        self._work = work

    @property
    def over(self) -> bool:
        return bool(self._greenlet.dead)

    def step(self) -> str:
        """Let it go on until it stops again; where that is, empty when it is over."""
        self._greenlet.parent = getcurrent()
        told = self._greenlet.switch()
        self.at = "" if self.over else str(told)
        return self.at

    def kill(self) -> None:
        """kill -9, where it stands."""
        self._greenlet.parent = getcurrent()
        while not self._greenlet.dead:  # again, where it was caught on its way out
            with suppress(Killed):
                self._greenlet.throw(Killed())

    def _run(self) -> None:
        _BY_GREENLET[getcurrent()] = self
        try:
            self.result = self._work()  # type: ignore[assignment]
        finally:
            del _BY_GREENLET[getcurrent()]


_BY_GREENLET: dict[Any, Task] = {}


def pause(where: str, until: Callable[[], bool] | None = None) -> None:
    """Stop here until the history goes on with this task; outside of a task do nothing."""
    task = _BY_GREENLET.get(getcurrent())
    if task is None:
        return
    task.waits_for = until or (lambda: True)
    getcurrent().parent.switch(where)


class Points:
    """A plan for `connectors.transport.strict_json`: every point is a place where a task stops."""

    def __init__(self) -> None:
        self.hits: dict[str, int] = {}

    def reach(self, name: str) -> None:
        self.hits[name] = self.hits.get(name, 0) + 1
        pause(name)


class OneWriter(Database):
    """A database whose write lock is waited for by stepping the others, never by the thread."""

    holder: object | None = None

    @contextmanager
    def write(self, *, many: bool = False) -> Iterator[Session]:
        while self.holder is not None:
            pause("lock", until=lambda: self.holder is None)
        self.holder = getcurrent()
        try:
            with super().write(many=many) as session:
                yield session
        finally:
            self.holder = None

    session = write
