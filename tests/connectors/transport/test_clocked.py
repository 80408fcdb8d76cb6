"""What time it is on the other side, as its answers tell."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from connectors.transport.http import Clocked, Http, HttpAnswer, HttpFailure

HERE = datetime(2026, 11, 20, 1, 0, 10, 500_000, tzinfo=UTC)
URL = "https://books.example"


class Answering(Http):
    """A session whose call took so long and was answered with these headers, or not at all."""

    def __init__(self, headers: Mapping[str, str] | None, seconds: float = 0.0) -> None:
        self.headers, self.seconds = headers, seconds

    def request(self, *_: object, **__: object) -> HttpAnswer | HttpFailure:
        if self.headers is None:
            return HttpFailure(kind="no_answer", words="", seconds=self.seconds)
        return HttpAnswer(status=500, headers=self.headers, body=b"", seconds=self.seconds, at=HERE)


def ahead(headers: Mapping[str, str] | None, seconds: float = 0.0) -> int | None:
    heard = Clocked(Answering(headers, seconds))
    heard.request("GET", URL, headers={})
    return heard.ahead


@pytest.mark.parametrize("off", [0, 1, 45, -45, 86_400])
def test_the_second_that_an_answer_tells_is_compared_with_ours(off: int) -> None:
    there = format_datetime(HERE + timedelta(seconds=off), usegmt=True)
    assert ahead({"date": there}) == off


def test_an_answer_that_took_long_was_made_in_the_middle() -> None:
    there = format_datetime(HERE - timedelta(seconds=10), usegmt=True)
    assert ahead({"date": there}, seconds=20.0) == 0


@pytest.mark.parametrize("told", [None, {}, {"date": ""}, {"date": "yesterday"}, {"date": "99"}])
def test_who_tells_no_time_leaves_it_unknown(told: Mapping[str, str] | None) -> None:
    assert ahead(told) is None


def test_a_time_without_its_zone_is_that_of_greenwich() -> None:
    assert ahead({"date": "Fri, 20 Nov 2026 01:00:10 -0000"}) == 0


def test_what_was_heard_stays_where_the_next_answer_tells_nothing() -> None:
    answers = Answering({"date": format_datetime(HERE + timedelta(seconds=60), usegmt=True)})
    heard = Clocked(answers)
    heard.request("GET", URL, headers={})
    answers.headers = {}
    heard.request("GET", URL, headers={})
    assert heard.ahead == 60
