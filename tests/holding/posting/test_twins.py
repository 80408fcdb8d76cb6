"""A twin that comes while its original is ready: neither goes until a person says which."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.transport import strict_json
from holding.connections.channel import Channel, open_channel
from holding.db.models import Hold, LinkKey, Posting, Record
from holding.evaluation import evaluate_due
from holding.holds import releases
from holding.platform.states import READY
from holding.posting.claims import claim
from holding.posting.prepare import check_postings
from holding.runs import schedules
from holding.runs.dispatch import push_due
from tests.holding.life import NUMBERED, TABLES, Begun, Life
from tests.holding.shop import FILES, ROUTE, incoming, order
from tests.support.factories import connection_named

ALIKE = NUMBERED.replace(
    "unique by number in history",
    "unique by number in history\n    unique by created_by in history",
)
DAILY = ALIKE.replace("    immediately\n", "    daily at 02:00 by ordered_on\n")
CAME = '    say      "{number} is here already."'
WARNED = ALIKE.replace(f"    else     hold for accounts\n{CAME}", f"    else     warn\n{CAME}")


def rules(text: str) -> dict[str, str]:
    return FILES | {"shop.rules": text + TABLES}


@pytest.fixture
def life(begun: Begun) -> Life:
    return begun(rules(ALIKE))


def come(life: Life, external_id: str, *, later: int = 60, **changes: Any) -> None:
    """An order, under an id that need not be its number; nobody judges it yet."""
    life.shop.clock.advance(later)
    body = order(changes.pop("number", external_id), **{"created_by": external_id} | changes)
    stamp = life.shop.now.isoformat()
    arriving = replace(incoming("order", body, stamp), external_id=external_id)
    life.shop.deliver([arriving])


def push(life: Life) -> None:
    desk = life.desk
    push_due(
        desk.database, desk.clock, company_id=life.shop.company.id, owner=desk.owner, desk=desk
    )


def work(life: Life) -> None:
    """Push and judge by turns until both have nothing to do: pushing is the faster."""
    for _ in range(20):
        push(life)
        if not life.shop.judge():
            push(life)
            return
    pytest.fail("it never ends")


def states(life: Life) -> dict[str, str]:
    """External id -> state of the record."""
    with life.shop.database.read() as session:
        return dict(session.execute(select(Record.external_id, Record.state)).all())


def codes(life: Life) -> dict[str, list[str]]:
    """External id -> codes of the open holds."""
    query = select(Record.external_id, Hold.code).join(Hold, Hold.record_id == Record.id)
    found: dict[str, list[str]] = {}
    with life.shop.database.read() as session:
        for external_id, code in session.execute(query.where(Hold.state == "open")):
            found.setdefault(external_id, []).append(code)
    return found


def decide(life: Life, external_id: str, act: Callable[..., object]) -> None:
    query = select(Hold.id).join(Record, Record.id == Hold.record_id)
    with life.shop.database.write() as session:
        hold_id = session.scalars(
            query.where(Record.external_id == external_id, Hold.state == "open")
        ).one()
        act(session, life.shop.actor("lim"), hold_id, "looked at both", life.shop.now)


TWINS = {"another id": {"number": "2002"}, "alike": {"number": "2003", "created_by": "mei"}}


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_T06a_a_twin_that_comes_while_its_original_is_ready_stops_it(
    life: Life, twin: dict[str, Any]
) -> None:
    come(life, "2002", created_by="mei")
    life.shop.judge()
    assert states(life) == {"2002": "ready"}
    come(life, "2002-A", later=0, **twin)
    work(life)
    assert life.books.effects == []
    assert codes(life) == {"2002": ["DUP01"], "2002-A": ["DUP01"]}
    with life.shop.database.read() as session:
        said = session.scalars(select(Hold.message).order_by(Hold.record_id.asc())).all()
    assert {"2002 (id 2002-A" in one or "The same: 2003." in one for one in said} == {True, False}


def test_T06a_the_same_where_no_rule_asks_for_duplicates(begun: Begun) -> None:
    life = begun(rules(NUMBERED.replace("unique by number", "unique by created_by")))
    come(life, "2002")
    life.shop.judge()
    come(life, "2002-A", number="2002")
    work(life)
    assert life.books.effects == []
    assert codes(life) == {"2002": ["IDN01"], "2002-A": ["IDN01"]}


@pytest.mark.parametrize("judged", [True, False], ids=["twin judged", "twin not judged"])
def test_T06a_the_night_does_not_send_it(begun: Begun, judged: bool) -> None:
    life = begun(rules(DAILY))
    come(life, "2002")
    life.shop.judge()
    life.shop.clock.advance(86_400)
    come(life, "2002-A", number="2002")
    if judged:
        life.shop.judge()
    with life.shop.database.write() as session:
        schedules.start_due(session, life.shop.now)
    for _ in range(3):
        work(life)
        life.shop.clock.advance(600)
    assert life.books.effects == []
    assert states(life) == {"2002": "held", "2002-A": "held"}


POINTS = {
    "claimed": ("push.claimed", [], {"2002": "held", "2002-A": "held"}),
    "sent": ("push.after_intent", [("create", "2002-1")], {"2002": "posted", "2002-A": "held"}),
}


@pytest.mark.parametrize(("point", "effects", "after"), POINTS.values(), ids=POINTS)
def test_T06b_what_comes_before_the_intent_stops_it_what_comes_later_waits_alone(
    life: Life,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    effects: list[tuple[str, str]],
    after: dict[str, str],
) -> None:
    come(life, "2002")
    life.shop.judge()
    waiting = [point]

    def reached(name: str) -> None:
        if name in waiting:
            waiting.remove(name)
            come(life, "2002-A", later=0, number="2002")

    monkeypatch.setattr(strict_json, "fault_point", reached)
    work(life)
    assert waiting == []
    assert life.books.effects == effects
    assert states(life) == after


def test_T06b_a_twin_that_is_stored_and_not_judged_is_waited_for(life: Life) -> None:
    """Two that are stored at one moment do not see each other: the claim does."""
    come(life, "2002")
    come(life, "2002-A", later=0, number="2002")
    with life.shop.database.write() as session:
        session.execute(update(Record).where(Record.external_id == "2002-A").values(due_at=None))
    life.shop.judge()
    with life.shop.database.write() as session:
        now = life.shop.now
        session.execute(update(Record).where(Record.external_id == "2002-A").values(due_at=now))
    push(life)
    assert life.books.effects == []
    work(life)
    assert life.books.effects == [("create", "2002-1")]  # both were there: the first one goes
    assert states(life) == {"2002": "posted", "2002-A": "held"}


def test_T06b_what_is_being_judged_while_its_twin_comes_is_stopped_too(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin comes and is judged between the facts of the original and its decision."""
    come(life, "2002")
    judging = ["2002"]

    def reached(name: str) -> None:
        if name == "eval.each" and judging:
            judging.clear()
            come(life, "2002-A", later=0, number="2002")
            assert life.shop.judge() == 1

    monkeypatch.setattr(evaluate_due, "fault_point", reached)
    life.shop.judge()
    work(life)
    assert life.books.effects == []
    assert states(life) == {"2002": "held", "2002-A": "held"}


def channel_of(life: Life) -> Channel:
    with life.shop.database.read() as session:
        found = open_channel(
            session, life.desk, connection_named(session, life.shop.company, "aiaccount")
        )
    assert isinstance(found, Channel)
    return found


def test_T06b_a_batch_of_five_hundred_asks_as_often_as_one_of_fifty(
    life: Life, statements: list[str]
) -> None:
    channel, asked = channel_of(life), []
    for count in (50, 500):
        names = [f"{count}-{no}" for no in range(count)]
        life.shop.receive(*(order(name, created_by=name) for name in names))
        life.shop.judge()
        statements.clear()
        claims = claim(life.desk, channel, READY, count)
        with life.shop.database.write() as session:
            verdicts = check_postings(session, channel, claims, lock=True, now=life.shop.now)
        assert len(verdicts) == count
        asked.append(len(statements))
    assert asked[0] == asked[1]


NEAR = {
    "another number and maker": {"number": "2003", "created_by": "may"},
    "nearly its number": {"number": "2002 A"},
}


@pytest.mark.parametrize("near", NEAR.values(), ids=NEAR)
def test_T06c_a_near_miss_stops_nothing(life: Life, near: dict[str, Any]) -> None:
    come(life, "2002", created_by="mei")
    life.shop.judge()
    come(life, "2002-A", **near)
    push(life)
    assert life.books.effects == [("create", "2002-1")]


def test_T06c_a_member_of_the_family_stops_nothing(life: Life) -> None:
    """What a link joins is no twin, also while it is about to be judged."""
    come(life, "2002")
    come(life, "D-1")
    life.shop.judge()
    with life.shop.database.write() as session:
        for record in session.scalars(select(Record)).all():
            session.add(
                LinkKey(
                    company_id=life.shop.company.id,
                    name=f"{LinkKey.OF_LINKS}parcels",
                    value="2002",
                    record_id=record.id,
                )
            )
            if record.external_id == "D-1":
                record.due_at = life.shop.now
    push(life)
    assert life.books.effects == [("create", "2002-1")]


def test_T06c_a_rule_that_only_warns_stops_nothing_for_good(begun: Begun) -> None:
    life = begun(rules(WARNED))
    come(life, "2002", created_by="mei")
    life.shop.judge()
    come(life, "2003", created_by="mei")
    push(life)
    assert life.books.effects == []  # it has to be judged with the other first
    work(life)
    assert sorted(life.books.effects) == [("create", "2002-1"), ("create", "2003-1")]


@pytest.fixture
def both(life: Life) -> Life:
    """2002 was ready when 2003 came, which is alike."""
    come(life, "2002", created_by="mei")
    life.shop.judge()
    come(life, "2003", created_by="mei")
    work(life)
    assert states(life) == {"2002": "held", "2003": "held"}
    return life


def test_T06c_what_a_person_let_go_is_not_stopped_again(both: Life) -> None:
    decide(both, "2002", releases.release)
    both.shop.judge()
    come(both, "2003", created_by="mei", total="1.00")  # the other changes meanwhile
    work(both)
    assert both.books.effects == [("create", "2002-1")]
    assert states(both) == {"2002": "posted", "2003": "held"}


def test_T06c_it_goes_when_the_other_is_rejected(both: Life) -> None:
    decide(both, "2003", releases.reject)
    work(both)
    assert both.books.effects == [("create", "2002-1")]
    assert states(both) == {"2002": "posted", "2003": "ignored"}


def test_T06c_of_two_that_were_judged_together_the_first_goes_however_often_they_are_judged(
    begun: Begun,
) -> None:
    life = begun(rules(DAILY))
    come(life, "2002", created_by="mei")
    come(life, "2003", later=0, created_by="mei")
    for _ in range(3):
        life.shop.judge()
        assert states(life) == {"2002": "ready", "2003": "held"}
        with life.shop.database.write() as session:
            session.execute(update(Record).values(due_at=life.shop.now))
    come(life, "2003", created_by="mei", customer="C-78")  # what was known is no new arrival
    life.shop.judge()
    assert states(life) == {"2002": "ready", "2003": "held"}


def test_T06c_what_was_not_let_go_yet_goes_first_as_before(life: Life) -> None:
    """It waited for something else when the other came: the rules see both when they let it go."""
    come(life, "2002", created_by="mei", status="pending")
    work(life)
    come(life, "2003", created_by="mei")
    work(life)
    assert states(life) == {"2002": "waiting", "2003": "held"}
    come(life, "2002", created_by="mei")
    work(life)
    assert life.books.effects == [("create", "2002-1")]
    assert states(life) == {"2002": "posted", "2003": "held"}


def test_T06a_it_stays_stopped_however_often_it_is_judged(both: Life) -> None:
    for _ in range(3):
        with both.shop.database.write() as session:
            session.execute(update(Record).values(due_at=both.shop.now))
        work(both)
    come(both, "2002", created_by="mei", customer="C-78")
    work(both)
    assert both.books.effects == []
    assert states(both) == {"2002": "held", "2003": "held"}


def test_T06a_what_is_posted_is_changed_though_a_twin_came(life: Life) -> None:
    come(life, "2002", created_by="mei")
    work(life)
    come(life, "2003", created_by="mei")
    work(life)
    come(life, "2002", created_by="mei", customer="C-78")
    work(life)
    assert life.books.effects == [("create", "2002-1"), ("update", "2002-1")]
    assert states(life) == {"2002": "posted", "2003": "held"}


def test_T06a_the_route_is_named(life: Life) -> None:
    """The hold stands on the document, so that a person sees what is not sent."""
    come(life, "2002")
    life.shop.judge()
    come(life, "2002-A", number="2002")
    work(life)
    with life.shop.database.read() as session:
        routes = set(session.scalars(select(Hold.route).where(Hold.state == "open")))
        due = session.scalars(select(Posting.due_at)).all()
    assert routes == {ROUTE}
    assert due == [None, None]
    life.shop.clock.advance(int(timedelta(days=2).total_seconds()))
    work(life)
    assert life.books.effects == []
