"""What people do with held records: try again, set right, give away, snooze, take back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from holding.access import actors, people
from holding.db.database import Database
from holding.db.models import Company, Hold, Note, Person, Retry, Version
from holding.db.refusal import Refusal
from holding.holds import assignments, notes, releases, retries
from holding.holds.holds import Done, Moved
from holding.mappings import fixes
from tests.holding.held import again, held_shop, hold_of, refused, says, set_right
from tests.holding.shop import Shop, incoming, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return held_shop(database, company, clock)


def test_nothing_is_tried_again_while_nothing_changed(shop: Shop) -> None:
    answer = refused(again(shop, "NS-2"), "retry.unchanged")
    assert answer.status == 409
    assert answer.message.startswith("Nothing changed since ")
    assert answer.message.endswith(
        ": item “AB-1” (still missing), version 1 of the record and rule version 1"
        " are as they were."
    )
    assert says(shop, "retry.refused")[0].startswith("Farah asked for a new try of NS-2: Nothing")

    with shop.database.write() as session:
        done = fixes.fix(
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
    assert "total, quantity of line 1, price of line 1." in hint
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


def test_the_same_file_again_leaves_a_correction_as_it_is(shop: Shop) -> None:
    """A source without change stamps says the same as before: nothing there was set right."""

    def bring(total: str) -> str:
        record = incoming("order", order("NS-9", total=total), "")
        shop.deliver([replace(record, stamp=None)])
        shop.judge()
        with shop.database.read() as session:
            version = session.get_one(Version, shop.record(session, "NS-9").version_id)
            return f"{version.no}: {version.body['total'] if version.body else ''}"

    assert bring("190.00") == "1: 190.00"
    assert isinstance(set_right(shop, "NS-9", "total", "192.00"), Done)
    assert bring("190.00") == "2: 192.00"
    assert bring("192.00") == "3: 192.00"
    assert bring("190.00") == "4: 190.00"


def test_a_corrector_neither_releases_nor_approves(shop: Shop) -> None:
    farah = shop.actor("farah")
    set_right(shop, "NS-1", "total", "191.00")
    shop.judge()
    both = actors.Actor(
        farah.person_id, "Farah", farah.email, shop.company.id, frozenset({"finance", "approver"})
    )
    with shop.database.write() as session:
        wanted = shop.holds(session, "NS-1")[0].id
        answer = releases.release(session, both, wanted, "mine", shop.now)
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
    assert says(shop, "hold.rested") == ["Snooze ended: the hold is back in the list."]


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
        assert (second.theirs, second.mine) == ("Lim assigned NS-1 to Farah.", "assign it to Lim")
        refused(
            assignments.assign(session, lim, wanted.id, shop.actor("vera").person_id, shop.now),
            "person.unknown",
        )


def test_a_note_stays_beside_the_record(shop: Shop) -> None:
    wanted = hold_of(shop, "NS-1").id
    with shop.database.write() as session:
        done = notes.add_note(session, shop.actor("farah"), wanted, " Asked the shop. ", shop.now)
        assert isinstance(done, Done)
        refused(notes.add_note(session, shop.actor("farah"), wanted, " ", shop.now), "note.empty")
        refused(notes.add_note(session, shop.actor("vera"), wanted, "x", shop.now), "forbidden")
        assert session.scalars(select(Note.body)).all() == ["Asked the shop."]


def test_no_open_hold_is_without_an_owner(shop: Shop) -> None:
    wanted = hold_of(shop, "NS-1").id
    for column in (Hold.team_id, Hold.answer_by):
        with pytest.raises(IntegrityError), shop.database.write() as session:
            session.execute(update(Hold).where(Hold.id == wanted).values({column: None}))


def test_a_company_says_how_soon_a_class_is_due(shop: Shop) -> None:
    company_id, adam = shop.company.id, shop.actor("adam")
    with shop.database.write() as session:
        assert retries.set_hours(session, adam, company_id, "business_rule", 4, shop.now) is None
        for wrong in (("business", 4), ("business_rule", 0), ("business_rule", 10_000)):
            assert retries.set_hours(session, adam, company_id, *wrong, shop.now) is not None
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
        assert assignments.remove_member(session, adam, company_id, person.id, shop.now) == 2
        again = assignments.remove_member(session, adam, company_id, person.id, shop.now)
        refused(again, "person.stranger")
        assert actors.actor_of(session, person.id, company_id) is None
        assert not person.active
        back: dict[str, Any] = {"company_id": company_id, "person_id": person.id, "role": "finance"}
        assert people.add_membership(session, **back, actor=adam, now=shop.now) is None
        assert actors.actor_of(session, person.id, company_id) is not None
    assert hold_of(shop, "NS-1").person_id is None
    assert says(shop, "hold.handed_over") == [
        "Farah left; NS-1 is with Accounts team again.",
        "Farah left; NS-2 is with Accounts team again.",  # nobody is in Sales administration
    ]
