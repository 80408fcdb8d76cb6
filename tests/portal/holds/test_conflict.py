"""Another content under our number: what a person decides about it, on the page and by programs."""

import re

import pytest
from sqlalchemy import select, update

from holding.db.models import Approval, Hold, Posting, Record, Version
from holding.worklist.side_by_side import Pair
from portal.holds.hold_pane import fold_pairs
from tests.portal.api.test_api import call, key
from tests.portal.reading import hold_of, one, plain
from tests.support.databases import any_move
from tests.support.postings import make_push

__all__ = ["call", "key"]  # fixtures
pytestmark = pytest.mark.sqlite

H = "/c/kedai/holding"


@pytest.fixture
def hold(database, clock):
    """An approved order was sent, and met another document under its number."""
    wanted = one(database, "SELECT min(id) FROM hold WHERE code = 'APP01' AND state = 'open'")
    with database.write() as session:
        told = {"code": "TGT02", "error_class": "duplicate", "clears": "itself"}
        session.execute(update(Hold).where(Hold.id == wanted).values(**told))
        query = select(Posting).join(Hold, Hold.posting_id == Posting.id).where(Hold.id == wanted)
        posting = session.scalars(query).one()
        with any_move(session):
            posting.state, posting.sent_at = "failed", clock.now()
        push = make_push(posting, state="conflict", at=clock.now(), closed_at=clock.now())
        session.add(push)
    return wanted


def number_of(database, hold):
    return one(
        database,
        f"SELECT p.number FROM posting p JOIN hold h ON h.posting_id = p.id WHERE h.id = {hold}",
    )


def test_the_page_offers_what_can_be_done_and_nothing_else(visit, hold, database):
    number = number_of(database, hold)
    page = plain(visit("lim").text(f"{H}/{hold}"))
    for words in (f"Link to existing document {number}", f"Check {number} again", f"Skip {number}"):
        assert words in page
    assert f"Try {number} again" not in page
    assert "Nobody releases it" not in page
    assert "Override, send" not in visit("adam").text(f"{H}/{hold}")
    assert "cannot approve, release and reject" in plain(visit("vera").text(f"{H}/{hold}"))


def test_it_is_linked_on_the_page(visit, hold, database):
    number = number_of(database, hold)
    form = {"reason": "the same order", "op": "o-1", "number": number}
    assert visit("vera").post(f"{H}/{hold}/link", form).status_code == 403
    visit("lim").post(f"{H}/{hold}/link", form, status=303)
    assert one(database, f"SELECT state FROM hold WHERE id = {hold}") == "cleared"
    state = f"SELECT p.state FROM posting p JOIN hold h ON h.posting_id = p.id WHERE h.id = {hold}"
    assert one(database, state) == "posted"


def test_it_is_looked_at_again_from_the_page(visit, hold, database):
    form = {"reason": "taken away there", "op": "o-1"}
    assert visit("vera").post(f"{H}/{hold}/look", form).status_code == 403
    visit("lim").post(f"{H}/{hold}/look", form, status=303)
    assert one(database, f"SELECT state FROM hold WHERE id = {hold}") == "cleared"
    late = visit("lim").post(f"{H}/{hold}/look", form | {"op": "o-2"})
    assert late.status_code == 409


@pytest.mark.parametrize("way", ["link", "look"])
def test_programs_decide_the_same(call, key, hold, database, way):
    number = number_of(database, hold)
    path, given = f"/holds/{hold}/{way}", {"reason": "seen there"}
    if way == "link":
        assert call(key("lim"), path, given).get_json()["code"] == "body.field"
        given["number"] = number
    assert call(key("farah"), path, given).status_code == 403
    answer = call(key("lim"), path, given)
    assert answer.status_code == 200, answer.get_json()
    assert "seen there" in answer.get_json()["said"]
    assert one(database, f"SELECT state FROM hold WHERE id = {hold}") == "cleared"


def test_what_waits_for_something_else_is_not_looked_at(call, key, database):
    wanted = hold_of(database, "SO-10203", "CHK01")
    answer = call(key("lim"), f"/holds/{wanted}/look", {"reason": "seen there"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "hold.no_look")


@pytest.mark.parametrize("state", ["posted", "uncertain"])
def test_what_was_sent_is_not_offered_to_be_skipped(visit, hold, database, state):
    """A change of a posted document met another one: the first one stands, nothing is skipped."""
    number = number_of(database, hold)
    with database.write() as session:
        posting = select(Hold.posting_id).where(Hold.id == hold).scalar_subquery()
        with any_move(session):
            session.execute(update(Posting).where(Posting.id == posting).values(state=state))
    raw = visit("lim").text(f"{H}/{hold}")
    page = plain(raw)
    assert f"Check {number} again" in page
    assert f"reject{hold}" not in raw
    assert "assign, snooze" in page
    form = {"reason": "not wanted", "op": "o-3"}
    told = visit("lim").post(f"{H}/{hold}/reject", form)
    assert told.status_code == 409


def test_who_had_a_hand_in_it_sees_so_before_trying(visit, hold, database, clock):
    with database.write() as session:
        posting = session.get_one(Posting, session.get_one(Hold, hold).posting_id)
        lim = one(database, "SELECT id FROM person WHERE name LIKE 'Lim%'")
        given = {"level": "accounts", "person_id": lim, "reason": "seen", "at": clock.now()}
        session.add(Approval(posting_id=posting.id, hash=posting.hash, content={}, **given))
    raw = visit("lim").text(f"{H}/{hold}")
    page = plain(raw)
    assert re.search(r"You approved it\. Tan[^.]* can\.", page)
    assert f'id="look{hold}" aria-disabled="true"' in raw
    assert not re.search(r"Releasable by: [^.]*Lim", page)
    assert f'id="look{hold}" aria-disabled' not in visit("tan").text(f"{H}/{hold}")


def test_where_the_target_shows_no_content_the_page_says_so(visit, hold, database):
    page = plain(visit("lim").text(f"{H}/{hold}"))
    number = number_of(database, hold)
    assert (
        f"Details of {number} in AiAccount could not be read. Compare it in AiAccount before"
        in page
    )


@pytest.mark.parametrize(("status", "word"), [("cancelled", "Cancelled"), ("paid", "Changed")])
def test_the_page_names_a_newer_version_with_both_amounts(
    visit, hold, database, clock, status, word
):
    assert f'id="newer_{hold}"' not in visit("lim").text(f"{H}/{hold}")
    with database.write() as session:
        record = session.scalars(select(Record).join(Hold).where(Hold.id == hold)).one()
        last = session.get_one(Version, record.version_id)
        body = {**last.body, "status": status, "total": "7.50", "currency": "MYR"}
        newer = Version(record_id=record.id, no=last.no + 1, sha256="f" * 64, body=body,
                        at=clock.now())  # fmt: skip
        session.add(newer)
        session.flush()
        session.execute(update(Record).where(Record.id == record.id).values(version_id=newer.id))
        sent = session.scalars(select(Posting).join(Hold, Hold.posting_id == Posting.id)
                               .where(Hold.id == hold)).one().amount  # fmt: skip
    page = visit("lim").text(f"{H}/{hold}")
    note = plain(re.search(rf'id="newer_{hold}">.*?</dl>', page, re.DOTALL)[0])
    assert f"{word} in NetShop after it was sent." in note
    assert f"Sent RM {sent / 100:,.2f} " in note
    assert f"Record now RM 7.50, version {last.no + 1}, {status}" in note


def test_only_what_is_at_fault_stands_open_and_without_a_fault_the_head():
    head = [Pair(f"f{i}", "1", f"F{i}", "1", "", hit=False) for i in range(8)]
    lines = [Pair("line.q", "1", "Qty", "1", "", hit=i == 3, line=i) for i in range(30)]
    source = [Pair("note", "x", "", None, "", hit=False)]
    without = fold_pairs([*head, *lines[:3], *source], head=True)
    assert (without["pairs"], without["folded"], without["others"]) == (head, lines[:3], source)
    found = fold_pairs([lines[3], *head, *source, *lines[:3]], head=True)
    assert (found["pairs"], found["others"]) == ([lines[3]], source)
    assert found["folded"] == [*head, *lines[:3]]
    beside = fold_pairs([*head, *lines[:3], *source], head=False)
    assert (beside["pairs"], beside["folded"]) == ([], [*head, *lines[:3]])
