"""A change after posting on its pages: what it comes to, and what stays of it once accepted."""

import re

import pytest
from sqlalchemy import select, update

from holding.access import actors
from holding.connections import breaker
from holding.db.models import (
    AcceptedDifference,
    Cause,
    Evaluation,
    Hold,
    Person,
    Posting,
    Push,
    Reading,
    Record,
    RuleFile,
    RulesetVersion,
    Team,
    TeamMember,
)
from holding.holds import assignments
from holding.records import accepted_differences
from tests.portal.reading import ONE, hold_of, one, plain
from tests.support.databases import unlock

pytestmark = pytest.mark.sqlite
H = "/c/kedai/holding"
MARK = "Differs from NetShop by RM 96.00, accepted by Lim on 2026-11-20 11:55 : A gift"


@pytest.fixture
def hold(database):
    """SO-10240 was posted over RM 192.00 and says RM 288.00 now; Lim may decide."""
    with database.write() as session:
        lim = session.scalars(select(Person.id).where(Person.name.like("Lim%"))).one()
        team = session.scalars(select(Team.id).where(Team.name == "sales_admin")).one()
        session.add(TeamMember(team_id=team, person_id=lim))
    return hold_of(database, "SO-10240", "STL01")


def accept(visit, hold, **form):
    wish = {"reason": "A gift", "op": "o-1", "rev": "2", **form}
    return visit("lim").post(f"{H}/{hold}/release", wish)


def test_T01a_the_pane_shows_posted_against_now(visit, hold):
    raw = visit("farah").text(f"{H}/{hold}", target=f"holdpane_{hold}")
    page = plain(raw)
    assert "AiAccount has RM 192.00 for SO-10240, NetShop now says RM 288.00" in page
    assert "Posted, version 1 2026-11-20 11:30" in page
    assert "NetShop now, version 2 2026-11-20 11:50" in page
    assert "Quantity, line 1 (Tea) 80 PCS 120 PCS +40 PCS" in page
    assert "Line Total, line 1 (Tea) RM 192.00 RM 288.00 +RM 96.00" in page
    assert "Total RM 192.00 RM 288.00 +RM 96.00" in page
    assert "other fields agree" in page
    for wrong in ("Will be sent", "will be sent", "Release"):
        assert wrong not in page


def test_T01a_a_document_that_was_edited_there_is_not_shown_as_it_was_posted(visit, hold, database):
    """Somebody corrected the invoice in AiAccount, and the shop corrected its order."""
    words = "It exists there with RM 288.00, not RM 192.00."
    body = {
        "found": "different",
        "void": False,
        "words": words,
        "differs": [[0, "Total", "288.00"]],
    }
    with database.write() as session:
        posting = session.get_one(Posting, session.get_one(Hold, hold).posting_id)
        reading = Reading(
            posting_id=posting.id,
            kind="standing",
            at=posting.posted_at,
            sha256=breaker.digest(body),
            body=body,
            same=False,
        )
        session.add(reading)
        session.flush()
        unlock(session)
        posting.reading_id = reading.id
    page = plain(visit("farah").text(f"{H}/{hold}"))
    assert words in page
    assert "AiAccount has RM 192.00" not in page
    assert "Keep RM 288.00 in AiAccount" in page
    assert "Keep RM 192.00" not in page
    accept(visit, hold)
    with database.read() as session:
        kept = session.scalars(select(AcceptedDifference)).one()
        assert (kept.posted, kept.wanted) == (28800, 28800)
        (listed,) = accepted_differences.list_accepted(session, kept.company_id)
    assert (listed.there, listed.change) == (28800, 0)


def test_T01a_personal_values_stay_hidden(visit, hold, database):
    with database.write() as session:
        posting = session.get_one(Posting, session.get_one(Hold, hold).posting_id)
        push = session.get_one(Push, posting.posted_push_id)
        fields = {**push.content["fields"], "Customer": "Somebody Else"}
        session.execute(
            update(Push)
            .where(Push.id == push.id)
            .values(content={**push.content, "fields": fields})
        )
    assert "Customer Somebody Else Aisyah Rahman" in plain(visit("farah").text(f"{H}/{hold}"))
    hidden = plain(visit("vera").text(f"{H}/{hold}"))
    assert "Customer ••• •••" in hidden
    assert "Somebody Else" not in hidden


def test_T01a_what_was_changed_in_the_target_is_not_to_be_sent_either(visit, hold, database):
    with database.write() as session:
        session.execute(update(Hold).where(Hold.id == hold).values(code="STL03"))
    page = plain(visit("lim").text(f"{H}/{hold}"))
    assert "Posted: AiAccount sales invoice SO-10240" in page
    assert "Release SO-10240, nothing is sent" in page
    for wrong in ("Will be sent", "will be sent"):
        assert wrong not in page.partition("on hold for")[2]
    with database.write() as session:
        posting = session.get_one(Hold, hold).posting_id
        session.execute(update(Posting).where(Posting.id == posting).values(hash="of an update"))
    page = plain(visit("lim").text(f"{H}/{hold}"))
    assert "Will be sent: AiAccount sales invoice SO-10240" in page


def test_of_a_rule_that_left_the_page_compares_by_those_that_posted_it(visit, hold, database):
    """The newest check was made by rules that know no invoice any more."""
    with database.write() as session:
        record = session.get_one(Hold, hold).record_id
        mine = select(Evaluation).where(Evaluation.record_id == record)
        newest = session.scalars(mine.order_by(Evaluation.id.desc())).first()
        version = session.get_one(RulesetVersion, newest.ruleset_version_id)
        copied = {c.key: getattr(version, c.key) for c in RulesetVersion.__table__.columns}
        bare = RulesetVersion(**copied | {"id": None, "no": version.no + 1, "hash": "0" * 64})
        session.add(bare)
        session.flush()
        words = 'language 1\n\nrole accounts  "Accounts team"\n'
        session.add(RuleFile(ruleset_version_id=bare.id, path="s.rules", sha256="0", body=words))
        copied = {c.key: getattr(newest, c.key) for c in Evaluation.__table__.columns}
        told = {"id": None, "ruleset_version_id": bare.id, "fence": newest.fence + 1}
        session.add(Evaluation(**copied | told))
    page = plain(visit("lim").text(f"{H}/{hold}"))
    assert "AiAccount has RM 192.00 for SO-10240, NetShop now says RM 288.00" in page
    assert "Keep RM 192.00 in AiAccount RM 96.00 is not posted." in page
    assert accept(visit, hold).status_code == 303
    assert MARK in plain(visit("farah").text(f"{H}/{hold}"))


def test_T01b_each_way_says_what_follows_or_why_it_is_closed(visit, hold, database):
    page = plain(visit("lim").text(f"{H}/{hold}"))
    assert "Keep RM 192.00 in AiAccount RM 96.00 is not posted." in page
    assert "in the daily totals of 2026-11-18. Accept RM 96.00 difference" in page
    assert "Credit note for RM 192.00 and a new document for RM 288.00 You cannot post it" in page
    assert "because the rules have no credit note for this document." in page
    assert "Update the document to RM 288.00 You cannot update it, because AiAccount does" in page
    with database.write() as session:
        session.execute(update(Hold).where(Hold.id == hold).values(clears="never", code="STL02"))
    raw = visit("lim").text(f"{H}/{hold}")
    assert "You cannot keep it, because the rules let no one accept it" in plain(raw)
    assert f'id="accept{hold}"' not in raw


def test_T01b_who_may_not_accept_reads_so_before_trying(visit, hold):
    raw = visit("tan").text(f"{H}/{hold}")
    assert f'id="accept{hold}" aria-disabled="true"' in raw
    assert "This is accepted by Sales administration, and you are not in it. Lim can" in plain(raw)


def test_T01b_an_acceptance_wants_its_reason_and_the_version_that_was_seen(visit, hold, database):
    answer = accept(visit, hold, reason=" ")
    assert answer.status_code == 422
    assert "Total RM 192.00 RM 288.00 +RM 96.00" in plain(answer.get_data(as_text=True))
    answer = accept(visit, hold, rev="1")
    assert answer.status_code == 409
    told = plain(answer.get_data(as_text=True))
    assert "NetShop changed SO-10240 again; nothing was accepted." in told
    assert one(database, "SELECT count(*) FROM accepted_difference") == 0


def test_T01b_changes_are_not_released_among_many(visit, hold, database):
    lim = visit("lim")
    page = lim.text(f"{H}/many?act=release&view=all")
    assert "1 record changed after posting, not among these." in plain(page)
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert f"{hold}:" not in seen[1].split()
    lock, version = (
        one(database, f"SELECT lock FROM hold WHERE id = {hold}"),
        one(database, "SELECT version_id FROM record WHERE number = 'SO-10240'"),
    )
    form = {
        "act": "release",
        "seen": f"{hold}:{lock}:{version}",
        "reason": "all of it",
        "op": "m-1",
    }
    lim.post(f"{H}/many", form, status=303)
    told = plain(lim.text(f"{H}/many/m-1?act=release"))
    assert "SO-10240 changed after posting, so its difference is decided on its own." in told
    assert one(database, f"SELECT state FROM hold WHERE id = {hold}") == "open"


def test_T01c_what_was_accepted_is_seen_wherever_the_record_is(visit, hold):
    assert accept(visit, hold).status_code == 303
    farah = visit("farah")
    verdict = re.search(r'<section class="verdict(.*?)</section>', farah.text(ONE), re.DOTALL)
    told = plain(verdict[1])
    assert "Posted, differs by RM 96.00" in told
    assert "RM 192.00 in AiAccount , RM 288.00 in NetShop" in told
    for page in (ONE, f"{H}/{hold}"):
        assert MARK in plain(farah.text(page))
    found = plain(farah.text("/c/kedai/find?q=SO-1024"))
    assert "Posted, differs by RM 96.00" in found
    assert "RM 192.00" in found
    row = "SO-10240 Sales invoice SO-10240 C-77 RM 192.00 RM 288.00 +RM 96.00 Lim"
    listed = plain(farah.text(f"{H}?view=accepted"))
    assert row in listed
    assert "1 accepted difference +RM 96.00" in listed
    cleared = plain(farah.text(f"{H}?view=cleared"))
    assert "Accepted, differs by RM 96.00 by Lim: A gift" in cleared


def test_T01c_the_days_show_what_the_books_have_and_what_differs(visit, hold):
    before = plain(visit("farah").text("/c/kedai/"))
    assert "2026-11-18 1 10 1 0 12 RM 384.00 2026-11-19" in before
    assert "Accepted differences:" not in before
    accept(visit, hold)
    after = plain(visit("farah").text("/c/kedai/"))
    assert "2026-11-18 2 9 1 0 12 RM 384.00 1 document , +RM 96.00 2026-11-19" in after
    assert "Accepted differences: 1 posted document differs from the source , by +RM 96.00" in after


def test_T01c_the_head_says_what_was_accepted_whatever_amount_the_record_has(visit, hold, database):
    """The record of a cancelled order keeps its amount."""
    assert accept(visit, hold).status_code == 303
    with database.write() as session:
        session.execute(update(Record).where(Record.number == "SO-10240").values(amount=19200))
    page = plain(visit("farah").text(ONE))
    assert "RM 192.00 in AiAccount , RM 288.00 in NetShop" in page


def test_T01b_what_cannot_be_compared_cannot_be_accepted(visit, hold, database):
    with database.write() as session:
        session.execute(update(Evaluation).values(facts=None))
    page = plain(visit("lim").text(f"{H}/{hold}"))
    assert "What is posted cannot be compared with the record now." in page
    assert "Will be sent" not in page
    assert "Release " not in page.replace("Releasable", "")
    answer = accept(visit, hold)
    assert answer.status_code == 409
    assert "SO-10240 cannot be compared" in plain(answer.get_data(as_text=True))


def test_a_retry_does_not_clear_a_difference_and_is_not_offered(visit, hold, database):
    """Also where something changed since, as the chart of the target that was read again."""
    with database.write() as session:
        held = session.get_one(Hold, hold)
        session.get_one(Cause, held.cause_id).changed_revision = held.revision + 1
    lim = visit("lim")
    page = plain(lim.text(f"{H}/{hold}"))
    why = "You cannot retry SO-10240, because it is posted: a new check finds the same difference."
    assert "Retry SO-10240" not in page
    assert "Open the whole message" not in page  # it is opened to retry
    answer = lim.post(f"{H}/{hold}/retry", {"op": "o-1"}, status=409)
    assert why in plain(answer.get_data(as_text=True))
    assert one(database, "SELECT count(*) FROM retry") == 0


def test_what_cannot_be_compared_is_retried(visit, hold, database):
    with database.write() as session:
        session.execute(update(Evaluation).values(facts=None))
    lim = visit("lim")
    assert "Retry SO-10240" in lim.text(f"{H}/{hold}")


def test_many_differences_are_not_retried_together(visit, hold, database):
    cause = one(database, f"SELECT cause_id FROM hold WHERE id = {hold}")
    page = visit("lim").text(f"{H}?class=stale_version&open={cause}")
    assert f'id="assignall_{cause}"' in page
    assert f'id="retryall_{cause}"' not in page
    assert 'id="all_assign"' in page
    assert 'id="all_retry"' not in page
    assert 'id="all_retry"' in visit("lim").text(f"{H}?view=all")


def test_who_retries_many_has_each_difference_left_with_its_reason(visit, hold, database):
    with database.write() as session:
        held = session.get_one(Hold, hold)
        lim = session.scalars(select(Person.id).where(Person.name.like("Lim%"))).one()
        actor = actors.actor_of(session, lim, held.company_id)
        seen = {hold: (held.lock, session.get_one(Record, held.record_id).version_id)}
        wish = assignments.Wish(act="retry", seen=seen, opened=True)
        answer = assignments.apply_to_holds(session, actor, wish, held.opened_at, "form-1")
    assert answer.done == ()
    assert [(one.number, one.refusal.code) for one in answer.left] == [
        ("SO-10240", "difference.alone")
    ]
    assert one(database, "SELECT count(*) FROM retry") == 0


def test_nothing_is_said_to_be_sent_where_what_is_posted_stays(visit, hold, monkeypatch):
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    lim = visit("lim")
    lim.post(f"{H}/{hold}/release", {"reason": "A gift", "op": "o-1", "rev": "2"}, status=303)
    bar = plain(lim.text("/c/kedai/runs"))
    assert "Difference of SO-10240 accepted. Undo within 30 s. Undo" in bar
    assert "Sending in" not in bar
    back = lim.post(f"{H}/undo", {"undo": "o-1"}, status=303)
    assert "Undone: 1 document is on hold again." in plain(lim.text(back.location))
