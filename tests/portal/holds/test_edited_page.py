"""The page of an edited document that is to be credited shows both ways out, and no release."""

import re

import pytest
from sqlalchemy import update

from holding.db.models import Hold
from rules.decisions.posted_documents import TARGET_EDIT_RULE
from rules.values.cause_keys import NEVER, Clearing
from tests.portal.holds.test_vanished_page import H, hold, posting_of
from tests.portal.reading import plain

__all__ = ["hold"]  # fixtures
pytestmark = pytest.mark.sqlite


@pytest.fixture
def edited(database, hold):
    values = {"code": "STL03", "rule": TARGET_EDIT_RULE, "clears": NEVER}
    with database.write() as session:
        values["error_class"] = "stale_version"
        session.execute(update(Hold).where(Hold.id == hold).values(**values))
    return hold


def test_a_release_names_the_document_that_stays_as_it_is_there(visit, edited, database):
    with database.write() as session:
        clears = Clearing.by("accounts")
        session.execute(update(Hold).where(Hold.id == edited).values(clears=clears))
    raw = visit("lim").text(f"{H}/{edited}")
    number = posting_of(database, edited, "number")
    button = re.search(rf'<button[^>]*id="release{edited}"[^>]*>(.*?)</button>', raw, re.DOTALL)
    assert button is not None
    assert f"Leave {number} as it is there" in plain(button[1])
    assert f'id="releasereason_{edited}"' in raw


def test_both_ways_are_shown_and_no_release(visit, edited, database):
    raw = visit("lim").text(f"{H}/{edited}")
    acts = set(re.findall(rf'action="[^"]*/{edited}/([a-z-]+)"', raw))
    assert "source" in acts
    assert f"byhand_{edited}" in raw, "AiAccount cannot change it: the page says how it ends"
    assert "release" not in acts
    assert posting_of(database, edited, "number") in raw
