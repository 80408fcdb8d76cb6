"""The button that retries a hold names the time where a retry has to wait."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from holding.db.models import Hold
from holding.holds.retries import LONGEST_PAUSE
from tests.portal.reading import one

pytestmark = pytest.mark.sqlite
H = "/c/kedai/holding"


def button(page, hold):
    found = re.search(rf'<button[^>]*id="retry{hold}"[^>]*>(.*?)</button>', page, re.DOTALL)
    return found[0], " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def test_a_retry_that_has_to_wait_names_the_time(visit, database, clock):
    hold = one(database, "SELECT min(id) FROM hold WHERE state = 'open' AND code = 'CHK01'")
    with database.write() as session:
        values = {"error_class": "temporary", "opened_at": clock.now()}
        session.execute(update(Hold).where(Hold.id == hold).values(values))
    at = clock.now() + LONGEST_PAUSE + timedelta(hours=8)
    markup, words = button(visit("lim").text(f"{H}/{hold}"), hold)
    assert words.endswith(f" at {at:%H:%M}")
    assert "disabled" in markup
    clock.advance(LONGEST_PAUSE.total_seconds())
    _, words = button(visit("lim").text(f"{H}/{hold}"), hold)
    assert " at " not in words
