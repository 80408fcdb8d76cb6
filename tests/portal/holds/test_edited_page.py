"""The page of an edited document that is to be credited shows both ways out, and no release."""

import re

import pytest
from sqlalchemy import update

from holding.db.models import Hold
from rules.decisions.posted_documents import TARGET_EDIT_RULE
from rules.values.cause_keys import NEVER
from tests.portal.holds.test_vanished_page import H, hold, posting_of

__all__ = ["hold"]  # fixtures
pytestmark = pytest.mark.sqlite


@pytest.fixture
def edited(database, hold):
    values = {"code": "STL03", "rule": TARGET_EDIT_RULE, "clears": NEVER}
    with database.write() as session:
        values["error_class"] = "stale_version"
        session.execute(update(Hold).where(Hold.id == hold).values(**values))
    return hold


def test_both_ways_are_shown_and_no_release(visit, edited, database):
    raw = visit("lim").text(f"{H}/{edited}")
    acts = set(re.findall(rf'action="[^"]*/{edited}/([a-z-]+)"', raw))
    assert "source" in acts
    assert f"byhand_{edited}" in raw, "AiAccount cannot change it: the page says how it ends"
    assert "release" not in acts
    assert posting_of(database, edited, "number") in raw
