"""What a judging does with approvals, releases, rejections, duplicates, and changes in between."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from holding.evaluation import judge_due, sweep_expired
from holding.judging.claim import claim, due_companies
from holding.judging.gather import gather
from holding.lifecycle import move_posting
from holding.models import (
    Approval,
    Cause,
    Company,
    Hold,
    Person,
    Posting,
    Push,
    Record,
    Release,
    Team,
    Version,
)
from holding.record_state import refresh
from holding.revisions import next_revision
from holding.wakes import wake_all_unsent, wake_records
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


def send(shop: Shop, state: str) -> int:
    """Bring the only posting to a state, as pushing does."""
    with shop.database.write() as session:
        posting = session.scalars(select(Posting)).one()
        push = Push(
            posting_id=posting.id,
            no=1,
            connection_id=posting.connection_id,
            family=posting.family,
            action="create",
            hash=posting.hash,
            number=posting.number,
            key="k",
            content=posting.content,
            evaluation_id=posting.evaluation_id,
            state="sending",
            made_at=shop.clock.now(),
        )
        session.add(push)
        session.flush()
        move_posting(
            session, posting.id, expected="ready", to="sending", lock=posting.lock, due_at=None
        )
        if state != "sending":
            session.refresh(posting)
            move_posting(
                session,
                posting.id,
                expected="sending",
                to=state,
                lock=posting.lock,
                posted_push_id=push.id,
            )
        refresh(session, [posting.record_id])
        return posting.id


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


def test_what_moves_between_facts_and_finish_is_left_due(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapping, a new version and a push, each saved while the batch is being judged."""
    shop.map("A")
    moves = {
        "mapping": lambda: shop.map("B"),
        "version": lambda: shop.arrive(order("2", "A", total="77.00")),
        "push": lambda: send(shop, "posted"),
    }
    for number, (name, move) in enumerate(moves.items(), start=1):
        if name == "push":
            continue
        shop.arrive(order(str(number), "B" if name == "mapping" else "A"))
        during(shop, move)
        (record,) = shop.rows(Record, Record.number == str(number))
        assert record.due_at is not None, name
        assert shop.rows(Posting, Posting.record_id == record.id) == [], name
        shop.judge()
        assert shop.states()[str(number)] == "ready", name


def test_a_push_between_facts_and_finish_is_not_overwritten(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    with shop.database.write() as session:
        wake_all_unsent(session, shop.company.id, shop.clock.now())
    during(shop, lambda: send(shop, "posted"))
    (posting,) = shop.rows(Posting)
    assert posting.state == "posted"
    shop.judge()
    assert shop.states() == {"1": "posted"}


def during(shop: Shop, move: object) -> None:
    """One judging, with something happening after its facts were read."""
    evaluate = shop.program.evaluate

    def late(*arguments: object) -> object:
        outcome = evaluate(*arguments)  # type: ignore[arg-type]
        move()  # type: ignore[operator]
        return outcome

    shop.program.evaluate = late  # type: ignore[method-assign,assignment]
    judge_due(
        shop.database, shop.clock, company_id=shop.company.id, owner="one", programs=shop.programs
    )
    shop.program.evaluate = evaluate  # type: ignore[method-assign]


def test_who_lost_the_lease_writes_nothing(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))

    def steal() -> None:
        shop.later(seconds=61)
        assert sweep_expired(shop.database, shop.clock.now()) == 1
        with shop.database.write() as session:
            session.execute(update(Record).values(crashes=0))
        taken = claim(
            shop.database,
            company_id=shop.company.id,
            owner="two",
            now=shop.clock.now(),
            limit=5,
            lease_seconds=60,
        )
        assert [one.fence for one in taken] == [2]

    during(shop, steal)
    assert shop.rows(Posting) == []
    (record,) = shop.rows(Record)
    assert record.lease_owner == "two"


def test_the_third_crash_is_poison_and_crashed_records_go_alone(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"), order("2", "A"))

    def take() -> list[int]:
        found = claim(
            shop.database,
            company_id=shop.company.id,
            owner="dies",
            now=shop.clock.now(),
            limit=5,
            lease_seconds=60,
        )
        return [one.record_id for one in found]

    first = take()
    assert len(first) == 2
    for _ in range(2):
        shop.later(seconds=61)
        sweep_expired(shop.database, shop.clock.now())
        assert len(take()) == 1
        assert len(take()) == 1
    shop.later(seconds=61)
    sweep_expired(shop.database, shop.clock.now())
    assert shop.judge() == 2
    assert {hold.code for hold in shop.rows(Hold)} == {"EVA03"}
    shop.publish()
    shop.judge()
    assert set(shop.states().values()) == {"ready"}


def test_a_refused_document_stays_refused_until_something_changed(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    posting_id = send(shop, "failed")
    with shop.database.write() as session:
        posting = session.get_one(Posting, posting_id)
        cause = Cause(
            company_id=shop.company.id,
            key="target:aiaccount:x",
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
        refresh(session, [posting.record_id])
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


def test_an_unchanged_world_gathers_without_a_query_for_a_record(
    shop: Shop, statements: list[str]
) -> None:
    shop.map("A")
    shop.arrive(*(order(str(i), "A") for i in range(20)))
    with shop.database.read() as session:
        assert due_companies(session, shop.clock.now()) == [shop.company.id]
    claims = claim(
        shop.database,
        company_id=shop.company.id,
        owner="x",
        now=shop.clock.now(),
        limit=50,
        lease_seconds=60,
    )
    del statements[:]
    with shop.database.read() as session:
        batch = gather(session, shop.company.id, claims, shop.clock.now(), shop.programs)
    assert len(batch.cases) == 20
    assert len(statements) < 20


def test_a_snapshot_taken_meanwhile_counts_as_a_moved_world(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))

    def snapshot() -> None:
        with shop.database.write() as session:
            next_revision(
                session,
                shop.company.id,
                "snapshot",
                "aiaccount: period",
                person_id=None,
                reason=None,
                now=shop.clock.now(),
            )

    during(shop, snapshot)
    assert shop.states() == {"1": "received"}
    shop.judge()
    assert shop.states() == {"1": "ready"}
