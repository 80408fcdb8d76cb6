"""The page of a document that the accounting system lost offers what ends it, and no release."""

import re

import pytest
from sqlalchemy import select, update

from holding.db.models import Hold, Posting
from holding.posting.holds import Trouble, open_hold, settle_holds
from tests.portal.api.test_api import call, key
from tests.portal.reading import one, plain
from tests.support.databases import any_move
from tests.support.postings import make_push

__all__ = ["call", "key"]  # fixtures
pytestmark = pytest.mark.sqlite

H = "/c/kedai/holding"
LOST = "aiaccount accepted it, but it is not there."


@pytest.fixture
def hold(database, clock):
    """A document was posted, and its first reading does not find it."""
    wanted = one(database, "SELECT min(id) FROM hold WHERE code = 'APP01' AND state = 'open'")
    with database.write() as session:
        query = select(Posting).join(Hold, Hold.posting_id == Posting.id).where(Hold.id == wanted)
        posting = session.scalars(query).one()
        session.execute(
            update(Hold).where(Hold.id == wanted).values(state="cleared", closed_at=clock.now())
        )
        push = make_push(
            posting, state="accepted", at=clock.now(), error=LOST, error_class="uncertain"
        )
        session.add(push)
        session.flush()
        with any_move(session):
            posting.state, posting.sent_at, posting.posted_at = "posted", clock.now(), clock.now()
            posting.push_id = posting.posted_push_id = push.id
            session.flush()
        trouble = Trouble(code="TGT14", error_class="uncertain", words=LOST, owner="finance")
        cause = open_hold(session, posting, trouble, clock.now())
        settle_holds(session, [posting.record_id], [cause])
    return one(database, "SELECT id FROM hold WHERE code = 'TGT14'")


def posting_of(database, hold, column):
    where = f"p JOIN hold h ON h.posting_id = p.id WHERE h.id = {hold}"
    return one(database, f"SELECT p.{column} FROM posting {where}")


def test_the_page_offers_a_look_a_second_send_and_a_skip(visit, hold, database):
    number = posting_of(database, hold, "number")
    raw = visit("lim").text(f"{H}/{hold}")
    page = plain(raw)
    for words in (f"Look for {number} again", f"Send {number} again", f"Skip {number}"):
        assert words in page, words
    acts = set(re.findall(rf'action="{H}/{hold}/([a-z]+)"', raw))
    assert {"look", "again", "reject"} <= acts
    assert not {"release", "retry", "override"} & acts


def test_an_approver_sends_it_again_and_others_do_not(visit, hold, database):
    form = {"reason": "not in AiAccount", "op": "o-1"}
    assert visit("farah").post(f"{H}/{hold}/again", form).status_code == 403
    assert posting_of(database, hold, "state") == "posted"
    visit("lim").post(f"{H}/{hold}/again", form, status=303)
    assert posting_of(database, hold, "state") == "ready"
    assert one(database, f"SELECT state FROM hold WHERE id = {hold}") == "cleared"
    assert visit("lim").post(f"{H}/{hold}/again", form | {"op": "o-2"}).status_code == 409


def test_programs_send_it_again(call, key, hold, database):
    answer = call(key("lim"), f"/holds/{hold}/again", {"reason": "not in AiAccount"})
    assert answer.status_code == 200, answer.get_json()
    assert posting_of(database, hold, "state") == "ready"


@pytest.mark.usefixtures("hold")
def test_the_posting_log_and_the_connection_show_it(visit):
    assert "accepted it, but it is not there." in plain(visit("lim").text("/c/kedai/pushes"))
    page = plain(visit("lim").text("/c/kedai/connections/aiaccount"))
    assert "and not there: 1 document." in page
    assert "accepted it, but it is not there." in page
