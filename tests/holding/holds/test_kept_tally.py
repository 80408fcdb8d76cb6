"""What follows from a tally is worked out once while it stays the same, and again after that."""

import pytest
from sqlalchemy import select

from holding.access import people
from holding.access.reach import limit_session, of_ids
from holding.db.database import Database
from holding.db.models import Company, Hold, Record, Team, TeamMember
from holding.db.models.decisions import HOLD_OPEN
from holding.holds import tally_figures
from holding.holds.tally_figures import MOST_ANSWERS, Tally
from holding.worklist import filters
from holding.worklist.filters import Filter
from holding.worklist.groups import list_groups
from tests.holding.holds.test_tally import agrees, fold, tallied
from tests.holding.shop import Shop, line, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return tallied(database, company, clock)


def read(shop: Shop, *, fine: bool = False) -> Tally:
    with shop.database.read() as session:
        return tally_figures.read_tally(session, shop.company.id, fine=fine)


def test_the_same_rows_are_the_same_tally(shop: Shop) -> None:
    fold(shop)
    first = read(shop)
    assert first.rows
    assert first.causes
    assert read(shop) is first
    assert read(shop, fine=True) is not first
    assert read(shop) is first, "each kind is kept by itself"


def test_whatever_changes_is_seen_at_once_folded_or_not(shop: Shop) -> None:
    fold(shop)
    seen = [read(shop)]
    shop.receive(order("E-1", lines=[line(sku="AB-100 ")], customer="C-99"))
    shop.judge()
    for _ in range(2):  # marked, then folded: two ways to read the same
        seen.append(read(shop))
        assert sum(one.records for one in seen[-1].rows) == 1 + sum(
            one.records for one in seen[0].rows
        )
        fold(shop)
    seen.append(read(shop))
    assert len({id(one) for one in seen}) > 1
    assert read(shop) is seen[-1]
    agrees(shop, "after a further record")


def test_what_is_counted_one_by_one_is_not_kept(shop: Shop) -> None:
    fold(shop)
    kept = read(shop)
    shop.receive(order("E-1", lines=[line(sku="AB-100 ")], customer="C-99"))
    shop.judge()
    assert read(shop) is not read(shop)
    assert kept in [tally for _, tally in tally_figures._kept.values()]
    with shop.database.read() as session:
        limit_session(session, of_ids([10**9, *session.scalars(select(Record.source_id))]))
        own = tally_figures.read_tally(session, shop.company.id)
        assert own.rows
        assert tally_figures.read_tally(session, shop.company.id) is not own
    fold(shop)
    assert read(shop) is read(shop)
    assert not any(stored.holds for stored, _ in tally_figures._kept.values())


def test_who_joins_a_team_has_its_holds_though_none_of_them_changed(shop: Shop) -> None:
    fold(shop)
    agrees(shop, "before")
    before = read(shop)
    with shop.database.write() as session:
        farah = shop.actor("farah").person_id or 0
        own = select(TeamMember.team_id).where(TeamMember.person_id == farah)
        held = select(Hold.team_id).where(HOLD_OPEN)
        others = select(Team.name).where(Team.id.in_(held), Team.id.not_in(own))
        names = session.scalars(others).all()
        assert names, "some team has holds that are not farah's"
        for name in names:
            people.add_to_team(session, company_id=shop.company.id, name=name, person_id=farah)
    assert read(shop) is before
    agrees(shop, "after")
    with shop.database.read() as session:
        found = filters.load_held(session, shop.company.id, farah)
        mine = Filter("mine", person_id=farah)
        listed = list_groups(session, shop.company.id, mine, found)
        causes = session.scalars(select(Hold.cause_id).where(HOLD_OPEN)).all()
    assert {one.id for one in listed} == set(causes)


def test_who_sees_some_sources_is_given_nothing_of_the_others(shop: Shop) -> None:
    fold(shop)
    every = read(shop)
    with shop.database.read() as session:
        limit_session(session, of_ids([0]))
        none = tally_figures.read_tally(session, shop.company.id)
    assert (none.rows, tuple(none.causes)) == ((), ())
    again = read(shop)
    assert again is not none
    assert again.rows == every.rows


def test_an_answer_is_worked_out_once_and_few_are_kept() -> None:
    tally = Tally((), ())
    asked: list[int] = []

    def answered(question: int) -> None:
        tally.once(question, lambda: asked.append(question))

    for _ in range(3):
        answered(0)
    assert asked == [0], "that it has no answer is an answer, too"
    for question in range(1, MOST_ANSWERS + 1):
        answered(question)
    assert len(tally._answers) <= MOST_ANSWERS
    answered(0)
    assert asked[-1] == 0
