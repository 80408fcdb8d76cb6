"""Sessions that go out through another one: one counts its calls, one remembers their answers, one
hears what time it is there.

Here: all three, each for one pass over some documents, or one test. Not here: sockets (http.py),
who pays for calls.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Unpack

from connectors.transport.http import Given, Http, HttpAnswer, HttpFailure

OK = 200


class Through(Http):
    """A session that makes no call of its own."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def now(self) -> datetime:
        """The present moment, for answers that name a time."""
        return self._http.now()

    def request(self, method: str, url: str, **given: Unpack[Given]) -> HttpAnswer | HttpFailure:
        """The call, as the other session makes it."""
        return self._http.request(method, url, **given)


class Counting(Through):
    """The number of calls that were made: a target that counts them must be charged for each."""

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self.calls = 0

    def request(self, method: str, url: str, **given: Unpack[Given]) -> HttpAnswer | HttpFailure:
        """One call more."""
        self.calls += 1
        return super().request(method, url, **given)


class Remembering(Counting):
    """Reads that were answered once are not asked again, nor counted; only good answers are
    remembered.
    """

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self._known: dict[tuple[str, str, bytes | None], HttpAnswer] = {}

    def request(self, method: str, url: str, **given: Unpack[Given]) -> HttpAnswer | HttpFailure:
        """The answer of before, or one call. All calls of a pass carry the same key."""
        asked = (method, url, given.get("body"))
        if asked in self._known:
            return self._known[asked]
        answer = super().request(method, url, **given)
        if isinstance(answer, HttpAnswer) and answer.status == OK and not given.get("push"):
            self._known[asked] = answer
        return answer


class Clocked(Through):
    """`ahead`: by how many whole seconds the clock of the other side is ahead of ours, less than 0
    where it is behind, by the last answer that told its time; None while none did.

    An answer tells a whole second, somewhere between the call and its end: the middle of both.
    """

    def __init__(self, http: Http) -> None:
        super().__init__(http)
        self.ahead: int | None = None

    def request(self, method: str, url: str, **given: Unpack[Given]) -> HttpAnswer | HttpFailure:
        """The call, and what its answer tells of the time there."""
        answer = super().request(method, url, **given)
        told = _date_of(answer.headers) if isinstance(answer, HttpAnswer) else None
        if told is not None and isinstance(answer, HttpAnswer):
            there = told + timedelta(seconds=0.5)
            here = answer.at - timedelta(seconds=answer.seconds / 2)
            self.ahead = round((there - here).total_seconds())
        return answer


def _date_of(headers: Mapping[str, str]) -> datetime | None:
    """The moment that an answer says it was made at; None where it tells none."""
    try:
        told = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)
