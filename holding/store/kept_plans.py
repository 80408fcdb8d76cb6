"""Plans of PostgreSQL that outlive the page they were made for: the next one asks the same with
other values.

Here: which statements they are kept of (those that say so), how the server is told to plan such a
statement for any values, and for how long a plan may live. Not here: which statements pages ask.

A statement that asks a page's questions together is planned as long as it runs. PostgreSQL keeps a
plan with a prepared statement, and plans again where a table of it was changed or counted again
(ANALYZE, which autovacuum runs). The driver forgets what it prepared at ROLLBACK, so a page's
read, which writes nothing, ends with COMMIT.
"""

from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import ColumnElement, Engine, Integer, event, literal_column

PLAN: Final = "clearpost_plan"
KEPT: Final = {PLAN: "kept"}
"""The execution option of a statement whose plan is kept: one that asks by keys and dates, not one
that is quick for some values and slow for others, as a search for letters is.
"""
NO_OPTIONS: Final[Mapping[str, Any]] = {}
"""Those of a statement that is planned for its values, as one is that looks for a text."""
LIVES_SECONDS: Final = 300
"""A plan that was made for a small table is used no longer than that, whatever is counted."""
MOST: Final = 60
"""So many statements a connection are kept, those that were asked last."""
_NEVER_UNASKED: Final = 2**31 - 1
_IN_ERROR: Final = 3
"""How libpq numbers a transaction in which a statement failed; who uses SQLite loads no driver."""
_ANY_VALUES = "SET LOCAL plan_cache_mode = force_generic_plan"
_THESE_VALUES = "SET LOCAL plan_cache_mode = auto"
POOL: Final[dict[str, Any]] = {
    "pool_recycle": LIVES_SECONDS,
    "connect_args": {"prepare_threshold": _NEVER_UNASKED},
}
"""What an engine that keeps plans is made with: its own connections, replaced after that time."""


def at_most(count: int) -> ColumnElement[int]:
    """A limit that stands in the statement as a number: of one that is given as a value PostgreSQL
    thinks, where it plans for any values, that it is a tenth of the rows.
    """
    return literal_column(str(int(count)), Integer())


def keep(engine: Engine) -> Engine:
    """Let an engine of reads alone, made with `POOL`, keep the plans of statements that say so."""

    @event.listens_for(engine, "connect")
    def bound(connection: Any, _record: Any) -> None:
        connection.prepared_max = MOST

    for_any_values: WeakSet[Any] = WeakSet()
    """The connections whose server was told so, in the transaction that they are in."""

    @event.listens_for(engine, "do_execute")
    def execute(cursor: Any, words: str, given: Any, context: Any) -> bool:
        connection, keeps = cursor.connection, PLAN in context.execution_options
        if keeps is not (connection in for_any_values):
            (for_any_values.add if keeps else for_any_values.discard)(connection)
            connection.execute(_ANY_VALUES if keeps else _THESE_VALUES)
        cursor.execute(words, given, prepare=keeps)
        return True

    def end(connection: Any) -> None:
        """Nothing was written. After an error all plans go: one may be of an earlier schema."""
        for_any_values.discard(connection.dbapi_connection)
        failed = connection.pgconn.transaction_status == _IN_ERROR
        (connection.rollback if failed else connection.commit)()

    engine.dialect.do_rollback = end  # type: ignore[assignment, method-assign]
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
