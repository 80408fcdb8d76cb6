"""What people do with held records: try again, set right, give away, put aside, take back."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from holding import (
    approvals,
    assignments,
    corrections,
    due_times,
    holds,
    leaving,
    many,
    mappings,
    notes,
    people,
    undo,
)
from holding.approvals import Approved
from holding.corrections import Correction
from holding.database import Database
from holding.desk import Done, Each
from holding.models import (
    Approval,
    Company,
    Event,
    Hold,
    Note,
    Person,
    Posting,
    Record,
    Release,
    Retry,
    Version,
)
from holding.refusal import Refusal
from holding.retries import retry
from holding.seen import Moved
from tests.holding.shop import Shop, line, open_shop, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 does not add up, which accounts may release; NS-2: unknown item; NS-3: no customer."""
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(
        order("NS-1", total="190.00"),
        order("NS-2", lines=[line(sku="AB-1", uom="PCS")]),
        order("NS-3", customer=None),
    )
    shop.judge()
    assert set(shop.states().values()) == {"held"}
    with database.write() as session:
        for name in ("sales_admin", "accounts"):
            person_id = shop.actor("farah").person_id or 0
            people.add_to_team(session, company_id=company.id, name=name, person_id=person_id)
    clock.advance(3600)
    return shop


@pytest.fixture
def half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")


def hold_of(shop: Shop, number: str) -> Hold:
    with shop.database.read() as session:
        return shop.holds(session, number)[0]


def again(shop: Shop, number: str, who: str = "farah") -> Done | Refusal:
    wanted = hold_of(shop, number).id
    with shop.database.write() as session:
        return retry(session, shop.actor(who), wanted, shop.now)


def set_right(
    shop: Shop, number: str, path: str, value: str, *, who: str = "farah", seen: int = 1
) -> Done | Refusal:
    wanted = hold_of(shop, number).id
    wish = Correction(path=path, value=value, reason="as on paper", seen=seen)
    with shop.database.write() as session:
        return corrections.correct(session, shop.actor(who), wanted, wish, shop.now)


def refused(answer: Any, code: str) -> Refusal:
    assert isinstance(answer, Refusal), answer
    assert answer.code == code
    return answer


def says(shop: Shop, act: str) -> list[str]:
    with shop.database.read() as session:
        found = session.scalars(select(Event.body).where(Event.act == act).order_by(Event.id))
        return [body["say"] for body in found]


def test_nothing_is_tried_again_while_nothing_changed(shop: Shop) -> None:
    answer = refused(again(shop, "NS-2"), "retry.unchanged")
    assert answer.status == 409
    assert answer.message.startswith("Nothing changed since ")
    assert answer.message.endswith(
        ": item “AB-1” (still missing), version 1 of the record and rules version 1"
        " are as they were."
    )
    assert says(shop, "retry.refused")[0].startswith("Farah asked for a new try of NS-2: Nothing")

    with shop.database.write() as session:
        done = mappings.fix(
            session, shop.actor("farah"), "item", "AB-1", "TEA-1", "new", shop.now, rev=10
        )
        assert not isinstance(done, Refusal), done
    assert isinstance(again(shop, "NS-2"), Done)
    assert says(shop, "hold.retried") == ["Farah had NS-2 tried again."]


def test_the_owner_tries_once_then_a_supervisor(shop: Shop) -> None:
    for _ in range(2):
        shop.publish()
        if _ == 0:
            assert isinstance(again(shop, "NS-1"), Done)
        shop.judge()
        shop.clock.advance(60)
    second = refused(again(shop, "NS-1"), "retry.once")
    assert second.status == 403
    assert second.hint == "Ask a supervisor: Lim or Tan can try it again."
    refused(again(shop, "NS-1", "lim"), "retry.unchanged")
    shop.publish()
    assert isinstance(again(shop, "NS-1", "lim"), Done)
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Retry)) == 2


def test_what_may_stand_in_the_target_already_is_decided_and_not_tried(shop: Shop) -> None:
    wanted = hold_of(shop, "NS-1").id
    with shop.database.write() as session:
        session.execute(
            update(Hold).where(Hold.id == wanted).values(code="TGT02", error_class="duplicate")
        )
    shop.publish()
    answer = refused(again(shop, "NS-1"), "retry.decide")
    assert answer.hint == "Compare both before anything is sent again."


def test_others_do_not_try(shop: Shop) -> None:
    for who in ("vera", "chan", "adam"):
        assert refused(again(shop, "NS-1", who), "forbidden").status == 403


def test_a_value_that_the_rules_leave_to_people_is_set_right(shop: Shop) -> None:
    done = set_right(shop, "NS-1", "total", "192.00")
    assert isinstance(done, Done), done
    assert done.say == ("Farah corrected total from 190.00 to 192.00 (version 2): as on paper")
    shop.judge()
    assert shop.states()["NS-1"] == "ready"
    with shop.database.read() as session:
        record = shop.record(session, "NS-1")
        first, second = session.scalars(
            select(Version).where(Version.record_id == record.id).order_by(Version.no)
        ).all()
        assert first.body is not None
        assert second.body is not None
        assert (first.body["total"], second.body["total"]) == ("190.00", "192.00")
        assert (second.corrects_id, second.reason) == (first.id, "as on paper")
        assert second.person_id == shop.actor("farah").person_id
        assert record.version_id == second.id


def test_what_the_rules_keep_is_not_set_right(shop: Shop) -> None:
    for path in ("number", "status", "customer", "created_by", "lines[0].name", "lines[7].qty", ""):
        assert refused(set_right(shop, "NS-1", path, "x"), "correction.forbidden").status == 403
    hint = refused(set_right(shop, "NS-1", "customer", "C-78"), "correction.forbidden").hint
    assert "total, line.qty line 1, line.price line 1." in hint
    assert refused(set_right(shop, "NS-1", "total", "1,92"), "correction.value").status == 422
    assert refused(set_right(shop, "NS-1", "total", "190.00"), "correction.same").status == 422
    assert refused(set_right(shop, "NS-1", "total", "1", who="lim"), "forbidden").status == 403


def test_a_blank_and_an_unknown_word_are_completed(shop: Shop) -> None:
    assert isinstance(set_right(shop, "NS-3", "customer", "C-78"), Done)
    assert isinstance(set_right(shop, "NS-2", "lines[0].sku", "CUP-4"), Done)
    refused(set_right(shop, "NS-2", "total", "1.00", seen=2), "correction.forbidden")
    shop.judge()
    assert shop.states() == {"NS-1": "held", "NS-2": "ready", "NS-3": "ready"}


def test_of_two_corrections_the_second_sees_both(shop: Shop) -> None:
    set_right(shop, "NS-1", "total", "192.00")
    answer = set_right(shop, "NS-1", "total", "191.00")
    assert isinstance(answer, Moved)
    assert answer.status == 409
    assert answer.theirs == "Farah corrected total from 190.00 to 192.00: as on paper."
    assert answer.mine == "set total to 191.00"
    shop.receive(order("NS-1", total="189.00", updated_at="2026-11-19T00:00:00Z"))
    answer = set_right(shop, "NS-1", "total", "191.00", seen=2)
    assert isinstance(answer, Moved)
    assert answer.theirs == "Version 3 arrived from the source; total is 189.00 in it."
    assert says(shop, "record.changed")[-1].endswith("the place of the correction made here.")


def test_a_corrector_neither_releases_nor_approves(shop: Shop) -> None:
    farah = shop.actor("farah")
    set_right(shop, "NS-1", "total", "191.00")
    shop.judge()
    both = people.Actor(
        farah.person_id, "Farah", farah.email, shop.company.id, frozenset({"finance", "approver"})
    )
    with shop.database.write() as session:
        wanted = shop.holds(session, "NS-1")[0].id
        answer = holds.release(session, both, wanted, "mine", shop.now)
    assert "You corrected it" in refused(answer, "hold.own_hand").message


def test_a_hold_rests_until_its_day_and_stays_counted(shop: Shop) -> None:
    wanted, farah = hold_of(shop, "NS-1"), shop.actor("farah")
    until = shop.now + timedelta(days=2)
    with shop.database.write() as session:
        refused(
            assignments.snooze(session, farah, wanted.id, until + timedelta(days=20), shop.now),
            "snooze.until",
        )
        done = assignments.snooze(session, farah, wanted.id, until, shop.now, seen=wanted.lock)
        assert isinstance(done, Done)
        assert assignments.wake_rested(session, shop.now) == 0
    assert hold_of(shop, "NS-1").snoozed_until == until
    assert shop.states()["NS-1"] == "held"
    shop.clock.advance(2 * 86400)
    with shop.database.write() as session:
        assert assignments.wake_rested(session, shop.now) == 1
    assert hold_of(shop, "NS-1").snoozed_until is None
    assert says(shop, "hold.rested") == ["The hold rested long enough: it is back on the list."]


def test_who_gives_a_hold_away_second_sees_what_the_first_did(shop: Shop) -> None:
    wanted, farah, lim = hold_of(shop, "NS-1"), shop.actor("farah"), shop.actor("lim")
    with shop.database.write() as session:
        first = assignments.assign(
            session, lim, wanted.id, farah.person_id, shop.now, seen=wanted.lock
        )
        assert isinstance(first, Done)
        second = assignments.assign(
            session, farah, wanted.id, lim.person_id, shop.now, seen=wanted.lock
        )
        assert isinstance(second, Moved)
        assert (second.theirs, second.mine) == ("Lim gave adds_up to Farah.", "give it to Lim")
        refused(
            assignments.assign(session, lim, wanted.id, shop.actor("vera").person_id, shop.now),
            "person.unknown",
        )


def test_a_note_stays_beside_the_record(shop: Shop) -> None:
    wanted = hold_of(shop, "NS-1").id
    with shop.database.write() as session:
        done = notes.comment(session, shop.actor("farah"), wanted, " Asked the shop. ", shop.now)
        assert isinstance(done, Done)
        refused(notes.comment(session, shop.actor("farah"), wanted, " ", shop.now), "note.empty")
        refused(notes.comment(session, shop.actor("vera"), wanted, "x", shop.now), "forbidden")
        assert session.scalars(select(Note.body)).all() == ["Asked the shop."]


def test_one_bad_record_stops_none_of_the_others(shop: Shop) -> None:
    shop.receive(*(order(f"NS-{n}", customer="C-78", total=f"{n}.00") for n in range(10, 15)))
    shop.judge()
    with shop.database.write() as session:
        seen = seen_now(shop, list(shop.states()))
        stale = hold_of(shop, "NS-14").id
        seen[stale] = (seen[stale][0], 1)
        wish = many.Wish(act="release", seen=seen, reason="agreed")
        answer = many.do(session, shop.actor("lim"), wish, shop.now, "form-1")
        assert isinstance(answer, Each)
        assert {one.number for one in answer.done} == {"NS-1", *(f"NS-{n}" for n in range(10, 14))}
        reasons = {one.number: one.refusal.code for one in answer.left}
        assert reasons == {
            "NS-2": "hold.clears_itself",
            "NS-3": "hold.clears_itself",
            "NS-14": "hold.moved",
        }
        again_ = many.do(session, shop.actor("lim"), wish, shop.now, "form-1")
        assert again_ == answer
        assert many.answered(session, shop.actor("lim"), "form-1") == answer
        assert many.answered(session, shop.actor("tan"), "form-1") is None
    shop.clock.advance(31)
    shop.judge()
    states = shop.states()
    assert [states[f"NS-{n}"] for n in range(10, 15)] == ["ready"] * 4 + ["held"]


def test_an_act_over_many_asks_no_question_for_each(shop: Shop, statements: list[str]) -> None:
    acts: tuple[many.Act, ...] = ("assign", "snooze", "retry", "release")
    counts: dict[str, list[int]] = {act: [] for act in acts}
    for first, last in ((20, 23), (30, 50)):
        numbers = [f"NS-{n}" for n in range(first, last)]
        shop.receive(*(order(n, customer="C-78", total=f"{n[3:]}.00") for n in numbers))
        shop.judge()
        shop.publish()  # so that a new try makes sense
        for act in acts:
            wish = many.Wish(
                act=act,
                seen=seen_now(shop, numbers),
                reason="agreed",
                until=shop.now + timedelta(days=1),
            )
            statements.clear()
            with shop.database.write() as session:
                answer = many.do(session, shop.actor("lim"), wish, shop.now, f"{act}-{first}")
            counts[act].append(len(statements))
            assert isinstance(answer, Each)
            assert len(answer.done) == len(numbers)
    assert {act: set(found) for act, found in counts.items() if len(set(found)) > 1} == {}


def seen_now(shop: Shop, numbers: list[str]) -> dict[int, tuple[int, int]]:
    with shop.database.read() as session:
        query = select(Hold.id, Hold.lock, Record.version_id).join(
            Record, Record.id == Hold.record_id
        )
        rows = session.execute(query.where(Record.number.in_(numbers), Hold.state == "open"))
        return {hold_id: (lock, version_id or 0) for hold_id, lock, version_id in rows}


@pytest.mark.usefixtures("half_minute")
def test_a_release_is_taken_back_before_it_is_judged(shop: Shop) -> None:
    wanted = hold_of(shop, "NS-1").id
    with shop.database.write() as session:
        holds.release(session, shop.actor("lim"), wanted, "agreed", shop.now, "form-1")
    shop.judge()
    shop.clock.advance(29)
    with shop.database.write() as session:
        refused(undo.undo(session, shop.actor("tan"), "form-1", shop.now), "undo.unknown")
        answer = undo.undo(session, shop.actor("lim"), "form-1", shop.now)
        assert isinstance(answer, undo.Undone)
        assert answer.say == "Taken back: 1 document waits again."
        refused(undo.undo(session, shop.actor("lim"), "form-1", shop.now), "undo.done")
        assert session.scalars(select(Release.voided_at)).one() == shop.now
    shop.clock.advance(60)
    shop.judge()
    assert shop.states()["NS-1"] == "held"
    assert hold_of(shop, "NS-1").id != wanted
    with shop.database.write() as session:
        new = shop.holds(session, "NS-1")[0].id
        holds.release(session, shop.actor("lim"), new, "after all", shop.now, "form-2")
    shop.clock.advance(31)
    shop.judge()
    assert shop.states()["NS-1"] == "ready"
    with shop.database.write() as session:
        refused(undo.undo(session, shop.actor("lim"), "form-2", shop.now), "undo.late")


@pytest.mark.usefixtures("half_minute")
def test_an_approval_is_taken_back_before_it_is_sent(shop: Shop) -> None:
    dear = [line(qty="20")]
    shop.receive(*(order(f"NS-{n}", total="1920.00", lines=dear) for n in (20, 21)))
    shop.judge()
    with shop.database.write() as session:
        ids = [shop.posting(session, f"NS-{n}").id for n in (20, 21)]
        done = approvals.approve(session, shop.actor("lim"), ids, "checked", shop.now, "form-1")
        assert isinstance(done, Approved)
        session.execute(update(Posting).where(Posting.id == ids[1]).values(state="sending"))
    shop.clock.advance(10)
    with shop.database.write() as session:
        answer = undo.undo(session, shop.actor("lim"), "form-1", shop.now)
        assert isinstance(answer, undo.Undone)
        assert answer.say == "Taken back: 1 document waits again. 1 already sent: NS-21."
        standing = session.scalars(select(Approval.posting_id).where(Approval.voided_at.is_(None)))
        assert standing.all() == [ids[1]]
        posting = session.get_one(Posting, ids[0])
        assert (posting.state, posting.due_at) == ("held", None)
    shop.judge()
    assert hold_of(shop, "NS-20").code == "APP01"


def test_no_open_hold_is_without_an_owner(shop: Shop) -> None:
    wanted = hold_of(shop, "NS-1").id
    for column in (Hold.team_id, Hold.answer_by):
        with pytest.raises(IntegrityError), shop.database.write() as session:
            session.execute(update(Hold).where(Hold.id == wanted).values({column: None}))


def test_a_company_says_how_soon_a_class_is_due(shop: Shop) -> None:
    company_id, adam = shop.company.id, shop.actor("adam")
    with shop.database.write() as session:
        assert due_times.set_hours(session, adam, company_id, "business_rule", 4, shop.now) is None
        for wrong in (("business", 4), ("business_rule", 0), ("business_rule", 10_000)):
            assert due_times.set_hours(session, adam, company_id, *wrong, shop.now) is not None
    shop.receive(order("NS-7", total="7.00"), order("NS-8", customer="C-1"))
    shop.judge()
    due = {number: hold_of(shop, number) for number in ("NS-1", "NS-7", "NS-8")}
    hours = {n: (hold.answer_by - hold.opened_at).total_seconds() / 3600 for n, hold in due.items()}
    assert hours == {"NS-1": 24, "NS-7": 4, "NS-8": 24}


def test_what_somebody_had_who_leaves_goes_back_to_the_team(shop: Shop) -> None:
    first, second = hold_of(shop, "NS-1").id, hold_of(shop, "NS-2").id
    farah, adam = shop.actor("farah"), shop.actor("adam")
    with shop.database.write() as session:
        for wanted in (first, second):
            assignments.assign(session, shop.actor("lim"), wanted, farah.person_id, shop.now)
        person = session.get_one(Person, farah.person_id)
        company_id = shop.company.id
        assert leaving.leave(session, adam, company_id, person, shop.now) == 2
        refused(leaving.leave(session, adam, company_id, person, shop.now), "person.stranger")
        assert people.actor_of(session, person.id, company_id) is None
        assert not person.active
    assert hold_of(shop, "NS-1").person_id is None
    assert says(shop, "hold.handed_over") == [
        "Farah left; NS-1 is with Accounts team again.",
        "Farah left; NS-2 is with Accounts team again.",  # nobody is in Sales administration
    ]
