"""What a judging does with approvals, releases, rejections, duplicates, and changes in between."""

from datetime import timedelta

from sqlalchemy import select, update

from holding.db.models import (
    Approval,
    Cause,
    Company,
    Hold,
    Person,
    Posting,
    Record,
    Release,
    Team,
    Version,
)
from holding.platform.changes import wake_records
from holding.platform.states import refresh_record_states
from rules.values.cause_keys import CauseKey
from tests.holding.sent import send
from tests.support.factories import make_person
from tests.support.shop import Shop, order


def approve(shop: Shop, number: str) -> str:
    """What holding.approvals does, in short; the hash that was approved."""
    with shop.database.write() as session:
        posting = session.scalars(select(Posting).where(Posting.number == f"INV-{number}")).one()
        hold = session.scalars(select(Hold).where(Hold.posting_id == posting.id)).one()
        person = session.scalar(select(Person)) or make_person(
            session, shop.company, "aminah@kedai.example", "approver"
        )
        session.add(
            Approval(
                posting_id=posting.id,
                hash=posting.hash,
                content=posting.content,
                level=hold.rule,
                person_id=person.id,
                reason="fine",
                at=shop.clock.now(),
            )
        )
        session.flush()
        wake_records(session, [posting.record_id], shop.clock.now())
        return posting.hash


def test_an_approval_of_this_very_content_closes_its_hold(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", total="2000.00"))
    shop.judge()
    assert shop.states() == {"1": "held"}
    approve(shop, "1")
    shop.judge()
    (hold,) = shop.rows(Hold)
    assert (hold.state, hold.closed_why) == ("approved", "Aminah approved exactly this content")
    assert hold.closed_by_id is not None
    (posting,) = shop.rows(Posting)
    assert (posting.state, posting.due_at) == ("ready", shop.clock.now())


def test_another_content_voids_the_approval_for_good(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", total="2000.00"))
    shop.judge()
    approve(shop, "1")
    shop.judge()
    shop.arrive(order("1", "A", total="3000.00"))
    shop.judge()
    assert shop.states() == {"1": "held"}
    (approval,) = shop.rows(Approval)
    assert approval.voided_at == shop.clock.now()
    assert approval.voided_fields == ["Total"]
    shop.arrive(order("1", "A", total="2000.00"))
    shop.judge()
    assert shop.states() == {"1": "held"}
    assert len(shop.rows(Hold, Hold.state == "open")) == 1


def test_a_release_holds_for_this_content_only(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", reference="PO-1"), order("2", "A", reference="PO-1"))
    shop.judge()
    assert shop.states() == {"1": "ready", "2": "held"}
    decide(shop, "2", "release")
    shop.judge()
    assert shop.states() == {"1": "ready", "2": "ready"}
    shop.arrive(order("2", "A", reference="PO-1", total="11.00"))
    shop.judge()
    assert shop.states() == {"1": "ready", "2": "held"}


def test_a_rejection_lasts_until_a_new_version(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", total="2000.00"))
    shop.judge()
    decide(shop, "1", "reject")
    shop.judge()
    assert shop.states() == {"1": "ignored"}
    (posting,) = shop.rows(Posting)
    assert posting.reason == "rejected: no"
    shop.arrive(order("1", "A", total="20.00"))
    shop.judge()
    assert shop.states() == {"1": "ready"}


def decide(shop: Shop, number: str, kind: str) -> None:
    with shop.database.write() as session:
        hold = session.scalars(
            select(Hold).where(Hold.number == f"INV-{number}", Hold.state == "open")
        ).one()
        content = select(Version.sha256).join(Record, Record.version_id == Version.id)
        session.add(
            Release(
                record_id=hold.record_id,
                route=hold.route,
                seq=hold.seq,
                code=hold.code,
                cause_id=hold.cause_id,
                content_sha256=session.scalars(content.where(Record.id == hold.record_id)).one(),
                rule=hold.rule,
                kind=kind,
                reason="no",
                at=shop.clock.now(),
            )
        )
        wake_records(session, [hold.record_id], shop.clock.now())


def test_of_two_equal_references_the_first_goes_even_in_one_batch(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("2", "A", reference="PO-1"), order("1", "A", reference="PO-1"))
    shop.judge()
    first, second = shop.rows(Record)
    assert (first.state, second.state) == ("ready", "held")


def test_the_second_goes_when_the_first_comes_to_nothing(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A", reference="PO-1"))
    shop.arrive(order("2", "A", reference="PO-1"))
    shop.judge()
    assert shop.states() == {"1": "ready", "2": "held"}
    shop.arrive(order("1", "A", reference="PO-1", status="cancelled"))
    shop.judge()
    assert shop.states() == {"1": "dropped", "2": "ready"}


def test_link_keys_are_filled_for_what_came_before_the_rules(shop: Shop) -> None:
    shop.map("A")
    with shop.database.write() as session:
        session.execute(update(Company).values(ruleset_version_id=None))
    shop.arrive(order("1", "A", reference="PO-1"), order("2", "A", reference="PO-1"))
    assert shop.judge() == 0
    shop.publish()
    shop.judge(limit=1)
    assert shop.states() == {"1": "ready", "2": "held"}


def test_what_is_in_flight_is_not_planned_anew(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    send(shop, "sending")
    before = shop.rows(Posting)[0].hash
    shop.arrive(order("1", "A", total="99.00"))
    shop.judge()
    (posting,) = shop.rows(Posting)
    assert (posting.state, posting.hash) == ("sending", before)
    (record,) = shop.rows(Record)
    assert record.due_at == shop.clock.now() + timedelta(seconds=5)


def test_a_change_after_posting_holds_and_the_document_stays(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    send(shop, "posted")
    assert shop.states() == {"1": "posted"}
    shop.arrive(order("1", "A", total="99.00"))
    shop.judge()
    assert shop.states() == {"1": "held"}
    (hold,) = shop.rows(Hold)
    assert (hold.code, hold.error_class) == ("STL01", "stale_version")
    (posting,) = shop.rows(Posting)
    assert posting.state == "posted"
    shop.arrive(order("1", "A"))
    shop.judge()
    assert shop.states() == {"1": "posted"}


def test_a_refused_document_stays_refused_until_something_changed(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    posting_id = send(shop, "failed")
    with shop.database.write() as session:
        posting = session.get_one(Posting, posting_id)
        cause = Cause(
            company_id=shop.company.id,
            key=CauseKey.parse("target:aiaccount:x"),
            error_class="bad_value",
            opened_at=shop.clock.now(),
            records=1,
            book=1000,
        )
        session.add(cause)
        session.flush()
        session.add(
            Hold(
                company_id=shop.company.id,
                record_id=posting.record_id,
                posting_id=posting.id,
                route=posting.route,
                seq=1,
                code="TGT01",
                cause_id=cause.id,
                error_class="bad_value",
                severity="hold",
                message="no",
                revision=posting.revision,
                team_id=session.scalars(select(Team.id)).first(),
                answer_by=shop.clock.now(),
                opened_at=shop.clock.now(),
                book=1000,
            )
        )
        session.flush()
        refresh_record_states(session, [posting.record_id])
        wake_records(session, [posting.record_id], shop.clock.now())
    shop.judge()
    assert shop.states() == {"1": "failed"}
    shop.arrive(order("1", "A", total="12.00"))
    shop.judge()
    assert shop.states() == {"1": "ready"}
    (hold,) = shop.rows(Hold)
    assert hold.state == "cleared"
    (cause,) = shop.rows(Cause)
    assert (cause.records, cause.book) == (0, 0)
