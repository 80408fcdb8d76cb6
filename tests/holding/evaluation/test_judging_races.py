"""What happens to a judging when the world moves while it is made, or its worker dies."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import update

from holding.db.leases import DEATHS_ALONE
from holding.db.models import Hold, Posting, Record
from holding.evaluation import evaluate_due
from holding.evaluation.batch import Batch, Claimed, Plan, claim, due_companies, sweep_expired
from holding.evaluation.evaluate_due import judge_due, plan_all
from holding.evaluation.load_facts import load_batch
from holding.platform.changes import next_revision, wake_all_unsent
from tests.holding.sent import send
from tests.support.shop import Shop, order

ALONE = 20


def test_what_moves_between_facts_and_finish_is_left_due(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapping and a new version, each saved while the batch is being checked."""
    shop.map("A")
    moves = {
        "mapping": lambda: shop.map("B"),
        "version": lambda: shop.arrive(order("2", "A", total="77.00")),
    }
    for number, (name, move) in enumerate(moves.items(), start=1):
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


def take(shop: Shop, owner: str = "dies", *, limit: int = 5) -> Sequence[Claimed]:
    """Claim what is due."""
    return claim(
        shop.database,
        company_id=shop.company.id,
        owner=owner,
        now=shop.clock.now(),
        limit=limit,
        lease_seconds=60,
    )


def during(shop: Shop, move: object) -> None:
    """One judging, with something happening after its facts were read."""
    evaluate = shop.program.evaluate

    def late(*arguments: object) -> object:
        outcome = evaluate(*arguments)  # type: ignore[arg-type]
        move()  # type: ignore[operator]
        return outcome

    shop.program.evaluate = late  # type: ignore[method-assign,assignment]
    judged_once(shop)
    shop.program.evaluate = evaluate  # type: ignore[method-assign]


def judged_once(shop: Shop) -> int:
    """How many records one turn judged."""
    return judge_due(
        shop.database, shop.clock, company_id=shop.company.id, owner="one", programs=shop.programs
    ).count


def noted(batches: list[int], batch: Batch, now: datetime) -> list[Plan]:
    """Judge, and write down how many were judged together."""
    batches.append(len(batch.cases))
    return plan_all(batch, now)


def test_who_lost_the_lease_writes_nothing(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"))

    def steal() -> None:
        shop.later(seconds=61)
        assert sweep_expired(shop.database, shop.clock.now()) == 1
        with shop.database.write() as session:
            session.execute(update(Record).values(crashes=0))
        assert [one.fence for one in take(shop, "two")] == [2]

    during(shop, steal)
    assert shop.rows(Posting) == []
    (record,) = shop.rows(Record)
    assert record.lease_owner == "two"


def test_three_deaths_alone_are_poison_and_crashed_records_go_alone(shop: Shop) -> None:
    shop.map("A")
    shop.arrive(order("1", "A"), order("2", "A"))

    assert len(take(shop)) == 2
    for _ in range(DEATHS_ALONE):
        free(shop)
        assert len(take(shop)) == 1
        assert len(take(shop)) == 1
    free(shop)
    assert shop.judge() == 2
    holds = shop.rows(Hold)
    assert {hold.code for hold in holds} == {"EVA03"}
    assert all("3 times" in hold.message for hold in holds)
    shop.publish()
    shop.judge()
    assert set(shop.states().values()) == {"ready"}


@pytest.mark.parametrize("together", [1, 5])
def test_who_was_in_the_hands_of_killed_workers_is_judged_like_any_other(
    shop: Shop, together: int
) -> None:
    """The first death is nobody's own, even if nothing else was due; after two alone one may still
    be innocent. A judging that is stored starts the count anew.
    """
    shop.map("A")
    shop.arrive(*(order(str(no), "A") for no in range(together)))
    for _ in range(2):
        assert len(take(shop)) == together
        for _ in range(DEATHS_ALONE - 1):
            free(shop)
            assert [len(take(shop)) for _ in range(together)] == [1] * together
        free(shop)
        assert shop.judge() == together
        assert set(shop.states().values()) == {"ready"}
        assert {record.crashes for record in shop.rows(Record)} == {0}
        with shop.database.write() as session:
            wake_all_unsent(session, shop.company.id, shop.clock.now())
    assert shop.rows(Hold) == []


def free(shop: Shop) -> None:
    """All leases end."""
    shop.later(seconds=61)
    sweep_expired(shop.database, shop.clock.now())


def test_a_crashed_record_waits_for_half_a_lease_whatever_else_is_due(shop: Shop) -> None:
    def two() -> list[str]:
        wanted = [one.record_id for one in take(shop, limit=2)]
        return [row.number for row in shop.rows(Record, Record.id.in_(wanted))]

    shop.arrive(*(order(str(no), "A") for no in range(1, 9)))
    assert two() == ["1", "2"]
    shop.later(seconds=61)
    sweep_expired(shop.database, shop.clock.now())
    assert two() == ["3", "4"], "others go first, for half a lease"
    shop.later(seconds=31)
    assert [two(), two()] == [["1"], ["2"]], "and then they wait, though they are due for longer"
    assert two() == ["5", "6"]


def test_what_a_dead_worker_left_is_done_one_by_one_in_one_turn(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn for each would be hundreds of them, with other work between."""
    batches: list[int] = []
    monkeypatch.setattr(evaluate_due, "plan_all", lambda batch, now: noted(batches, batch, now))
    shop.map("A")
    shop.arrive(*(order(str(no), "A") for no in range(ALONE)))
    with shop.database.write() as session:
        session.execute(update(Record).values(crashes=1))
    assert judged_once(shop) == ALONE
    assert batches == [1] * ALONE
    assert set(shop.states().values()) == {"ready"}
    assert {record.fence for record in shop.rows(Record)} == {1}


def test_what_is_done_one_by_one_ends_its_turn_after_a_few_seconds(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(batch: Batch, now: datetime) -> list[Plan]:
        shop.later(seconds=0.5)
        return plan_all(batch, now)

    monkeypatch.setattr(evaluate_due, "plan_all", slowly)
    shop.map("A")
    shop.arrive(*(order(str(no), "A") for no in range(ALONE)))
    with shop.database.write() as session:
        session.execute(update(Record).values(crashes=1))
    assert [judged_once(shop) for _ in range(2)] == [4, 4]


def test_an_unchanged_world_gathers_without_a_query_for_a_record(
    shop: Shop, statements: list[str]
) -> None:
    shop.map("A")
    shop.arrive(*(order(str(i), "A") for i in range(40)))
    with shop.database.read() as session:
        assert due_companies(session, shop.clock.now()) == [shop.company.id]
    claims = take(shop, limit=50)
    del statements[:]
    with shop.database.read() as session:
        batch = load_batch(session, shop.company.id, claims, shop.clock.now(), shop.programs)
    assert len(batch.cases) == 40
    assert len(statements) < 40


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


def test_help_is_called_for_a_full_batch_before_it_is_judged(shop: Shop) -> None:
    """So that a second worker takes the next one meanwhile."""
    shop.map("A")
    shop.arrive(*(order(str(number), "A") for number in range(3)))
    judged_when_called: list[int] = []
    counts = [
        judge_due(
            shop.database,
            shop.clock,
            company_id=shop.company.id,
            owner="first",
            limit=2,
            programs=shop.programs,
            call_help=lambda: judged_when_called.append(len(shop.rows(Posting))),
        ).count
        for _ in range(2)
    ]
    assert counts == [2, 1]
    assert judged_when_called == [0]
