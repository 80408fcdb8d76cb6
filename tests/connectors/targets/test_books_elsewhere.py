"""A connection whose books are not in Malaysia."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors.targets.aiaccount.outcomes import hear, pause_of
from connectors.targets.autocount.answers import validated_at
from connectors.transport.http import HttpAnswer
from connectors.transport.strict_json import dumps

NOW = datetime(2026, 7, 31, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "hours"), [("Europe/London", 3), ("Asia/Kuala_Lumpur", 0), ("UTC", 4)]
)
def test_T09b_the_quota_begins_anew_when_the_day_does_in_the_books(zone, hours):
    body = dumps({"error": {"code": "quota_exceeded", "resets_on": "2026-08-01"}})
    answer = HttpAnswer(status=403, headers={}, body=body, seconds=0.0, at=NOW)
    assert pause_of(hear(answer, NOW.astimezone(ZoneInfo(zone)))) == hours * 3600


def test_T09b_a_moment_without_a_zone_is_meant_in_that_of_the_books():
    told = {"master": {"eInvoiceValidatedTimeStamp": "2026-07-10T23:30:00"}}
    found = validated_at(told, ZoneInfo("Europe/London"))
    assert found == datetime(2026, 7, 10, 22, 30, tzinfo=UTC)
