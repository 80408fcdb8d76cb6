"""Questions that are asked together get the answers they get alone, by one statement a round."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest
from sqlalchemy import Integer, func, literal, null, select, union_all

from holding.access.reach import narrow, of_ids
from holding.store.database import Database
from holding.store.row_objects import Columns, of
from holding.store.together import Answer, Question, Together, answer
from holding.tables import Company, Connection, Team
from holding.tables.columns import Moment


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
        assert len([one for one in asked if one.startswith(("SELECT", "WITH"))]) == 2
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
        narrow(session, of_ids([-1]))
        page = Together(session)
        found, _ = page.ask(_connections(company.id)), page.ask(_teams(company.id))
        assert [one.name for one in found.value] == ["aiaccount"]


def test_one_that_needs_no_select_has_its_answer(database: Database) -> None:
    def known() -> Question[int]:
        return 7
        yield

    with database.read() as session:
        assert answer(session, known()) == 7
