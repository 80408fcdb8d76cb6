"""Consent to exactly one content of a posting: given, taken away by a change, given to a set."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update

from holding.access.actors import Actor
from holding.approvals import candidates
from holding.approvals.approve import Approved
from holding.approvals.candidates import SetChanged
from holding.db.database import Database
from holding.db.models import Approval, Company, Event, Hold, Posting, Record, Run
from holding.db.refusal import Refusal
from holding.holds import releases
from holding.holds.holds import Done
from holding.mappings import fixes
from holding.runs import schedules
from tests.holding.consent import LARGE, approve, ids, large_shop, seen_of, why_not
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return large_shop(database, company, clock)


# ---- approving ---------------------------------------------------------------------------------


def test_an_approved_posting_is_ready_at_once(shop: Shop) -> None:
    answer = approve(shop, "NS-1")
    assert isinstance(answer, Approved)
    assert answer.done == answer.ready == tuple(ids(shop, "NS-1"))
    assert shop.states() == {"NS-1": "ready", "NS-2": "held", "NS-3": "ready"}
    with shop.database.read() as session:
        posting = shop.posting(session, "NS-1")
        assert posting.due_at is not None
        row = session.scalars(select(Approval)).one()
        assert (row.hash, row.content) == (posting.hash, posting.content)
        assert row.person_id == shop.actor("lim").person_id
        hold = session.scalars(select(Hold).where(Hold.posting_id == posting.id)).one()
        assert (hold.state, hold.closed_why) == ("approved", "checked against the order")
        said = session.scalars(select(Event).where(Event.act == "posting.approved")).one()
        assert said.body["hash"] == posting.hash
        assert said.body["say"].startswith("Lim approved NS-1, RM\xa01,920.00 (hash ")


def test_there_is_time_to_undo(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    approve(shop, "NS-1", op="form-1")
    with shop.database.read() as session:
        due_at = shop.posting(session, "NS-1").due_at
        assert due_at is not None
        assert (due_at - shop.now).total_seconds() == 30


def test_a_daily_route_waits_for_its_run(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    daily = RULES.replace("    immediately\n", "    daily    at 02:00 by ordered_on\n")
    shop.publish({**FILES, "shop.rules": daily})
    shop.receive(order("NS-1", total="1920.00", lines=LARGE))
    shop.judge()
    answer = approve(shop, "NS-1")
    assert isinstance(answer, Approved)
    assert (answer.done, answer.ready) == (tuple(ids(shop, "NS-1")), ())
    shop.judge()
    with shop.database.read() as session:
        posting = shop.posting(session, "NS-1")
        assert (posting.state, posting.due_at) == ("ready", None)


def test_an_approval_before_the_hour_of_a_daily_route_sends_nothing_a_day_early(
    database: Database, company: Company, clock: SetClock
) -> None:
    """The run at 02:00 has the documents of the day before; this one is of the same day."""
    shop = open_shop(database, company, clock)
    daily = RULES.replace("    immediately\n", "    daily    at 02:00 by ordered_on\n")
    shop.publish({**FILES, "shop.rules": daily})
    with database.write() as session:
        schedules.follow_rules(session, shop.now)
    midnight = datetime(2026, 11, 21, 1, 0, tzinfo=ZoneInfo("Asia/Kuala_Lumpur"))
    clock.advance((midnight - clock.now()).total_seconds())
    stamp = clock.now().isoformat()
    shop.receive(
        order("NS-1", updated_at=stamp, total="1920.00", lines=LARGE, ordered_on="2026-11-21")
    )
    shop.judge()
    approve(shop, "NS-1")
    shop.judge()
    runs = []
    for hours in (1, 24):
        clock.advance(hours * 3600 + 60)
        shop.judge()
        with database.write() as session:
            schedules.start_due(session, clock.now())
            query = select(Run).where(Run.kind == "daily").order_by(Run.id)
            runs = [(one.day, (one.filter or {})["postings"]) for one in session.scalars(query)]
            posting = shop.posting(session, "NS-1")
        if hours == 1:
            assert (posting.state, posting.waits) == ("waiting", "hour")
            assert all(not ids for _, ids in runs)
    assert runs[-1] == (date(2026, 11, 21), [posting.id])
    assert posting.state == "ready", "it was approved once"


def test_an_approval_runs_out_by_no_clock_and_falls_with_the_content_alone(shop: Shop) -> None:
    """What was approved is one content: ninety days do not make it another, a sen does."""
    approve(shop, "NS-1")
    shop.clock.advance(90 * 24 * 3600)
    shop.publish()
    shop.judge()
    assert shop.states()["NS-1"] == "ready"
    stamp = shop.now.isoformat()
    shop.receive(
        order("NS-1", updated_at=stamp, total="1920.00", lines=LARGE, ordered_on="2026-11-19")
    )
    shop.judge()
    assert shop.states()["NS-1"] == "held"
    with shop.database.read() as session:
        assert session.scalars(select(Approval)).one().voided_at is not None


def test_the_approval_stands_at_the_next_judging_of_the_same_content(shop: Shop) -> None:
    approve(shop, "NS-1")
    shop.publish()
    shop.judge()
    assert shop.states()["NS-1"] == "ready"
    with shop.database.read() as session:
        assert shop.posting(session, "NS-1").reason == "ready"  # no longer that it needs one


@pytest.mark.parametrize("what", ["version", "lines", "mapping", "rules"])
def test_any_change_of_the_content_voids_it_and_says_which_field(shop: Shop, what: str) -> None:
    approve(shop, "NS-1")
    shop.clock.advance(60)
    if what == "version":
        more = [line(price="970.00")]
        later = "2026-11-19T00:00:00Z"
        shop.receive(order("NS-1", total="1940.00", lines=more, updated_at=later))
    elif what == "lines":
        free = [*LARGE, line(pos=2, price="0.00")]
        shop.receive(order("NS-1", total="1920.00", lines=free, updated_at="2026-11-19T00:00:00Z"))
    elif what == "mapping":
        with shop.database.write() as session:
            fixes.fix(
                session, shop.actor("farah"), "debtor", "C-77", "Aisyah R.", "typo", shop.now, 9
            )
    else:
        shop.publish({**FILES, "shop.rules": RULES.replace('"40000"', '"40001"')})
    shop.judge()
    assert shop.states()["NS-1"] == "held"
    with shop.database.read() as session:
        row = session.scalars(select(Approval)).one()
        assert row.voided_at is not None
        changed = {
            "version": ["Total", "line 1 LineTotal", "line 1 UnitPrice"],
            "lines": ["lines"],
            "mapping": ["Customer"],
            "rules": ["line 1 AccountCode"],
        }
        assert row.voided_fields == changed[what]
        said = session.scalars(select(Event).where(Event.act == "approval.voided")).one()
        assert changed[what][0] in said.body["say"]
        assert [hold.code for hold in shop.holds(session, "NS-1")] == ["APP01"]


def test_several_at_once_each_with_its_answer(shop: Shop) -> None:
    answer = approve(shop, "NS-1", "NS-2", "NS-3")
    assert isinstance(answer, Approved)
    assert len(answer.done) == 2
    assert why_not(answer) == ["it is ready to post meanwhile"]


def test_another_open_hold_keeps_it(shop: Shop) -> None:
    shop.receive(order("NS-4", total="2000.00", lines=LARGE))
    shop.judge()
    answer = approve(shop, "NS-4")
    assert isinstance(answer, Approved)
    assert (len(answer.done), answer.ready) == (1, ())
    assert shop.states()["NS-4"] == "held"
    with shop.database.write() as session:
        (left,) = shop.holds(session, "NS-4")
        assert left.rule == "adds_up"
        done = releases.release(session, shop.actor("tan"), left.id, "agreed", shop.now)
        assert isinstance(done, Done)
    shop.judge()
    assert shop.states()["NS-4"] == "ready"


def test_a_second_click_gets_the_first_answer(shop: Shop) -> None:
    first = approve(shop, "NS-1", "NS-3", op="form-1")
    assert approve(shop, "NS-1", "NS-3", op="form-1") == first
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Approval)) == 1


def test_an_approval_needs_a_reason(shop: Shop) -> None:
    answer = approve(shop, "NS-1", reason="")
    assert isinstance(answer, Refusal)
    assert answer.code == "reason.missing"


def test_a_record_that_is_judged_again_is_not_made_ready_here(shop: Shop) -> None:
    with shop.database.write() as session:
        session.execute(update(Record).where(Record.number == "NS-1").values(due_at=shop.now))
    answer = approve(shop, "NS-1")
    assert isinstance(answer, Approved)
    assert (len(answer.done), answer.ready) == (1, ())
    shop.judge()
    assert shop.states()["NS-1"] == "ready"


def test_a_newer_version_is_judged_before_anybody_approves(shop: Shop) -> None:
    later = "2026-11-19T00:00:00Z"
    shop.receive(order("NS-1", total="1940.00", lines=LARGE, updated_at=later))
    answer = approve(shop, "NS-1")
    assert why_not(answer) == ["a newer version of the record arrived; it is checked first"]


def test_postings_of_another_company_do_not_exist(shop: Shop) -> None:
    lim = shop.actor("lim")
    stranger = Actor(lim.person_id, "Lim", lim.email, shop.company.id + 1, lim.roles)
    assert why_not(approve(shop, "NS-1", who=stranger)) == ["there is no such posting"]


# ---- the set -----------------------------------------------------------------------------------


def test_the_set_that_was_looked_at_is_approved(shop: Shop) -> None:
    seen = seen_of(shop, "NS-1", "NS-2")
    answer = approve(shop, "NS-1", "NS-2", seen=seen, sethash=candidates.set_hash(seen))
    assert isinstance(answer, Approved)
    assert len(answer.done) == 2


def test_a_set_that_changed_is_refused_whole_and_says_what_changed(shop: Shop) -> None:
    seen = seen_of(shop, "NS-1", "NS-2")
    later = "2026-11-19T00:00:00Z"
    more = [line(price="970.00")]
    shop.receive(order("NS-1", total="1940.00", lines=more, updated_at=later))
    shop.judge()
    answer = approve(shop, "NS-1", "NS-2", seen=seen, sethash=candidates.set_hash(seen))
    assert isinstance(answer, SetChanged)
    assert answer.status == 409
    assert [(c.number, c.reason) for c in answer.changes] == [("NS-1", "the content changed")]
    assert shop.states()["NS-2"] == "held"


def test_a_posting_that_somebody_else_approved_changes_the_set(shop: Shop) -> None:
    seen = seen_of(shop, "NS-1", "NS-2")
    approve(shop, "NS-1", who="tan")
    answer = approve(shop, "NS-1", "NS-2", sethash=candidates.set_hash(seen))
    assert isinstance(answer, SetChanged)
    assert answer.hint == "NS-1 is ready to post meanwhile: Tan approved it"


def test_a_content_changed_behind_our_back_is_another_set(shop: Shop) -> None:
    seen = seen_of(shop, "NS-1")
    with shop.database.write() as session:
        session.execute(update(Posting).where(Posting.number == "NS-1").values(hash="0" * 64))
    assert isinstance(approve(shop, "NS-1", seen=seen), SetChanged)
