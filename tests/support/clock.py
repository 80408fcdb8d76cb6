"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class SetClock:
    """The time a test says it is; sleeping moves it on at once."""

    def __init__(self, start: datetime = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def set(self, now: datetime) -> None:
        self._now = now

    def advance(self, step: timedelta | float) -> datetime:
        self._now += step if isinstance(step, timedelta) else timedelta(seconds=step)
        return self._now
