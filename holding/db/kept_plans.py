"""Keep the PostgreSQL plans of the statements that pages repeat.

A statement with the execution option `KEPT` is prepared, and the server plans it once for any
values. Other statements are planned for their values. On other engines the option has no effect.

It is a module of its own, because the statements of every domain name the option.
"""

from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import ColumnElement, Engine, Integer, event, literal_column

PLAN: Final = "clearpost_plan"

KEPT: Final = {PLAN: "kept"}
"""The execution option of a statement whose plan is kept.

Use it for statements that select by keys and dates, not for a search whose best plan depends on its
values.
"""

LIVES_SECONDS: Final = 300
"""A connection that keeps plans is replaced after this time, because its tables may have grown."""

MOST: Final = 60
"""The highest number of prepared statements of a connection; the last ones used stay."""

_NEVER_BY_ITSELF: Final = 2**31 - 1
"""After so many executions the driver prepares a statement without a request to do so."""

_ANY_VALUES: Final = "SET LOCAL plan_cache_mode = force_generic_plan"

_THESE_VALUES: Final = "SET LOCAL plan_cache_mode = auto"

POOL: Final[dict[str, Any]] = {
    "pool_recycle": LIVES_SECONDS,
    "connect_args": {"prepare_threshold": _NEVER_BY_ITSELF},
}
"""Arguments of an engine that keeps plans: its own connections, replaced after that time."""


def at_most(count: int) -> ColumnElement[int]:
    """Return a literal limit for a statement.

    For a limit given as a parameter, PostgreSQL's generic plan assumes a tenth of the rows.
    """
    return literal_column(str(int(count)), Integer())


def keep(engine: Engine) -> Engine:
    """Make a read-only engine created with `POOL` keep the plans of statements with the `KEPT`
    option.
    """
    any_values: WeakSet[Any] = WeakSet()
    """Driver connections whose present transaction plans for any values."""

    @event.listens_for(engine, "connect")
    def limit_prepared(connection: Any, _record: Any) -> None:
        connection.prepared_max = MOST

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # SET LOCAL ended with the transaction before.
        any_values.discard(connection.connection.driver_connection)

    @event.listens_for(engine, "do_execute")
    def execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        connection, is_kept = cursor.connection, PLAN in context.execution_options
        if is_kept is not (connection in any_values):
            (any_values.add if is_kept else any_values.discard)(connection)
            connection.execute(_ANY_VALUES if is_kept else _THESE_VALUES)
        # Only psycopg's own execute can request a prepared statement, hence this event.
        cursor.execute(statement, parameters, prepare=is_kept)
        return True

    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
