"""What is held for a locked period: another day, a request to open it, somebody who looks."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from holding.access import actors, people
from holding.access.actors import Actor
from holding.approvals import approve
from holding.connections.master_data import keep_snapshot
from holding.db.database import Database
from holding.db.models import Approval, Company, Dating, Event, Membership, Note, Version
from holding.db.refusal import Refusal
from holding.holds import assignments, locked_periods, undo
from holding.holds.assignments import Question
from holding.holds.holds import Done
from holding.programs.replay import replay
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import AT, connection_named
from tests.support.snapshots import snapshot

CHECK = """
check open_period on order
    require  period = open
    else     hold for accounts
    say      "The period of {number} is locked."
    clears   when it passes
"""
LOCKED, FIRST = date(2026, 10, 31), date(2026, 11, 1)
BIG = {"total": "1920.00", "lines": [line(price="960.00")]}


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 and NS-2 are of October, which is locked; NS-2 needs an approval besides."""
    shop = open_shop(database, company, clock)
    lock(shop, LOCKED)
    shop.publish(FILES | {"shop.rules": RULES + CHECK})
    shop.receive(
        order("NS-1", ordered_on="2026-10-30"),
        order("NS-2", ordered_on="2026-10-31", **BIG),
        order("NS-3", ordered_on="2026-11-01"),
    )
    shop.judge()
    assert shop.states() == {"NS-1": "held", "NS-2": "held", "NS-3": "ready"}
    with database.write() as session:
        person_id = shop.actor("farah").person_id or 0
        people.add_to_team(session, company_id=company.id, name="accounts", person_id=person_id)
    return shop


def lock(shop: Shop, through: date | None) -> None:
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        keep_snapshot(session, target, snapshot(through), person=None, now=shop.now)


def hold_of(shop: Shop, number: str) -> int:
    with shop.database.read() as session:
        return shop.holds(session, number)[0].id


def date_anew(shop: Shop, number: str, day: date | None = None, who: str = "farah") -> Any:
    wanted = hold_of(shop, number)
    with shop.database.write() as session:
        return locked_periods.change_date(
            session, shop.actor(who), wanted, day, "agreed with the auditor", shop.now
        )


def sent_on(shop: Shop, number: str) -> str:
    with shop.database.read() as session:
        content = shop.posting(session, number).content
        assert content is not None
        assert content["date"] == content["fields"]["InvoiceDate"]
        return str(content["date"])


def test_the_hold_knows_its_ways_out(shop: Shop) -> None:
    with shop.database.read() as session:
        (hold,) = shop.holds(session, "NS-1")
        told = locked_periods.load_ways(session, hold.id)
    assert told == locked_periods.Ways("aiaccount", "October 2026", date(2026, 10, 30), FIRST, "")


def test_another_day_lets_it_go_and_leaves_the_record_as_it_is(shop: Shop) -> None:
    made = date_anew(shop, "NS-1")
    assert isinstance(made, Done), made
    assert made.say == "Farah dated NS-1 2026-11-01 instead of 2026-10-30: agreed with the auditor"
    shop.judge()
    assert shop.states()["NS-1"] == "ready"
    assert sent_on(shop, "NS-1") == "2026-11-01"
    with shop.database.read() as session:
        record = shop.record(session, "NS-1")
        (version,) = session.scalars(select(Version).where(Version.record_id == record.id))
        assert version.body is not None
        assert version.body["ordered_on"] == "2026-10-30"
        posting = shop.posting(session, "NS-1")
        outcome = replay(session, posting.evaluation_id)
        (line_,) = [one for one in outcome.lineage if one.field == "InvoiceDate"]
        assert line_.source == "ordered_on = 2026-10-30; dated 2026-11-01 by Farah"


def test_a_version_of_the_same_day_keeps_it_and_one_of_another_forgets_it(shop: Shop) -> None:
    date_anew(shop, "NS-1")
    later = {"updated_at": "2026-11-19T06:30:00Z", "customer": "C-78"}
    shop.receive(order("NS-1", ordered_on="2026-10-30", **later))
    shop.judge()
    assert sent_on(shop, "NS-1") == "2026-11-01"
    later["updated_at"] = "2026-11-19T07:30:00Z"
    shop.receive(order("NS-1", ordered_on="2026-10-29", **later))
    shop.judge()
    assert shop.states()["NS-1"] == "held"
    assert sent_on(shop, "NS-1") == "2026-10-29"


def test_it_may_be_dated_again_when_the_lock_follows(shop: Shop) -> None:
    date_anew(shop, "NS-1")
    shop.judge()
    lock(shop, date(2026, 11, 5))
    shop.judge()
    assert shop.states()["NS-1"] == "held"
    date_anew(shop, "NS-1", date(2026, 11, 7))
    shop.judge()
    assert (shop.states()["NS-1"], sent_on(shop, "NS-1")) == ("ready", "2026-11-07")
    with shop.database.read() as session:
        rows = session.scalars(select(Dating).order_by(Dating.id)).all()
        assert [(r.instead_of.day, r.day.day, r.voided_at is None) for r in rows] == [
            (30, 1, False),
            (30, 7, True),
        ]


@pytest.mark.parametrize(
    ("day", "who", "code"),
    [
        (date(2026, 10, 31), "farah", "period.locked"),
        (date(2099, 1, 1), "farah", "period.later"),
        (None, "vera", "forbidden"),
        (None, "lim", "forbidden"),
    ],
)
def test_not_every_day_nor_everybody(shop: Shop, day: date | None, who: str, code: str) -> None:
    answer = date_anew(shop, "NS-1", day, who)
    assert isinstance(answer, Refusal)
    assert answer.code == code
    shop.judge()
    assert shop.states()["NS-1"] == "held"


def test_who_dated_it_does_not_approve_it(shop: Shop) -> None:
    with shop.database.write() as session:
        farah = shop.actor("farah").person_id or 0
        role = Membership(
            company_id=shop.company.id, person_id=farah, role="approver", granted_at=AT
        )
        session.add(role)
        session.flush()
        shop.actors["farah"] = actors.actor_of(session, farah, shop.company.id) or shop.actor("lim")
    date_anew(shop, "NS-2")
    shop.judge()
    with shop.database.write() as session:
        posting = shop.posting(session, "NS-2")
        answer = approve.approve(
            session, shop.actor("farah"), [posting.id], "agreed", shop.now, seen=None
        )
        assert not isinstance(answer, Refusal)
        (left,) = answer.refused
        assert left.reason.startswith("you dated it")
        row = {"posting_id": posting.id, "hash": posting.hash, "content": posting.content or {}}
        past = Approval(
            **row, level="x", person_id=farah, reason="by hand", at=shop.now, operation_id=None
        )
        session.add(past)
        with pytest.raises(IntegrityError, match="duties kept apart"):
            session.flush()
        session.rollback()


def test_one_request_covers_the_month_and_the_lock_frees_it(shop: Shop) -> None:
    lim = shop.actor("lim").person_id
    with shop.database.write() as session:
        (wanted,) = [h for h in shop.holds(session, "NS-1") if h.code == "PER01"]
        made = assignments.ask_to_reopen(
            session, shop.actor("farah"), wanted.id, Question(lim, "two late orders"), shop.now
        )
    assert isinstance(made, Done), made
    assert made.say == "Farah asked Lim to open October 2026 in aiaccount: two late orders"
    with shop.database.read() as session:
        period = [h for n in ("NS-1", "NS-2") for h in shop.holds(session, n) if h.code == "PER01"]
        assert [hold.person_id for hold in period] == [lim, lim]
        assert len(session.scalars(select(Note)).all()) == 2
        acts = session.scalars(select(Event.act).where(Event.act == "period.asked")).all()
        assert len(acts) == 2
    lock(shop, date(2026, 9, 30))
    shop.judge()
    assert shop.states()["NS-1"] == "ready"
    assert sent_on(shop, "NS-1") == "2026-10-30"


def test_one_document_is_sent_to_somebody_who_decides(shop: Shop) -> None:
    lim = shop.actor("lim").person_id
    for person, code in ((None, "person.missing"), (99999, "person.unknown")):
        with shop.database.write() as session:
            wanted = shop.holds(session, "NS-1")[0].id
            asked = Question(person, "it belongs to last year")
            answer = assignments.ask_to_redirect(
                session, shop.actor("farah"), wanted, asked, shop.now
            )
            assert isinstance(answer, Refusal)
            assert answer.code == code
    with shop.database.write() as session:
        asked = Question(lim, "it belongs to last year")
        made = assignments.ask_to_redirect(session, shop.actor("farah"), wanted, asked, shop.now)
        assert isinstance(made, Done), made
        assert made.say.startswith("Farah asked Lim to decide where it goes: it belongs")
        assert [h.person_id for h in shop.holds(session, "NS-1")] == [lim]
        assert lim not in [h.person_id for h in shop.holds(session, "NS-2")]


def test_many_are_dated_at_once(shop: Shop) -> None:
    with shop.database.write() as session:
        holds = [h for n in ("NS-1", "NS-2") for h in shop.holds(session, n)]
        seen = {h.id: (h.lock, shop.record(session, h.number).version_id or 0) for h in holds}
        wish = assignments.Wish(act="date", seen=seen, reason="agreed with the auditor")
        answer = assignments.apply_to_holds(session, shop.actor("farah"), wish, shop.now, "form-1")
    assert not isinstance(answer, Refusal)
    assert {one.number for one in answer.done} == {"NS-1", "NS-2"}
    assert [one.refusal.code for one in answer.left] == ["period.none"]  # the approval of NS-2
    shop.clock.advance(31)
    shop.judge()
    assert sent_on(shop, "NS-2") == "2026-11-01"


def test_another_day_can_be_taken_back_before_anything_is_sent(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    farah, wanted = shop.actor("farah"), hold_of(shop, "NS-1")
    with shop.database.write() as session:
        made = locked_periods.change_date(
            session, farah, wanted, None, "agreed", shop.now, "form-1"
        )
        assert isinstance(made, Done), made
    assert shop.judge() == 0  # not before the time to take it back is over
    with shop.database.write() as session:
        assert isinstance(undo.undo(session, farah, "form-1", shop.now), undo.Undone)
    shop.clock.advance(31)
    shop.judge()
    assert (shop.states()["NS-1"], sent_on(shop, "NS-1")) == ("held", "2026-10-30")
    assert date_anew(shop, "NS-1").say.startswith("Farah dated NS-1 2026-11-01")


def test_taking_back_another_day_gives_back_the_one_before(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    date_anew(shop, "NS-1")
    shop.judge()
    lock(shop, date(2026, 11, 5))
    shop.judge()
    for who, day, op in (("farah", 7, "form-1"), ("adam", 8, "form-2"), ("farah", 9, "form-3")):
        shop.clock.advance(1)
        wanted = hold_of(shop, "NS-1")
        with shop.database.write() as session:
            made = locked_periods.change_date(
                session, dating(shop, who), wanted, date(2026, 11, day), "agreed", shop.now, op
            )
            assert isinstance(made, Done), made
    farah = shop.actor("farah")
    assert take_back(shop, farah, "form-3") == [(30, 8)]
    assert take_back(shop, dating(shop, "adam"), "form-2") == [(30, 7)]
    shop.clock.advance(31)
    shop.judge()
    assert (shop.states()["NS-1"], sent_on(shop, "NS-1")) == ("ready", "2026-11-07")
    with shop.database.read() as session:
        row = session.scalars(select(Dating).where(Dating.voided_at.is_(None))).one()
        assert (row.person_id, row.operation_id) == (farah.person_id, "form-1")


def test_two_days_are_taken_back_one_after_the_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    farah, wanted = shop.actor("farah"), hold_of(shop, "NS-1")
    for day, op in ((1, "form-1"), (2, "form-2")):
        with shop.database.write() as session:
            new = date(2026, 11, day)
            made = locked_periods.change_date(session, farah, wanted, new, "agreed", shop.now, op)
            assert isinstance(made, Done), made
    assert take_back(shop, farah, "form-2") == [(30, 1)]
    assert take_back(shop, farah, "form-1") == []


def dating(shop: Shop, name: str) -> Actor:
    """Somebody of the accounts team who may date documents."""
    if name == "farah":
        return shop.actor(name)
    with shop.database.write() as session:
        person_id = shop.actor(name).person_id or 0
        role = {"company_id": shop.company.id, "person_id": person_id, "role": "finance"}
        if session.get(Membership, tuple(role.values())) is None:
            session.add(Membership(**role, granted_at=AT))
            people.add_to_team(
                session, company_id=shop.company.id, name="accounts", person_id=person_id
            )
        actor = actors.actor_of(session, person_id, shop.company.id)
        assert actor is not None
        return actor


def take_back(shop: Shop, who: Actor, op: str) -> list[tuple[int, int]]:
    """Which days the document has then: instead of which, and which."""
    with shop.database.write() as session:
        assert isinstance(undo.undo(session, who, op, shop.now), undo.Undone)
        rows = session.scalars(select(Dating).where(Dating.voided_at.is_(None)))
        return [(row.instead_of.day, row.day.day) for row in rows]
