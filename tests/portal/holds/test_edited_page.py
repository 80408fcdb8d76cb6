"""The page of an edited document that is to be credited shows both ways out, and no release."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from holding.db.models import Hold, Posting
from holding.platform.states import RESTORES
from rules.decisions.posted_documents import TARGET_EDIT_RULE
from rules.values.cause_keys import NEVER, Clearing
from tests.portal.holds.test_vanished_page import H, hold, posting_of
from tests.portal.reading import hold_of, plain

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


def test_a_document_that_waits_to_be_sent_again_names_its_hold(visit, database):
    """What is sent again is an older version, so the difference to the newest is decided first."""
    waits = hold_of(database, "SO-10240")
    with database.write() as session:
        of_hold = select(Hold.posting_id).where(Hold.id == waits).scalar_subquery()
        planned = update(Posting).where(Posting.id == of_hold)
        session.execute(planned.values(reason=RESTORES, hash="0" * 64, action="update"))
    lim = visit("lim")
    assert f'id="resend_{waits}"' in lim.text(f"{H}/{waits}")
    page = lim.text("/c/kedai/records/netshop/order/SO-10240")
    link = re.search(r'<a href="([^"]+)"\s+id="resend_\d+">', page)
    assert link is not None
    assert link[1].endswith(f"{H}/{waits}")
    with database.write() as session:
        session.execute(planned.values(due_at=datetime(2026, 11, 20, tzinfo=UTC)))
    assert 'id="resend_' not in lim.text("/c/kedai/records/netshop/order/SO-10240")
    assert 'id="resend_' not in lim.text(f"{H}/{waits}")
