"""Queries of one page get the answers that they get alone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, cast

import pytest
from sqlalchemy import Integer, bindparam, func, literal, null, select, union_all
from sqlalchemy.exc import StatementError

from holding.access.reach import limit_session, of_ids
from holding.db.bulk import Columns, of
from holding.db.database import Database
from holding.db.models import Company, Connection, Team
from holding.db.models.columns import Moment
from holding.db.together import Answer, Given, Question, Together, answer


@dataclass(frozen=True, slots=True)
class Named:
    """A connection by name."""

    name: str
    side: str


def _teams(company_id: int) -> Question[list[tuple[int, str]]]:
    result = yield select(Team.id, Team.name).where(Team.company_id == company_id).order_by(Team.id)
    return [(row.id, row.name) for row in result]


def _none_of_them(company_id: int) -> Question[object]:
    result = yield select(Team.name).where(Team.company_id == -company_id)
    return result.first()


def _connections(company_id: int, *, newest: bool = False) -> Question[list[Connection]]:
    order = Connection.id.desc() if newest else Connection.id
    result = yield select(Connection).where(Connection.company_id == company_id).order_by(order)
    return list(result.scalars())


def _company_then_sources(company_id: int) -> Question[tuple[Company, int, list[str]]]:
    """Two rounds: the second select needs what the first one found."""
    row = (yield select(Company, func.length(Company.name, type_=Integer).label("long"))
           .where(Company.id == company_id)).one()  # fmt: skip
    result = yield select(Connection.name).where(
        Connection.company_id == row.Company.id, Connection.side == "source"
    )
    return row.Company, row.long, list(result.scalars())


def _moments() -> Question[tuple[list[Any], datetime]]:
    when = datetime(2026, 11, 20, 3, 4, 5, 6, tzinfo=UTC)
    result = yield union_all(
        select(literal(when, Moment()).label("at"), literal(date(2026, 1, 2)).label("day")),
        select(null(), null()),
    )
    return result.all(), when


@pytest.fixture
def asked(company: Company, statements: list[str]) -> list[str]:
    statements.clear()
    return statements


def test_each_gets_its_own_answer_in_its_own_order(
    database: Database, company: Company, asked: list[str]
) -> None:
    with database.read() as session:
        page = Together(session)
        all_of_them: list[Answer[Any]] = [
            page.ask(cast(Question[Any], question))
            for question in (
                _teams(company.id),
                _none_of_them(company.id),
                _connections(company.id),
                _connections(company.id, newest=True),
                _company_then_sources(company.id),
                _moments(),
            )
        ]
        teams, nothing, forth, back, (kept, long, sources), (moments, when) = [
            one.value for one in all_of_them
        ]
        assert len([text for text in asked if text.startswith(("SELECT", "WITH"))]) == 7
        assert teams == answer(session, _teams(company.id))
        assert nothing is None
        assert [one.name for one in forth] == ["netshop", "aiaccount"]
        assert back == forth[::-1]
        assert kept is session.get_one(Company, company.id)
        assert long == len(kept.name)
        assert sources == ["netshop"]
        assert [tuple(row) for row in moments] == [(when, date(2026, 1, 2)), (None, None)]


def test_rows_are_read_as_from_any_other_result(database: Database, company: Company) -> None:
    columns = Columns(Named(name=of(Connection.name), side=of(Connection.side)))

    def named() -> Question[tuple[Named, ...]]:
        query = columns.select().where(Connection.company_id == company.id)
        return columns.each((yield query.order_by(Connection.name)))

    with database.read() as session:
        page = Together(session)
        first, _ = page.ask(named()), page.ask(_teams(company.id))
        assert first.value == (Named("aiaccount", "target"), Named("netshop", "source"))


def test_what_is_out_of_reach_stays_so(database: Database, company: Company) -> None:
    with database.read() as session:
        limit_session(session, of_ids([-1]))
        page = Together(session)
        found, _ = page.ask(_connections(company.id)), page.ask(_teams(company.id))
        assert [one.name for one in found.value] == ["aiaccount"]


def _some(ids: list[int], most: int, after: str | None) -> Question[list[int]]:
    query = select(Team.id).where(Team.id.in_(ids)).order_by(Team.id.desc()).limit(most)
    result = yield query if after is None else query.where(Team.name > after)
    return [row.id for row in result]


_NAMED = select(Team.name).where(Team.id.in_(bindparam("ids", expanding=True)))
_NAMED = _NAMED.where(Team.company_id == bindparam("company")).order_by(Team.id)


def _ready(company_id: int, ids: list[int]) -> Question[list[str]]:
    """Of a statement that stands ready."""
    return list((yield _NAMED.params(company=company_id, ids=ids)).scalars())


def _both(company_id: int, name: str, other: str) -> Question[int]:
    result = yield select(func.count(Team.id)).where(
        Team.company_id == company_id, Team.name.in_([name]) | (Team.name == other)
    )
    return int(result.scalar_one())


def test_the_same_selects_with_other_values_have_the_answers_to_those(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        session.add_all([Team(company_id=company.id, name=name) for name in ("stock", "tax")])
    with database.read() as session:
        teams = answer(session, _teams(company.id))
        ids, names = [one for one, _ in teams], [name for _, name in teams]
        assert len(ids) == 3
        mine, nobody = partial(_teams, company.id), partial(_teams, -company.id)
        here, nowhere = partial(_connections, company.id), partial(_connections, -1)
        for turn in range(3):
            for questions in (
                (mine, nobody),
                (nobody, mine),
                (partial(_some, ids, 2, None), partial(_some, ids[:1], 1, None)),
                (partial(_some, ids[:1], 5, None), partial(_some, ids, turn + 1, None)),
                (partial(_some, ids, 9, names[turn]), partial(_some, [], 9, None)),
                (partial(_both, company.id, names[0], names[0]), mine),
                (partial(_both, company.id, names[0], names[turn]), mine),
                (partial(_ready, company.id, ids[:turn]), mine),
                (partial(_ready, -company.id, ids), mine),
                (partial(_ready, company.id, ids[turn:]), partial(_ready, company.id, ids[turn:])),
                (here, nowhere),
                (nowhere, here),
            ):
                page = Together(session)
                told = [page.ask(cast(Question[Any], one())) for one in questions]
                alone = [answer(session, cast(Question[Any], one())) for one in questions]
                assert [one.value for one in told] == alone


def _name_of_a_team(database: Database, company: Company) -> str:
    with database.read() as session:
        return answer(session, _teams(company.id))[0][1]


def test_whoever_sees_less_asks_the_same_and_sees_less(
    database: Database, company: Company
) -> None:
    for reach in (None, [-1], None, [-1]):
        with database.read() as session:
            if reach is not None:
                limit_session(session, of_ids(reach))
            page = Together(session)
            found, _ = page.ask(_connections(company.id)), page.ask(_teams(company.id))
            seen = [one.name for one in found.value]
            assert seen == (["netshop", "aiaccount"] if reach is None else ["aiaccount"])


def test_one_that_needs_no_select_has_its_answer(database: Database) -> None:
    def known() -> Question[int]:
        return 7
        yield

    with database.read() as session:
        assert answer(session, known()) == 7


def _sums(company_id: int) -> Question[list[tuple[Any, ...]]]:
    """What PostgreSQL has as bigint, numeric, integer, boolean and varchar."""
    mine = select(func.count(), func.sum(Team.id), func.min(Team.name).label("least"))
    mine = mine.add_columns(
        literal(7), literal("seven").label("word"), (func.min(Team.id) > 0).label("own")
    )
    result = yield mine.where(Team.company_id == company_id)
    return [tuple(row) for row in result]


def _kinds(company_id: int) -> Question[list[tuple[Any, ...]]]:
    result = yield (
        select(Connection.id, Connection.name, Connection.side, Connection.settings)
        .where(Connection.company_id == company_id)
        .order_by(Connection.id)
    )
    return [tuple(row) for row in result]


def test_selects_that_share_a_column_get_values_of_their_own_types(
    database: Database, company: Company
) -> None:
    with database.read() as session:
        alone = [answer(session, one(company.id)) for one in (_teams, _sums, _kinds)]
        page = Together(session)
        shared = [page.ask(cast(Question[Any], one(company.id))) for one in (_teams, _sums, _kinds)]
        assert [one.value for one in shared] == alone
        teams, [sums], _ = (one.value for one in shared)
        assert sums == (len(teams), sum(key for key, _ in teams), sums[2], 7, "seven", True)
        assert {type(key) for key, _ in teams} == {int}


NAMED = select(Team.name).where(Team.name == bindparam("wanted")).order_by(Team.id)


def _given(wanted: str) -> Question[list[str]]:
    return list((yield Given(NAMED, {"wanted": wanted})).scalars())


def test_a_select_that_stands_ready_is_given_its_values(
    database: Database, company: Company
) -> None:
    """Alone and beside others, the same values and others; its name may have two values at once."""
    with database.read() as session:
        [(_, team)] = answer(session, _teams(company.id))
        for first, second in ((team, team), (team, "nobody"), ("nobody", team), ("any", "nobody")):
            page = Together(session)
            found = page.ask(_given(first)), page.ask(_teams(company.id)), page.ask(_given(second))
            assert found[0].value == [first for _ in range(first == team)]
            assert found[2].value == [second for _ in range(second == team)]
            assert len(found[1].value) == 1
            assert answer(session, _given(second)) == found[2].value


def test_a_value_that_is_not_given_is_missed(database: Database, company: Company) -> None:
    def without() -> Question[list[str]]:
        return list((yield Given(NAMED, {})).scalars())

    with database.read() as session:
        for others in (0, 1):
            page = Together(session)
            asked = page.ask(without())
            for _ in range(others):
                page.ask(_teams(company.id))
            with pytest.raises(StatementError, match="wanted"):
                assert asked.value
