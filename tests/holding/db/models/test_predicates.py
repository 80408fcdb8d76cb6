"""What lists and indexes ask alike is said alike: else the database does not use the index."""

import pytest
from sqlalchemy import ColumnElement, Index, Table
from sqlalchemy.orm import aliased

from holding.db.models import Hold, Record, RouteStop
from holding.db.models.columns import table_of
from holding.db.models.decisions import HOLD_CLOSED, HOLD_OPEN, is_open
from holding.db.models.records import RECORD_OPEN
from holding.db.models.rules import ROUTE_STOPPED

HOLDS, RECORDS, STOPS = (table_of(model) for model in (Hold, Record, RouteStop))


@pytest.mark.parametrize(
    ("condition", "table", "index"),
    [
        (HOLD_OPEN, HOLDS, "ix_hold_age"),
        (HOLD_CLOSED, HOLDS, "ix_hold_closed"),
        (RECORD_OPEN, RECORDS, "ix_record_open"),
        (ROUTE_STOPPED, STOPS, "ix_route_stop_open"),
    ],
)
def test_a_condition_is_worded_as_its_partial_index(
    condition: ColumnElement[bool], table: Table, index: str
) -> None:
    said = condition.compile()
    wanted = f"{table.name}.{_term(table, index)}".replace("<>", "!=")
    assert (str(said).strip("()").rstrip(")"), said.params) == (wanted.rstrip(")"), {})


def test_an_alias_is_asked_in_its_own_name() -> None:
    assert str(is_open(aliased(Hold, name="held").state).compile()) == "held.state = 'open'"


def _term(table: Table, index: str) -> str:
    [found] = [one for one in table.indexes if isinstance(one, Index) and one.name == index]
    return str(found.dialect_options["sqlite"]["where"])
