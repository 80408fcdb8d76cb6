"""The tally of open holds: what pages read from it is what one finds by counting, at every moment.

The counting here is SQL of its own, hold by hold; acts are random, from a seed that is told.
"""

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from holding.access import people
from holding.db.database import Database
from holding.db.models import (
    Company,
    Hold,
    HoldTally,
    Person,
    Posting,
    Record,
    TalliedRecord,
    TallyMark,
    Team,
)
from holding.db.models.decisions import HOLD_OPEN
from holding.holds import folding, tally_figures
from holding.operations.invariants import wrong_tally
from holding.worklist import ageing, facets, filters
from holding.worklist.filters import Filter, Held
from holding.worklist.groups import list_groups
from tests.holding.shop import Shop, line, open_shop, order, start
from tests.support.clock import SetClock

VIEWS = ("todo", "mine", "approve", "snoozed", "all")
MOMENTS = (timedelta(), timedelta(minutes=17), *(timedelta(days=days) for days in (1, 3, 7, 30)))
BOOKS = ("NULL", "5", "-70000", "70000", "1000000")
SPACED = [line(sku="AB-100 ")]


@start
def tallied(database: Database, company: Company, clock: SetClock) -> Shop:
    """Records held by one cause and by several, of two teams, and one without any hold."""
    made = open_shop(database, company, clock)
    made.publish()
    made.receive(*(order(f"A-{n}", lines=SPACED, customer="C-99") for n in range(4)))
    made.receive(*(order(f"B-{n}", lines=SPACED, total="200.00") for n in range(4)))
    made.receive(*(order(f"C-{n}", total="1920.00", lines=[line(qty="20")]) for n in range(3)))
    made.receive(order("D-1"))
    made.judge()
    with database.write() as session:
        farah = made.actor("farah").person_id or 0
        people.add_to_team(session, company_id=company.id, name="sales_admin", person_id=farah)
    return made


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return tallied(database, company, clock)


def fold(shop: Shop) -> int:
    return folding.fold_all(shop.database)


def look(shop: Shop, session: Any) -> Any:
    class Look:
        pass

    one: Any = Look()
    one.session, one.company_id = session, shop.company.id
    return one


def breaches(shop: Shop) -> list[str]:
    with shop.database.read() as session:
        return [one.say for one in wrong_tally(look(shop, session))]


def greatest(holds: Iterable[tuple[Any, ...]]) -> tuple[str, int | None]:
    """The amount that counts of a record's holds: the company's currency before others."""
    amounts = [
        ("", book) if book is not None else ((own_currency, own) if own_currency else (code, minor))
        for book, own_currency, own, code, minor in holds
    ]
    known = sorted((one for one in amounts if one[1] is not None), key=lambda o: (o[0], -o[1]))
    return known[0] if known else (amounts[0][0], None)


def by_hand(session: Any, wanted: list[Any]) -> tuple[int, dict[str, int], int, int]:
    """Records, money, those with several causes, those without an amount; hold by hold."""
    rows = session.execute(
        select(Hold.record_id, Hold.cause_id, Hold.book, Record.currency, Record.amount)
        .add_columns(Hold.amount.label("own"), Hold.currency.label("own_currency"))
        .join(Record, Record.id == Hold.record_id)
        .where(*wanted)
    ).all()
    money: dict[str, int] = {}
    several = blank = 0
    records = {row.record_id for row in rows}
    for record_id in records:
        mine = [row for row in rows if row.record_id == record_id]
        several += len({row.cause_id for row in mine}) > 1
        code, minor = greatest(
            (row.book, row.own_currency, row.own, row.currency, row.amount) for row in mine
        )
        if minor is None:
            blank += 1
        else:
            money[code] = money.get(code, 0) + minor
    return len(records), money, several, blank


def agrees(shop: Shop, seed: object) -> None:
    """Every view, facet, group and headline is what counting says."""
    with shop.database.read() as session:
        farah = shop.actor("farah").person_id
        coarse = filters.load_held(session, shop.company.id, farah)
        fine = filters.load_held(session, shop.company.id, farah, fine=True)
        noted = session.scalar(select(Company.ages_from).where(Company.id == shop.company.id))
        every = [Filter(view, person_id=farah, midnight=noted) for view in VIEWS]
        for wanted in every + narrowed(session, every, seed):
            view = wanted.view
            found = fine if wanted.fine else coarse
            terms = filters.hold_terms(shop.company.id, wanted)
            told = filters.load_totals(session, shop.company.id, wanted, found)
            true = by_hand(session, terms)
            assert (told.records, told.money, told.several, told.blank) == true, (seed, wanted)
            agrees_with_facets(session, shop, wanted, found, seed)
            for group in list_groups(session, shop.company.id, wanted, found):
                records, money, *_ = by_hand(session, [*terms, Hold.cause_id == group.id])
                assert (group.records, dict(group.money)) == (records, money), (seed, view)
                since = select(func.min(Hold.opened_at)).where(*terms, Hold.cause_id == group.id)
                assert group.since == session.scalar(since)
        everything = filters.hold_terms(shop.company.id, Filter("all"))
        assert (
            session.scalar(tally_figures.held_count_query(session, shop.company.id))
            == by_hand(session, everything)[0]
        )
        for later in MOMENTS:
            now = shop.now + later
            ages = [astuple(one) for one in ageing.ageing_by_owner(session, shop.company.id, now)]
            assert sorted(ages, key=repr) == owners_by_hand(session, now), (seed, later)


def narrowed(session: Any, views: list[Filter], seed: object) -> list[Filter]:
    """Filters of several parts, some of which find nothing."""
    chance = random.Random(str(seed))
    ids = {
        "sources": session.scalars(select(Record.source_id).distinct()).all(),
        "targets": [0, *session.scalars(select(Posting.connection_id).distinct())],
        "classes": session.scalars(select(Hold.error_class).distinct()).all(),
        "teams": session.scalars(select(Team.id)).all(),
        "amounts": range(folding.UNKNOWN + 1),
        "ages": range(len(folding.DAYS) + 1),
    }

    def some() -> dict[str, Any]:
        return {
            part: tuple(chance.sample(list(words), chance.randint(1, len(words))))
            for part, words in ids.items()
            if chance.random() < 0.4
        }

    return [replace(chance.choice(views), **some()) for _ in range(6)]


def agrees_with_facets(session: Any, shop: Shop, wanted: Filter, found: Held, seed: object) -> None:
    """Each word of each facet is what counting says when it is chosen."""
    for part, each in facets.facets_of(found, wanted, {}, "MYR").items():
        for facet in each:
            word: Any = facet.word if part == "classes" else int(facet.word)
            assert facet.records or word in getattr(wanted, part), "only what is chosen may be 0"
            only: dict[str, Any] = {part: (word,)}
            chosen = filters.hold_terms(shop.company.id, replace(wanted, **only))
            records, money, *_ = by_hand(session, chosen)
            assert (facet.records, facet.money) == (records, money), (seed, wanted, part, facet)
    keys = facets.list_largest_customers(session, shop.company.id, wanted)
    for one in facets.customers_of(session, shop.company.id, wanted, keys):
        chosen = filters.hold_terms(shop.company.id, replace(wanted, customers=(one.key,)))
        records, money, *_ = by_hand(session, chosen)
        assert (one.records, one.money, one.more) == (records, money, False), (seed, wanted, one)


def owners_by_hand(session: Any, now: datetime) -> list[Any]:
    """What each owner has: person, team, name, records, money, refused, overdue, oldest, ages."""
    rows = session.execute(
        select(Hold, Record, Person.name, Team.shown, Posting.state)
        .join(Record, Record.id == Hold.record_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .where(HOLD_OPEN)
    ).all()
    owners: dict[Any, dict[int, list[Any]]] = {}
    for row in rows:
        taken = row.Hold.person_id is not None
        owner = (row.Hold.person_id, 0, row.name) if taken else (None, row.Hold.team_id, row.shown)
        owners.setdefault(owner, {}).setdefault(row.Record.id, []).append(row)
    return sorted((_owner(owner, each.values(), now) for owner, each in owners.items()), key=repr)


def _owner(owner: Any, records: Any, now: datetime) -> Any:
    money: dict[str, int] = {}
    refused = overdue = 0
    ages, began = [0, 0, 0, 0], []
    for each in records:
        code, minor = greatest(
            (hold.book, hold.currency, hold.amount, record.currency, record.amount)
            for hold, record in ((one.Hold, one.Record) for one in each)
        )
        if minor is not None:
            money[code] = money.get(code, 0) + minor
        refused += any(one.state == "failed" for one in each)
        overdue += min(one.Hold.answer_by for one in each) < now
        began.append(min(one.Hold.opened_at for one in each))
        old = now - began[-1]
        ages[sum(old >= timedelta(days=days) for days in (1, 3, 7))] += 1
    return (*owner, len(records), money, refused, overdue, min(began), tuple(ages))


@pytest.mark.slow
def test_pages_are_right_before_and_after_folding(shop: Shop) -> None:
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(TallyMark))
        assert not session.scalar(select(func.count()).select_from(HoldTally))
    agrees(shop, "marked")
    assert fold(shop) > 0
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(TallyMark)) == 0
        assert session.scalar(select(func.sum(HoldTally.records)))
    agrees(shop, "folded")
    assert breaches(shop) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", "012345")
def test_random_acts_are_counted_at_every_moment(shop: Shop, seed: str) -> None:
    chance = random.Random(seed)
    acts: list[Callable[[int, int], str]] = [
        lambda h, _: f"UPDATE hold SET snoozed_until = :later WHERE id = {h}",
        lambda h, _: f"UPDATE hold SET snoozed_until = NULL WHERE id = {h}",
        lambda h, _: f"UPDATE hold SET person_id = :farah WHERE id = {h}",
        lambda h, _: f"UPDATE hold SET person_id = NULL WHERE id = {h}",
        lambda h, _: f"UPDATE hold SET team_id = (SELECT max(id) FROM team) WHERE id = {h}",
        lambda h, _: f"UPDATE hold SET book = {chance.choice(BOOKS)} WHERE id = {h}",
        lambda h, _: f"UPDATE hold SET class = 'bad_value' WHERE id = {h}",
        lambda h, _: f"UPDATE hold SET code = 'APP01' WHERE id = {h}",
        lambda h, _: (
            "UPDATE hold SET state = 'cleared', closed_at = :later, closed_why = 'x'"
            f" WHERE id = {h} AND state = 'open'"
        ),
        lambda h, _: (
            "UPDATE hold SET cause_id = (SELECT max(id) FROM cause), code = 'X' || id"
            f" WHERE id = {h}"
        ),
        lambda _, r: (
            f"UPDATE record SET amount = {chance.choice(['NULL', '1', '99'])} WHERE id = {r}"
        ),
        lambda _, r: (
            f"UPDATE record SET currency = '{chance.choice(['SGD', 'MYR'])}' WHERE id = {r}"
        ),
        lambda h, _: f"UPDATE hold SET opened_at = :some WHERE id = {h}",
        lambda h, _: f"UPDATE hold SET answer_by = :some WHERE id = {h}",
        lambda h, _: "UPDATE hold SET posting_id = NULL WHERE id = " + str(h),
        lambda h, _: f"UPDATE hold SET connection_id = NULL WHERE id = {h}",
        lambda h, _: (
            f"UPDATE hold SET connection_id = (SELECT max(id) FROM connection) WHERE id = {h}"
        ),
        lambda _, r: (
            "UPDATE posting SET state = CASE state WHEN 'failed' THEN 'held' WHEN 'held'"
            f" THEN 'ready' ELSE 'failed' END WHERE record_id = {r}"
            " AND state IN ('failed', 'held', 'ready')"
        ),
    ]
    with shop.database.read() as session:
        holds = session.scalars(select(Hold.id).where(HOLD_OPEN)).all()
        records = session.scalars(select(Record.id)).all()
    later = {"later": shop.now + timedelta(days=1), "farah": shop.actor("farah").person_id}
    later["some"] = shop.now
    for step in range(25):
        act = chance.choice(acts)(chance.choice(holds), chance.choice(records))
        with shop.database.write() as session:
            some = chance.choice((2_000, 12_000, 60_000))
            later["some"] = shop.now - timedelta(minutes=chance.randrange(some))
            given = {name: later[name] for name in later if f":{name}" in act}
            for name in given.keys() & {"later", "some"}:
                given[name] = _moment(session, given[name])
            session.execute(text(act), given)
        if chance.random() < 0.2:
            another = shop.now + timedelta(hours=chance.randrange(-48, 400))
            folding.start_new_days(shop.database, another)
        if chance.random() < 0.4:
            fold(shop)
        if step % 5 == 4:
            agrees(shop, (seed, step, act))
            assert breaches(shop) == []
    fold(shop)
    agrees(shop, seed)
    assert breaches(shop) == []


def _moment(session: Any, value: Any) -> Any:
    from holding.db.models.columns import moment_text

    return moment_text(value) if session.get_bind().dialect.name == "sqlite" else value


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE hold SET book = 3",
        "UPDATE hold SET class = 'bad_value'",
        "UPDATE hold SET team_id = (SELECT max(id) FROM team)",
        "UPDATE hold SET person_id = (SELECT max(id) FROM person)",
        "UPDATE hold SET code = 'APP01' WHERE code <> 'APP01'",
        "UPDATE record SET amount = NULL",
        "UPDATE record SET amount = 7",
        "UPDATE record SET currency = 'SGD'",
        "UPDATE hold SET posting_id = NULL",
        "UPDATE hold SET connection_id = NULL",
        "UPDATE hold SET answer_by = opened_at",
        "UPDATE hold SET opened_at = answer_by",
        "UPDATE posting SET state = 'failed' WHERE state = 'ready'",
        "DELETE FROM hold WHERE id = (SELECT max(id) FROM hold)",
    ],
)
def test_each_change_is_counted(shop: Shop, change: str) -> None:
    with shop.database.write() as session:
        session.execute(text("UPDATE hold SET book = NULL"))
        session.execute(text("UPDATE posting SET state = 'ready' WHERE state = 'held'"))
    fold(shop)
    with shop.database.write() as session:
        session.execute(text(change))
        assert session.scalar(select(func.count()).select_from(TallyMark)), change
    agrees(shop, change)
    fold(shop)
    agrees(shop, change)
    assert breaches(shop) == []


@pytest.mark.slow
def test_ages_are_those_of_the_midnight_that_was_noted_last(shop: Shop) -> None:
    """Before and after folding: a list and the facet beside it are asked by one midnight."""
    ages = {}
    for days in (0, 2, 7, 8, 40, 1):
        now = shop.now + timedelta(days=days)
        assert folding.start_new_days(shop.database, now) == 1
        assert folding.start_new_days(shop.database, now) == 0, "once a day"
        agrees(shop, days)
        fold(shop)
        agrees(shop, days)
        assert breaches(shop) == []
        with shop.database.read() as session:
            found = filters.load_held(session, shop.company.id, None)
            told = facets.facets_of(found, Filter("all"), {}, "MYR")["ages"]
            ages[days] = [one.title for one in told]
    assert ages == {
        0: ["Today"],
        2: ["1 to 2 days"],
        7: ["3 to 7 days"],
        8: ["8 to 30 days"],
        40: ["More than 30 days"],
        1: ["1 to 2 days"],
    }


def test_midnight_is_that_of_the_company(shop: Shop) -> None:
    noon = datetime(2026, 11, 19, 17, 0, tzinfo=UTC)
    assert folding.midnight(noon, "Asia/Kuala_Lumpur") == datetime(2026, 11, 19, 16, tzinfo=UTC)
    assert folding.midnight(noon, "UTC") == datetime(2026, 11, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "band", "title"),
    [
        (0, 0, "Below RM\u00a0100.00"),
        (-9_999, 0, "Below RM\u00a0100.00"),
        (10_000, 1, "From RM\u00a0100.00 to RM\u00a01,000.00"),
        (-100_000, 2, "From RM\u00a01,000.00 to RM\u00a010,000.00"),
        (10_000_000, 4, "RM\u00a0100,000.00 and more"),
        (None, 5, "No amount in MYR"),
    ],
)
def test_bands_of_amounts(minor: int | None, band: int, title: str) -> None:
    assert folding.amount_band(minor) == band
    assert facets.amount_title(band, "MYR") == title


def test_what_is_undone_leaves_neither_change_nor_mark(shop: Shop) -> None:
    fold(shop)
    with shop.database.write() as session:
        session.execute(text("UPDATE hold SET book = 1"))
        assert session.scalar(select(func.count()).select_from(TallyMark))
        session.rollback()
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(TallyMark)) == 0
    assert breaches(shop) == []


def test_a_turn_that_breaks_is_made_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a kill between taking the marks away and counting."""
    with monkeypatch.context() as patch:
        patch.setattr(folding, "_count", lambda *_: (_ for _ in ()).throw(RuntimeError))
        with pytest.raises(RuntimeError):
            fold(shop)
    assert breaches(shop) == []
    agrees(shop, "broken")
    fold(shop)
    assert breaches(shop) == []


def test_rows_that_count_nothing_go(shop: Shop) -> None:
    fold(shop)
    with shop.database.write() as session:
        now = _moment(session, shop.now)
        session.execute(
            text("UPDATE hold SET state = 'cleared', closed_at = :at, closed_why = 'x'"),
            {"at": now},
        )
    fold(shop)
    with shop.database.read() as session:
        for table in (HoldTally, TalliedRecord, TallyMark):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_a_record_without_an_amount_is_counted_as_one_while_it_has_none(shop: Shop) -> None:
    seen = []
    for amount, which in ((None, "A-"), (500, "A-1")):
        with shop.database.write() as session:
            found = session.scalars(select(Record).where(Record.number.startswith(which))).all()
            for record in found:
                record.amount = amount
                session.add(TallyMark(company_id=record.company_id, record_id=record.id))
            ids = [record.id for record in found]
            session.execute(update(Hold).where(Hold.record_id.in_(ids)).values(book=amount))
        fold(shop)
        with shop.database.read() as session:
            whole = HoldTally.cause_id == folding.WHOLE_RECORD
            seen.append(session.scalar(select(func.sum(HoldTally.blank)).where(whole)))
            assert list(wrong_tally(look(shop, session))) == []
    assert seen == [4, 3]


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        ("UPDATE hold_tally SET records = records + 1 WHERE cause_id = 0", "The tally counts"),
        ("UPDATE hold_tally SET minor = minor + 1 WHERE cause_id <> 0", "The tally counts"),
        ("UPDATE hold_tally SET blank = blank + 1", "The tally counts"),
        ("UPDATE tallied_record SET minor = 1", "is not what is open now"),
        ("DELETE FROM tallied_record WHERE cause_id <> 0", "is not what is open now"),
        ("UPDATE hold_tally SET records = records + 1 WHERE cause_id < 0", "The tally counts"),
        ("DELETE FROM tallied_record WHERE cause_id < 0", "an owner's holds is not what"),
    ],
)
def test_a_wrong_tally_is_found(shop: Shop, plant: str, said: str) -> None:
    fold(shop)
    with shop.database.write() as session:
        session.execute(text(plant))
    assert any(said in one for one in breaches(shop))


def test_a_change_without_a_mark_is_found(shop: Shop) -> None:
    fold(shop)
    with shop.database.write() as session:
        session.execute(text("UPDATE hold SET book = 1"))
        session.execute(text("DELETE FROM tally_mark"))
    assert breaches(shop)


@pytest.mark.slow
def test_folding_meets_writers_and_none_is_lost(shop: Shop) -> None:
    """Several write while several fold; a writer never waits for a folding, or for another."""
    with shop.database.read() as session:
        holds = session.scalars(select(Hold.id).where(HOLD_OPEN).order_by(Hold.id)).all()
    failed: list[BaseException] = []

    def write(own: list[int]) -> None:
        try:
            for n in range(12):
                with shop.database.write() as session:
                    given = {"book": 100 * n, "id": own[n % len(own)]}
                    session.execute(text("UPDATE hold SET book = :book WHERE id = :id"), given)
        except BaseException as problem:
            failed.append(problem)

    def foldings() -> None:
        try:
            for _ in range(10):
                with shop.database.write() as session:
                    folding.fold(session, 3)
        except BaseException as problem:
            failed.append(problem)

    threads = [threading.Thread(target=write, args=(holds[n::3],)) for n in range(3)]
    threads += [threading.Thread(target=foldings) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    agrees(shop, "meanwhile")
    assert breaches(shop) == []
    fold(shop)
    agrees(shop, "after")
    assert breaches(shop) == []
